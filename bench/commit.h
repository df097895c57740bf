/* SPDX-License-Identifier: Apache-2.0 */
/* The commit of this build, updated by commit.cmake in every build. */
#ifndef CLATTN_BENCH_COMMIT_H
#define CLATTN_BENCH_COMMIT_H

/* `git describe`, or "unknown" without git or a repository. */
extern const char bench_commit[];

#endif
