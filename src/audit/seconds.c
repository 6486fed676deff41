#include "audit/seconds.h"

#define SLOT_COUNT (2 * SECONDS_MAX)

void seconds_init(second_counter *c)
{
    *c = (second_counter){.slots = mem_alloc(SLOT_COUNT * sizeof *c->slots)};
}

void seconds_clear(second_counter *c)
{
    free(c->slots);
    *c = (second_counter){0};
}

static fact_second *slot_of(fact_second *slots, int64_t second)
{
    uint64_t hash = (uint64_t)second * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 32) & (SLOT_COUNT - 1);
    while (slots[at].keys && slots[at].second != second)
        at = (at + 1) & (SLOT_COUNT - 1);
    return &slots[at];
}

/* Every counter loses one; the table is made anew, for a slot that is emptied breaks a chain. */
static void all_lose_one(second_counter *c)
{
    fact_second *before = c->slots;
    seconds_init(c);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (before[i].keys < 2) continue;
        fact_second *slot = slot_of(c->slots, before[i].second);
        *slot = (fact_second){.second = before[i].second, .keys = before[i].keys - 1};
        c->used++;
    }
    free(before);
}

void seconds_add(second_counter *c, int64_t second)
{
    fact_second *slot = slot_of(c->slots, second);
    if (slot->keys == 0 && c->used == SECONDS_MAX) {
        all_lose_one(c); /* this one with them */
        return;
    }
    c->used += slot->keys == 0;
    slot->second = second;
    slot->keys++;
}

static bool is_before(const fact_second *a, const fact_second *b)
{
    return a->keys != b->keys ? a->keys > b->keys : a->second < b->second;
}

size_t seconds_fullest(const second_counter *c, fact_second *ret, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const fact_second *one = &c->slots[i];
        if (one->keys < 2 || max == 0) continue;
        if (count == max && !is_before(one, &ret[max - 1])) continue;
        size_t at = count == max ? max - 1 : count++;
        for (; at > 0 && is_before(one, &ret[at - 1]); at--)
            ret[at] = ret[at - 1];
        ret[at] = *one;
    }
    return count;
}
