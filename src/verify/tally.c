/* Counts the differences that are left and keeps the first VERIFY_EXAMPLES_MAX of each class by
 * name. A key may come twice (SCAN repeats keys while a table grows, and both directions may have
 * noted it): as long as there are not too many, the second is not counted. */
#include <xxhash.h>

#include "base/clock.h"
#include "verify/verify_internal.h"

#define KNOWN_MAX ((size_t)256 * 1024)
#define KNOWN_ROOM (2 * KNOWN_MAX) /* half full at most */

struct tally {
    uint64_t *known; /* hashes of what was counted; 0: free */
    size_t known_count;
    size_t examples_room;
};

struct tally *tally_new(void)
{
    struct tally *t = mem_alloc(sizeof *t);
    t->known = mem_alloc(KNOWN_ROOM * sizeof *t->known); /* not touched until it is needed */
    return t;
}

void tally_free(struct tally *t)
{
    free(t->known);
    free(t);
}

bool tally_known(const struct tally *t, size_t *at, uint64_t *ret)
{
    while (*at < KNOWN_ROOM && t->known[*at] == 0)
        ++*at;
    if (*at == KNOWN_ROOM) return false;
    *ret = t->known[(*at)++];
    return true;
}

bool tally_know(struct tally *t, uint64_t hash)
{
    if (t->known_count == KNOWN_MAX) return true;
    size_t at = (size_t)(hash >> 1) % KNOWN_ROOM;
    while (t->known[at] != 0) {
        if (t->known[at] == hash) return false;
        at = (at + 1) % KNOWN_ROOM;
    }
    t->known[at] = hash;
    t->known_count++;
    return true;
}

void tally_example(
    struct tally *t, verify_result *r, verify_class class, int db, span key, const char *detail)
{
    size_t same = 0;
    for (size_t i = 0; i < r->example_count; i++)
        same += r->examples[i].class == class;
    if (same >= VERIFY_EXAMPLES_MAX) return;
    if (r->example_count == t->examples_room) {
        t->examples_room = size_max(16, t->examples_room * 2);
        verify_example *grown = arena_alloc(&r->memory, t->examples_room * sizeof *grown);
        if (r->example_count) memcpy(grown, r->examples, r->example_count * sizeof *grown);
        r->examples = grown;
    }
    span begin = span_of(key.at, size_min(key.size, VERIFY_KEY_SHOWN_MAX));
    r->examples[r->example_count++] =
        (verify_example){.class = class,
                         .db = db,
                         .key = arena_copy(&r->memory, begin),
                         .detail = arena_text(&r->memory, span_text(detail))};
}

void tally_note(verify *v, verify_class class, int db, span key, const char *detail)
{
    if (v->o->difference) v->o->difference(v->o->difference_context, class, db, key);
    tally_example(v->tally, v->result, class, db, key, detail);
}

static const char *kind_show(uint8_t kind)
{
    return kind <= RDB_KIND_MODULE ? rdb_kind_name((rdb_kind)kind) : "another type";
}

typedef struct {
    char text[64];
} expiry_text;

static expiry_text expiry_show(int64_t expiry)
{
    expiry_text out = {"never"};
    if (expiry >= 0) {
        (void)snprintf(out.text, sizeof out.text, "%s (%" PRId64 ")", clock_show(expiry).text,
                       expiry);
    }
    return out;
}

static void detail_write(const suspect *s, char *to, size_t size)
{
    const sample *a = &s->source;
    const sample *b = &s->target;
    to[0] = '\0';
    switch (s->class) {
    case VERIFY_EQUAL:
    case VERIFY_CLASSES:
        break;
    case VERIFY_MISSING:
        (void)snprintf(to, size, "%s on the source", kind_show(a->kind));
        break;
    case VERIFY_EXTRA:
        (void)snprintf(to, size, "%s on the target%s", kind_show(b->kind),
                       b->held ? ", expiry held" : "");
        break;
    case VERIFY_TYPE:
        (void)snprintf(to, size, "source %s, target %s", kind_show(a->kind), kind_show(b->kind));
        break;
    case VERIFY_VALUE:
        if (s->note[0]) {
            (void)snprintf(to, size, "%s: %s", kind_show(a->kind), s->note);
        } else {
            (void)snprintf(to, size, "%s: dumps of %" PRIu64 " and %" PRIu64 " bytes",
                           kind_show(a->kind), a->size, b->size);
        }
        break;
    case VERIFY_EXPIRY:
        (void)snprintf(to, size, "source %s, target %s%s", expiry_show(a->expiry).text,
                       expiry_show(b->expiry).text, b->held ? ", held" : "");
        break;
    case VERIFY_EXPIRED_NOT_REAPED:
        (void)snprintf(to, size, "expired %s on the %s%s",
                       expiry_show(a->there ? a->expiry : b->expiry).text,
                       a->there ? "source" : "target", b->there && b->held ? ", held" : "");
        break;
    case VERIFY_UNSETTLED:
        (void)snprintf(to, size, "%s",
                       s->note[0] ? s->note : "changed in every try, on both sides");
        break;
    }
}

void tally_add(verify *v, const suspect *s, span key)
{
    char detail[256];
    assert(s->class != VERIFY_EQUAL);
    uint64_t hash = XXH3_64bits_withSeed(key.at, key.size, (uint64_t)s->db) | 1;
    if (!tally_know(v->tally, hash)) return;
    v->result->counts[s->class]++;
    if (s->target.there && !s->source.there && s->target.held) v->result->held++;
    detail_write(s, detail, sizeof detail);
    tally_note(v, s->class, s->db, key, detail);
}
