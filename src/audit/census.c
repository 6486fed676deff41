#include "audit/census.h"

#define OTHERS "(others)"
#define PREFIX_SIZE_MAX ((size_t)48)

static uint64_t hash_of(span s)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < s.size; i++)
        hash = (hash ^ s.at[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 29;
}

void census_init(census *t, arena *memory, size_t group_max)
{
    assert(group_max >= 2);
    *t = (census){.group_max = group_max, .slot_count = 2};
    while (t->slot_count < 2 * group_max)
        t->slot_count *= 2;
    t->groups = arena_alloc(memory, group_max * sizeof *t->groups);
    t->slots = arena_alloc(memory, t->slot_count * sizeof *t->slots);
}

/* The group of that name, made while there is room; else the others. */
static fact_group *group_at(census *t, arena *memory, span name)
{
    size_t slot = (size_t)hash_of(name) & (t->slot_count - 1);
    for (; t->slots[slot]; slot = (slot + 1) & (t->slot_count - 1)) {
        fact_group *g = &t->groups[t->slots[slot] - 1];
        if (span_is(name, g->name)) return g;
    }
    if (t->group_count == t->group_max) return &t->groups[t->group_max - 1];
    bool is_last = t->group_count == t->group_max - 1;
    fact_group *g = &t->groups[t->group_count++];
    g->name = is_last ? OTHERS : arena_text(memory, name);
    if (!is_last) t->slots[slot] = (uint32_t)t->group_count;
    return g;
}

void census_add(census *t, arena *memory, span name, uint64_t bytes, bool has_expiry)
{
    fact_group *g = group_at(t, memory, name);
    g->keys++;
    g->bytes += bytes;
    g->with_expiry += has_expiry;
}

static int compare(const void *a, const void *b)
{
    const fact_group *x = a;
    const fact_group *y = b;
    bool x_others = strcmp(x->name, OTHERS) == 0;
    bool y_others = strcmp(y->name, OTHERS) == 0;
    if (x_others != y_others) return x_others ? 1 : -1;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    if (x->keys != y->keys) return x->keys > y->keys ? -1 : 1;
    return strcmp(x->name, y->name);
}

void census_sort(census *t, size_t max)
{
    assert(max >= 2);
    if (t->group_count) qsort(t->groups, t->group_count, sizeof *t->groups, compare);
    if (t->group_count <= max) return;
    fact_group others = {.name = OTHERS};
    for (size_t i = max - 1; i < t->group_count; i++) {
        others.keys += t->groups[i].keys;
        others.bytes += t->groups[i].bytes;
        others.with_expiry += t->groups[i].with_expiry;
    }
    t->groups[max - 1] = others;
    t->group_count = max;
}

span census_prefix(span key)
{
    size_t from = 0;
    size_t end = 0;
    if (key.size > 1 && key.at[0] == '{' && span_find(key, span_text("}"), &end)) from = end + 1;
    if (from == key.size && from > 0) return span_text("{...}");
    if (from > 0 && strchr(":./|", key.at[from])) return span_text("{...}:");
    for (size_t i = from; i < key.size && i < PREFIX_SIZE_MAX; i++) {
        if (key.at[i] == ':' || key.at[i] == '/' || key.at[i] == '|')
            return from ? span_text("{...}:") : span_of(key.at, i + 1);
    }
    return span_text("(no prefix)");
}
