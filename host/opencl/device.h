/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about a device. */
#ifndef CLATTN_OPENCL_DEVICE_H
#define CLATTN_OPENCL_DEVICE_H

#include "base/base.h"

struct clattn__device {
    cl_device_type type;
    char name[128], driver[128], platform[128]; /* platform: name and version */
    size_t local_bytes;                         /* for one work-group */
    bool local_probed;                          /* more than the device reports (probe.c) */
    /* work-items of a one-dimensional work-group */
    size_t max_group;
    cl_uint address_bits;
    int float_width; /* native vector width of float */
    int compute_units;
    cl_ulong max_alloc_bytes, global_bytes;
    bool caches_binaries;    /* the driver caches compiled kernels on disk */
    bool compiles_at_launch; /* the driver finishes compiling a kernel at its first launch */
};

/* DEVICE_LIMIT if the library's kernels cannot run on the device or would be wrong. The error names
 * the device and the reason. */
clattn_status clattn__device_check(cl_device_id device);
clattn_status clattn__device_query(cl_device_id device, struct clattn__device *facts);
clattn_engine clattn__device_engine(const struct clattn__device *facts);

#endif
