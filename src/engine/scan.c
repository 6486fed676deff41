#include "engine/scan.h"

#include "engine/info.h"

#define SCAN_COUNT "1000"
#define DATABASES_MAX 1024

/* A line of INFO keyspace: "db0:keys=90000,expires=16200,avg_ttl=0". */
static bool line_wanted(span line, scan_what what)
{
    size_t at = 0;
    if (what == SCAN_ALL) return true;
    if (what == SCAN_FIELDS_EXPIRING) return info_fields_expiring(line) > 0;
    return span_find(line, span_text("expires="), &at) &&
           !span_starts(span_tail(line, at), "expires=0,");
}

static bool
databases_find(engine *s, scan_what what, unsigned *ret, size_t max, size_t *ret_count, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info;
    if (!engine_info(s, &memory, "keyspace", &info, e)) return false;
    size_t count = 0;
    span line;
    while (span_cut(&info, '\n', &line)) {
        span name;
        uint64_t db = 0;
        if (!span_starts(line, "db") || !line_wanted(line, what)) continue;
        if (!span_cut(&line, ':', &name)) continue;
        if (!span_to_u64(span_tail(name, 2), &db) || count == max) continue;
        ret[count++] = (unsigned)db;
    }
    *ret_count = count;
    return true;
}

bool scan_databases(engine *s, unsigned *ret, size_t max, size_t *ret_count, err *e)
{
    return databases_find(s, SCAN_ALL, ret, max, ret_count, e);
}

static bool
database_walk(engine *s, unsigned db, scan_what what, scan_batch *each, void *arg, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char number[16];
    char cursor_text[24] = "0";
    (void)snprintf(number, sizeof number, "%u", db);
    const reply *r = NULL;
    if (!engine_ask(s, &memory, &r, e, "SELECT", number)) return false;
    do {
        arena_clear(&memory);
        const char *const args[] = {"SCAN", cursor_text, "COUNT", SCAN_COUNT, "TYPE", "hash"};
        size_t count = COUNT_OF(args) - (what == SCAN_FIELDS_EXPIRING ? 0 : 2);
        if (!engine_ask_texts(s, &memory, &r, e, count, args)) return false;
        if (r->count != 2 || r->items[0].text.size >= sizeof cursor_text)
            return err_set(e, ERR_FORMAT, "SCAN answered in an unknown form");
        memcpy(cursor_text, r->items[0].text.at, r->items[0].text.size);
        cursor_text[r->items[0].text.size] = '\0';
        if (!each(arg, db, r->items[1].count, r->items[1].items, e)) return false;
    } while (strcmp(cursor_text, "0") != 0);
    return true;
}

bool scan_batches(engine *s, scan_what what, scan_batch *each, void *arg, err *e)
{
    unsigned databases[DATABASES_MAX];
    size_t count = 0;
    if (!databases_find(s, what, databases, DATABASES_MAX, &count, e)) return false;
    for (size_t i = 0; i < count; i++)
        if (!database_walk(s, databases[i], what, each, arg, e)) return false;
    return true;
}

typedef struct {
    scan_key *each;
    void *arg;
} per_key;

static bool batch_to_keys(void *arg, unsigned db, size_t count, const reply *keys, err *e)
{
    const per_key *p = arg;
    for (size_t i = 0; i < count; i++)
        if (!p->each(p->arg, db, keys[i].text, e)) return false;
    return true;
}

bool scan_all(engine *s, scan_key *each, void *arg, err *e)
{
    per_key p = {.each = each, .arg = arg};
    return scan_batches(s, SCAN_ALL, batch_to_keys, &p, e);
}
