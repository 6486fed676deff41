/* base/buf.h: owned bytes that grow up to a limit given when the buffer is made.
 *
 * Invariant: size <= capacity <= max. Appending past the limit answers false and changes nothing;
 * the caller turns that into back-pressure or a named error. */
#pragma once
#include "base/span.h"

typedef struct {
    uint8_t *at;
    size_t size;
    size_t capacity;
    size_t max;
} buf;

static inline buf buf_of(size_t max)
{
    return (buf){.max = max};
}

void buf_clear(buf *b);                           /* frees; max stays */
void buf_wipe(buf *b);                            /* the same, of a secret */
bool buf_reserve(buf *b, size_t more) MUST_CHECK; /* room for that many bytes more */
bool buf_append(buf *b, span s) MUST_CHECK;
bool buf_text(buf *b, const char *text) MUST_CHECK;
bool buf_u8(buf *b, uint8_t byte) MUST_CHECK;
bool buf_le(buf *b, size_t size, uint64_t value) MUST_CHECK; /* 1 to 8 bytes, little endian */
bool buf_be(buf *b, size_t size, uint64_t value) MUST_CHECK;
bool buf_printf(buf *b, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
void buf_drop(buf *b, size_t size); /* the first bytes go, the rest moves to the front */
/* Gives memory back that is larger than this, when what is in it fits. */
void buf_shrink(buf *b, size_t capacity_max);

static inline span buf_span(const buf *b)
{
    return span_of(b->at, b->size);
}
