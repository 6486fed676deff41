/* The rounds. A suspect is read source, target, source in quick succession; classify.h has the
 * vote over such tries. Between rounds the pauses grow, so that a target that lags catches up. In
 * the last round a key that keeps moving is looked at for longer: element by element where its
 * type has elements of its own, then as a whole, against all states the source was seen in. */
#include "base/clock.h"
#include "verify/verify_internal.h"

#define BATCH_MAX 1000            /* suspects held at once */
#define BATCH_NAMES_MAX (9 * MIB) /* room for one key of any size that suspects.h takes */
#define BATCH_NAMES_ENOUGH (1 * MIB)
#define GROUP_FIRST_MAX 1000 /* keys read in one go: at the first try, at the others */
#define GROUP_AGAIN_MAX 16
#define TRY_PAUSE_MS 2
#define LOOK_MS 1500    /* at a group of keys that keep moving */
#define LOOK_KEYS 8     /* of them in a group */
#define LOOKS_MAX 8     /* groups in one settling */
#define LOOK_STATES 256 /* remembered per key */
#define LOOK_ENOUGH 20  /* tries that are all equal end it */

typedef struct {
    suspect s;
    size_t at, size; /* of the key as an argument, in names */
    size_t name_size;
    uint64_t memory; /* the larger of both sides */
    vote vote;
    sample seen[2 * VOTE_TRIES_MAX];
    sample before, target, after; /* of one try */
    bool open;                    /* takes part in the next try */
    bool settled;
} entry;

typedef struct {
    verify *v;
    entry *entries;
    size_t count;
    buf names;
    bool last; /* round */
    unsigned looks;
    bool has_ahead;
    suspect ahead;
    buf ahead_key;
} round_state;

static int64_t pause_ms(int round)
{
    static const int64_t pauses[] = {50, 100, 250, 500};
    return round < (int)COUNT_OF(pauses) ? pauses[round] : 1000;
}

static span entry_argument(const round_state *r, const entry *n)
{
    return span_of(r->names.at + n->at, n->size);
}

static span entry_name(const round_state *r, const entry *n)
{
    return span_of(r->names.at + n->at + n->size - 2 - n->name_size, n->name_size);
}

/* ---- one sample ---- */

static bool expiry_read(lane *l, sample *ret, err *e)
{
    int64_t answered = 0;
    if (!lane_read_integer(l, "PEXPIRETIME", &answered, e)) return false;
    int64_t expiry = lane_expiry(l, answered);
    if (l->side == SIDE_TARGET) expiry = expiry_release(expiry, &ret->held);
    ret->expiry = expiry;
    ret->now_ms = lane_now_ms(l);
    return true;
}

static bool sample_send(round_state *r, lane *l, const entry *from, const entry *to, err *e)
{
    for (const entry *n = from; n < to; n++) {
        if (!n->open) continue;
        if (!lane_command(l, "*2\r\n$4\r\nDUMP\r\n", entry_argument(r, n), e) ||
            !lane_command(l, lane_expiry_head(l), entry_argument(r, n), e))
            return false;
    }
    return lane_flush(l, e);
}

static bool sample_read(round_state *r, lane *l, entry *n, sample *ret, err *e)
{
    lane_answer a;
    sample s = {0};
    if (!lane_read(l, &a, e)) return false;
    if (a.token.kind == REPLY_ERROR) return lane_refused(l, a.token.text, "DUMP", e);
    if (a.big) {
        n->s.large = true;
        if (!lane_drop_big(l, e)) return false;
    } else if (a.token.kind == REPLY_BULK) {
        s.there = true;
        s.size = a.token.text.size;
        if (!verify_digest(r->v, a.token.text, &s.body, &s.kind, e)) return false;
    }
    if (!expiry_read(l, &s, e)) return false;
    if (s.expiry == EXPIRY_NO_KEY) s.there = false; /* it went between the two commands */
    *ret = s;
    return true;
}

static bool samples_take(round_state *r, lane *l, entry *from, entry *to, size_t member, err *e)
{
    if (!sample_send(r, l, from, to, e)) return false;
    for (entry *n = from; n < to; n++) {
        if (!n->open) continue;
        sample *ret = (sample *)(void *)((uint8_t *)n + member);
        if (!sample_read(r, l, n, ret, e)) return false;
    }
    return true;
}

