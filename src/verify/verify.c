#include "verify/verify_internal.h"

#include <xxhash.h>

#include "base/clock.h"

#define RECONNECTS_MAX 20     /* of one run */
#define RECONNECT_TRIES 10    /* in a row, with growing pauses */
#define DATABASES_MAX 100000  /* as many as an URL may name */
#define DATABASE_LOOKS_MAX 16 /* a database may appear while others are compared */
#define PROGRESS_EVERY_MS 200

bool verify_stopped(const verify *v, err *e)
{
    if (!v->o->stop || !*v->o->stop) return false;
    (void)err_set(e, ERR_STOPPED, "asked to stop");
    return true;
}

bool verify_pause(verify *v, int64_t ms, err *e)
{
    int64_t deadline = deadline_in_ms(ms);
    for (int left = deadline_left_ms(deadline); left > 0; left = deadline_left_ms(deadline)) {
        if (verify_stopped(v, e)) return false;
        net_loop_turn(v->loop, left < 50 ? left : 50);
    }
    return true;
}

static bool connect_both(verify *v, err *e)
{
    lane_close(&v->source);
    lane_close(&v->target);
    return lane_open(&v->source, e) && lane_open(&v->target, e);
}

bool verify_reconnect(verify *v, err *e)
{
    err first = *e;
    bool lost = e->kind == ERR_IO || e->kind == ERR_TIMEOUT;
    if (!lost || e->side == SIDE_NONE || v->reconnects == RECONNECTS_MAX) return false;
    v->reconnects++;
    for (int i = 0; i < RECONNECT_TRIES; i++) {
        if (!verify_pause(v, i == 0 ? 0 : 100 * i, e)) return false;
        if (connect_both(v, e)) return true;
        if (e->kind != ERR_IO && e->kind != ERR_TIMEOUT) return false;
    }
    *e = first;
    (void)err_hint(e, "the %s does not come back; run the verification again when it is there",
                   e->side == SIDE_TARGET ? "target" : "source");
    return false;
}

bool verify_select(verify *v, int db, err *e)
{
    return lane_select(&v->source, db, e) && lane_select(&v->target, db, e);
}

void verify_progress_note(verify *v, const verify_progress *p)
{
    int64_t now = clock_ns();
    if (!v->o->progress || now < v->progress_due_ns) return;
    v->progress_due_ns = now + PROGRESS_EVERY_MS * NS_PER_MS;
    v->o->progress(v->o->progress_context, p);
}

bool verify_digest(verify *v, span payload, fingerprint *ret, uint8_t *ret_kind, err *e)
{
    rdb_digest digest;
    rdb_kind kind = RDB_KIND_STRING;
    if (payload.size <= RDB_FOOTER_SIZE) return err_set(e, ERR_FORMAT, "a DUMP payload too short");
    if (rdb_digest_payload(v->digester, payload, &digest, &kind, e)) {
        *ret = (fingerprint){.half = {digest.low, digest.high}};
        *ret_kind = (uint8_t)kind;
        return true;
    }
    /* A type that we cannot read: equal bytes are equal values, more is not known. */
    XXH128_hash_t hash = XXH3_128bits(payload.at, payload.size - RDB_FOOTER_SIZE);
    *ret = (fingerprint){.half = {hash.low64, hash.high64}};
    *ret_kind = (uint8_t)(0x80 | payload.at[0]);
    return true;
}

static void db_add(verify_result *r, int number)
{
    for (size_t i = 0; i < r->db_count; i++)
        if (r->dbs[i].db == number) return;
    size_t size = r->db_count * sizeof *r->dbs;
    verify_db *grown = arena_alloc(&r->memory, size + sizeof *r->dbs);
    if (size) memcpy(grown, r->dbs, size);
    grown[r->db_count++] = (verify_db){.db = number};
    r->dbs = grown;
}

static bool line_number(span line, const char *name, uint64_t *ret)
{
    span text = {0};
    return info_part(line, name, &text) && span_to_u64(text, ret);
}

/* "db3:keys=12,expires=4,..." of one server. Databases that are new are added to the result;
 * `facts` (may be NULL) are those of one database, and what this server says is added to them. */
static bool keyspace_read(verify *v, lane *l, int db, db_facts *facts, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info = {0};
    span line;
    if (!engine_info(l->engine, &memory, "keyspace", &info, e)) return false;
    while (span_cut(&info, '\n', &line)) {
        span name = {0};
        uint64_t number = 0;
        uint64_t keys = 0;
        uint64_t expires = 0;
        if (line.size && line.at[line.size - 1] == '\r') line.size--;
        if (!span_starts(line, "db") || !span_cut(&line, ':', &name)) continue;
        if (!span_to_u64(span_tail(name, 2), &number) || number >= DATABASES_MAX) continue;
        db_add(v->result, (int)number);
        if (!facts || (int)number != db) continue;
        if (!line_number(line, "keys", &keys) || !line_number(line, "expires", &expires))
            expires = 1; /* unknown: then every key is asked */
        facts->expires += expires;
        *(l->side == SIDE_SOURCE ? &facts->source_keys : &facts->target_keys) = keys;
    }
    return true;
}

