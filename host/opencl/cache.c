/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled programs on disk.
 *
 * File <cache_dir>/<key>.clbin: the 8 bytes "CLATTN02", the SHA-256 of everything after it, the
 * key, the binary. The key is the SHA-256 of source, build options, device, driver, platform and
 * library version, so no file ever becomes stale. It is also stored in the file, to detect files
 * that were swapped. A file is written elsewhere and renamed, so it appears whole or not at all,
 * and processes need no lock. Whatever fails, the program is built from source instead. */
#if defined(CLATTN_SECURE_GETENV)
#define _GNU_SOURCE /* secure_getenv */
#endif
#include "opencl/program.h"

#include "opencl/files.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[8] = {'C', 'L', 'A', 'T', 'T', 'N', '0', '2'};
enum {
    KEY_BYTES = SHA256_DIGEST_LENGTH,
    HEADER_BYTES = 8 + SHA256_DIGEST_LENGTH + KEY_BYTES,
    MAX_BINARY_BYTES = 64 << 20, /* a quarter of a folder's limit (sweep.c) */
    MAX_ENTRY_BYTES = HEADER_BYTES + MAX_BINARY_BYTES
};

/* A variable's value. NULL also if the process acts for another user than the one who started it
 * and set the environment. */
static const char *environment(const char *name)
{
    if (getuid() != geteuid() || getgid() != getegid())
        return NULL;
#if defined(CLATTN_SECURE_GETENV)
    return secure_getenv(name);
#else
    return getenv(name);
#endif
}

char *clattn__cache_default_dir(const clattn_allocator *allocator)
{
    const char *xdg = environment("XDG_CACHE_HOME"), *home = environment("HOME");
    struct clattn__text text = {.allocator = allocator};
    if (xdg && xdg[0] == '/')
        clattn__text_add(&text, "%s/clattn", xdg);
    else if (home && home[0] == '/')
        clattn__text_add(&text, "%s/.cache/clattn", home);
    return text.chars;
}

static void add_to_hash(SHA2_CTX *hash, const char *chars, size_t length)
{
    SHA256Update(hash, (const uint8_t *)chars, length);
    SHA256Update(hash, (const uint8_t *)"", 1); /* so that "ab","c" and "a","bc" differ */
}

static void hash_parts(const char *const *parts, size_t count, uint8_t digest[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX hash;
    SHA256Init(&hash);
    for (size_t i = 0; i < count; ++i)
        add_to_hash(&hash, parts[i], strlen(parts[i]));
    SHA256Final(digest, &hash);
}

static struct clattn__text path_of(const clattn_allocator *allocator, const char *folder,
                                   const uint8_t digest[SHA256_DIGEST_LENGTH], const char *suffix)
{
    struct clattn__text path = {.allocator = allocator};
    clattn__text_add(&path, "%s/", folder);
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; ++i)
        clattn__text_add(&path, "%02x", digest[i]);
    clattn__text_add(&path, "%s", suffix);
    return path;
}

struct clattn__text clattn__cache_path(const clattn_allocator *allocator, const char *folder, const char *const *parts,
                                       size_t count, const char *suffix)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    hash_parts(parts, count, digest);
    return path_of(allocator, folder, digest, suffix);
}

/* cache_dir/key.clbin; check `failed`. */
static struct clattn__text entry_path(const clattn_context *context, const struct clattn__text *source,
                                      const char *options, uint8_t key[KEY_BYTES])
{
    const struct clattn__device *device = &context->device;
    const char *const parts[] = {source->chars,  options,          device->name,
                                 device->driver, device->platform, clattn_version_string()};
    hash_parts(parts, ARRAY_SIZE(parts), key);
    return path_of(&context->allocator, context->cache_dir, key, ".clbin");
}

