/* SPDX-License-Identifier: Apache-2.0 */
/* for MAP_ANONYMOUS, which is not in POSIX */
#define _DEFAULT_SOURCE

#include "guarded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages of a guard: enough to catch an access that is off by some rows. BESIDE: bytes beside a
 * buffer without pages. */
enum { GUARD_PAGES = 16, BESIDE = 512, CANARY = 0xff /* NaN as floats, true in a mask */ };

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* ---- pages ---- */

/* Maps accessible pages, full of canaries, between guards. Returns 0 if memory is short. */
static int map_pages(struct guarded_buffer *b, size_t bytes)
{
    const size_t guard = GUARD_PAGES * page_bytes();

    b->open_bytes = round_up(bytes, page_bytes());
    b->map_bytes = b->open_bytes + 2 * guard;
    b->map = mmap(NULL, b->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->map == MAP_FAILED) {
        b->map = NULL;
        return 0;
    }
    b->open = b->map + guard;
    if (mprotect(b->open, b->open_bytes, PROT_READ | PROT_WRITE) != 0) {
        return 0;
    }
    memset(b->open, CANARY, b->open_bytes);
    return 1;
}

static size_t distance_of_start(const struct guarded *g, const struct guarded_buffer *b, size_t bytes, int plant)
{
    size_t at = g->side == GUARDED_END ? (b->open_bytes - bytes) / g->alignment * g->alignment : 0;

    return plant == PLANT_PAST ? b->open_bytes - round_up(bytes, g->alignment) + g->alignment : at;
}

static void put_content(struct guarded_buffer *b, const unsigned char *content)
{
    for (size_t n = 0; n < b->bytes; n++) {
        if (b->start + n >= b->open && b->start + n < b->open + b->open_bytes) {
            b->start[n] = content[n];
        }
    }
}

static cl_mem make_in_pages(struct guarded *g, struct guarded_buffer *b, cl_mem_flags flags, const void *content,
                            int plant, cl_int *status)
{
    if (!map_pages(b, b->bytes)) {
        *status = CL_OUT_OF_HOST_MEMORY;
        return NULL;
    }
    b->start = b->open + distance_of_start(g, b, b->bytes, plant);
    if (plant == PLANT_BEFORE) {
        b->start = b->open - g->alignment;
    }
    put_content(b, content);
    return clCreateBuffer(g->cl, flags | CL_MEM_USE_HOST_PTR, b->bytes, b->start, status);
}

/* ---- part of a larger buffer ---- */

static cl_mem make_in_parent(struct guarded *g, struct guarded_buffer *b, cl_mem_flags flags, const void *content,
                             cl_int *status)
{
    cl_buffer_region region;
    unsigned char *image;

    b->before = round_up(BESIDE, g->alignment);
    b->open_bytes = b->before + round_up(b->bytes, 4) + BESIDE;
    image = malloc(b->open_bytes);
    if (image == NULL) {
        *status = CL_OUT_OF_HOST_MEMORY;
        return NULL;
    }
    memset(image, CANARY, b->open_bytes);
    memcpy(image + b->before, content, b->bytes);
    b->parent = clCreateBuffer(g->cl, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, b->open_bytes, image, status);
    free(image);
    if (*status != CL_SUCCESS) {
        b->parent = NULL;
        return NULL;
    }
    region.origin = b->before;
    region.size = b->bytes;
    return clCreateSubBuffer(b->parent, flags, CL_BUFFER_CREATE_TYPE_REGION, &region, status);
}

/* ---- the three functions of struct check_memory ---- */

static cl_mem make(void *self, cl_mem_flags flags, const char *name, size_t bytes, const void *content, cl_int *status)
{
    struct guarded *g = self;
    const int plant = g->planted != NULL && strcmp(g->planted, name) == 0 ? (int)g->plant : PLANT_NONE;
    struct guarded_buffer *b = &g->buffer[g->count];
    unsigned char *other = NULL;
    cl_mem mem;

    if (g->count == GUARDED_MOST) {
        *status = CL_OUT_OF_HOST_MEMORY;
        return NULL;
    }
    g->count++;
    memset(b, 0, sizeof *b);
    b->name = name;
    b->bytes = bytes;
    if (plant == PLANT_VALUE) {
        other = malloc(bytes);
        if (other != NULL) {
            memcpy(other, content, bytes);
            other[bytes - 1] ^= 0x41; /* changes a float's sign and exponent */
            content = other;
        }
    }
    mem = g->pages ? make_in_pages(g, b, flags, content, plant, status) : make_in_parent(g, b, flags, content, status);
    free(other);
    return mem;
}

/* Whether all canaries are unchanged around the buffer, which starts `before` bytes after
 * `open`. */
