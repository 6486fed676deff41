#include "verify/verify_internal.h"

#include <errno.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "verify/saved.h"

#define RECONNECTS_MAX 20     /* of one run */
#define RECONNECT_TRIES 10    /* in a row, with growing pauses */
#define DATABASES_MAX 100000  /* as many as an URL may name */
#define DATABASE_LOOKS_MAX 16 /* a database may appear while others are compared */
#define PROGRESS_EVERY_MS 200
#define SAVE_EVERY_MS 500
#define SAVE_SHARE 20 /* of the time goes into saving, one part in so many */

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

verify_db *verify_db_add(verify_result *r, int number)
{
    for (size_t i = 0; i < r->db_count; i++)
        if (r->dbs[i].db == number) return NULL;
    size_t size = r->db_count * sizeof *r->dbs;
    verify_db *grown = arena_alloc(&r->memory, size + sizeof *r->dbs);
    if (size) memcpy(grown, r->dbs, size);
    grown[r->db_count++] = (verify_db){.db = number};
    r->dbs = grown;
    return &r->dbs[r->db_count - 1];
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
        (void)verify_db_add(v->result, (int)number);
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

static void bytes_count(verify *v)
{
    v->result->bytes = v->bytes_before + v->source.received + v->target.received;
}

static saved_state state_now(verify *v)
{
    int64_t spent_ns = clock_ns() - v->begun_ns;
    saved_state s = {.ttl_tolerance_ms = v->o->ttl_tolerance_ms,
                     .began_ms = v->result->began_ms,
                     .spent_ms = v->spent_before_ms + spent_ns / NS_PER_MS,
                     .times = (int64_t)v->result->times + 1,
                     .place = v->place,
                     .result = v->result,
                     .open = v->open,
                     .tally = v->tally};
    (void)snprintf(s.source_id, sizeof s.source_id, "%s", v->source.run_id);
    (void)snprintf(s.target_id, sizeof s.target_id, "%s", v->target.run_id);
    return s;
}

/* Twice a second, less often when a long list of suspects makes it take long. */
bool verify_save(verify *v, bool now, err *e)
{
    int64_t begun = clock_ns();
    if (!v->o->state || (!now && begun < v->save_due_ns)) return true;
    bytes_count(v);
    if (v->db) v->result->dbs[v->place.db_index] = *v->db;
    saved_state s = state_now(v);
    if (!saved_store(v->o->state, &s, e)) return false;
    int64_t took = clock_ns() - begun;
    int64_t pause = SAVE_EVERY_MS * NS_PER_MS;
    v->save_due_ns = clock_ns() + (took * SAVE_SHARE > pause ? took * SAVE_SHARE : pause);
    return true;
}

/* What an earlier run left: the place, and what was counted on the way to it. */
static bool state_resume(verify *v, err *e)
{
    bool found = false;
    if (!v->o->state) return true;
    saved_state s = {.result = v->result, .open = v->open, .tally = v->tally};
    if (!saved_load(v->o->state, &s, &found, e)) return false;
    if (!found) return verify_save(v, true, e); /* so that a bad name is said at once */
    bool same =
        strcmp(s.source_id, v->source.run_id) == 0 && strcmp(s.target_id, v->target.run_id) == 0;
    if (!same) {
        (void)err_set(e, ERR_STATE,
                      "'%s' belongs to other servers: one of them was restarted or failed over, or "
                      "another one was named",
                      v->o->state);
    } else if (s.ttl_tolerance_ms != v->o->ttl_tolerance_ms) {
        (void)err_set(e, ERR_USAGE, "'%s' was begun with '--ttl-tolerance %" PRId64 "ms'",
                      v->o->state, s.ttl_tolerance_ms);
        return err_hint(e, "say the same again, or delete the file and begin anew");
    }
    if (!same) return err_hint(e, "delete the file and verify from the beginning");
    v->place = s.place;
    v->spent_before_ms = s.spent_ms;
    v->bytes_before = v->result->bytes;
    v->result->began_ms = s.began_ms;
    v->result->times = (uint64_t)s.times;
    return true;
}

/* Begins a pass, unless an interrupted run was in it already. */
static bool stage_enter(verify *v, place_stage stage, uint64_t expires)
{
    if (v->place.stage > stage) return false;
    if (v->place.stage == stage && v->place.position != 0) return true;
    v->place.stage = stage;
    v->place.position = 0;
    v->place.expires = expires;
    return true;
}

/* Expiries are left out when there are none; if some have come meanwhile, all is read again. */
static bool forward_compare(verify *v, verify_db *db, db_facts *facts, err *e)
{
    db_facts after = {0};
    if (!stage_enter(v, PLACE_FORWARD, facts->expires)) return true;
    facts->expires = v->place.expires;
    if (!pass_forward(v, db, facts, e)) return false;
    if (facts->expires > 0) return true;
    if (!facts_read(v, db->db, &after, e)) return false;
    if (after.expires == 0) return true;
    v->result->compared -= db->compared;
    db->compared = 0;
    v->place.position = 0;
    v->place.expires = after.expires;
    return pass_forward(v, db, &after, e);
}

static bool db_compare(verify *v, verify_db *db, err *e)
{
    db_facts facts = {0};
    if (!facts_read(v, db->db, &facts, e) || !forward_compare(v, db, &facts, e)) return false;
    if (v->place.stage == PLACE_FORWARD) v->place.position = 0;
    (void)stage_enter(v, PLACE_REVERSE, v->place.expires);
    return pass_reverse(v, db, &facts, e);
}

/* All databases that exist on either side, also those that appear meanwhile. */
static bool keys_compare(verify *v, err *e)
{
    verify_result *r = v->result;
    verify_place *place = &v->place;
    db_facts unused;
    for (int look = 0; look < DATABASE_LOOKS_MAX; look++) {
        if (!facts_read(v, -1, &unused, e)) return false;
        if (r->db_count == place->db_index) break;
        while (place->db_index < r->db_count) {
            verify_db db = r->dbs[place->db_index];
            v->db = &db;
            bool good = db_compare(v, &db, e);
            v->db = NULL;
            r->dbs[place->db_index] = db; /* the list may have grown meanwhile */
            if (!good) return false;
            *place = (verify_place){.db_index = place->db_index + 1};
            if (!verify_save(v, false, e)) return false;
        }
    }
    return verify_save(v, true, e) && settle_run(v, e);
}

/* At the end the file has served; a run that broke off keeps where it stood, between two batches
 * (not while suspects are read again: then the file has the state before it). */
static bool state_end(verify *v, bool done, err *e)
{
    err ignored;
    if (!v->o->state) return done;
    bool between = e->kind == ERR_STOPPED || e->side != SIDE_NONE;
    if (!done && v->db && !v->settling && v->place.position != 0 && between)
        (void)!verify_save(v, true, &ignored);
    if (done) {
        if (unlink(v->o->state) < 0 && errno != ENOENT)
            return err_sys(e, errno, "delete '%s'", v->o->state);
        return true;
    }
    if (access(v->o->state, F_OK) == 0)
        (void)err_hint(e, "run it again with the same '--state': it goes on from there");
    return false;
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
    *ret = (verify_result){.began_ms = clock_wall_ms()};
    verify v = {.o = o, .result = ret, .begun_ns = clock_ns()};
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
    bool done = connect_both(&v, e) && rights_check(&v, e) && state_resume(&v, e) &&
                keys_compare(&v, e) && functions_compare(&v, e);
    done = state_end(&v, done, e);
    bytes_count(&v);
    dbs_sort(ret);
    tally_free(v.tally);
    suspects_free(v.open);
    suspects_free(v.next);
    rdb_digester_free(v.digester);
    lane_close(&v.source);
    lane_close(&v.target);
    net_loop_free(v.loop);
    ret->seconds = (double)v.spent_before_ms / 1e3 + (double)(clock_ns() - v.begun_ns) / 1e9;
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
