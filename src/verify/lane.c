#include "verify/lane.h"

#include <xxhash.h>

#include "base/clock.h"

/* Room to write the head of a bulk answer. */
#define HEAD_MAX ((size_t)32)
_Static_assert(LANE_BULK_MAX + 64 * KIB < LANE_IN_MAX, "a whole bulk fits the buffer");

const char *lane_name(const lane *l)
{
    return l->side == SIDE_TARGET ? "target" : "source";
}

int64_t lane_now_ms(const lane *l)
{
    return clock_wall_ms() + l->clock_ahead_ms;
}

int64_t lane_expiry(const lane *l, int64_t answered)
{
    if (answered < 0 || l->has_pexpiretime) return answered;
    return lane_now_ms(l) + answered;
}

const char *lane_expiry_head(const lane *l)
{
    return l->has_pexpiretime ? "*2\r\n$11\r\nPEXPIRETIME\r\n" : "*2\r\n$4\r\nPTTL\r\n";
}

/* The version, whether it is a cluster, and that it is still the same server. */
static bool identify(lane *l, arena *memory, err *e)
{
    span info = {0};
    span text = {0};
    if (!engine_info(l->engine, memory, "server", &info, e)) {
        bool refused = e->kind == ERR_AUTH || e->kind == ERR_REFUSED;
        return refused && err_hint(e, "give the user of the %s the right +info", lane_name(l));
    }
    if (!engine_version_read(info, &l->version, e)) return err_blame(e, l->side);
    if (info_text(info, "redis_mode", &text) && span_is(text, "cluster")) {
        (void)err_set(e, ERR_STATE, "the %s is a node of a cluster", lane_name(l));
        (void)err_hint(e, "verify compares single servers; clusters are not there yet");
        return err_blame(e, l->side);
    }
    if (!info_text(info, "run_id", &text) || text.size >= sizeof l->run_id) return true;
    bool known = l->run_id[0] != '\0';
    if (known && !span_is(text, l->run_id)) {
        (void)err_set(e, ERR_STATE, "the %s was restarted or failed over in between", lane_name(l));
        (void)err_hint(e, "run the verification again: positions in the old server mean nothing");
        return err_blame(e, l->side);
    }
    memcpy(l->run_id, text.at, text.size);
    l->run_id[text.size] = '\0';
    return true;
}

static bool clock_read(lane *l, arena *memory, err *e)
{
    const reply *r = NULL;
    int64_t before = clock_wall_ms();
    if (!engine_try(l->engine, memory, &r, e, "TIME")) return false;
    int64_t seconds = 0;
    int64_t micros = 0;
    bool good = r->kind == REPLY_ARRAY && r->count == 2 &&
                span_to_i64(r->items[0].text, &seconds) && span_to_i64(r->items[1].text, &micros);
    if (!good) return true; /* without the right: our clock must do */
    int64_t middle = before + (clock_wall_ms() - before) / 2;
    l->clock_ahead_ms = seconds * 1000 + micros / 1000 - middle;
    return true;
}

bool lane_open(lane *l, err *e)
{
    assert(!l->engine);
    engine_options o = {.url = l->url,
                        .side = l->side,
                        .name = "handover-verify",
                        .timeout_ms = 10000,
                        .in_max = LANE_IN_MAX,
                        .out_max = LANE_OUT_MAX};
    if (!engine_open(l->loop, &o, &l->engine, e)) return false;
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    engine_set_timeout(l->engine, LANE_TIMEOUT_MS);
    l->conn = engine_conn(l->engine);
    l->db = 0;
    l->big_left = 0;
    if (!identify(l, &memory, e) || !clock_read(l, &memory, e)) return false;
    /* Reading everything would make every key look used. Refused by engines before 7.2. */
    return engine_try(l->engine, &memory, &r, e, "CLIENT", "NO-TOUCH", "ON");
}

void lane_close(lane *l)
{
    engine_free(l->engine);
    l->engine = NULL;
    l->conn = NULL;
}

