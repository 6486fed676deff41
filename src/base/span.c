#include "base/span.h"

#include <errno.h>
#include <strings.h>

#define SHOWN_BYTES_MAX 64

bool span_is(span s, const char *text)
{
    return span_equal(s, span_text(text));
}

bool span_is_nocase(span s, const char *text)
{
    if (s.size != strlen(text)) return false;
    return s.size == 0 || strncasecmp((const char *)s.at, text, s.size) == 0;
}

bool span_starts(span s, const char *prefix)
{
    size_t size = strlen(prefix);
    return size == 0 || (s.size >= size && memcmp(s.at, prefix, size) == 0);
}

bool span_find(span s, span what, size_t *ret)
{
    if (what.size > s.size) return false;
    const uint8_t *found = memmem(s.at, s.size, what.at, what.size);
    if (!found) return false;
    *ret = (size_t)(found - s.at);
    return true;
}

span span_tail(span s, size_t from)
{
    if (from >= s.size) return (span){0};
    return span_of(s.at + from, s.size - from);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

span span_trim(span s)
{
    while (s.size && is_blank(s.at[0]))
        s = span_tail(s, 1);
    while (s.size && is_blank(s.at[s.size - 1]))
        s.size--;
    return s;
}

bool span_to_u64(span s, uint64_t *ret)
{
    if (s.size == 0 || s.size > 20) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t digit = (uint8_t)(s.at[i] - '0');
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)digit, &value)) return false;
    }
    *ret = value;
    return true;
}

bool span_to_i64(span s, int64_t *ret)
{
    bool negative = s.size > 0 && s.at[0] == '-';
    uint64_t magnitude = 0;
    if (!span_to_u64(span_tail(s, negative ? 1 : 0), &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool span_to_double(span s, double *ret)
{
    char text[400];
    if (s.size == 0 || s.size >= sizeof text) return false;
    memcpy(text, s.at, s.size);
    text[s.size] = '\0';
    if (text[0] == ' ') return false;
    char *end = NULL;
    double value = strtod(text, &end);
    if (end != text + s.size) return false;
    *ret = value;
    return true;
}

bool span_cut(span *rest, uint8_t separator, span *ret)
{
    if (rest->size == 0) return false;
    const uint8_t *found = memchr(rest->at, separator, rest->size);
    size_t size = found ? (size_t)(found - rest->at) : rest->size;
    *ret = span_of(rest->at, size);
    *rest = span_tail(*rest, found ? size + 1 : size);
    return true;
}

shown span_show(span s)
{
    shown out = {0};
    size_t used = 0;
    size_t count = size_min(s.size, SHOWN_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = s.at[i];
        bool plain = byte >= 0x20 && byte < 0x7f && byte != '\\' && byte != '\'';
        int wrote = snprintf(out.text + used, sizeof out.text - used, plain ? "%c" : "\\x%02x",
                             (unsigned)byte);
        assert(wrote > 0);
        used += (size_t)wrote;
    }
    if (s.size > count) memcpy(out.text + used, "...", 4);
    return out;
}

int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
