/* SPDX-License-Identifier: Apache-2.0 */
/* Tests whether a kernel may use LOCAL_BYTES of local memory; some devices allow more than they
 * report. One work-group fills them. Each work-item counts the words of its neighbour that differ
 * from what was written. */
#ifndef LOCAL_BYTES
#error "LOCAL_BYTES must be given with -D"
#endif
#define ITEMS 64
#if LOCAL_BYTES < 4 * ITEMS
#error "LOCAL_BYTES is less than a word for each work-item"
#endif
#define WORDS (LOCAL_BYTES / 4)

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void probe_local(__global uint *wrong)
{
    __local uint words[WORDS];
    const uint item = (uint)get_local_id(0);
    for (uint i = item; i < WORDS; i += ITEMS)
        words[i] = i * 2654435761u;
    barrier(CLK_LOCAL_MEM_FENCE);
    uint count = 0;
    for (uint i = (item + 1) % ITEMS; i < WORDS; i += ITEMS)
        count += words[i] != i * 2654435761u;
    wrong[item] = count;
}