bool lane_select(lane *l, int db, err *e)
{
    if (l->db == db) return true;
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    char number[16];
    (void)snprintf(number, sizeof number, "%d", db);
    if (!engine_ask(l->engine, &memory, &r, e, "SELECT", number)) {
        if (e->kind == ERR_AUTH)
            (void)err_hint(e, "give the user of the %s the right +select", lane_name(l));
        if (e->kind == ERR_REFUSED) {
            (void)err_hint(e, "the %s has no database %d: raise its setting 'databases'",
                           lane_name(l), db);
        }
        return false;
    }
    l->db = db;
    return true;
}

bool lane_send(lane *l, bool appended, err *e)
{
    if (appended) return true;
    (void)err_set(e, ERR_LIMIT, "commands of more than %zu bytes in one go", (size_t)LANE_OUT_MAX);
    return err_blame(e, l->side);
}

bool lane_command(lane *l, const char *head, span key_argument, err *e)
{
    buf *out = lane_out(l);
    return lane_send(l, buf_text(out, head) && buf_append(out, key_argument), e);
}

bool lane_flush(lane *l, err *e)
{
    return net_conn_pump(l->conn, e) || err_blame(e, l->side);
}

/* What is there now: a token, or the head of a bulk that will not fit. Nothing is eaten. */
static step peek(lane *l, lane_answer *ret, size_t *ret_size, err *e)
{
    assert(l->big_left == 0);
    span in = net_conn_in(l->conn);
    cursor c = cursor_of(in);
    step s = reply_token_read(&c, &ret->token, e);
    ret->big = false;
    *ret_size = (size_t)c.offset;
    if (s != STEP_MORE || in.size < 4 || in.at[0] != '$') return s;
    const uint8_t *end = memchr(in.at, '\r', size_min(in.size - 1, HEAD_MAX));
    uint64_t size = 0;
    if (!end || !span_to_u64(span_of(in.at + 1, (size_t)(end - in.at) - 1), &size)) return s;
    if (size <= LANE_BULK_MAX) return s;
    ret->token = (reply_token){.kind = REPLY_BULK, .count = (size_t)size};
    ret->big = true;
    *ret_size = (size_t)(end - in.at) + 2;
    return STEP_DONE;
}

static void take(lane *l, const lane_answer *a, size_t size)
{
    net_conn_eat(l->conn, size);
    l->received += size;
    if (a->big) l->big_left = a->token.count + 2;
}

/* Serves a lane; tells whether bytes came. */
static bool serve(lane *l, bool *ret_came, err *e)
{
    size_t had = net_conn_in(l->conn).size;
    if (!net_conn_pump(l->conn, e)) return err_blame(e, l->side);
    if (net_conn_in(l->conn).size > had) *ret_came = true;
    return true;
}

/* Until bytes came on this lane or the other. */
static bool wait_bytes(lane *l, err *e)
{
    int64_t deadline = deadline_in_ms(LANE_TIMEOUT_MS);
    for (bool came = false;;) {
        if (!serve(l, &came, e)) return false;
        if (l->other && l->other->conn && !serve(l->other, &came, e)) return false;
        if (came) return true;
        if (l->stop && *l->stop) return err_set(e, ERR_STOPPED, "asked to stop");
        if (deadline_left_ms(deadline) == 0) {
            (void)err_set(e, ERR_TIMEOUT, "'%s': no answer in %d ms", net_conn_peer(l->conn),
                          LANE_TIMEOUT_MS);
            return err_blame(e, l->side);
        }
        int left = deadline_left_ms(deadline);
        net_loop_turn(l->loop, left < 100 ? left : 100); /* the flag to stop is looked at */
    }
}

bool lane_read(lane *l, lane_answer *ret, err *e)
{
    for (;;) {
        size_t size = 0;
        step s = peek(l, ret, &size, e);
        if (s == STEP_BAD) return err_blame(e, l->side);
        if (s == STEP_DONE) {
            take(l, ret, size);
            return true;
        }
        if (!wait_bytes(l, e)) return false;
    }
}

