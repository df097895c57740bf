/* SPDX-License-Identifier: Apache-2.0 */
/* The text of nn.cl, embedded by the build. */
#ifndef CLATTN_EXAMPLES_NN_SOURCE_H
#define CLATTN_EXAMPLES_NN_SOURCE_H

extern const char nn_source[];

#endif
