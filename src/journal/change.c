#include "base/clock.h"
#include "journal/journal_internal.h"

#define CHANGE_COUNT_MAX 10000 /* open changes: some per server, far fewer */

static const char *const status_names[] = {
    [JOURNAL_CHANGE_PLANNED] = "planned",
    [JOURNAL_CHANGE_MADE] = "made",
    [JOURNAL_CHANGE_UNDONE] = "undone",
    [JOURNAL_CHANGE_KEPT] = "kept",
};
static const char *const side_names[] = {
    [SIDE_NONE] = "none", [SIDE_SOURCE] = "source", [SIDE_TARGET] = "target"};

bool journal_change_add(struct journal *j,
                        const struct journal_change *change,
                        int64_t *ret_id,
                        err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] =
        "INSERT INTO change(side, what, undo_kind, undo_argument, status, planned_ms, changed_ms)"
        " VALUES(?, ?, ?, ?, ?, ?6, ?6)";
    if (!query_open(j, sql, &q, e)) return false;
    query_text(&q, side_names[change->side]);
    query_text(&q, change->what);
    query_text(&q, change->undo_kind);
    query_text(&q, change->undo_argument ? change->undo_argument : "");
    query_text(&q, status_names[JOURNAL_CHANGE_PLANNED]);
    query_i64(&q, clock_wall_ms());
    if (!query_run(&q, e)) return false;
    *ret_id = sqlite3_last_insert_rowid(j->db);
    return true;
}

/* What was taken back or kept stays so: a second undo of the same change is our mistake. */
static bool change_status(struct journal *j, int64_t id, journal_change_status status, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] = "UPDATE change SET status = ?, changed_ms = ?"
                              " WHERE id = ? AND status IN ('planned', 'made')";
    if (!query_open(j, sql, &q, e)) return false;
    query_text(&q, status_names[status]);
    query_i64(&q, clock_wall_ms());
    query_i64(&q, id);
    if (!query_run(&q, e)) return false;
    if (sqlite3_changes(j->db) == 1) return true;
    return err_set(e, ERR_STATE, "change %" PRId64 " is not open, so it cannot become %s", id,
                   status_names[status]);
}

bool journal_change_done(struct journal *j, int64_t id, err *e)
{
    return change_status(j, id, JOURNAL_CHANGE_MADE, e);
}

bool journal_change_undone(struct journal *j, int64_t id, err *e)
{
    return change_status(j, id, JOURNAL_CHANGE_UNDONE, e);
}

bool journal_change_kept(struct journal *j, int64_t id, err *e)
{
    return change_status(j, id, JOURNAL_CHANGE_KEPT, e);
}

static unsigned find_name(const char *const *names, unsigned count, const char *name)
{
    unsigned i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static bool change_read(const struct query *q, arena *a, struct journal_change *ret, err *e)
{
    unsigned side = find_name(side_names, COUNT_OF(side_names), column_text(q, 1, a));
    unsigned status = find_name(status_names, COUNT_OF(status_names), column_text(q, 5, a));
    int64_t id = sqlite3_column_int64(q->at, 0);
    if (side == COUNT_OF(side_names) || status == COUNT_OF(status_names))
        return err_set(e, ERR_FORMAT, "change %" PRId64 " of the journal cannot be read", id);
    *ret = (struct journal_change){.id = id,
                                   .side = (err_side)side,
                                   .what = column_text(q, 2, a),
                                   .undo_kind = column_text(q, 3, a),
                                   .undo_argument = column_text(q, 4, a),
                                   .status = (journal_change_status)status,
                                   .at_ms = sqlite3_column_int64(q->at, 6)};
    return true;
}

/* More rows than the limit are an error, not a shorter list: a change that is not listed would not
 * be taken back. */
static bool changes_list(struct journal *j,
                         const char *sql,
                         arena *a,
                         struct journal_change **ret,
                         size_t *ret_count,
                         err *e)
{
    CLEANUP(query_close) struct query q = {0};
    if (!query_open(j, sql, &q, e)) return false;
    struct journal_change *rows = NULL;
    size_t count = 0;
    size_t room = 0;
    for (;;) {
        bool found = false;
        if (!query_row(&q, &found, e)) return false;
        if (!found) break;
        if (count == CHANGE_COUNT_MAX)
            return err_set(e, ERR_LIMIT, "more than %d changes in the journal", CHANGE_COUNT_MAX);
        if (count == room) {
            room = room ? room * 2 : 16;
            struct journal_change *more = arena_alloc(a, room * sizeof *more);
            if (count) memcpy(more, rows, count * sizeof *rows);
            rows = more;
        }
        if (!change_read(&q, a, &rows[count++], e)) return false;
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

#define CHANGE_COLUMNS "id, side, what, undo_kind, undo_argument, status, planned_ms"

bool journal_changes_open(
    struct journal *j, arena *a, struct journal_change **ret, size_t *ret_count, err *e)
{
    static const char sql[] = "SELECT " CHANGE_COLUMNS " FROM change"
                              " WHERE status IN ('planned', 'made') ORDER BY id DESC";
    return changes_list(j, sql, a, ret, ret_count, e);
}

bool journal_changes_all(
    struct journal *j, arena *a, struct journal_change **ret, size_t *ret_count, err *e)
{
    static const char sql[] = "SELECT " CHANGE_COLUMNS " FROM change ORDER BY id";
    return changes_list(j, sql, a, ret, ret_count, e);
}