bool lane_read_pair(lane *a, lane *b, lane_answer *ret_a, lane_answer *ret_b, err *e)
{
    for (;;) {
        size_t size_a = 0;
        size_t size_b = 0;
        step s = peek(a, ret_a, &size_a, e);
        if (s == STEP_BAD) return err_blame(e, a->side);
        step t = peek(b, ret_b, &size_b, e);
        if (t == STEP_BAD) return err_blame(e, b->side);
        if (s == STEP_DONE && t == STEP_DONE) {
            take(a, ret_a, size_a);
            take(b, ret_b, size_b);
            return true;
        }
        if (!wait_bytes(s == STEP_MORE ? a : b, e)) return false;
    }
}

bool lane_piece(lane *l, span *ret, err *e)
{
    span in = net_conn_in(l->conn);
    *ret = (span){0};
    while (l->big_left > 2) {
        if (in.size > 0) {
            *ret = span_of(in.at, size_min(in.size, (size_t)l->big_left - 2));
            l->big_left -= ret->size;
            l->received += ret->size;
            net_conn_eat(l->conn, ret->size); /* the bytes stay until the lane is waited for */
            return true;
        }
        if (!wait_bytes(l, e)) return false;
        in = net_conn_in(l->conn);
    }
    while (l->big_left > 0) { /* CR LF */
        size_t size = size_min(net_conn_in(l->conn).size, (size_t)l->big_left);
        net_conn_eat(l->conn, size);
        l->big_left -= size;
        if (l->big_left > 0 && !wait_bytes(l, e)) return false;
    }
    return true;
}

bool lane_drop_big(lane *l, err *e)
{
    for (span piece;;) {
        if (!lane_piece(l, &piece, e)) return false;
        if (piece.size == 0) return true;
    }
}

bool lane_drop_rest(lane *l, const lane_answer *first, err *e)
{
    reply_nesting nesting = {0};
    lane_answer a = *first;
    for (bool complete = false;;) {
        if (a.big && !lane_drop_big(l, e)) return false;
        if (reply_nesting_step(&nesting, &a.token, &complete, e) == STEP_BAD)
            return err_blame(e, l->side);
        if (complete) return true;
        if (!lane_read(l, &a, e)) return false;
    }
}

static void state_free(XXH3_state_t **at)
{
    (void)XXH3_freeState(*at); /* always XXH_OK */
}

static void hash_add(XXH3_state_t *state, const void *at, size_t size)
{
    XXH_errorcode code = XXH3_128bits_update(state, at, size);
    assert(code == XXH_OK);
}

static void hash_head(XXH3_state_t *state, reply_kind kind, uint64_t size, int64_t integer)
{
    struct {
        uint64_t kind, size;
        int64_t integer;
    } head = {kind, size, integer};
    hash_add(state, &head, sizeof head);
}

static bool hash_answer(XXH3_state_t *state, lane *l, const lane_answer *a, err *e)
{
    const reply_token *t = &a->token;
    bool counted = a->big || t->kind == REPLY_ARRAY;
    hash_head(state, t->kind, counted ? t->count : t->text.size, t->integer);
    if (!a->big) {
        hash_add(state, t->text.at, t->text.size);
        return true;
    }
    for (span piece = {.size = 1}; piece.size > 0;) {
        if (!lane_piece(l, &piece, e)) return false;
        hash_add(state, piece.at, piece.size);
    }
    return true;
}

/* The column of a row that the next token is; -1: it is no value of a row. */
static int column_of(const reply_nesting *n, size_t columns)
{
    return n->depth == 2 ? (int)(columns - n->left[1]) : -1;
}

