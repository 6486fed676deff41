#include "audit/key_tally.h"

#include <ctype.h>

#define PREFIXES_MAX ((size_t)2000) /* counted */
#define PREFIXES_SHOWN ((size_t)25)
#define TYPES_MAX ((size_t)64)
#define SECONDS_SHOWN ((size_t)10)
#define KEY_SIZE_MAX (4 * KIB) /* of a key whose elements are counted in the end */

void key_tally_init(key_tally *t, arena *memory, fact_sample *s)
{
    *t = (key_tally){.memory = memory, .s = s};
    census_init(&t->types, memory, TYPES_MAX);
    census_init(&t->encodings, memory, TYPES_MAX);
    census_init(&t->prefixes, memory, PREFIXES_MAX);
    seconds_init(&t->seconds);
}

static void top_put(tally_top **top, const tally_key *key, uint64_t rank)
{
    tally_top *last = top[TALLY_TOP_MAX - 1];
    if (rank == 0 || (last && rank <= last->rank)) return;
    if (!last) {
        last = mem_alloc(sizeof *last);
        last->name = buf_of(KEY_SIZE_MAX);
    }
    last->text = span_show(key->name);
    last->name.size = 0;
    if (key->name.size <= KEY_SIZE_MAX) {
        bool fits = buf_append(&last->name, key->name);
        assert(fits); /* it is the limit */
    }
    (void)snprintf(last->type, sizeof last->type, "%s", key->type);
    last->rank = rank;
    last->shown = (fact_key){.key = last->text.text,
                             .type = last->type,
                             .db = key->db,
                             .bytes = key->bytes,
                             .elements = key->elements,
                             .frequency = key->frequency};
    size_t at = TALLY_TOP_MAX - 1;
    for (; at > 0 && (!top[at - 1] || top[at - 1]->rank < rank); at--)
        top[at] = top[at - 1];
    top[at] = last;
}

static void expiry_note(key_tally *t, const tally_key *key)
{
    static const int64_t below_s[] = {60, 3600, 21600, 86400, 604800, 2592000, 31536000};
    _Static_assert(COUNT_OF(below_s) + 1 == COUNT_OF(t->s->expiry_buckets), "one beyond the last");
    size_t bucket = 0;
    while (bucket < COUNT_OF(below_s) && key->left_ms >= below_s[bucket] * 1000)
        bucket++;
    t->s->expiry_buckets[bucket]++;
    /* To the nearest second: an expiry set to a whole second is read back some ms off. */
    if (key->left_ms > 0) seconds_add(&t->seconds, (key->expires_at_ms + 500) / 1000);
}

/* Bytes that span_show() would leave as they are; most prefixes are of these alone, and a file may
 * have a hundred million. */
static bool is_plain(span s)
{
    for (size_t i = 0; i < s.size; i++)
        if (!isalnum(s.at[i]) && !strchr(":_-./|", s.at[i])) return false;
    return s.size < 64;
}

void key_tally_add(key_tally *t, const tally_key *key)
{
    fact_sample *s = t->s;
    s->looked_at++;
    if (key->never_expires) s->without_expiry++;
    if (key->name.size > s->longest_name) s->longest_name = key->name.size;
    if (key->has_expiry) expiry_note(t, key);
    census_add(&t->types, t->memory, span_text(key->type), key->bytes, key->has_expiry);
    span prefix = census_prefix(key->name);
    if (is_plain(prefix)) {
        census_add(&t->prefixes, t->memory, prefix, key->bytes, key->has_expiry);
    } else {
        shown text = span_show(prefix);
        census_add(&t->prefixes, t->memory, span_text(text.text), key->bytes, key->has_expiry);
    }
    if (key->encoding)
        census_add(&t->encodings, t->memory, span_text(key->encoding), key->bytes, key->has_expiry);
    top_put(t->largest, key, key->bytes);
    top_put(t->hottest, key, key->frequency > 0 ? (uint64_t)key->frequency : 0);
}

static fact_key *top_facts(key_tally *t, tally_top *const *top, size_t *ret_count)
{
    size_t count = 0;
    while (count < TALLY_TOP_MAX && top[count])
        count++;
    fact_key *facts = arena_alloc(t->memory, (count + 1) * sizeof *facts);
    for (size_t i = 0; i < count; i++) {
        facts[i] = top[i]->shown;
        facts[i].key = arena_text(t->memory, span_text(top[i]->shown.key));
        facts[i].type = arena_text(t->memory, span_text(top[i]->shown.type));
    }
    *ret_count = count;
    return facts;
}

void key_tally_fill(key_tally *t)
{
    fact_sample *s = t->s;
    census_sort(&t->types, TYPES_MAX);
    census_sort(&t->encodings, TYPES_MAX);
    census_sort(&t->prefixes, PREFIXES_SHOWN);
    s->types = t->types.groups;
    s->type_count = t->types.group_count;
    s->encodings = t->encodings.groups;
    s->encoding_count = t->encodings.group_count;
    s->prefixes = t->prefixes.groups;
    s->prefix_count = t->prefixes.group_count;
    s->largest = top_facts(t, t->largest, &s->largest_count);
    s->hot = top_facts(t, t->hottest, &s->hot_count);
    s->seconds = arena_alloc(t->memory, SECONDS_SHOWN * sizeof *s->seconds);
    s->second_count = seconds_fullest(&t->seconds, s->seconds, SECONDS_SHOWN);
}

static void top_clear(tally_top **top)
{
    for (size_t i = 0; i < TALLY_TOP_MAX; i++) {
        if (top[i]) buf_clear(&top[i]->name);
        free(top[i]);
    }
}

void key_tally_clear(key_tally *t)
{
    top_clear(t->largest);
    top_clear(t->hottest);
    seconds_clear(&t->seconds);
}
