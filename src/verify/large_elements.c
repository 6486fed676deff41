/* Hashes, sets and zsets, element by element: the source is walked (HSCAN ...), every element is
 * looked up on the target (HMGET ...). When the counts differ the target is walked too. A digest
 * over the walk would be wrong: a walk over a key that is written to may answer an element twice.
 * An element that differs is in doubt; all in doubt are looked up on both sides again, source,
 * target, source, with growing pauses. */
#include <xxhash.h>

#include "verify/verify_internal.h"

#define WALK_COUNT_FIRST 16 /* then as many as fit WINDOW_ITEM_BYTES, by the last answer */
#define LOOKUP_ITEMS_MAX 1000
#define LOOKUP_NAMES_MAX (1 * MIB)
#define DOUBT_ITEMS_MAX 4096
#define DOUBT_NAMES_MAX (6 * MIB) /* more than one name of LANE_BULK_MAX */

typedef struct {
    rdb_kind kind;
    bool pairs; /* the walk answers a value with every name */
    const char *walk, *many, *one, *count;
    const char *word; /* what an element is called */
} element_form;

static const element_form forms[] = {
    {RDB_KIND_HASH, true, "HSCAN", "HMGET", "HGET", "HLEN", "field"},
    {RDB_KIND_SET, false, "SSCAN", "SMISMEMBER", "SISMEMBER", "SCARD", "member"},
    {RDB_KIND_ZSET, true, "ZSCAN", "ZMSCORE", "ZSCORE", "ZCARD", "member"},
};

typedef struct {
    bool there;
    fingerprint value;
    uint64_t size;
} element_state;

typedef struct {
    size_t at, size; /* of the name as an argument */
    size_t name_size;
    element_state source, target;
    bool source_moved, target_moved;
} element;

typedef struct {
    buf names;
    element *items;
    size_t count, room;
} element_list;

typedef struct {
    verify *v;
    const element_form *form;
    span key;
    element_list ahead; /* walked, not yet looked up */
    element_list doubt;
    uint64_t ahead_bytes; /* of the values, which a lookup will ask for at once */
    bool too_many;        /* in doubt */
    bool too_large;       /* a name that cannot be asked for */
} elements;

static bool list_add(element_list *l, span argument, size_t name_size, const element *like)
{
    size_t at = l->names.size;
    if (l->count == l->room || !buf_append(&l->names, argument)) return false;
    l->items[l->count] = *like;
    l->items[l->count].at = at;
    l->items[l->count].size = argument.size;
    l->items[l->count].name_size = name_size;
    l->count++;
    return true;
}

static span list_argument(const element_list *l, size_t i)
{
    return span_of(l->names.at + l->items[i].at, l->items[i].size);
}

static span list_name(const element_list *l, size_t i)
{
    const element *m = &l->items[i];
    return span_of(l->names.at + m->at + m->size - 2 - m->name_size, m->name_size);
}

/* One value of the walk or of a lookup. */
static bool state_read(elements *x, lane *l, element_state *ret, err *e)
{
    lane_answer a;
    fingerprint f = {0};
    if (!lane_read(l, &a, e)) return false;
    if (a.token.kind == REPLY_ERROR) return lane_refused(l, a.token.text, x->form->many, e);
    *ret = (element_state){.there = a.token.kind != REPLY_NIL};
    if (a.token.kind == REPLY_INTEGER) ret->there = a.token.integer != 0; /* of a set */
    if (a.token.kind != REPLY_BULK) return true;
    ret->size = a.big ? a.token.count : a.token.text.size;
    double score = 0;
    if (x->form->kind == RDB_KIND_ZSET && span_to_double(a.token.text, &score)) {
        score += 0.0; /* -0 is 0 */
        memcpy(&f.half[0], &score, sizeof score);
    } else if (!a.big) {
        XXH128_hash_t hash = XXH3_128bits(a.token.text.at, a.token.text.size);
        f = (fingerprint){.half = {hash.low64, hash.high64}};
    } else if (!lane_big_hash(l, &f, e)) {
        return false;
    }
    ret->value = f;
    return true;
}

static bool state_equal(const element_state *a, const element_state *b)
{
    return a->there == b->there && (!a->there || fingerprint_equal(a->value, b->value));
}

/* ---- lookups ---- */