static int is_whole(const unsigned char *open, size_t open_bytes, size_t before, size_t bytes)
{
    for (size_t n = 0; n < open_bytes; n++) {
        if ((n < before || n >= before + bytes) && open[n] != CANARY) {
            return 0;
        }
    }
    return 1;
}

static int buffer_is_whole(const struct guarded_buffer *b, cl_command_queue queue)
{
    unsigned char *found;
    int whole;

    if (b->map != NULL) {
        return b->start < b->open || is_whole(b->open, b->open_bytes, (size_t)(b->start - b->open), b->bytes);
    }
    found = malloc(b->open_bytes);
    whole = found != NULL &&
            clEnqueueReadBuffer(queue, b->parent, CL_TRUE, 0, b->open_bytes, found, 0, NULL, NULL) == CL_SUCCESS &&
            is_whole(found, b->open_bytes, b->before, b->bytes);
    free(found);
    return whole;
}

static void plant_write(struct guarded_buffer *b, cl_command_queue queue)
{
    static const unsigned char written = 0;

    if (b->map == NULL) {
        clEnqueueWriteBuffer(queue, b->parent, CL_TRUE, b->before + b->bytes, 1, &written, 0, NULL, NULL);
    } else if (b->start + b->bytes < b->open + b->open_bytes) {
        b->start[b->bytes] = written;
    } else {
        b->open[0] = written;
    }
}

static const char *trespassed(void *self, cl_command_queue queue)
{
    struct guarded *g = self;

    for (int n = 0; n < g->count; n++) {
        struct guarded_buffer *b = &g->buffer[n];

        if (g->plant == PLANT_WRITE && g->planted != NULL && strcmp(g->planted, b->name) == 0) {
            plant_write(b, queue);
        }
        if (!buffer_is_whole(b, queue)) {
            return b->name;
        }
    }
    return NULL;
}

static void release(void *self)
{
    struct guarded *g = self;

    for (int n = 0; n < g->count; n++) {
        if (g->buffer[n].map != NULL) {
            munmap(g->buffer[n].map, g->buffer[n].map_bytes);
        }
        if (g->buffer[n].parent != NULL) {
            clReleaseMemObject(g->buffer[n].parent);
        }
    }
    g->count = 0;
}

/* ---- what the device does ---- */

/* Whether a command's effect on a buffer over host memory is visible there without mapping: kernels
 * then run directly on host memory. */
static int computes_in_place(struct guarded *g, cl_command_queue queue)
{
    static const unsigned char before[4096] = {1};
    static const unsigned char after[sizeof before] = {2};
    cl_int status;
    cl_mem mem;
    int same = 0;

    g->pages = 1;
    mem = make(g, CL_MEM_READ_WRITE, "probe", sizeof before, before, &status);
    if (status == CL_SUCCESS) {
        same = clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, sizeof after, after, 0, NULL, NULL) == CL_SUCCESS &&
               clFinish(queue) == CL_SUCCESS && g->buffer[0].start[0] == after[0];
        clReleaseMemObject(mem);
    }
    release(g);
    return same;
}

int guarded_open(struct guarded *guarded, cl_context cl, cl_device_id device, cl_command_queue queue,
                 const char **error)
{
    cl_device_type type;
    cl_uint bits;

    memset(guarded, 0, sizeof *guarded);
    guarded->memory.self = guarded;
    guarded->memory.make = make;
    guarded->memory.trespassed = trespassed;
    guarded->memory.release = release;
    guarded->cl = cl;
    if (clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL) != CL_SUCCESS ||
        clGetDeviceInfo(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof bits, &bits, NULL) != CL_SUCCESS) {
        *error = "the device does not say how it aligns buffers";
        return -1;
    }
    guarded->alignment = bits / 8 > 128 ? bits / 8 : 128;
    guarded->pages = (type & CL_DEVICE_TYPE_CPU) != 0 && computes_in_place(guarded, queue);
    return 0;
}

const char *guarded_find(const struct guarded *guarded, const void *address, long *past)
{
    const unsigned char *at = address;

    for (int n = 0; n < guarded->count; n++) {
        const struct guarded_buffer *b = &guarded->buffer[n];

        if (b->map != NULL && at >= b->map && at < b->map + b->map_bytes) {
            /* a planted bug places some of the buffer outside the accessible pages */
            const unsigned char *first = b->start > b->open ? b->start : b->open;
            const unsigned char *last = b->open + b->open_bytes;

            last = b->start + b->bytes < last ? b->start + b->bytes : last;
            *past = at < first ? (long)(at - first) : (long)(at - last);
            return b->name;
        }
    }
    return NULL;
}
