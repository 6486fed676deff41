#include "base/clock.h"
#include "journal/journal_internal.h"

bool journal_cutover_next(struct journal *j, int64_t *ret, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    bool found = false;
    if (!query_open(j, "SELECT coalesce(max(cutover), 0) + 1 FROM step", &q, e)) return false;
    if (!query_row(&q, &found, e)) return false;
    assert(found);
    *ret = sqlite3_column_int64(q.at, 0);
    return true;
}

bool journal_step_begin(struct journal *j,
                        const struct journal_step *begun,
                        int64_t *ret_id,
                        err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] =
        "INSERT INTO step(cutover, number, name, text, begin_ms) VALUES(?, ?, ?, ?, ?)";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, begun->cutover);
    query_i64(&q, begun->number);
    query_text(&q, begun->name);
    query_text(&q, begun->text ? begun->text : "");
    query_i64(&q, clock_wall_ms());
    if (!query_run(&q, e)) return false;
    *ret_id = sqlite3_last_insert_rowid(j->db);
    return true;
}

bool journal_step_end(struct journal *j, int64_t id, const char *result, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] = "UPDATE step SET end_ms = ?, result = ? WHERE id = ? AND end_ms = 0";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, clock_wall_ms());
    query_text(&q, result);
    query_i64(&q, id);
    if (!query_run(&q, e)) return false;
    if (sqlite3_changes(j->db) == 1) return true;
    return err_set(e, ERR_STATE, "step row %" PRId64 " of the journal is not begun", id);
}

bool journal_steps(struct journal *j,
                   int64_t cutover,
                   arena *a,
                   struct journal_step **ret,
                   size_t *ret_count,
                   err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] = "SELECT id, number, name, text, begin_ms, end_ms, result FROM step"
                              " WHERE cutover = ? ORDER BY id LIMIT ?";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, cutover);
    query_i64(&q, (int64_t)JOURNAL_PAGE_COUNT_MAX);
    struct journal_step *rows = arena_alloc(a, JOURNAL_PAGE_COUNT_MAX * sizeof *rows);
    size_t count = 0;
    for (;;) {
        bool found = false;
        if (!query_row(&q, &found, e)) return false;
        if (!found) break;
        rows[count++] = (struct journal_step){.id = sqlite3_column_int64(q.at, 0),
                                              .cutover = cutover,
                                              .number = sqlite3_column_int64(q.at, 1),
                                              .name = column_text(&q, 2, a),
                                              .text = column_text(&q, 3, a),
                                              .begin_ms = sqlite3_column_int64(q.at, 4),
                                              .end_ms = sqlite3_column_int64(q.at, 5),
                                              .result = column_text(&q, 6, a)};
    }
    *ret = rows;
    *ret_count = count;
    return true;
}