static bool lookup_send(elements *x, lane *l, const element_list *list, bool many, err *e)
{
    buf *out = lane_out(l);
    bool good = !many || (resp_begin(out, list->count + 2) && resp_arg_text(out, x->form->many) &&
                          buf_append(out, x->key));
    for (size_t i = 0; i < list->count && good; i++) {
        if (!many) {
            good =
                resp_begin(out, 3) && resp_arg_text(out, x->form->one) && buf_append(out, x->key);
        }
        good = good && buf_append(out, list_argument(list, i));
    }
    return lane_send(l, good, e) && lane_flush(l, e);
}

/* The state of every element of the list on one side. */
static bool lookup(elements *x, lane *l, element_list *list, element_state *ret, err *e)
{
    bool many = x->form->kind == RDB_KIND_HASH || engine_version_at_least(&l->version, 6, 2);
    lane_answer a;
    if (!lookup_send(x, l, list, many, e)) return false;
    if (many && (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_ARRAY, x->form->many, e)))
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (!state_read(x, l, &ret[i], e)) return false;
    return true;
}

/* What was walked on one side is looked up on the other; what differs is in doubt. */
static bool ahead_flush(elements *x, lane *to, err *e)
{
    element_list *ahead = &x->ahead;
    if (ahead->count == 0) return true;
    CLEANUP(mem_free_at) element_state *found = mem_alloc(ahead->count * sizeof *found);
    if (!lookup(x, to, ahead, found, e)) return false;
    for (size_t i = 0; i < ahead->count; i++) {
        const element *m = &ahead->items[i];
        if (state_equal(&m->source, &found[i])) continue;
        element like = {0};
        if (!list_add(&x->doubt, list_argument(ahead, i), m->name_size, &like)) x->too_many = true;
    }
    ahead->count = 0;
    ahead->names.size = 0;
    x->ahead_bytes = 0;
    buf_shrink(&ahead->names, LOOKUP_NAMES_MAX);
    return true;
}

/* ---- walks ---- */

static bool walk_item(elements *x, lane *from, lane *to, err *e)
{
    element_list *ahead = &x->ahead;
    lane_answer a;
    element_state state = {.there = true};
    if (!lane_read(from, &a, e) || !lane_expect(from, &a, REPLY_BULK, x->form->walk, e))
        return false;
    bool large = a.big;
    size_t name_size = a.token.text.size;
    size_t at = ahead->names.size;
    if (large && !lane_drop_big(from, e)) return false;
    bool fits = large || argument_append(&ahead->names, a.token.text);
    assert(fits); /* a name is at most LANE_BULK_MAX and the list is flushed when it has enough */
    if (x->form->pairs && !state_read(x, from, &state, e)) return false;
    if (large) {
        x->too_large = true;
        return true;
    }
    ahead->items[ahead->count++] = (element){
        .at = at, .size = ahead->names.size - at, .name_size = name_size, .source = state};
    x->ahead_bytes += state.size;
    if (ahead->count < ahead->room && ahead->names.size < LOOKUP_NAMES_MAX &&
        x->ahead_bytes < WINDOW_ITEM_BYTES)
        return true;
    return ahead_flush(x, to, e);
}

static bool walk(elements *x, lane *from, lane *to, err *e)
{
    char at[24] = "0";
    char count[24];
    int64_t items = WALK_COUNT_FIRST;
    do {
        uint64_t received = from->received;
        (void)snprintf(count, sizeof count, "%" PRId64, items);
        const char *const args[] = {at, "COUNT", count};
        window w = {.command = x->form->walk, .key = x->key, .args = args, .arg_count = 3};
        lane_answer a;
        if (verify_stopped(x->v, e) || !window_ask(from, &w, e)) return false;
        if (!lane_read(from, &a, e) || !lane_expect(from, &a, REPLY_ARRAY, w.command, e) ||
            !lane_read(from, &a, e) || !lane_expect(from, &a, REPLY_BULK, w.command, e))
            return false;
        if (a.token.text.size >= sizeof at) return err_set(e, ERR_FORMAT, "no position");
        memcpy(at, a.token.text.at, a.token.text.size);
        at[a.token.text.size] = '\0';
        if (!lane_read(from, &a, e) || !lane_expect(from, &a, REPLY_ARRAY, w.command, e))
            return false;
        for (size_t i = 0; i < a.token.count; i += x->form->pairs ? 2 : 1)
            if (!walk_item(x, from, to, e)) return false;
        items = window_items_next((int64_t)a.token.count, from->received - received);
    } while (strcmp(at, "0") != 0);
    return ahead_flush(x, to, e);
}

