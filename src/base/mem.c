#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>

#define ARENA_BLOCK_SIZE ((size_t)8192)

static void die(size_t size)
{
    (void)fprintf(stderr, "handover: out of memory, %zu bytes asked for\n", size);
    abort();
}

void *mem_alloc(size_t size)
{
    void *at = calloc(1, size ? size : 1);
    if (!at) die(size);
    return at;
}

void *mem_realloc(void *at, size_t size)
{
    void *grown = realloc(at, size ? size : 1);
    if (!grown) die(size);
    return grown;
}

char *mem_text(span s)
{
    char *text = mem_alloc(s.size + 1);
    if (s.size) memcpy(text, s.at, s.size);
    return text;
}

void mem_free_at(void *pointer_at)
{
    void **at = pointer_at;
    free(*at);
    *at = NULL;
}

struct arena_block {
    struct arena_block *before;
    size_t used;
    size_t size;
    alignas(16) uint8_t bytes[];
};

void *arena_alloc(arena *a, size_t size)
{
    size_t need = (size + 15) & ~(size_t)15;
    struct arena_block *block = a->last;
    if (!block || need > block->size - block->used) {
        size_t block_size = size_max(need, ARENA_BLOCK_SIZE);
        block = mem_alloc(sizeof *block + block_size);
        block->before = a->last;
        block->size = block_size;
        a->last = block;
    }
    void *at = block->bytes + block->used;
    block->used += need;
    return at;
}

span arena_copy(arena *a, span s)
{
    uint8_t *at = arena_alloc(a, s.size);
    if (s.size) memcpy(at, s.at, s.size);
    return span_of(at, s.size);
}

char *arena_text(arena *a, span s)
{
    char *at = arena_alloc(a, s.size + 1);
    if (s.size) memcpy(at, s.at, s.size);
    return at;
}

char *arena_printf(arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    char *at = arena_alloc(a, (size_t)size + 1);
    int wrote = vsnprintf(at, (size_t)size + 1, format, again);
    va_end(again);
    assert(wrote == size);
    return at;
}

void arena_clear(arena *a)
{
    struct arena_block *block = a->last;
    while (block) {
        struct arena_block *before = block->before;
        free(block);
        block = before;
    }
    a->last = NULL;
}
