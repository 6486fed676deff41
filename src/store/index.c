#include "store/index.h"

#define INDEX_FILE "index.db"
#define BUSY_MS 5000

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS bucket(name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL,"
    " ownership TEXT NOT NULL, acl TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS object(bucket TEXT NOT NULL, key TEXT NOT NULL,"
    " size INTEGER NOT NULL, etag TEXT NOT NULL, modified_ms INTEGER NOT NULL, meta TEXT NOT NULL,"
    " acl TEXT NOT NULL, files TEXT NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS upload(id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT "
    "NULL,"
    " started_ms INTEGER NOT NULL, meta TEXT NOT NULL, acl TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS upload_order ON upload(bucket, key, id);"
    "CREATE TABLE IF NOT EXISTS part(upload TEXT NOT NULL, number INTEGER NOT NULL,"
    " size INTEGER NOT NULL, etag TEXT NOT NULL, modified_ms INTEGER NOT NULL, file TEXT NOT NULL,"
    " PRIMARY KEY(upload, number)) WITHOUT ROWID;";

/* --- statements ------------------------------------------------------------------------------ */

typedef struct {
    const char *text; /* NULL: the number */
    int64_t number;
} value;

static value text(const char *text)
{
    return (value){.text = text};
}

static value number(int64_t number)
{
    return (value){.number = number};
}

static bool index_fail(struct store *s, err *e)
{
    return err_set(e, ERR_IO, "the index of the buckets: %s", sqlite3_errmsg(s->db));
}

/* Up to its first row. NULL behind a good end: there is none. */
static bool
ask(struct store *s, const char *sql, const value *values, size_t count, sqlite3_stmt **ret, err *e)
{
    sqlite3_stmt *at = NULL;
    int code = sqlite3_prepare_v2(s->db, sql, -1, &at, NULL);
    for (size_t i = 0; code == SQLITE_OK && i < count; i++) {
        code = values[i].text
                   ? sqlite3_bind_text(at, (int)i + 1, values[i].text, -1, SQLITE_TRANSIENT)
                   : sqlite3_bind_int64(at, (int)i + 1, values[i].number);
    }
    if (code == SQLITE_OK) code = sqlite3_step(at);
    bool good = code == SQLITE_ROW || code == SQLITE_DONE || index_fail(s, e);
    *ret = code == SQLITE_ROW ? at : NULL;
    if (code != SQLITE_ROW) (void)sqlite3_finalize(at); /* its code was told */
    return good;
}

static bool run(struct store *s, const char *sql, const value *values, size_t count, err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, sql, values, count, &at, e)) return false;
    (void)sqlite3_finalize(at); /* these have no rows */
    return true;
}

#define VALUES(...) (value[]){__VA_ARGS__}, COUNT_OF(((value[]){__VA_ARGS__}))

static const char *column(sqlite3_stmt *at, int n, arena *memory)
{
    const char *found = (const char *)sqlite3_column_text(at, n);
    return found ? arena_text(memory, span_text(found)) : "";
}

static bool exec(struct store *s, const char *sql, err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK || index_fail(s, e);
}

bool index_open(struct store *s, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *path = arena_printf(&memory, "%s/" INDEX_FILE, s->folder);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) return index_fail(s, e);
    (void)sqlite3_busy_timeout(s->db, BUSY_MS); /* somebody who looks into it */
    return exec(s, "PRAGMA journal_mode = WAL", e) && exec(s, "PRAGMA synchronous = NORMAL", e) &&
           exec(s, "PRAGMA trusted_schema = OFF", e) && exec(s, schema, e);
}

void index_close(struct store *s)
{
    (void)sqlite3_close(s->db); /* NULL is fine */
    s->db = NULL;
}

bool index_begin(struct store *s, err *e)
{
    return exec(s, "BEGIN IMMEDIATE", e);
}

bool index_commit(struct store *s, err *e)
{
    return exec(s, "COMMIT", e);
}

void index_rollback(struct store *s)
{
    err ignored = {0}; /* what made it needed is told */
    (void)exec(s, "ROLLBACK", &ignored);
}

