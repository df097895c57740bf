/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that report other properties than they have: a table of profiles, and how a program
 * selects the profile that the loader's layer (lie_layer.c) plays. The layer also enforces limits
 * of a profile: it refuses a work-group, local memory, arguments or a buffer beyond them, as such a
 * device's driver would. */
#ifndef CLATTN_TESTS_RIGS_LIE_H
#define CLATTN_TESTS_RIGS_LIE_H

#include "clattn.h"

enum lie_outcome {
    LIE_RIGHT,  /* all results are right */
    LIE_LIMIT,  /* plans refuse with DEVICE_LIMIT */
    LIE_REFUSED /* the device is not listed, and a context refuses it with DEVICE_LIMIT */
};

/* Numbers of 0 mean the device's own. */
struct lie_profile {
    const char *name;
    enum lie_outcome outcome;
    const char *says;     /* text in the refusal, or in a plan's description; NULL: any */
    clattn_engine engine; /* the forced engine */
    const char *more;     /* a case to run besides the common ones */
    cl_device_type type;
    size_t local_bytes, group, items, kernel_group, parameters;
    cl_ulong alloc_bytes;
    cl_uint units, width, bits;
    int no_compiler, not_available, big_endian, no_infinities, no_extensions;
    size_t name_length; /* length of a name of one repeated letter */
    const char *name_text;
};

extern const struct lie_profile lie_profiles[];
extern const size_t lie_profile_count;

/* Planted bugs that the rig must find. */
enum lie_plant {
    LIE_HONEST,
    LIE_LESS_LOCAL, /* a kernel gets 1/8 of the local memory that the device reports */
    LIE_LESS_GROUP, /* a work-group gets one work-item at most */
    LIE_LOST_GROUP, /* the last work-group of a launch is not run */
    LIE_LESS_PARAMETERS
};

struct lie_control {
    int (*is_loaded)(void);
    void (*play)(const struct lie_profile *profile); /* NULL: the device as it is */
    /* 1: the profile is an additional device before the real one, which is unchanged. */
    void (*beside)(int beside);
    /* Adds a platform whose clGetDeviceIDs fails with `error` (0: none), before the others or with
     * `behind` after them. `alone`: the others have no devices. */
    void (*broken)(cl_int error, int behind, int alone);
    void (*plant)(enum lie_plant plant);
};

/* Environment variable for the layer: "NAME" plays that profile, "beside:NAME" adds it as a device
 * before the real one, "broken:ERROR" adds a broken platform before the others. */
#define LIE_ENVIRONMENT "CLATTN_TEST_LIE"

#endif
