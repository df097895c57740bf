/* SPDX-License-Identifier: Apache-2.0 */
/* All OpenCL functions that the library calls; test_fault_layer.sh checks that the list is
 * complete. Define macros CHECKED, MAKES, ENQUEUES, RETAINS and RELEASES before including this
 * file, which undefines them. Their arguments: the function's name, its most likely error, P its
 * parameters, A the same as arguments, or values that define those. */

#define INFO_P(object, kind) (object of, kind what, size_t bytes, void *value, size_t *needed)
#define INFO_A (of, what, bytes, value, needed)
#define ABOUT_P(object, kind) (object of, cl_device_id device, kind what, size_t bytes, void *value, size_t *needed)
#define ABOUT_A (of, device, what, bytes, value, needed)

CHECKED(clGetPlatformIDs, CL_OUT_OF_HOST_MEMORY, (cl_uint n, cl_platform_id *list, cl_uint *count_of),
        (n, list, count_of))
CHECKED(clGetPlatformInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_platform_id, cl_platform_info), INFO_A)
CHECKED(clGetDeviceIDs, CL_OUT_OF_RESOURCES,
        (cl_platform_id platform, cl_device_type type, cl_uint n, cl_device_id *list, cl_uint *count_of),
        (platform, type, n, list, count_of))
CHECKED(clGetDeviceInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_device_id, cl_device_info), INFO_A)
CHECKED(clGetContextInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_context, cl_context_info), INFO_A)
CHECKED(clGetCommandQueueInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_command_queue, cl_command_queue_info), INFO_A)
CHECKED(clGetMemObjectInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_mem, cl_mem_info), INFO_A)
CHECKED(clGetProgramInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_program, cl_program_info), INFO_A)
CHECKED(clGetProgramBuildInfo, CL_OUT_OF_RESOURCES, ABOUT_P(cl_program, cl_program_build_info), ABOUT_A)
CHECKED(clGetKernelInfo, CL_OUT_OF_RESOURCES, INFO_P(cl_kernel, cl_kernel_info), INFO_A)
CHECKED(clGetKernelWorkGroupInfo, CL_OUT_OF_RESOURCES, ABOUT_P(cl_kernel, cl_kernel_work_group_info), ABOUT_A)

MAKES(clCreateContext, cl_context, CL_OUT_OF_RESOURCES,
      (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
       void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *error),
      (properties, n, devices, notify, user, error))
MAKES(clCreateCommandQueue, cl_command_queue, CL_OUT_OF_RESOURCES,
      (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *error),
      (context, device, properties, error))
MAKES(clCreateBuffer, cl_mem, CL_MEM_OBJECT_ALLOCATION_FAILURE,
      (cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *error),
      (context, flags, bytes, host, error))
MAKES(clCreateProgramWithSource, cl_program, CL_OUT_OF_RESOURCES,
      (cl_context context, cl_uint n, const char **texts, const size_t *lengths, cl_int *error),
      (context, n, texts, lengths, error))
MAKES(clCreateProgramWithBinary, cl_program, CL_INVALID_BINARY,
      (cl_context context, cl_uint n, const cl_device_id *devices, const size_t *lengths,
       const unsigned char **binaries, cl_int *statuses, cl_int *error),
      (context, n, devices, lengths, binaries, statuses, error))
MAKES(clCreateKernel, cl_kernel, CL_OUT_OF_RESOURCES, (cl_program program, const char *name, cl_int *error),
      (program, name, error))

CHECKED(clBuildProgram, CL_BUILD_PROGRAM_FAILURE,
        (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
         void(CL_CALLBACK *notify)(cl_program, void *), void *user),
        (program, n, devices, options, notify, user))
CHECKED(clSetKernelArgSVMPointer, CL_OUT_OF_RESOURCES, (cl_kernel kernel, cl_uint n, const void *value),
        (kernel, n, value))
CHECKED(clSetKernelArg, CL_OUT_OF_RESOURCES, (cl_kernel kernel, cl_uint n, size_t bytes, const void *value),
        (kernel, n, bytes, value))
CHECKED(clFinish, CL_OUT_OF_RESOURCES, (cl_command_queue queue), (queue))

ENQUEUES(clEnqueueNDRangeKernel,
         (cl_command_queue queue, cl_kernel kernel, cl_uint n, const size_t *offset, const size_t *global,
          const size_t *local, cl_uint waits, const cl_event *list, cl_event *event),
         (queue, kernel, n, offset, global, local, waits, list, event))
ENQUEUES(clEnqueueReadBuffer,
         (cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes, void *to, cl_uint waits,
          const cl_event *list, cl_event *event),
         (queue, buffer, wait, offset, bytes, to, waits, list, event))
ENQUEUES(clEnqueueWriteBuffer,
         (cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes, const void *from,
          cl_uint waits, const cl_event *list, cl_event *event),
         (queue, buffer, wait, offset, bytes, from, waits, list, event))
ENQUEUES(clEnqueueMarkerWithWaitList, (cl_command_queue queue, cl_uint waits, const cl_event *list, cl_event *event),
         (queue, waits, list, event))

ENQUEUES(clEnqueueBarrierWithWaitList, (cl_command_queue queue, cl_uint waits, const cl_event *list, cl_event *event),
         (queue, waits, list, event))
ENQUEUES(clEnqueueFillBuffer,
         (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_bytes, size_t offset, size_t bytes,
          cl_uint waits, const cl_event *list, cl_event *event),
         (queue, buffer, pattern, pattern_bytes, offset, bytes, waits, list, event))

RETAINS(clRetainContext, cl_context)
RETAINS(clRetainDevice, cl_device_id)
RELEASES(clReleaseContext, cl_context)
RELEASES(clReleaseDevice, cl_device_id)
RELEASES(clReleaseCommandQueue, cl_command_queue)
RELEASES(clReleaseMemObject, cl_mem)
RELEASES(clReleaseProgram, cl_program)
RELEASES(clReleaseKernel, cl_kernel)
RELEASES(clReleaseEvent, cl_event)

#undef INFO_P
#undef INFO_A
#undef ABOUT_P
#undef ABOUT_A
#undef CHECKED
#undef MAKES
#undef ENQUEUES
#undef RETAINS
#undef RELEASES