static bool facts_read(verify *v, int db, db_facts *ret, err *e)
{
    for (;;) {
        *ret = (db_facts){0};
        if (keyspace_read(v, &v->source, db, ret, e) && keyspace_read(v, &v->target, db, ret, e))
            return true;
        if (!verify_reconnect(v, e)) return false;
    }
}

/* Expiries are left out when there are none; if some have come meanwhile, all is read again. */
static bool db_compare(verify *v, verify_db *db, err *e)
{
    db_facts before = {0};
    db_facts after = {0};
    if (!facts_read(v, db->db, &before, e) || !pass_forward(v, db, &before, e)) return false;
    if (before.expires == 0) {
        if (!facts_read(v, db->db, &after, e)) return false;
        if (after.expires > 0) {
            v->result->compared -= db->compared;
            db->compared = 0;
            if (!pass_forward(v, db, &after, e)) return false;
        }
    }
    return pass_reverse(v, db, &before, e);
}

/* All databases that exist on either side, also those that appear meanwhile. */
static bool keys_compare(verify *v, err *e)
{
    verify_result *r = v->result;
    db_facts unused;
    size_t done = 0;
    for (int look = 0; look < DATABASE_LOOKS_MAX; look++) {
        if (!facts_read(v, -1, &unused, e)) return false;
        if (r->db_count == done) break;
        for (; done < r->db_count; done++) {
            verify_db db = r->dbs[done];
            bool good = db_compare(v, &db, e);
            r->dbs[done] = db; /* the list may have grown meanwhile */
            if (!good) return false;
        }
    }
    return settle_run(v, e);
}

static lane lane_make(const verify *v, err_side side)
{
    return (lane){.loop = v->loop,
                  .url = side == SIDE_SOURCE ? v->o->source : v->o->target,
                  .side = side,
                  .stop = v->o->stop,
                  .can_dump = true,
                  .has_pexpiretime = true};
}

static void dbs_sort(verify_result *r)
{
    for (size_t i = 1; i < r->db_count; i++) {
        for (size_t j = i; j > 0 && r->dbs[j - 1].db > r->dbs[j].db; j--) {
            verify_db swapped = r->dbs[j];
            r->dbs[j] = r->dbs[j - 1];
            r->dbs[j - 1] = swapped;
        }
    }
}

bool verify_run(const verify_options *o, verify_result *ret, err *e)
{
    int64_t began = clock_ns();
    *ret = (verify_result){0};
    verify v = {.o = o, .result = ret};
    v.rounds = o->rounds ? o->rounds : VERIFY_ROUNDS_DEFAULT;
    assert(v.rounds > 0 && v.rounds <= VERIFY_ROUNDS_MAX);
    v.loop = net_loop_new();
    v.source = lane_make(&v, SIDE_SOURCE);
    v.target = lane_make(&v, SIDE_TARGET);
    v.source.other = &v.target;
    v.target.other = &v.source;
    v.digester = rdb_digester_new(
        &(rdb_digest_options){.limits = {.blob_max = 16 * MIB, .pending_max = 2 * MIB},
                              .expiry_hold_ms = EXPIRY_HOLD_MS});
    v.open = suspects_new(NULL);
    v.next = suspects_new(NULL);
    v.tally = tally_new();
    bool done = connect_both(&v, e) && rights_check(&v, e) && keys_compare(&v, e) &&
                functions_compare(&v, e);
    ret->bytes = v.source.received + v.target.received;
    dbs_sort(ret);
    tally_free(v.tally);
    suspects_free(v.open);
    suspects_free(v.next);
    rdb_digester_free(v.digester);
    lane_close(&v.source);
    lane_close(&v.target);
    net_loop_free(v.loop);
    ret->seconds = (double)(clock_ns() - began) / (double)NS_PER_S;
    return done;
}

void verify_result_clear(verify_result *r)
{
    arena_clear(&r->memory);
    *r = (verify_result){0};
}

uint64_t verify_differences(const verify_result *r)
{
    uint64_t sum = r->functions.missing + r->functions.extra + r->functions.different;
    for (size_t i = VERIFY_EQUAL + 1; i < VERIFY_CLASSES; i++)
        sum += r->counts[i];
    return sum;
}