bool lane_fingerprint(lane *l, const char *command, lane_rows *rows, fingerprint *ret, err *e)
{
    CLEANUP(state_free) XXH3_state_t *state = XXH3_createState();
    XXH_errorcode code = XXH3_128bits_reset(state);
    assert(code == XXH_OK);
    lane_rows unused = {0};
    lane_rows *out = rows ? rows : &unused;
    reply_nesting nesting = {0};
    size_t columns = 0;
    lane_answer a;
    out->count = 0;
    for (bool complete = false; !complete;) {
        int column = column_of(&nesting, columns);
        if (!lane_read(l, &a, e)) return false;
        if (a.token.kind == REPLY_ERROR) return lane_refused(l, a.token.text, command, e);
        if (column == 0) {
            size_t size = size_min(a.token.text.size, sizeof out->first - 1);
            if (size) memcpy(out->first, a.token.text.at, size);
            out->first[size] = '\0';
            out->count++;
        }
        bool skip = column == 2 && out->third_out && !a.big;
        if (!skip && !hash_answer(state, l, &a, e)) return false;
        bool row = nesting.depth == 1 && a.token.kind == REPLY_ARRAY;
        if (reply_nesting_step(&nesting, &a.token, &complete, e) == STEP_BAD)
            return err_blame(e, l->side);
        if (row) columns = a.token.count;
    }
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    *ret = (fingerprint){.half = {hash.low64, hash.high64}};
    return true;
}

bool lane_fingerprint_bulk(lane *l, const char *command, size_t cut, fingerprint *ret, err *e)
{
    CLEANUP(state_free) XXH3_state_t *state = XXH3_createState();
    XXH_errorcode code = XXH3_128bits_reset(state);
    assert(code == XXH_OK);
    lane_answer a;
    if (!lane_read(l, &a, e)) return false;
    if (a.token.kind != REPLY_NIL && !lane_expect(l, &a, REPLY_BULK, command, e)) return false;
    size_t size = a.big ? a.token.count : a.token.text.size;
    size_t left = size > cut ? size - cut : 0;
    hash_head(state, a.token.kind, left, 0);
    if (!a.big) {
        hash_add(state, a.token.text.at, left);
    } else {
        for (span piece = {.size = 1}; piece.size > 0;) {
            if (!lane_piece(l, &piece, e)) return false;
            size_t counted = size_min(piece.size, left);
            hash_add(state, piece.at, counted);
            left -= counted;
        }
    }
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    *ret = (fingerprint){.half = {hash.low64, hash.high64}};
    return true;
}

bool lane_big_hash(lane *l, fingerprint *ret, err *e)
{
    CLEANUP(state_free) XXH3_state_t *state = XXH3_createState();
    XXH_errorcode code = XXH3_128bits_reset(state);
    assert(code == XXH_OK);
    for (span piece = {.size = 1}; piece.size > 0;) {
        if (!lane_piece(l, &piece, e)) return false;
        hash_add(state, piece.at, piece.size);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    *ret = (fingerprint){.half = {hash.low64, hash.high64}};
    return true;
}

bool lane_refused(const lane *l, span said, const char *command, err *e)
{
    bool right = span_starts(said, "NOPERM") || span_starts(said, "NOAUTH");
    (void)err_set(e, right ? ERR_AUTH : ERR_REFUSED, "the %s answered %s with: %.*s", lane_name(l),
                  command, (int)size_min(said.size, 200), (const char *)said.at);
    if (right) {
        (void)err_hint(e,
                       "give the user of the %s the right to run %s on every key (ACL: ~* +@read "
                       "+scan +dump +memory|usage +function|list +info +select)",
                       lane_name(l), command);
    }
    return err_blame(e, l->side);
}

bool lane_expect(lane *l, const lane_answer *a, reply_kind kind, const char *command, err *e)
{
    if (a->token.kind == kind) return true;
    if (a->token.kind == REPLY_ERROR) return lane_refused(l, a->token.text, command, e);
    (void)err_set(e, ERR_FORMAT, "the %s answered %s with something else than expected",
                  lane_name(l), command);
    return err_blame(e, l->side);
}

bool lane_read_integer(lane *l, const char *command, int64_t *ret, err *e)
{
    lane_answer a;
    if (!lane_read(l, &a, e) || !lane_expect(l, &a, REPLY_INTEGER, command, e)) return false;
    *ret = a.token.integer;
    return true;
}
