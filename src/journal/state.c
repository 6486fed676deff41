#include "base/clock.h"
#include "journal/journal_internal.h"

#define BIT(state) (1U << JOURNAL_##state)

/* One row per state: its name and what may follow. A state that follows itself is one a resumed run
 * enters again. A fresh full sync goes back to SNAPSHOT; an undone cutover leaves FENCED for one of
 * the states before it, and only then may the move be aborted: else the fence would stay.
 * PAUSED lists where the link may be found after the pause; what it interrupted is added. */
static const struct {
    const char *name;
    unsigned next;
} states[JOURNAL_STATE_COUNT] = {
    [JOURNAL_NEW] = {"new", BIT(CHECKED) | BIT(ABORTED)},
    [JOURNAL_CHECKED] = {"checked", BIT(CHECKED) | BIT(SNAPSHOT) | BIT(PAUSED) | BIT(ABORTED)},
    [JOURNAL_SNAPSHOT] = {"snapshot", BIT(SNAPSHOT) | BIT(CATCHING_UP) | BIT(PAUSED) |
                                          BIT(ABORTED) |
                                          BIT(FINISHED)}, /* a file was loaded: nothing follows */
    [JOURNAL_CATCHING_UP] = {"catching-up", BIT(CATCHING_UP) | BIT(IN_SYNC) | BIT(SNAPSHOT) |
                                                BIT(PAUSED) | BIT(ABORTED)},
    [JOURNAL_IN_SYNC] = {"in-sync", BIT(IN_SYNC) | BIT(VERIFIED) | BIT(FENCED) | BIT(CATCHING_UP) |
                                        BIT(SNAPSHOT) | BIT(PAUSED) | BIT(ABORTED)},
    [JOURNAL_VERIFIED] = {"verified", BIT(VERIFIED) | BIT(IN_SYNC) | BIT(FENCED) |
                                          BIT(CATCHING_UP) | BIT(SNAPSHOT) | BIT(PAUSED) |
                                          BIT(ABORTED)},
    [JOURNAL_FENCED] = {"fenced", BIT(FENCED) | BIT(SWITCHED) | BIT(CATCHING_UP) | BIT(IN_SYNC)},
    [JOURNAL_SWITCHED] = {"switched", BIT(FINISHED) | BIT(ROLLED_BACK)},
    [JOURNAL_FINISHED] = {"finished", 0},
    [JOURNAL_PAUSED] = {"paused", BIT(CATCHING_UP) | BIT(SNAPSHOT) | BIT(ABORTED)},
    [JOURNAL_ABORTED] = {"aborted", 0},
    [JOURNAL_ROLLED_BACK] = {"rolled-back", 0},
};

const char *journal_state_name(journal_state state)
{
    assert(state < JOURNAL_STATE_COUNT);
    return states[state].name;
}

bool journal_state_is_final(journal_state state)
{
    assert(state < JOURNAL_STATE_COUNT);
    return states[state].next == 0;
}

bool journal_state_may_follow(journal_state from, journal_state interrupted, journal_state to)
{
    assert(from < JOURNAL_STATE_COUNT);
    assert(to < JOURNAL_STATE_COUNT);
    unsigned next = states[from].next;
    if (from == JOURNAL_PAUSED) next = (next & states[interrupted].next) | 1U << interrupted;
    return (next >> to & 1U) != 0;
}

static bool state_find(const char *name, journal_state *ret, err *e)
{
    for (unsigned i = 0; i < JOURNAL_STATE_COUNT; i++) {
        if (strcmp(states[i].name, name) != 0) continue;
        *ret = (journal_state)i;
        return true;
    }
    return err_set(e, ERR_FORMAT, "the journal names a state '%s'", name);
}

