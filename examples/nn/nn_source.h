/* SPDX-License-Identifier: Apache-2.0 */
/* nn.cl, which the build puts into the program. */
#ifndef CLATTN_EXAMPLES_NN_SOURCE_H
#define CLATTN_EXAMPLES_NN_SOURCE_H

extern const char nn_source[];

#endif
