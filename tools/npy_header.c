/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of a .npy file's header, a small Python dictionary. */
#include "npy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

typedef struct cursor {
    const unsigned char *at;
    const unsigned char *end;
    npy_error *error;
} cursor;

static const struct {
    const char *descr;
    const char *name;
    npy_type type;
    size_t bytes;
} known_types[] = {
    {"<f4", "float32", NPY_FLOAT32, 4}, {"<f2", "float16", NPY_FLOAT16, 2}, {"|b1", "bool", NPY_BOOL, 1},
    {"|u1", "uint8", NPY_UINT8, 1},     {"<i4", "int32", NPY_INT32, 4},     {"<i8", "int64", NPY_INT64, 8},
    {"<b1", NULL, NPY_BOOL, 1}, /* written by programs that always start with the machine's byte order */
    {"<u1", NULL, NPY_UINT8, 1},
};

#define KNOWN_TYPES (sizeof known_types / sizeof known_types[0])

bool npy_fail(npy_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

size_t npy_type_bytes(npy_type type)
{
    for (size_t i = 0; i < KNOWN_TYPES; i++) {
        if (known_types[i].type == type) {
            return known_types[i].bytes;
        }
    }
    return 0;
}

const char *npy_shape_text(int rank, const uint64_t *dim, char text[NPY_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, NPY_SHAPE_TEXT, "(");
    for (int i = 0; i < rank; i++) {
        used += (size_t)snprintf(text + used, NPY_SHAPE_TEXT - used, "%s%" PRIu64, i > 0 ? ", " : "", dim[i]);
    }
    snprintf(text + used, NPY_SHAPE_TEXT - used, rank == 1 ? ",)" : ")");
    return text;
}

bool npy_check_type(const npy_header *header, unsigned allowed, npy_error *error)
{
    if ((unsigned)header->type & allowed) {
        return true;
    }
    char names[96] = "";
    size_t used = 0;
    for (size_t i = 0; i < KNOWN_TYPES; i++) {
        if (known_types[i].name && ((unsigned)known_types[i].type & allowed)) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s ('%s')", used > 0 ? ", " : "",
                                     known_types[i].name, known_types[i].descr);
        }
    }
    const char *order = header->descr[0] == '>' ? " (big-endian)" : "";
    return npy_fail(error, "elements of type '%s'%s; allowed: %s", header->descr, order, names);
}

bool npy_parse_preamble(const unsigned char *bytes, size_t size, size_t *begin, size_t *length, npy_error *error)
{
    if (size == 0) {
        return npy_fail(error, "empty file; allowed: .npy");
    }
    if (memcmp(bytes, "\x93NUMPY", size < 6 ? size : 6) != 0) {
        return npy_fail(error, "not a .npy file: it does not begin with \\x93NUMPY");
    }
    if (size < 10) {
        return npy_fail(error, "truncated within the first 10 bytes");
    }
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) {
        return npy_fail(error, ".npy version %u.%u; allowed: 1.0, 2.0, 3.0", bytes[6], bytes[7]);
    }
    *begin = bytes[6] == 1 ? 10 : 12;
    if (size < *begin) {
        return npy_fail(error, "truncated within the first %zu bytes", *begin);
    }
    uint32_t n = (uint32_t)bytes[8] | (uint32_t)bytes[9] << 8;
    if (bytes[6] > 1) {
        n |= (uint32_t)bytes[10] << 16 | (uint32_t)bytes[11] << 24;
    }
    if (n > NPY_MAX_HEADER) {
        return npy_fail(error, "a header of %" PRIu32 " bytes; allowed: up to %d", n, NPY_MAX_HEADER);
    }
    *length = n;
    return true;
}

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r')) {
        c->at++;
    }
}

/* Skips blanks; if the next character is `wanted`, skips it too and returns true. */
static bool accept(cursor *c, int wanted)
{
    skip_blanks(c);
    if (c->at < c->end && *c->at == wanted) {
        c->at++;
        return true;
    }
    return false;
}

static bool expect(cursor *c, int wanted, const char *where)
{
    return accept(c, wanted) || npy_fail(c->error, "malformed header: no '%c' %s", wanted, where);
}

/* A quoted string of printable characters without escapes. */
static bool parse_string(cursor *c, char *text, size_t capacity, const char *what)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) {
        return npy_fail(c->error, "malformed header: %s is not a string", what);
    }
    unsigned char quote = *c->at++;
    size_t length = 0;
    while (c->at < c->end && *c->at != quote) {
        if (*c->at < ' ' || *c->at > '~' || *c->at == '\\') {
            return npy_fail(c->error, "malformed header: an odd character in %s", what);
        }
        if (length + 1 == capacity) {
            return npy_fail(c->error, "malformed header: %s is too long", what);
        }
        text[length++] = (char)*c->at++;
    }
    text[length] = '\0';
    if (c->at == c->end) {
        return npy_fail(c->error, "malformed header: %s has no closing quote", what);
    }
    c->at++;
    return true;
}

