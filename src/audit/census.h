/* audit/census.h: counts by name, with a limit of names: what comes later is counted as others. */
#pragma once
#include "audit/facts.h"

typedef struct {
    fact_group *groups; /* group_count of them; the last one of a full census is "(others)" */
    size_t group_count;
    size_t group_max;
    uint32_t *slots; /* a hash table of places in `groups`, plus one; 0: free */
    size_t slot_count;
} census;

/* Room for that many names (at least 2), "(others)" among them, all in the arena. */
void census_init(census *t, arena *memory, size_t group_max);
void census_add(census *t, arena *memory, span name, uint64_t bytes, bool has_expiry);
/* The heaviest first, "(others)" last; at most `max` groups are left, the rest becomes others. */
void census_sort(census *t, size_t max);

/* "session:" of "session:17:cart"; "{...}:" stands for any hash tag at the front. */
span census_prefix(span key);