/* Columns: state, interrupted, at_ms, reason. */
static bool state_read(const struct query *q, struct journal_state_row *ret, err *e)
{
    const char *state = (const char *)sqlite3_column_text(q->at, 0);
    const char *interrupted = (const char *)sqlite3_column_text(q->at, 1);
    const char *reason = (const char *)sqlite3_column_text(q->at, 3);
    struct journal_state_row row = {.at_ms = sqlite3_column_int64(q->at, 2)};
    if (!state_find(state ? state : "", &row.state, e)) return false;
    if (!state_find(interrupted ? interrupted : "", &row.interrupted, e)) return false;
    (void)snprintf(row.reason, sizeof row.reason, "%s", reason ? reason : ""); /* cut on purpose */
    *ret = row;
    return true;
}

static bool state_write(struct journal *j, const struct journal_state_row *row, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] =
        "INSERT INTO state(at_ms, state, interrupted, reason) VALUES(?, ?, ?, ?)";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, row->at_ms);
    query_text(&q, states[row->state].name);
    query_text(&q, states[row->interrupted].name);
    query_text(&q, row->reason);
    return query_run(&q, e);
}

bool journal_state_begin(struct journal *j, err *e)
{
    struct journal_state_row row = {
        .state = JOURNAL_NEW, .interrupted = JOURNAL_NEW, .at_ms = clock_wall_ms()};
    (void)snprintf(row.reason, sizeof row.reason, "the work directory was made");
    return state_write(j, &row, e);
}

static bool
state_refuse(const struct journal *j, const struct journal_state_row *now, journal_state to, err *e)
{
    (void)err_set(e, ERR_STATE, "the move in '%s' is %s since %s (%s), so it cannot become %s",
                  j->workdir, states[now->state].name, clock_show(now->at_ms).text, now->reason,
                  states[to].name);
    if (journal_state_is_final(now->state))
        return err_hint(e, "this move is over: begin another one in a new --workdir");
    return err_hint(e, "see 'handover migrate status --workdir %s'", j->workdir);
}

static bool state_enter(struct journal *j, journal_state state, const char *reason, err *e)
{
    struct journal_state_row now = {0};
    if (!journal_state_now(j, &now, e)) return false;
    if (!journal_state_may_follow(now.state, now.interrupted, state))
        return state_refuse(j, &now, state, e);
    struct journal_state_row row = {.state = state,
                                    .interrupted = state == JOURNAL_PAUSED ? now.state : state,
                                    .at_ms = clock_wall_ms()};
    (void)snprintf(row.reason, sizeof row.reason, "%s", reason); /* cut on purpose */
    return state_write(j, &row, e);
}

bool journal_state_enter(struct journal *j, journal_state state, const char *reason, err *e)
{
    if (!journal_begin(j, e)) return false;
    if (!state_enter(j, state, reason, e)) {
        journal_rollback(j);
        return false;
    }
    return journal_commit(j, e);
}

bool journal_state_now(struct journal *j, struct journal_state_row *ret, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    bool found = false;
    static const char sql[] =
        "SELECT state, interrupted, at_ms, reason FROM state ORDER BY id DESC LIMIT 1";
    if (!query_open(j, sql, &q, e)) return false;
    if (!query_row(&q, &found, e)) return false;
    if (!found) return err_set(e, ERR_FORMAT, "the journal in '%s' has no state", j->workdir);
    return state_read(&q, ret, e);
}

bool journal_state_history(
    struct journal *j, arena *a, struct journal_state_row **ret, size_t *ret_count, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] = "SELECT state, interrupted, at_ms, reason FROM"
                              " (SELECT * FROM state ORDER BY id DESC LIMIT ?) ORDER BY id";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, (int64_t)JOURNAL_PAGE_COUNT_MAX);
    struct journal_state_row *rows = arena_alloc(a, JOURNAL_PAGE_COUNT_MAX * sizeof *rows);
    size_t count = 0;
    for (;;) {
        bool found = false;
        if (!query_row(&q, &found, e)) return false;
        if (!found) break;
        assert(count < JOURNAL_PAGE_COUNT_MAX);
        if (!state_read(&q, &rows[count++], e)) return false;
    }
    *ret = rows;
    *ret_count = count;
    return true;
}