/* --- buckets --------------------------------------------------------------------------------- */

static bool bucket_found(sqlite3_stmt *at, arena *memory, bucket_row *ret)
{
    if (!at) return false;
    *ret = (bucket_row){.name = column(at, 0, memory),
                        .created_ms = sqlite3_column_int64(at, 1),
                        .ownership = column(at, 2, memory),
                        .acl = column(at, 3, memory)};
    (void)sqlite3_finalize(at); /* it was read */
    return true;
}

#define BUCKET "SELECT name, created_ms, ownership, acl FROM bucket WHERE name "

bool index_bucket(
    struct store *s, const char *name, arena *memory, bucket_row *ret, bool *ret_found, err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, BUCKET "= ?", VALUES(text(name)), &at, e)) return false;
    *ret_found = bucket_found(at, memory, ret);
    return true;
}

bool index_bucket_after(
    struct store *s, const char *name, arena *memory, bucket_row *ret, bool *ret_found, err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, BUCKET "> ? ORDER BY name LIMIT 1", VALUES(text(name)), &at, e)) return false;
    *ret_found = bucket_found(at, memory, ret);
    return true;
}

bool index_bucket_put(struct store *s, const bucket_row *b, err *e)
{
    return run(s, "INSERT OR REPLACE INTO bucket VALUES(?, ?, ?, ?)",
               VALUES(text(b->name), number(b->created_ms), text(b->ownership), text(b->acl)), e);
}

bool index_bucket_delete(struct store *s, const char *name, err *e)
{
    return run(s, "DELETE FROM bucket WHERE name = ?", VALUES(text(name)), e);
}

bool index_bucket_is_empty(struct store *s, const char *name, bool *ret, err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, "SELECT 1 FROM object WHERE bucket = ? LIMIT 1", VALUES(text(name)), &at, e))
        return false;
    *ret = at == NULL;
    (void)sqlite3_finalize(at);
    return true;
}

/* --- objects --------------------------------------------------------------------------------- */

#define OBJECT                                                                                     \
    "SELECT key, size, etag, modified_ms, meta, acl, files FROM object WHERE bucket = ? AND key "

static bool object_found(sqlite3_stmt *at, arena *memory, object_row *ret)
{
    if (!at) return false;
    *ret = (object_row){.key = column(at, 0, memory),
                        .size = (uint64_t)sqlite3_column_int64(at, 1),
                        .etag = column(at, 2, memory),
                        .modified_ms = sqlite3_column_int64(at, 3),
                        .meta = column(at, 4, memory),
                        .acl = column(at, 5, memory),
                        .files = column(at, 6, memory)};
    (void)sqlite3_finalize(at); /* it was read */
    return true;
}

bool index_object(struct store *s,
                  const char *bucket,
                  const char *key,
                  arena *memory,
                  object_row *ret,
                  bool *ret_found,
                  err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, OBJECT "= ?", VALUES(text(bucket), text(key)), &at, e)) return false;
    *ret_found = object_found(at, memory, ret);
    return true;
}

bool index_object_after(struct store *s,
                        const char *bucket,
                        const char *key,
                        bool inclusive,
                        arena *memory,
                        object_row *ret,
                        bool *ret_found,
                        err *e)
{
    sqlite3_stmt *at = NULL;
    const char *sql =
        inclusive ? OBJECT ">= ? ORDER BY key LIMIT 1" : OBJECT "> ? ORDER BY key LIMIT 1";
    if (!ask(s, sql, VALUES(text(bucket), text(key)), &at, e)) return false;
    *ret_found = object_found(at, memory, ret);
    return true;
}

bool index_object_put(struct store *s, const char *bucket, const object_row *o, err *e)
{
    return run(s, "INSERT OR REPLACE INTO object VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
               VALUES(text(bucket), text(o->key), number((int64_t)o->size), text(o->etag),
                      number(o->modified_ms), text(o->meta), text(o->acl), text(o->files)),
               e);
}

