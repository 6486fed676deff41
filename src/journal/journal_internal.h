/* journal/journal_internal.h: the SQLite handle and one query at a time.
 *
 * A query holds the journal's mutex from query_open to query_close (the mutex is recursive, so a
 * transaction may hold it around several). Values are bound in order; a failed bind is reported by
 * the query_row or query_run that follows. */
#pragma once
#include <pthread.h>
#include <sqlite3.h>

#include "journal/journal.h"

struct journal {
    sqlite3 *db;
    pthread_mutex_t mutex;
    char *workdir;
    int lock_fd;  /* -1: not ours */
    bool relaxed; /* writes are not synced */
};

struct query {
    struct journal *j;
    sqlite3_stmt *at;
    int bound;
    int failed; /* the first bind that failed, or SQLITE_OK */
};

/* Turns the answer of SQLite into an error of ours that names the work directory. */
bool journal_fail(struct journal *j, int code, err *e);

bool query_open(struct journal *j, const char *sql, struct query *ret, err *e) MUST_CHECK;
void query_close(struct query *q); /* for CLEANUP */
void query_i64(struct query *q, int64_t value);
void query_double(struct query *q, double value);
void query_text(struct query *q, const char *text); /* NULL becomes NULL */
void query_blob(struct query *q, span bytes);
bool query_row(struct query *q, bool *ret_found, err *e) MUST_CHECK; /* the next row, if any */
bool query_run(struct query *q, err *e) MUST_CHECK;                  /* to its end, no rows */
bool query_again(struct query *q, err *e) MUST_CHECK;                /* runs and is ready again */

/* Columns of the present row, copied into the arena. A NULL text is "". */
const char *column_text(const struct query *q, int column, arena *a);
span column_blob(const struct query *q, int column, arena *a);

/* One statement without values or rows. */
bool journal_exec(struct journal *j, const char *sql, err *e) MUST_CHECK;
/* Everything until journal_commit is one; both hold the mutex in between. */
bool journal_begin(struct journal *j, err *e) MUST_CHECK;
bool journal_commit(struct journal *j, err *e) MUST_CHECK;
void journal_rollback(struct journal *j);

/* state.c: the first row of a new journal. */
bool journal_state_begin(struct journal *j, err *e) MUST_CHECK;
