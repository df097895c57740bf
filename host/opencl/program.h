/* SPDX-License-Identifier: Apache-2.0 */
/* The program cache in memory. */
#ifndef CLATTN_PROGRAM_H
#define CLATTN_PROGRAM_H

#include "internal.h"

void clattn__programs_release(clattn_context *context);

#endif
