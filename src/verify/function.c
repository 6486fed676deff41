/* Function libraries: name, engine and code must be alike. A server before 7.0 has none. */
#include <xxhash.h>

#include "verify/verify_internal.h"

#define LIBRARIES_MAX 10000

typedef struct {
    span name; /* in the arena */
    fingerprint body;
} library;

typedef struct {
    bool known; /* the server has functions at all */
    size_t count;
    library *items;
} library_list;

static bool libraries_read(lane *l, arena *memory, library_list *ret, err *e)
{
    const reply *r = NULL;
    *ret = (library_list){0};
    if (!engine_version_at_least(&l->version, 7, 0)) return true;
    if (!engine_try(l->engine, memory, &r, e, "FUNCTION", "LIST", "WITHCODE")) return false;
    if (reply_is_error(r)) return lane_refused(l, r->text, "FUNCTION LIST", e);
    if (r->kind != REPLY_ARRAY || r->count > LIBRARIES_MAX) {
        (void)err_set(e, ERR_LIMIT, "the %s has more than %d function libraries", lane_name(l),
                      LIBRARIES_MAX);
        return err_blame(e, l->side);
    }
    ret->known = true;
    ret->items = arena_alloc(memory, r->count * sizeof *ret->items);
    for (size_t i = 0; i < r->count; i++) {
        const reply *name = reply_field(&r->items[i], "library_name");
        const reply *runs_in = reply_field(&r->items[i], "engine");
        const reply *code = reply_field(&r->items[i], "library_code");
        if (!name || !runs_in || !code) continue;
        uint64_t seed = XXH3_64bits(runs_in->text.at, runs_in->text.size);
        XXH128_hash_t hash = XXH3_128bits_withSeed(code->text.at, code->text.size, seed);
        ret->items[ret->count++] =
            (library){.name = name->text, .body = {.half = {hash.low64, hash.high64}}};
    }
    return true;
}

static const library *library_find(const library_list *list, span name)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_equal(list->items[i].name, name)) return &list->items[i];
    return NULL;
}

static void functions_count(const library_list *s, const library_list *t, verify_functions *ret)
{
    *ret = (verify_functions){
        .source = s->count, .target = t->count, .compared = s->known && t->known};
    for (size_t i = 0; i < s->count; i++) {
        const library *other = library_find(t, s->items[i].name);
        if (!other) {
            ret->missing++;
        } else if (!fingerprint_equal(other->body, s->items[i].body)) {
            ret->different++;
        }
    }
    for (size_t i = 0; i < t->count; i++)
        ret->extra += !library_find(s, t->items[i].name);
}

static void functions_name(verify *v, const library_list *s, const library_list *t)
{
    for (size_t i = 0; i < s->count; i++) {
        const library *other = library_find(t, s->items[i].name);
        if (!other) {
            tally_note(v, VERIFY_MISSING, -1, s->items[i].name, "function library");
        } else if (!fingerprint_equal(other->body, s->items[i].body)) {
            tally_note(v, VERIFY_VALUE, -1, s->items[i].name, "function library: code or engine");
        }
    }
    for (size_t i = 0; i < t->count; i++) {
        if (!library_find(s, t->items[i].name))
            tally_note(v, VERIFY_EXTRA, -1, t->items[i].name, "function library");
    }
}

static bool functions_once(verify *v, bool last, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    library_list source;
    library_list target;
    verify_functions *f = &v->result->functions;
    if (!libraries_read(&v->source, &memory, &source, e) ||
        !libraries_read(&v->target, &memory, &target, e))
        return false;
    functions_count(&source, &target, f);
    if (last) functions_name(v, &source, &target);
    return true;
}

bool functions_compare(verify *v, err *e)
{
    static const int64_t pauses[] = {0, 100, 500};
    for (size_t i = 0; i < COUNT_OF(pauses); i++) {
        const verify_functions *f = &v->result->functions;
        if (!verify_pause(v, pauses[i], e)) return false;
        while (!functions_once(v, i + 1 == COUNT_OF(pauses), e))
            if (!verify_reconnect(v, e)) return false;
        if (f->missing + f->extra + f->different == 0) return true;
    }
    return true;
}
