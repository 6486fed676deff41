#include "journal/journal.h"

#include <unistd.h>

#include "base/clock.h"
#include "journal/journal_internal.h"
#include "journal/workdir.h"

#define JOURNAL_SCHEMA 1 /* raised with every change of the tables below */
#define BUSY_TIMEOUT_MS 5000

static const char *const schema[] = {
    "CREATE TABLE meta(schema INTEGER NOT NULL, made_ms INTEGER NOT NULL) STRICT",
    "CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE state(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
    " state TEXT NOT NULL, interrupted TEXT NOT NULL, reason TEXT NOT NULL) STRICT",
    "CREATE TABLE change(id INTEGER PRIMARY KEY AUTOINCREMENT, side TEXT NOT NULL,"
    " what TEXT NOT NULL, undo_kind TEXT NOT NULL, undo_argument TEXT NOT NULL,"
    " status TEXT NOT NULL, planned_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL) STRICT",
    "CREATE TABLE step(id INTEGER PRIMARY KEY AUTOINCREMENT, cutover INTEGER NOT NULL,"
    " number INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, begin_ms INTEGER NOT NULL,"
    " end_ms INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT '') STRICT",
    "CREATE TABLE quarantine(id INTEGER PRIMARY KEY AUTOINCREMENT, db INTEGER NOT NULL,"
    " key BLOB NOT NULL, key_size INTEGER NOT NULL, type TEXT NOT NULL, reason TEXT NOT NULL,"
    " stream_offset INTEGER NOT NULL, at_ms INTEGER NOT NULL, accepted INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(db, key, key_size)) STRICT",
    "CREATE TABLE verification(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
    " result TEXT NOT NULL, keys INTEGER NOT NULL, differences INTEGER NOT NULL,"
    " seconds REAL NOT NULL, detail TEXT NOT NULL) STRICT",
    "CREATE TABLE status(id INTEGER PRIMARY KEY CHECK(id = 1), at_ms INTEGER NOT NULL,"
    " pid INTEGER NOT NULL, json TEXT NOT NULL) STRICT",
};

static bool schema_create(struct journal *j, err *e)
{
    for (size_t i = 0; i < COUNT_OF(schema); i++)
        if (!journal_exec(j, schema[i], e)) return false;
    CLEANUP(query_close) struct query q = {0};
    if (!query_open(j, "INSERT INTO meta VALUES(?, ?)", &q, e)) return false;
    query_i64(&q, JOURNAL_SCHEMA);
    query_i64(&q, clock_wall_ms());
    if (!query_run(&q, e)) return false;
    return journal_state_begin(j, e);
}

/* 0: there are no tables yet. */
static bool schema_find(struct journal *j, int64_t *ret, err *e)
{
    CLEANUP(query_close) struct query tables = {0};
    bool found = false;
    if (!query_open(j, "SELECT 1 FROM sqlite_schema WHERE name = 'meta'", &tables, e)) return false;
    if (!query_row(&tables, &found, e)) return false;
    *ret = 0;
    if (!found) return true;
    CLEANUP(query_close) struct query meta = {0};
    if (!query_open(j, "SELECT schema FROM meta", &meta, e)) return false;
    if (!query_row(&meta, &found, e)) return false;
    if (found) *ret = sqlite3_column_int64(meta.at, 0);
    return true;
}

static bool schema_check(struct journal *j, bool create, err *e)
{
    int64_t have = 0;
    if (!schema_find(j, &have, e)) return false;
    if (have == 0 && create) return schema_create(j, e);
    if (have == 0) {
        (void)err_set(e, ERR_STATE, "there is no move in '%s'", j->workdir);
        return err_hint(e, "give the directory of 'handover migrate run --workdir'");
    }
    if (have == JOURNAL_SCHEMA) return true;
    (void)err_set(e, ERR_STATE,
                  "the journal in '%s' has schema %" PRId64 ", this handover knows %d", j->workdir,
                  have, JOURNAL_SCHEMA);
    return err_hint(e, "go on with the newer handover that began this move");
}

