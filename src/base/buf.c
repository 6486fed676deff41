#include "base/buf.h"

#include <stdarg.h>

#include "base/mem.h"

void buf_clear(buf *b)
{
    free(b->at);
    *b = buf_of(b->max);
}

void buf_wipe(buf *b)
{
    if (b->at) explicit_bzero(b->at, b->capacity);
    buf_clear(b);
}

bool buf_reserve(buf *b, size_t more)
{
    assert(b->size <= b->capacity);
    if (more <= b->capacity - b->size) return true;
    size_t need = 0;
    if (!size_add(b->size, more, &need) || need > b->max) return false;
    size_t capacity = size_max(b->capacity, 64);
    while (capacity < need)
        capacity *= 2; /* need <= max, far below SIZE_MAX / 2 */
    b->capacity = size_min(capacity, b->max);
    b->at = mem_realloc(b->at, b->capacity);
    return true;
}

bool buf_append(buf *b, span s)
{
    if (!buf_reserve(b, s.size)) return false;
    if (s.size) memcpy(b->at + b->size, s.at, s.size);
    b->size += s.size;
    return true;
}

bool buf_text(buf *b, const char *text)
{
    return buf_append(b, span_text(text));
}

bool buf_u8(buf *b, uint8_t byte)
{
    return buf_append(b, span_of(&byte, 1));
}

bool buf_le(buf *b, size_t size, uint64_t value)
{
    assert(size <= 8);
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return buf_append(b, span_of(bytes, size));
}

bool buf_be(buf *b, size_t size, uint64_t value)
{
    assert(size <= 8);
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    return buf_append(b, span_of(bytes, size));
}

bool buf_printf(buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    bool fits = buf_reserve(b, (size_t)size + 1);
    if (fits) {
        int wrote = vsnprintf((char *)b->at + b->size, (size_t)size + 1, format, again);
        assert(wrote == size);
        b->size += (size_t)size;
    }
    va_end(again);
    return fits;
}

void buf_drop(buf *b, size_t size)
{
    assert(size <= b->size);
    b->size -= size;
    if (b->size) memmove(b->at, b->at + size, b->size);
}

void buf_shrink(buf *b, size_t capacity_max)
{
    if (b->capacity <= capacity_max || b->size > capacity_max) return;
    if (b->size == 0) {
        buf_clear(b);
        return;
    }
    b->capacity = capacity_max;
    b->at = mem_realloc(b->at, capacity_max);
}
