/* base/mem.h: allocation that cannot fail (it aborts, naming the size), and the arena.
 *
 * A size that came from outside is checked against a named limit before it gets here. */
#pragma once
#include "base/base.h"
#include "base/span.h"

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_realloc(void *at, size_t size) __attribute__((returns_nonnull));
char *mem_text(span s); /* a copy with a NUL behind it; free() it */

/* For CLEANUP(mem_free_at) on a pointer variable. */
void mem_free_at(void *pointer_at);

/* Many small things with one end: freed at once. Nothing in an arena is freed by itself. */
struct arena_block;
typedef struct {
    struct arena_block *last;
} arena;

void *arena_alloc(arena *a, size_t size) __attribute__((returns_nonnull)); /* zeroed, aligned */
span arena_copy(arena *a, span s);
char *arena_text(arena *a, span s); /* copied, with a NUL behind it */
char *arena_printf(arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_clear(arena *a); /* frees everything; the arena may be used again */
