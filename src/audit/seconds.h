/* audit/seconds.h: in which seconds the most keys expire, in bounded memory.
 *
 * A table of SECONDS_MAX counters. When a new second finds no room, every counter loses one and
 * those at nothing go (Misra and Gries): a second with more than keys / SECONDS_MAX of them cannot
 * be missed, and what is told is never more than there were. */
#pragma once
#include "audit/facts.h"

#define SECONDS_MAX ((size_t)1 << 18)

typedef struct {
    fact_second *slots; /* 2 * SECONDS_MAX of them, `keys` 0: free */
    size_t used;
} second_counter;

void seconds_init(second_counter *c);
void seconds_clear(second_counter *c);
void seconds_add(second_counter *c, int64_t second);
/* The fullest, descending, of those with two keys or more; answers how many. */
size_t seconds_fullest(const second_counter *c, fact_second *ret, size_t max);