/* Source, target, source, for every open entry in between. */
static bool group_try(round_state *r, entry *from, entry *to, err *e)
{
    verify *v = r->v;
    if (!samples_take(r, &v->source, from, to, offsetof(entry, before), e) ||
        !samples_take(r, &v->target, from, to, offsetof(entry, target), e) ||
        !samples_take(r, &v->source, from, to, offsetof(entry, after), e))
        return false;
    for (entry *n = from; n < to; n++) {
        if (!n->open) continue;
        if (n->s.large) {
            n->open = false; /* grew; the large way from the next round on */
        } else {
            vote_add(&n->vote, &n->before, &n->target, &n->after, v->o->ttl_tolerance_ms);
        }
    }
    return true;
}

/* ---- one round of a batch ---- */

#define MEMORY_HEAD "*3\r\n$6\r\nMEMORY\r\n$5\r\nUSAGE\r\n"
#define TYPE_HEAD "*2\r\n$4\r\nTYPE\r\n"

static uint8_t kind_of_type(span text)
{
    for (int kind = RDB_KIND_STRING; kind < RDB_KIND_MODULE; kind++)
        if (span_is(text, rdb_kind_name((rdb_kind)kind))) return (uint8_t)kind;
    return RDB_KIND_MODULE;
}

static bool measure_send(round_state *r, lane *l, err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        span key = entry_argument(r, &r->entries[i]);
        if (!lane_command(l, TYPE_HEAD, key, e) || !lane_command(l, MEMORY_HEAD, key, e) ||
            !lane_command(l, lane_expiry_head(l), key, e))
            return false;
    }
    return lane_flush(l, e);
}

static bool measure_read(round_state *r, lane *l, size_t member, err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        entry *n = &r->entries[i];
        sample *s = (sample *)(void *)((uint8_t *)n + member);
        lane_answer a;
        if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_STATUS, "TYPE", e)) return false;
        *s = (sample){.there = !span_is(a.token.text, "none"), .kind = kind_of_type(a.token.text)};
        if (!lane_read(l, &a, e)) return false;
        if (a.token.kind != REPLY_NIL && !lane_expect(l, &a, REPLY_INTEGER, "MEMORY USAGE", e))
            return false;
        uint64_t memory = a.token.kind == REPLY_INTEGER ? (uint64_t)a.token.integer : 0;
        n->memory = memory > n->memory ? memory : n->memory;
        if (!expiry_read(l, s, e)) return false;
        if (s->expiry == EXPIRY_NO_KEY) s->there = false;
    }
    return true;
}

/* Sizes, types and expiries of the whole batch, both sides at once. */
static bool measure(round_state *r, err *e)
{
    verify *v = r->v;
    bool dump = v->source.can_dump && v->target.can_dump;
    for (size_t i = 0; i < r->count; i++)
        r->entries[i].memory = 0;
    if (!measure_send(r, &v->source, e) || !measure_send(r, &v->target, e) ||
        !measure_read(r, &v->source, offsetof(entry, before), e) ||
        !measure_read(r, &v->target, offsetof(entry, target), e))
        return false;
    for (size_t i = 0; i < r->count; i++) {
        entry *n = &r->entries[i];
        if (n->memory > VALUE_WHOLE_MAX || !dump) n->s.large = true;
        n->open = !n->s.large;
    }
    return true;
}

/* The end of a group that starts at `from`: not too many keys, not too many bytes. */
static entry *group_end(round_state *r, entry *from, size_t open_max)
{
    entry *end = r->entries + r->count;
    uint64_t bytes = 0;
    size_t open = 0;
    entry *n = from;
    for (; n < end && open < open_max && bytes < WINDOW_BYTES_MAX; n++) {
        if (!n->open) continue;
        open++;
        bytes += n->memory;
    }
    return n;
}

/* Was the key another one in the round before? Then it moves. */
static void moved_note(entry *n)
{
    if (n->s.rounds > 0 && !sample_same(&n->s.source, &n->before)) n->vote.source_moved = true;
    if (n->s.rounds > 0 && !sample_same(&n->s.target, &n->target)) n->vote.target_moved = true;
    if (n->vote.source_moved || n->vote.target_moved) n->s.moved = true;
}

static bool tries_run(round_state *r, err *e)
{
    entry *end = r->entries + r->count;
    bool some = true;
    for (unsigned attempt = 0; attempt < VOTE_TRIES_MAX && some; attempt++) {
        some = false;
        if (attempt > 0 && !verify_pause(r->v, TRY_PAUSE_MS, e)) return false;
        for (entry *n = r->entries; n < end;) {
            entry *stop = group_end(r, n, attempt ? GROUP_AGAIN_MAX : GROUP_FIRST_MAX);
            if (!group_try(r, n, stop, e)) return false;
            n = stop;
        }
        for (entry *n = r->entries; n < end; n++) {
            if (!n->open) continue;
            moved_note(n);
            verdict said = vote_decide(&n->vote, n->s.moved);
            n->settled = said == VOTE_EQUAL;
            n->open = said == VOTE_AGAIN;
            some |= n->open;
        }
    }
    return true;
}

