#include "journal/journal_internal.h"

/* What an answer of SQLite means for the operator. Extended codes are cut to their first byte. */
static const struct {
    int code;
    err_kind kind;
    const char *text;
    const char *hint;
} failures[] = {
    {SQLITE_FULL, ERR_IO, "the disk is full",
     "make room on that file system, then run the same command again: nothing is lost"},
    {SQLITE_READONLY, ERR_IO, "it cannot be written",
     "check the owner and the rights of the directory and its files, and that the file system is "
     "not mounted read-only"},
    {SQLITE_CANTOPEN, ERR_IO, "a file in it cannot be opened",
     "check the owner and the rights of the directory and its files"},
    {SQLITE_PERM, ERR_IO, "no right to open it",
     "check the owner and the rights of the directory and its files"},
    {SQLITE_BUSY, ERR_TIMEOUT, "another process keeps it locked",
     "look for another handover, or a backup, that has journal.db open"},
    {SQLITE_IOERR, ERR_IO, "reading or writing it failed",
     "look at the kernel's messages for that disk"},
    {SQLITE_CORRUPT, ERR_FORMAT, "it is damaged",
     "keep the directory as it is for an examination, and start again in a new one"},
    {SQLITE_NOTADB, ERR_FORMAT, "journal.db is not a journal",
     "give the directory that 'handover migrate run' made, or a new one"},
};

bool journal_fail(struct journal *j, int code, err *e)
{
    const char *detail = j->db ? sqlite3_errmsg(j->db) : sqlite3_errstr(code);
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        if (failures[i].code != (code & 0xff)) continue;
        (void)err_set(e, failures[i].kind, "the journal in '%s': %s (%s)", j->workdir,
                      failures[i].text, detail);
        return err_hint(e, "%s", failures[i].hint);
    }
    return err_set(e, ERR_IO, "the journal in '%s': %s", j->workdir, detail);
}

bool query_open(struct journal *j, const char *sql, struct query *ret, err *e)
{
    int failed = pthread_mutex_lock(&j->mutex);
    assert(!failed);
    *ret = (struct query){.j = j, .failed = SQLITE_OK};
    int code = sqlite3_prepare_v2(j->db, sql, -1, &ret->at, NULL);
    if (code != SQLITE_OK) return journal_fail(j, code, e);
    return true;
}

void query_close(struct query *q)
{
    if (!q->j) return;
    (void)sqlite3_finalize(q->at); /* its code repeats what query_row answered */
    int failed = pthread_mutex_unlock(&q->j->mutex);
    assert(!failed);
    *q = (struct query){0};
}

static void bound(struct query *q, int code)
{
    if (q->failed == SQLITE_OK) q->failed = code;
}

void query_i64(struct query *q, int64_t value)
{
    bound(q, sqlite3_bind_int64(q->at, ++q->bound, value));
}

void query_double(struct query *q, double value)
{
    bound(q, sqlite3_bind_double(q->at, ++q->bound, value));
}

void query_text(struct query *q, const char *text)
{
    bound(q, text ? sqlite3_bind_text(q->at, ++q->bound, text, -1, SQLITE_TRANSIENT)
                  : sqlite3_bind_null(q->at, ++q->bound));
}

void query_blob(struct query *q, span bytes)
{
    /* an empty blob needs an address that is not NULL */
    const void *at = bytes.size ? (const void *)bytes.at : "";
    bound(q, sqlite3_bind_blob64(q->at, ++q->bound, at, bytes.size, SQLITE_TRANSIENT));
}

bool query_row(struct query *q, bool *ret_found, err *e)
{
    if (q->failed != SQLITE_OK) return journal_fail(q->j, q->failed, e);
    int code = sqlite3_step(q->at);
    if (code != SQLITE_ROW && code != SQLITE_DONE) return journal_fail(q->j, code, e);
    *ret_found = code == SQLITE_ROW;
    return true;
}

bool query_run(struct query *q, err *e)
{
    bool found = false;
    if (!query_row(q, &found, e)) return false;
    assert(!found);
    return true;
}

bool query_again(struct query *q, err *e)
{
    if (!query_run(q, e)) return false;
    (void)sqlite3_reset(q->at); /* repeats the answer of the step, which was good */
    q->bound = 0;
    return true;
}

const char *column_text(const struct query *q, int column, arena *a)
{
    const unsigned char *text = sqlite3_column_text(q->at, column);
    size_t size = (size_t)sqlite3_column_bytes(q->at, column);
    return arena_text(a, span_of(text, text ? size : 0));
}

span column_blob(const struct query *q, int column, arena *a)
{
    const void *at = sqlite3_column_blob(q->at, column);
    size_t size = (size_t)sqlite3_column_bytes(q->at, column);
    return arena_copy(a, span_of(at, at ? size : 0));
}

bool journal_exec(struct journal *j, const char *sql, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    if (!query_open(j, sql, &q, e)) return false;
    bool found = true;
    while (found)
        if (!query_row(&q, &found, e)) return false;
    return true;
}

bool journal_begin(struct journal *j, err *e)
{
    int failed = pthread_mutex_lock(&j->mutex);
    assert(!failed);
    if (journal_exec(j, "BEGIN IMMEDIATE", e)) return true;
    failed = pthread_mutex_unlock(&j->mutex);
    assert(!failed);
    return false;
}

bool journal_commit(struct journal *j, err *e)
{
    if (!journal_exec(j, "COMMIT", e)) {
        journal_rollback(j);
        return false;
    }
    int failed = pthread_mutex_unlock(&j->mutex);
    assert(!failed);
    return true;
}

void journal_rollback(struct journal *j)
{
    err ignored = {0}; /* a full disk has rolled it back already; the cause is reported */
    bool open = !sqlite3_get_autocommit(j->db);
    if (open && !journal_exec(j, "ROLLBACK", &ignored)) assert(ignored.kind != ERR_NONE);
    int failed = pthread_mutex_unlock(&j->mutex);
    assert(!failed);
}