static bool parse_descr(cursor *c, npy_header *header)
{
    skip_blanks(c);
    if (c->at < c->end && *c->at == '[') {
        return npy_fail(c->error, "elements of a structured type; allowed: plain numbers");
    }
    if (!parse_string(c, header->descr, sizeof header->descr, "the value of 'descr'")) {
        return false;
    }
    header->type = NPY_OTHER;
    for (size_t i = 0; i < KNOWN_TYPES; i++) {
        if (strcmp(header->descr, known_types[i].descr) == 0) {
            header->type = known_types[i].type;
        }
    }
    return true;
}

static bool parse_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) {
        return false;
    }
    c->at += length;
    return true;
}

static bool parse_order(cursor *c)
{
    skip_blanks(c);
    if (parse_word(c, "False")) {
        return true;
    }
    if (parse_word(c, "True")) {
        return npy_fail(c->error, "Fortran order; allowed: C order (numpy.ascontiguousarray makes it)");
    }
    return npy_fail(c->error, "malformed header: 'fortran_order' is neither True nor False");
}

static bool parse_size(cursor *c, uint64_t *size)
{
    skip_blanks(c);
    const unsigned char *first = c->at;
    uint64_t value = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        unsigned digit = (unsigned)(*c->at++ - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) {
            return npy_fail(c->error, "a dimension of more than 63 bits");
        }
        value = value * 10 + digit;
    }
    if (c->at == first) {
        return npy_fail(c->error, "malformed header: a dimension is not a number of digits");
    }
    if (*first == '0' && c->at - first > 1) {
        return npy_fail(c->error, "malformed header: a dimension begins with 0");
    }
    *size = value;
    return true;
}

/* A Python tuple: (), (5,), (2, 3), (2, 3,); not (5). */
static bool parse_shape(cursor *c, npy_header *header)
{
    if (!expect(c, '(', "before the shape")) {
        return false;
    }
    header->rank = 0;
    bool comma = true;
    while (!accept(c, ')')) {
        if (!comma) {
            return npy_fail(c->error, "malformed header: no ',' between dimensions");
        }
        if (header->rank == NPY_MAX_RANK) {
            return npy_fail(c->error, "more than %d dimensions", NPY_MAX_RANK);
        }
        if (!parse_size(c, &header->dim[header->rank])) {
            return false;
        }
        header->rank++;
        comma = accept(c, ',');
    }
    if (header->rank == 1 && !comma) {
        return npy_fail(c->error, "malformed header: the shape is not a tuple");
    }
    return true;
}

static bool count_elements(npy_header *header, npy_error *error)
{
    const uint64_t most = (uint64_t)INT64_MAX / 8;
    header->count = 1;
    for (int i = 0; i < header->rank; i++) {
        if (header->dim[i] != 0 && header->count > most / header->dim[i]) {
            char shape[NPY_SHAPE_TEXT];
            return npy_fail(error, "shape %s overflows 63 bits", npy_shape_text(header->rank, header->dim, shape));
        }
        header->count *= header->dim[i];
    }
    return true;
}

/* One of the three entries; `seen` has a bit for each entry that was already parsed. */
static bool parse_entry(cursor *c, npy_header *header, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[32];
    if (!parse_string(c, key, sizeof key, "a key")) {
        return false;
    }
    unsigned which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0) {
        which++;
    }
    if (which == 3) {
        return npy_fail(c->error, "malformed header: unknown key '%s'", key);
    }
    if (*seen & 1u << which) {
        return npy_fail(c->error, "malformed header: key '%s' twice", key);
    }
    *seen |= 1u << which;
    if (!expect(c, ':', "after a key")) {
        return false;
    }
    return which == 0 ? parse_descr(c, header) : which == 1 ? parse_order(c) : parse_shape(c, header);
}

bool npy_parse_header(const unsigned char *text, size_t length, npy_header *header, npy_error *error)
{
    cursor c = {text, text + length, error};
    unsigned seen = 0;
    memset(header, 0, sizeof *header);
    if (!expect(&c, '{', "at the start")) {
        return false;
    }
    bool comma = true;
    while (!accept(&c, '}')) {
        if (!comma) {
            return npy_fail(error, "malformed header: no ',' between entries");
        }
        if (!parse_entry(&c, header, &seen)) {
            return false;
        }
        comma = accept(&c, ',');
    }
    skip_blanks(&c);
    if (c.at != c.end) {
        return npy_fail(error, "malformed header: something follows the closing '}'");
    }
    if (seen != 7) {
        return npy_fail(error, "malformed header: no '%s'", seen & 1 ? seen & 2 ? "shape" : "fortran_order" : "descr");
    }
    return count_elements(header, error);
}