/* ---- element by element ---- */

static bool value_compare(round_state *r, entry *n, large_result *ret, err *e)
{
    return large_compare(r->v, (rdb_kind)n->before.kind, entry_argument(r, n), ret, e);
}

/* The samples of measure() say all but whether the values are equal. */
static bool large_round(round_state *r, entry *n, err *e)
{
    large_result found = {.verdict = LARGE_EQUAL};
    int64_t tolerance = r->v->o->ttl_tolerance_ms;
    n->s.source = n->before;
    n->s.target = n->target;
    n->s.note[0] = '\0';
    verify_class class = sample_compare(&n->before, &n->target, tolerance);
    bool both = n->before.there && n->target.there && n->before.kind == n->target.kind;
    if (both && !value_compare(r, n, &found, e)) return false;
    if (found.verdict == LARGE_DIFFERENT) class = VERIFY_VALUE;
    if (found.verdict == LARGE_MOVING) class = VERIFY_UNSETTLED;
    memcpy(n->s.note, found.note, sizeof n->s.note);
    n->s.class = class;
    n->settled = class == VERIFY_EQUAL;
    return true;
}

static bool has_elements(uint8_t kind)
{
    return kind == RDB_KIND_HASH || kind == RDB_KIND_SET || kind == RDB_KIND_ZSET ||
           kind == RDB_KIND_STREAM;
}

/* A key that never was equal as a whole may be so in every element; or one element stays wrong. */
static bool elements_look(round_state *r, entry *n, bool *ret_decided, err *e)
{
    large_result found = {.verdict = LARGE_MOVING};
    *ret_decided = false;
    if (!n->before.there || !n->target.there || n->before.kind != n->target.kind) return true;
    if (!has_elements(n->before.kind)) return true;
    if (!value_compare(r, n, &found, e)) return false;
    bool expiry = expiry_equal(n->before.expiry, n->target.expiry, r->v->o->ttl_tolerance_ms);
    *ret_decided = found.verdict == LARGE_DIFFERENT || (found.verdict == LARGE_EQUAL && expiry);
    n->settled = *ret_decided && found.verdict == LARGE_EQUAL;
    if (found.verdict == LARGE_DIFFERENT) {
        n->s.class = VERIFY_VALUE;
        memcpy(n->s.note, found.note, sizeof n->s.note);
    }
    return true;
}

/* Reads a few keys over and over; what the source was seen in is remembered. */
static bool group_look(round_state *r, entry **keys, size_t count, err *e)
{
    CLEANUP(mem_free_at) sample *states = mem_alloc(count * LOOK_STATES * sizeof *states);
    int64_t deadline = deadline_in_ms(LOOK_MS);
    for (size_t i = 0; i < count; i++) {
        keys[i]->vote = (vote){.seen = states + i * LOOK_STATES, .seen_room = LOOK_STATES};
        keys[i]->open = true;
    }
    for (bool some = true; some && deadline_left_ms(deadline) > 0;) {
        some = false;
        if (verify_stopped(r->v, e)) return false;
        for (size_t i = 0; i < count; i++) {
            const vote *so_far = &keys[i]->vote;
            if (keys[i]->open && !group_try(r, keys[i], keys[i] + 1, e)) return false;
            if (so_far->equal >= LOOK_ENOUGH && so_far->missed + so_far->passed == 0)
                keys[i]->open = false;
            some |= keys[i]->open;
        }
    }
    for (size_t i = 0; i < count; i++) {
        entry *n = keys[i];
        n->open = false;
        n->s.class = vote_close(&n->vote);
        n->settled = n->s.class == VERIFY_EQUAL;
        n->s.source = n->vote.source;
        n->s.target = n->vote.target;
        n->vote = (vote){0};
    }
    return true;
}

static bool long_looks(round_state *r, err *e)
{
    entry *keys[LOOK_KEYS];
    size_t count = 0;
    for (size_t i = 0; i < r->count && r->looks < LOOKS_MAX; i++) {
        entry *n = &r->entries[i];
        bool decided = false;
        if (n->settled || n->s.large || !n->s.moved) continue;
        if (!elements_look(r, n, &decided, e)) return false;
        if (decided) continue;
        keys[count++] = n;
        if (count < LOOK_KEYS) continue;
        if (!group_look(r, keys, count, e)) return false;
        r->looks++;
        count = 0;
    }
    if (count == 0) return true;
    r->looks++;
    return group_look(r, keys, count, e);
}

/* ---- the whole ---- */

