/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that say they are smaller or other than they are: a table of profiles, and how a program tells the layer of
 * the loader (lie_layer.c) which of them to play. What a profile says is also enforced where a layer can: a work-group,
 * local memory, arguments or a buffer past its limits is refused as such a device's driver would refuse it. */
#ifndef CLATTN_TESTS_RIGS_LIE_H
#define CLATTN_TESTS_RIGS_LIE_H

#include "clattn.h"

enum lie_outcome {
    LIE_RIGHT,  /* every problem has right results */
    LIE_LIMIT,  /* plans refuse with DEVICE_LIMIT */
    LIE_REFUSED /* the device is not listed, and a context refuses it with DEVICE_LIMIT */
};

/* Of the numbers 0 is what the device says itself. */
struct lie_profile {
    const char *name;
    enum lie_outcome outcome;
    const char *says;     /* a part of the refusal; or of a plan's description; NULL: anything */
    clattn_engine engine; /* that is forced */
    const char *more;     /* a case that is run besides the common ones */
    cl_device_type type;
    size_t local_bytes, group, items, kernel_group, parameters;
    cl_ulong alloc_bytes;
    cl_uint units, width, bits;
    int no_compiler, not_available, big_endian, no_infinities, no_extensions;
    size_t name_length; /* of a name that is one letter, repeated */
    const char *name_text;
};

extern const struct lie_profile lie_profiles[];
extern const size_t lie_profile_count;

/* Mistakes of a library that the rig has to find, made in its place. */
enum lie_plant {
    LIE_HONEST,
    LIE_LESS_LOCAL, /* a kernel may have an eighth of the local memory that the device says, and no plan can know */
    LIE_LESS_GROUP, /* a work-group may have one item */
    LIE_LOST_GROUP, /* the last work-group of a launch is not run */
    LIE_LESS_PARAMETERS
};

struct lie_control {
    int (*is_loaded)(void);
    void (*play)(const struct lie_profile *profile); /* NULL: the device as it is */
    /* 1: the profile is that of one device more, in front of the real one, which tells the truth. */
    void (*beside)(int beside);
    /* A platform more, whose clGetDeviceIDs fails with `error`: in front of the others, or behind; 0: none. `alone`: the
     * others have no devices. */
    void (*broken)(cl_int error, int behind, int alone);
    void (*plant)(enum lie_plant plant);
};

/* Whose name is in the environment when the layer is loaded, the profile is played, and with "beside:NAME" beside the
 * real device; "broken:ERROR" is a broken platform in front. */
#define LIE_ENVIRONMENT "CLATTN_TEST_LIE"

#endif
