/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about a device. */
#ifndef CLATTN_OPENCL_DEVICE_H
#define CLATTN_OPENCL_DEVICE_H

#include "base/base.h"

struct clattn__device {
    cl_device_type type;
    char name[128], driver[128], platform[128]; /* platform: name and version */
    size_t local_bytes;                         /* of one work-group */
    bool local_probed;                          /* that is more than the device's query says */
    size_t max_group;                           /* work-items in one work-group, which has one dimension */
    cl_uint address_bits;
    int float_width; /* native vector width of float */
    int compute_units;
    cl_ulong max_alloc_bytes, global_bytes;
    bool caches_binaries;    /* the driver keeps compiled kernels on disk itself */
    bool compiles_at_launch; /* and compiles them to their end only when they are launched */
};

/* DEVICE_LIMIT where no kernel of the library could run on it, or be right: the sentence names the device and says why.
 */
clattn_status clattn__device_check(cl_device_id device);
clattn_status clattn__device_query(cl_device_id device, struct clattn__device *facts);
clattn_engine clattn__device_engine(const struct clattn__device *facts);

#endif