static void entry_conclude(round_state *r, entry *n)
{
    const vote *v = &n->vote;
    if (!n->s.large && v->tries > 0) {
        n->s.class = v->class;
        n->s.source = v->source;
        n->s.target = v->target;
        if (v->source_moved && v->target_moved) n->s.both_moved++;
        if (n->s.class == VERIFY_EQUAL) n->s.class = VERIFY_UNSETTLED; /* now and then equal */
        if (r->last && n->s.both_moved > 0) n->s.class = vote_close(v);
        if (n->s.class == VERIFY_EQUAL) n->settled = true;
    }
    if (n->s.rounds < UINT8_MAX) n->s.rounds++;
}

static bool batch_once(round_state *r, err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        entry *n = &r->entries[i];
        n->vote = (vote){.seen = n->seen, .seen_room = COUNT_OF(n->seen)};
        n->settled = false;
    }
    if (!verify_select(r->v, r->entries[0].s.db, e)) return false;
    if (!measure(r, e) || !tries_run(r, e)) return false;
    for (size_t i = 0; i < r->count; i++) {
        entry *n = &r->entries[i];
        if (verify_stopped(r->v, e)) return false;
        if (n->s.large && n->vote.tries == 0 && !large_round(r, n, e)) return false;
        if (!n->settled) entry_conclude(r, n);
    }
    return !r->last || long_looks(r, e);
}

/* A batch is of one database; the suspect that began the next one waits in `ahead`. */
static bool batch_load(round_state *r, err *e)
{
    r->count = 0;
    r->names.size = 0;
    while (r->count < BATCH_MAX && r->names.size < BATCH_NAMES_ENOUGH) {
        span key;
        if (!r->has_ahead && !suspects_next(r->v->open, &r->ahead, &key, e))
            return e->kind == ERR_NONE;
        if (r->has_ahead) key = buf_span(&r->ahead_key);
        if (r->count > 0 && r->ahead.db != r->entries[0].s.db) {
            r->ahead_key.size = 0;
            r->has_ahead = true;
            return buf_append(&r->ahead_key, key) || err_set(e, ERR_LIMIT, "a key's name");
        }
        entry *n = &r->entries[r->count];
        *n = (entry){.s = r->ahead, .at = r->names.size, .name_size = key.size};
        bool fits = argument_append(&r->names, key);
        assert(fits); /* BATCH_NAMES_MAX is larger than enough and one key */
        n->size = r->names.size - n->at;
        r->count++;
        r->has_ahead = false;
    }
    return true;
}

static bool batch_run(round_state *r, err *e)
{
    while (!batch_once(r, e))
        if (!verify_reconnect(r->v, e)) return false;
    for (size_t i = 0; i < r->count; i++) {
        entry *n = &r->entries[i];
        if (!n->settled && !suspects_add(r->v->next, &n->s, entry_name(r, n), e)) return false;
    }
    return true;
}

static bool tally_all(verify *v, err *e)
{
    suspect s;
    span key;
    if (!suspects_rewind(v->open, e)) return false;
    while (suspects_next(v->open, &s, &key, e))
        tally_add(v, &s, key);
    if (e->kind != ERR_NONE) return false;
    suspects_clear(v->open);
    return true;
}

static bool round_run(round_state *r, err *e)
{
    verify *v = r->v;
    if (!suspects_rewind(v->open, e)) return false;
    for (uint64_t done = 0;;) {
        if (!batch_load(r, e)) return false;
        if (r->count == 0) break;
        if (!batch_run(r, e)) return false;
        done += r->count;
        verify_progress_note(v, &(verify_progress){.phase = "suspects",
                                                   .db = r->entries[0].s.db,
                                                   .keys = done,
                                                   .keys_all = suspects_count(v->open),
                                                   .suspects = suspects_count(v->next)});
    }
    suspects *settled = v->open;
    v->open = v->next;
    v->next = settled;
    suspects_clear(v->next);
    return true;
}

bool settle_run(verify *v, err *e)
{
    if (suspects_count(v->open) == 0) return true;
    round_state r = {
        .v = v, .names = buf_of(BATCH_NAMES_MAX), .ahead_key = buf_of(BATCH_NAMES_MAX)};
    r.entries = mem_alloc(BATCH_MAX * sizeof *r.entries);
    bool good = true;
    for (int i = 0; i < v->rounds && good && suspects_count(v->open) > 0; i++) {
        r.last = i == v->rounds - 1;
        good = verify_pause(v, pause_ms(i), e) && round_run(&r, e);
    }
    free(r.entries);
    buf_clear(&r.names);
    buf_clear(&r.ahead_key);
    return good && tally_all(v, e);
}