static bool database_open(struct journal *j, const char *path, bool create, err *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_NOFOLLOW;
    int code = sqlite3_open_v2(path, &j->db, flags, NULL);
    if (code != SQLITE_OK) return journal_fail(j, code, e);
    if (sqlite3_db_readonly(j->db, "main") == 1) return journal_fail(j, SQLITE_READONLY, e);
    (void)sqlite3_extended_result_codes(j->db, 1); /* fails on a bad handle only */
    (void)sqlite3_busy_timeout(j->db, BUSY_TIMEOUT_MS);
    if (!journal_exec(j, "PRAGMA journal_mode = WAL", e)) return false;
    if (!journal_exec(j, "PRAGMA synchronous = FULL", e)) return false;
    if (!journal_exec(j, "PRAGMA trusted_schema = OFF", e)) return false;
    if (!journal_begin(j, e)) return false;
    if (!schema_check(j, create, e)) {
        journal_rollback(j);
        return false;
    }
    return journal_commit(j, e);
}

/* Without `create` nothing is made, not even an empty file. */
static bool file_there(const char *workdir, const char *path, bool create, err *e)
{
    if (create || access(path, F_OK) == 0) return workdir_make_file(path, e);
    (void)err_set(e, ERR_STATE, "there is no move in '%s'", workdir);
    return err_hint(e, "give the directory of 'handover migrate run --workdir'");
}

bool journal_open(const char *workdir, bool create, struct journal **ret, err *e)
{
    if (!workdir_make(workdir, create, e)) return false;
    /* SQLite refuses a path with a symbolic link anywhere in it; the directory may be one. */
    CLEANUP(mem_free_at) char *real = realpath(workdir, NULL);
    if (!real) return err_set(e, ERR_IO, "the work directory '%s' cannot be read", workdir);
    arena a = {0};
    const char *path = arena_printf(&a, "%s/journal.db", real);
    if (!file_there(workdir, path, create, e)) {
        arena_clear(&a);
        return false;
    }
    struct journal *j = mem_alloc(sizeof *j);
    *j = (struct journal){.workdir = mem_text(span_text(workdir)), .lock_fd = -1};
    pthread_mutexattr_t kind;
    int failed = pthread_mutexattr_init(&kind);
    assert(!failed);
    failed = pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    assert(!failed);
    failed = pthread_mutex_init(&j->mutex, &kind);
    assert(!failed);
    (void)pthread_mutexattr_destroy(&kind);
    bool good = database_open(j, path, create, e);
    arena_clear(&a);
    if (!good) {
        journal_close(j);
        return false;
    }
    *ret = j;
    return true;
}

void journal_close(struct journal *j)
{
    if (!j) return;
    int code = sqlite3_close(j->db);
    assert(code == SQLITE_OK); /* else a query is still open */
    if (j->lock_fd >= 0) (void)close(j->lock_fd);
    (void)pthread_mutex_destroy(&j->mutex);
    free(j->workdir);
    free(j);
}

const char *journal_workdir(const struct journal *j)
{
    return j->workdir;
}

bool journal_lock(struct journal *j, err *e)
{
    assert(j->lock_fd < 0);
    return workdir_lock(j->workdir, &j->lock_fd, e);
}

bool journal_lock_holder(const char *workdir, int64_t *ret_pid, err *e)
{
    return workdir_lock_holder(workdir, ret_pid, e);
}

bool journal_relax(struct journal *j, bool relaxed, err *e)
{
    int failed = pthread_mutex_lock(&j->mutex);
    assert(!failed);
    j->relaxed = relaxed;
    bool good =
        journal_exec(j, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", e);
    failed = pthread_mutex_unlock(&j->mutex);
    assert(!failed);
    return good;
}
