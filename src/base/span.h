/* base/span.h: borrowed bytes with their length. Keys, values and anything from outside are spans,
 * never C strings: they may hold any byte. A span owns nothing. */
#pragma once
#include "base/base.h"

typedef struct {
    const uint8_t *at;
    size_t size;
} span;

static inline span span_of(const void *at, size_t size)
{
    return (span){.at = at, .size = size};
}

static inline span span_text(const char *text)
{
    return (span){.at = (const uint8_t *)text, .size = strlen(text)};
}

static inline bool span_equal(span a, span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

bool span_is(span s, const char *text);         /* equal, byte by byte */
bool span_is_nocase(span s, const char *text);  /* equal but for ASCII case (command names) */
bool span_starts(span s, const char *prefix);   /* starts with these bytes */
bool span_find(span s, span what, size_t *ret); /* position of the first occurrence */
span span_tail(span s, size_t from);            /* all from there on; empty when shorter */
span span_trim(span s);                         /* without blanks and line ends around it */

/* The whole span as a decimal number, as the engines read one: no blanks, no plus sign, no leading
 * zero but "0" itself is not asked for. False: not a number, or out of range. */
bool span_to_i64(span s, int64_t *ret) MUST_CHECK;
bool span_to_u64(span s, uint64_t *ret) MUST_CHECK;
bool span_to_double(span s, double *ret) MUST_CHECK; /* also inf, -inf, nan */

/* Cuts the next piece off the front: up to the separator, which is dropped. False: nothing left. */
bool span_cut(span *rest, uint8_t separator, span *ret);

/* The value of a hexadecimal digit, of either case; -1: it is none. */
int hex_digit(uint8_t c);

/* Bytes for a message: printable as they are, others as \xNN, cut at 64 bytes with "...". */
typedef struct {
    char text[64 * 4 + 4];
} shown;
shown span_show(span s);