static bool counts_equal(elements *x, bool *ret, err *e)
{
    verify *v = x->v;
    window w = {.command = x->form->count, .key = x->key};
    int64_t a = 0;
    int64_t b = 0;
    if (!window_ask(&v->source, &w, e) || !window_ask(&v->target, &w, e) ||
        !lane_read_integer(&v->source, w.command, &a, e) ||
        !lane_read_integer(&v->target, w.command, &b, e))
        return false;
    *ret = a == b;
    return true;
}

/* ---- doubt ---- */

/* One more look at all in doubt; those that are equal now leave the list. */
static bool doubt_try(elements *x, bool first, err *e)
{
    element_list *d = &x->doubt;
    CLEANUP(mem_free_at) element_state *states = mem_alloc(3 * d->count * sizeof *states);
    element_state *before = states;
    element_state *target = states + d->count;
    element_state *after = states + 2 * d->count;
    if (!lookup(x, &x->v->source, d, before, e) || !lookup(x, &x->v->target, d, target, e) ||
        !lookup(x, &x->v->source, d, after, e))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        element m = d->items[i];
        if (state_equal(&target[i], &before[i]) || state_equal(&target[i], &after[i])) continue;
        if (!state_equal(&before[i], &after[i])) m.source_moved = true;
        if (!first && !state_equal(&m.source, &before[i])) m.source_moved = true;
        if (!first && !state_equal(&m.target, &target[i])) m.target_moved = true;
        m.source = after[i];
        m.target = target[i];
        d->items[kept++] = m; /* the names stay where they are */
    }
    d->count = kept;
    return true;
}

static void doubt_judge(elements *x, large_result *ret)
{
    const element_list *d = &x->doubt;
    ret->verdict = LARGE_EQUAL;
    for (size_t i = 0; i < d->count && ret->verdict != LARGE_DIFFERENT; i++) {
        const element *m = &d->items[i];
        bool moves = m->source_moved && m->target_moved;
        ret->verdict = moves ? LARGE_MOVING : LARGE_DIFFERENT;
        const char *what = !m->source.there   ? "extra"
                           : !m->target.there ? "missing"
                           : moves            ? "keeps changing"
                                              : "differs";
        (void)snprintf(ret->note, sizeof ret->note, "%s '%.60s' %s", x->form->word,
                       span_show(list_name(d, i)).text, what);
    }
    if (ret->verdict != LARGE_EQUAL || !(x->too_many || x->too_large)) return;
    ret->verdict = LARGE_MOVING;
    (void)snprintf(ret->note, sizeof ret->note,
                   x->too_large ? "a name in it is too large to be looked up"
                                : "too many elements changed while it was read");
}

static bool compare(elements *x, large_result *ret, err *e)
{
    verify *v = x->v;
    bool same_count = false;
    if (!walk(x, &v->source, &v->target, e) || !counts_equal(x, &same_count, e)) return false;
    if (!same_count && !walk(x, &v->target, &v->source, e)) return false;
    for (unsigned i = 0; x->doubt.count > 0 && window_pause_ms(i) >= 0; i++) {
        if (!verify_pause(v, window_pause_ms(i), e) || !doubt_try(x, i == 0, e)) return false;
    }
    doubt_judge(x, ret);
    return true;
}

static element_list list_make(size_t room, size_t names_max)
{
    return (element_list){
        .names = buf_of(names_max), .items = mem_alloc(room * sizeof(element)), .room = room};
}

static void list_clear(element_list *l)
{
    buf_clear(&l->names);
    free(l->items);
}

bool large_elements(verify *v, rdb_kind kind, span key_argument, large_result *ret, err *e)
{
    elements x = {.v = v, .key = key_argument};
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (forms[i].kind == kind) x.form = &forms[i];
    assert(x.form);
    x.ahead = list_make(LOOKUP_ITEMS_MAX, LOOKUP_NAMES_MAX + LANE_BULK_MAX + 64 * KIB);
    x.doubt = list_make(DOUBT_ITEMS_MAX, DOUBT_NAMES_MAX);
    bool done = compare(&x, ret, e);
    list_clear(&x.ahead);
    list_clear(&x.doubt);
    return done;
}