bool index_object_delete(struct store *s, const char *bucket, const char *key, err *e)
{
    return run(s, "DELETE FROM object WHERE bucket = ? AND key = ?",
               VALUES(text(bucket), text(key)), e);
}

/* --- uploads --------------------------------------------------------------------------------- */

static bool upload_found(sqlite3_stmt *at, arena *memory, upload_row *ret)
{
    if (!at) return false;
    *ret = (upload_row){.id = column(at, 0, memory),
                        .key = column(at, 1, memory),
                        .started_ms = sqlite3_column_int64(at, 2),
                        .meta = column(at, 3, memory),
                        .acl = column(at, 4, memory)};
    (void)sqlite3_finalize(at); /* it was read */
    return true;
}

#define UPLOAD "SELECT id, key, started_ms, meta, acl FROM upload WHERE bucket = ? AND "

bool index_upload(struct store *s,
                  const char *bucket,
                  const char *id,
                  arena *memory,
                  upload_row *ret,
                  bool *ret_found,
                  err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, UPLOAD "id = ?", VALUES(text(bucket), text(id)), &at, e)) return false;
    *ret_found = upload_found(at, memory, ret);
    return true;
}

bool index_upload_after(struct store *s,
                        const char *bucket,
                        const char *key,
                        const char *id,
                        arena *memory,
                        upload_row *ret,
                        bool *ret_found,
                        err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s, UPLOAD "(key, id) > (?, ?) ORDER BY key, id LIMIT 1",
             VALUES(text(bucket), text(key), text(id)), &at, e))
        return false;
    *ret_found = upload_found(at, memory, ret);
    return true;
}

bool index_upload_put(struct store *s, const char *bucket, const upload_row *u, err *e)
{
    return run(s, "INSERT INTO upload VALUES(?, ?, ?, ?, ?, ?)",
               VALUES(text(u->id), text(bucket), text(u->key), number(u->started_ms), text(u->meta),
                      text(u->acl)),
               e);
}

bool index_upload_delete(struct store *s, const char *id, err *e)
{
    return run(s, "DELETE FROM part WHERE upload = ?", VALUES(text(id)), e) &&
           run(s, "DELETE FROM upload WHERE id = ?", VALUES(text(id)), e);
}

bool index_part_after(struct store *s,
                      const char *upload,
                      int64_t after,
                      arena *memory,
                      part_row *ret,
                      bool *ret_found,
                      err *e)
{
    sqlite3_stmt *at = NULL;
    if (!ask(s,
             "SELECT number, size, etag, modified_ms, file FROM part WHERE upload = ? AND "
             "number > ? ORDER BY number LIMIT 1",
             VALUES(text(upload), number(after)), &at, e))
        return false;
    *ret_found = at != NULL;
    if (!at) return true;
    *ret = (part_row){.number = sqlite3_column_int64(at, 0),
                      .size = (uint64_t)sqlite3_column_int64(at, 1),
                      .etag = column(at, 2, memory),
                      .modified_ms = sqlite3_column_int64(at, 3),
                      .file = column(at, 4, memory)};
    (void)sqlite3_finalize(at); /* it was read */
    return true;
}

bool index_part_put(struct store *s, const char *upload, const part_row *p, err *e)
{
    return run(s, "INSERT OR REPLACE INTO part VALUES(?, ?, ?, ?, ?, ?)",
               VALUES(text(upload), number(p->number), number((int64_t)p->size), text(p->etag),
                      number(p->modified_ms), text(p->file)),
               e);
}

bool index_each_files(struct store *s, index_files *each, void *context, err *e)
{
    sqlite3_stmt *at = NULL;
    int code = SQLITE_ROW;
    if (!ask(s, "SELECT files FROM object UNION ALL SELECT file || ' 0' || char(10) FROM part",
             NULL, 0, &at, e))
        return false;
    for (; at && code == SQLITE_ROW; code = sqlite3_step(at)) {
        const char *files = (const char *)sqlite3_column_text(at, 0);
        each(context, files ? files : "");
    }
    bool good = !at || code == SQLITE_DONE || index_fail(s, e);
    (void)sqlite3_finalize(at);
    return good;
}
