#include "base/secret.h"
#include "journal/journal_internal.h"

bool journal_set(struct journal *j, const char *name, const char *text, err *e)
{
    assert(!secret_in_url(text)); /* P7: never in the work directory */
    CLEANUP(query_close) struct query q = {0};
    if (strlen(text) > JOURNAL_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "setting '%s' has %zu bytes", name, strlen(text));
    static const char sql[] = "INSERT INTO setting VALUES(?, ?)"
                              " ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    if (!query_open(j, sql, &q, e)) return false;
    query_text(&q, name);
    query_text(&q, text);
    return query_run(&q, e);
}

bool journal_set_i64(struct journal *j, const char *name, int64_t value, err *e)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, value); /* 20 bytes at most */
    return journal_set(j, name, text, e);
}

bool journal_get(struct journal *j, const char *name, arena *a, const char **ret, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    bool found = false;
    if (!query_open(j, "SELECT value FROM setting WHERE name = ?", &q, e)) return false;
    query_text(&q, name);
    if (!query_row(&q, &found, e)) return false;
    *ret = found ? column_text(&q, 0, a) : NULL;
    return true;
}

bool journal_get_i64(struct journal *j, const char *name, int64_t fallback, int64_t *ret, err *e)
{
    arena a = {0};
    const char *text = NULL;
    bool good = journal_get(j, name, &a, &text, e);
    int64_t value = fallback;
    if (good && text && !span_to_i64(span_text(text), &value))
        good = err_set(e, ERR_FORMAT, "setting '%s' of the journal is not a number", name);
    arena_clear(&a);
    if (good) *ret = value;
    return good;
}

bool journal_unset(struct journal *j, const char *name, err *e)
{
    CLEANUP(query_close) struct query q = {0};
    if (!query_open(j, "DELETE FROM setting WHERE name = ?", &q, e)) return false;
    query_text(&q, name);
    return query_run(&q, e);
}
