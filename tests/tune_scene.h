/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of clattn_tune share: a device, a folder for its file, a search that ends early, and what plans have
 * from the file. */
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

/* The problem that all of them tune. */
struct test_case tune_scene_case(void);
struct test_case tune_scene_parse(const char *line);

/* A context with the folder, the scene's or another, and further build options or NULL. */
clattn_context *tune_scene_context(const struct tune_scene *s, const char *folder, const char *build_options);

/* Tries `configurations` beside the built-in one of the passes' only kernel. The search is stopped by its callback,
 * since compilers are slow. */
clattn_tuned_kernel tune_scene_tune(clattn_context *context, const clattn_problem *p, unsigned passes,
                                    int configurations);

/* The kernels that are tuned here, each by itself. */
extern const unsigned tune_scene_passes[3];

int tune_scene_count(const char *text, const char *part);
/* How many of these three have the part in their plan's lines, in a context that reads the file anew. */
int tune_scene_count_in_plan(const struct tune_scene *s, const clattn_problem *p, const char *part);

void tune_scene_write(const char *path, const char *text);

#endif
