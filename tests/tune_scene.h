/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of clattn_tune: a device, a folder for its file, a search that ends early,
 * and checks of what plans use of the file. */
#ifndef CLATTN_TESTS_TUNE_SCENE_H
#define CLATTN_TESTS_TUNE_SCENE_H

#include "check.h"
#include "device.h"
#include "folder.h"

struct tune_scene {
    struct device device;
    char folder[FOLDER_BYTES];
};

int tune_scene_setup(void **state); /* *state: a struct tune_scene */
int tune_scene_teardown(void **state);

/* The problem that all these tests tune. */
struct test_case tune_scene_case(void);
struct test_case tune_scene_parse(const char *line);

/* A context with cache folder `folder` and additional build options, or NULL. */
clattn_context *tune_scene_context(const struct tune_scene *s, const char *folder, const char *build_options);

/* Tunes the passes' only kernel with `configurations` configurations besides the built-in one. The
 * callback then stops the search, since compilers are slow. */
clattn_tuned_kernel tune_scene_tune(clattn_context *context, const clattn_problem *p, unsigned passes,
                                    int configurations);

/* Passes with one kernel each, for the tests to tune. */
extern const unsigned tune_scene_passes[3];

int tune_scene_count(const char *text, const char *part);
/* How many of these passes' plans have `part` in their description, in a new context that reads the
 * file. */
int tune_scene_count_in_plan(const struct tune_scene *s, const clattn_problem *p, const char *part);

void tune_scene_write(const char *path, const char *text);

#endif
