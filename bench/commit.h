/* SPDX-License-Identifier: Apache-2.0 */
/* What was built: made anew with every build, by commit.cmake. */
#ifndef CLATTN_BENCH_COMMIT_H
#define CLATTN_BENCH_COMMIT_H

/* "git describe", or "unknown" where there is no git or no repository. */
extern const char bench_commit[];

#endif
