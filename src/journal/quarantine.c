#include "base/clock.h"
#include "journal/journal_internal.h"

static void bind_key(struct query *q, uint32_t db, span key)
{
    query_i64(q, db);
    query_blob(q, span_of(key.at, size_min(key.size, JOURNAL_KEY_SIZE_MAX)));
    query_i64(q, (int64_t)key.size);
}

static bool add_rows(struct journal *j, const struct journal_quarantine *rows, size_t count, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] =
        "INSERT INTO quarantine(db, key, key_size, type, reason, stream_offset, at_ms)"
        " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(db, key, key_size) DO UPDATE SET"
        " accepted = accepted AND reason = excluded.reason, type = excluded.type,"
        " reason = excluded.reason, stream_offset = excluded.stream_offset, at_ms = excluded.at_ms";
    if (!query_open(j, sql, &q, e)) return false;
    for (size_t i = 0; i < count; i++) {
        bind_key(&q, rows[i].db, rows[i].key);
        query_text(&q, rows[i].type);
        query_text(&q, rows[i].reason);
        query_i64(&q, rows[i].offset);
        query_i64(&q, clock_wall_ms());
        if (!query_again(&q, e)) return false;
    }
    return true;
}

bool journal_quarantine_add(struct journal *j,
                            const struct journal_quarantine *rows,
                            size_t count,
                            err *e)
{
    if (count == 0) return true;
    if (!journal_begin(j, e)) return false;
    if (!add_rows(j, rows, count, e)) {
        journal_rollback(j);
        return false;
    }
    return journal_commit(j, e);
}

bool journal_quarantine_count(struct journal *j, struct journal_quarantine_count *ret, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    bool found = false;
    if (!query_open(j, "SELECT count(*), coalesce(sum(accepted), 0) FROM quarantine", &q, e))
        return false;
    if (!query_row(&q, &found, e)) return false;
    assert(found);
    *ret = (struct journal_quarantine_count){.all = (uint64_t)sqlite3_column_int64(q.at, 0),
                                             .accepted = (uint64_t)sqlite3_column_int64(q.at, 1)};
    return true;
}

bool journal_quarantine_page(struct journal *j,
                             int64_t after_id,
                             arena *a,
                             struct journal_quarantine **ret,
                             size_t *ret_count,
                             err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] =
        "SELECT id, db, key, key_size, type, reason, stream_offset, at_ms, accepted"
        " FROM quarantine WHERE id > ? ORDER BY id LIMIT ?";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, after_id);
    query_i64(&q, (int64_t)JOURNAL_PAGE_COUNT_MAX);
    struct journal_quarantine *rows = arena_alloc(a, JOURNAL_PAGE_COUNT_MAX * sizeof *rows);
    size_t count = 0;
    for (;;) {
        bool found = false;
        if (!query_row(&q, &found, e)) return false;
        if (!found) break;
        rows[count++] =
            (struct journal_quarantine){.id = sqlite3_column_int64(q.at, 0),
                                        .db = (uint32_t)sqlite3_column_int64(q.at, 1),
                                        .key = column_blob(&q, 2, a),
                                        .key_size = (uint64_t)sqlite3_column_int64(q.at, 3),
                                        .type = column_text(&q, 4, a),
                                        .reason = column_text(&q, 5, a),
                                        .offset = sqlite3_column_int64(q.at, 6),
                                        .at_ms = sqlite3_column_int64(q.at, 7),
                                        .accepted = sqlite3_column_int(q.at, 8) != 0};
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

bool journal_quarantine_accept(struct journal *j, int64_t id, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    if (!query_open(j, "UPDATE quarantine SET accepted = 1 WHERE id = ?", &q, e)) return false;
    query_i64(&q, id);
    if (!query_run(&q, e)) return false;
    if (sqlite3_changes(j->db) == 1) return true;
    return err_set(e, ERR_STATE, "there is no quarantined key with the number %" PRId64, id);
}

bool journal_quarantine_remove(struct journal *j, uint32_t db, span key, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] = "DELETE FROM quarantine WHERE db = ? AND key = ? AND key_size = ?";
    if (!query_open(j, sql, &q, e)) return false;
    bind_key(&q, db, key);
    return query_run(&q, e);
}

bool journal_quarantine_clear(struct journal *j, int64_t before_ms, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    if (!query_open(j, "DELETE FROM quarantine WHERE at_ms < ?", &q, e)) return false;
    query_i64(&q, before_ms);
    return query_run(&q, e);
}
