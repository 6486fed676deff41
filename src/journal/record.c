/* journal/record.c: verifications and the status of the running tool. */
#include <unistd.h>

#include "base/clock.h"
#include "journal/journal_internal.h"

bool journal_verification_add(struct journal *j, const struct journal_verification *row, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] =
        "INSERT INTO verification(at_ms, result, keys, differences, seconds, detail)"
        " VALUES(?, ?, ?, ?, ?, ?)";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, row->at_ms ? row->at_ms : clock_wall_ms());
    query_text(&q, row->result);
    query_i64(&q, (int64_t)row->keys);
    query_i64(&q, (int64_t)row->differences);
    query_double(&q, row->seconds);
    query_text(&q, row->detail ? row->detail : "{}");
    return query_run(&q, e);
}

bool journal_verification_last(struct journal *j,
                               arena *a,
                               struct journal_verification *ret,
                               err *e)
{
    CLEANUP(query_close) struct query q = {0};
    bool found = false;
    static const char sql[] = "SELECT at_ms, result, keys, differences, seconds, detail"
                              " FROM verification ORDER BY id DESC LIMIT 1";
    if (!query_open(j, sql, &q, e)) return false;
    if (!query_row(&q, &found, e)) return false;
    *ret = (struct journal_verification){.result = "", .detail = "{}"};
    if (!found) return true;
    *ret = (struct journal_verification){.at_ms = sqlite3_column_int64(q.at, 0),
                                         .result = column_text(&q, 1, a),
                                         .keys = (uint64_t)sqlite3_column_int64(q.at, 2),
                                         .differences = (uint64_t)sqlite3_column_int64(q.at, 3),
                                         .seconds = sqlite3_column_double(q.at, 4),
                                         .detail = column_text(&q, 5, a)};
    return true;
}

static bool status_write(struct journal *j, const char *json, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    static const char sql[] = "INSERT OR REPLACE INTO status VALUES(1, ?, ?, ?)";
    if (!query_open(j, sql, &q, e)) return false;
    query_i64(&q, clock_wall_ms());
    query_i64(&q, getpid());
    query_text(&q, json);
    return query_run(&q, e);
}

bool journal_status_write(struct journal *j, const char *json, err *e)
{
    if (strlen(json) > JOURNAL_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "the status has %zu bytes", strlen(json));
    int failed = pthread_mutex_lock(&j->mutex);
    assert(!failed);
    /* NORMAL: written, not synced; the next write of something that matters syncs it too */
    bool good = journal_exec(j, "PRAGMA synchronous = NORMAL", e) && status_write(j, json, e);
    err second = {0};
    if (!j->relaxed && !journal_exec(j, "PRAGMA synchronous = FULL", good ? e : &second))
        good = false;
    failed = pthread_mutex_unlock(&j->mutex);
    assert(!failed);
    return good;
}

bool journal_status_read(struct journal *j, arena *a, struct journal_status *ret, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    bool found = false;
    if (!query_open(j, "SELECT at_ms, pid, json FROM status", &q, e)) return false;
    if (!query_row(&q, &found, e)) return false;
    *ret = (struct journal_status){.json = ""};
    if (!found) return true;
    *ret = (struct journal_status){.at_ms = sqlite3_column_int64(q.at, 0),
                                   .pid = sqlite3_column_int64(q.at, 1),
                                   .json = column_text(&q, 2, a)};
    return true;
}
