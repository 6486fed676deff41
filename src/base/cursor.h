/* base/cursor.h: a reading position in borrowed bytes.
 *
 * Readers copy the cursor, read from the copy, and commit it at the end, so that after STEP_MORE
 * nothing has been eaten. `offset` counts bytes since the begin of the input, for messages.
 * Every function answers false, moving nothing, when the bytes are not there yet. */
#pragma once
#include "base/span.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t offset;
} cursor;

static inline cursor cursor_of(span s)
{
    return (cursor){.at = s.at, .end = s.size ? s.at + s.size : s.at}; /* NULL + 0 is undefined */
}

static inline size_t cursor_left(const cursor *c)
{
    return (size_t)(c->end - c->at);
}

static inline bool cursor_skip(cursor *c, size_t size)
{
    if (size > cursor_left(c)) return false;
    c->at += size;
    c->offset += size;
    return true;
}

static inline bool cursor_take(cursor *c, size_t size, span *ret)
{
    if (size > cursor_left(c)) return false;
    *ret = span_of(c->at, size);
    c->at += size;
    c->offset += size;
    return true;
}

static inline bool cursor_u8(cursor *c, uint8_t *ret)
{
    if (c->at == c->end) return false;
    *ret = *c->at++;
    c->offset++;
    return true;
}

/* Unsigned numbers of 1 to 8 bytes, big or little endian. */
static inline bool cursor_be(cursor *c, size_t size, uint64_t *ret)
{
    span s;
    if (!cursor_take(c, size, &s)) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | s.at[i];
    *ret = value;
    return true;
}

static inline bool cursor_le(cursor *c, size_t size, uint64_t *ret)
{
    span s;
    if (!cursor_take(c, size, &s)) return false;
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | s.at[i - 1];
    *ret = value;
    return true;
}
