/* Compiled programs on disk.
 *
 * File <cache_dir>/<key>.clbin: the 8 bytes "CLATTN01", the SHA-256 of the binary, the binary. The key is the SHA-256
 * of source, build options, device, driver, platform and library version, so a file never needs to be invalidated.
 * Files appear by rename, whole or not at all; processes need no lock. Whatever fails, the program is built from source
 * instead. */
#include "internal.h"

#include "files.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = {'C', 'L', 'A', 'T', 'T', 'N', '0', '1'};
enum { HEADER_BYTES = 8 + SHA256_DIGEST_LENGTH, MAX_BINARY_BYTES = 256 << 20 };

char *clattn__cache_default_dir(const clattn_allocator *allocator)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
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
    SHA256Update(hash, (const uint8_t *)"", 1); /* "ab","c" is not "a","bc" */
}

struct clattn__text clattn__cache_path(const clattn_allocator *allocator, const char *folder, const char *const *parts,
                                       size_t count, const char *suffix)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX hash;
    SHA256Init(&hash);
    for (size_t i = 0; i < count; ++i)
        add_to_hash(&hash, parts[i], strlen(parts[i]));
    SHA256Final(digest, &hash);
    struct clattn__text path = {.allocator = allocator};
    clattn__text_add(&path, "%s/", folder);
    for (size_t i = 0; i < sizeof digest; ++i)
        clattn__text_add(&path, "%02x", digest[i]);
    clattn__text_add(&path, "%s", suffix);
    return path;
}

/* cache_dir/key.clbin, or a text that failed. */
static struct clattn__text entry_path(const clattn_context *context, const struct clattn__text *source,
                                      const char *options)
{
    const struct clattn__device *device = &context->device;
    const char *const parts[] = {source->chars,  options,          device->name,
                                 device->driver, device->platform, clattn_version_string()};
    return clattn__cache_path(&context->allocator, context->cache_dir, parts, ARRAY_SIZE(parts), ".clbin");
}

static void digest_of(const unsigned char *bytes, size_t size, uint8_t digest[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX hash;
    SHA256Init(&hash);
    SHA256Update(&hash, bytes, size);
    SHA256Final(digest, &hash);
}

static bool is_entry(const unsigned char *bytes, size_t size)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    digest_of(bytes + HEADER_BYTES, size - HEADER_BYTES, digest);
    return memcmp(bytes, magic, sizeof magic) == 0 && memcmp(bytes + sizeof magic, digest, sizeof digest) == 0;
}

cl_program clattn__cache_load(clattn_context *context, const struct clattn__text *source, const char *options)
{
    struct clattn__text path = entry_path(context, source, options);
    size_t size = 0;
    unsigned char *bytes =
        path.failed ? NULL : clattn__file_read(&context->allocator, path.chars, MAX_BINARY_BYTES, &size);
    cl_program program = NULL;
    if (bytes && size > HEADER_BYTES && is_entry(bytes, size)) {
        const unsigned char *binary = bytes + HEADER_BYTES;
        const size_t binary_size = size - HEADER_BYTES;
        cl_int error;
        program = clCreateProgramWithBinary(context->cl, 1, &context->id, &binary_size, &binary, NULL, &error);
        if (program && (error || clBuildProgram(program, 1, &context->id, options, NULL, NULL))) {
            clReleaseProgram(program);
            program = NULL;
        }
    }
    clattn__release(&context->allocator, bytes);
    clattn__text_free(&path);
    return program;
}

static void write_entry(clattn_context *context, const char *path, const unsigned char *binary, size_t size)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    digest_of(binary, size, digest);
    const struct clattn__part parts[] = {{magic, sizeof magic}, {digest, sizeof digest}, {binary, size}};
    clattn__file_replace(&context->allocator, context->cache_dir, path, parts, ARRAY_SIZE(parts));
}

/* A program has a binary for each device of its cl_context. */
unsigned char *clattn__program_binary(clattn_context *context, cl_program program, size_t *size)
{
    const clattn_allocator *allocator = &context->allocator;
    cl_uint count = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof count, &count, NULL) || count == 0)
        return NULL;
    cl_device_id *devices = clattn__allocate(allocator, count * sizeof *devices);
    size_t *sizes = clattn__allocate(allocator, count * sizeof *sizes);
    unsigned char **binaries = clattn__allocate(allocator, count * sizeof *binaries); /* NULL: not copied out */
    unsigned char *binary = NULL;
    if (devices && sizes && binaries &&
        !clGetProgramInfo(program, CL_PROGRAM_DEVICES, count * sizeof *devices, devices, NULL) &&
        !clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, count * sizeof *sizes, sizes, NULL)) {
        cl_uint mine = 0;
        while (mine + 1 < count && devices[mine] != context->id)
            ++mine;
        *size = sizes[mine];
        if (*size > 0 && *size <= MAX_BINARY_BYTES - HEADER_BYTES)
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
    struct clattn__text path = entry_path(context, source, options);
    if (!path.failed)
        write_entry(context, path.chars, binary, size);
    clattn__text_free(&path);
    clattn__release(&context->allocator, binary);
}