static void digest_of(const uint8_t key[KEY_BYTES], const unsigned char *binary, size_t size,
                      uint8_t digest[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX hash;
    SHA256Init(&hash);
    SHA256Update(&hash, key, KEY_BYTES);
    SHA256Update(&hash, binary, size);
    SHA256Final(digest, &hash);
}

static bool is_entry(const uint8_t key[KEY_BYTES], const unsigned char *bytes, size_t size)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    digest_of(key, bytes + HEADER_BYTES, size - HEADER_BYTES, digest);
    return memcmp(bytes, magic, sizeof magic) == 0 && memcmp(bytes + sizeof magic, digest, sizeof digest) == 0 &&
           memcmp(bytes + sizeof magic + sizeof digest, key, KEY_BYTES) == 0;
}

/* The program, if the driver accepts the binary and it has the kernel; else NULL. */
static cl_program take(const clattn_context *context, const unsigned char *binary, size_t size, const char *kernel,
                       const char *options)
{
    cl_int error;
    cl_program program = clCreateProgramWithBinary(context->cl, 1, &context->id, &size, &binary, NULL, &error);
    if (!program)
        return NULL;
    error = error ? error : clBuildProgram(program, 1, &context->id, options, NULL, NULL);
    cl_kernel made = error ? NULL : clCreateKernel(program, kernel, &error);
    if (!error) {
        clReleaseKernel(made);
        return program;
    }
    clReleaseProgram(program);
    return NULL;
}

cl_program clattn__cache_load(clattn_context *context, const struct clattn__text *source, const char *kernel,
                              const char *options)
{
    uint8_t key[KEY_BYTES];
    struct clattn__text path = entry_path(context, source, options, key);
    size_t size = 0;
    unsigned char *bytes =
        path.failed ? NULL : clattn__file_read(&context->allocator, path.chars, MAX_ENTRY_BYTES, true, &size);
    const bool good = bytes && size > HEADER_BYTES && is_entry(key, bytes, size);
    cl_program program = good ? take(context, bytes + HEADER_BYTES, size - HEADER_BYTES, kernel, options) : NULL;
    clattn__release(&context->allocator, bytes);
    clattn__text_free(&path);
    return program;
}

/* A program has one binary for each device of its cl_context. */
unsigned char *clattn__program_binary(clattn_context *context, cl_program program, size_t *size)
{
    const clattn_allocator *allocator = &context->allocator;
    cl_uint count = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof count, &count, NULL) || count == 0)
        return NULL;
    cl_device_id *devices = clattn__allocate(allocator, count * sizeof *devices);
    size_t *sizes = clattn__allocate(allocator, count * sizeof *sizes);
    /* NULL: not copied. */
    unsigned char **binaries = clattn__allocate(allocator, count * sizeof *binaries);
    unsigned char *binary = NULL;
    if (devices && sizes && binaries &&
        !clGetProgramInfo(program, CL_PROGRAM_DEVICES, count * sizeof *devices, devices, NULL) &&
        !clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, count * sizeof *sizes, sizes, NULL)) {
        cl_uint mine = 0;
        while (mine + 1 < count && devices[mine] != context->id)
            ++mine;
        *size = sizes[mine];
        if (*size > 0 && *size <= MAX_BINARY_BYTES)
            binary = clattn__allocate(allocator, *size);
        binaries[mine] = binary;
        if (binary && clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries, NULL)) {
            clattn__release(allocator, binary);
            binary = NULL;
        }
    }
    clattn__release(allocator, binaries);
    clattn__release(allocator, sizes);
    clattn__release(allocator, devices);
    return binary;
}

void clattn__cache_store(clattn_context *context, const struct clattn__text *source, const char *options,
                         cl_program program)
{
    size_t size = 0;
    unsigned char *binary = clattn__program_binary(context, program, &size);
    if (!binary)
        return;
    uint8_t key[KEY_BYTES], digest[SHA256_DIGEST_LENGTH];
    struct clattn__text path = entry_path(context, source, options, key);
    digest_of(key, binary, size, digest);
    const struct clattn__part parts[] = {
        {magic, sizeof magic}, {digest, sizeof digest}, {key, KEY_BYTES}, {binary, size}};
    if (!path.failed)
        clattn__file_replace(&context->allocator, path.chars, parts, ARRAY_SIZE(parts));
    clattn__text_free(&path);
    clattn__release(&context->allocator, binary);
}
