#include "base/clock.h"
#include "inspect/engines.h"
#include "inspect/input.h"
#include "inspect/inspect.h"

/* What a file may name beyond its keys; more is counted, not kept. */
#define NAMES_MAX ((size_t)256)
#define AUX_VALUE_MAX ((size_t)64)

#define MINUTE_MS (INT64_C(60) * 1000)
#define DAY_MS (INT64_C(24) * 60 * MINUTE_MS)

static const struct {
    int64_t below_ms;
    const char *name;
} expiry_classes[EXPIRY_CLASS_COUNT] = {
    [EXPIRY_NEVER] = {0, "no expiry"},
    [EXPIRY_PASSED] = {0, "over when it was saved"},
    [EXPIRY_MINUTE] = {MINUTE_MS, "less than 1 minute left"},
    [EXPIRY_HOUR] = {60 * MINUTE_MS, "less than 1 hour"},
    [EXPIRY_DAY] = {DAY_MS, "less than 1 day"},
    [EXPIRY_WEEK] = {7 * DAY_MS, "less than 7 days"},
    [EXPIRY_MONTH] = {30 * DAY_MS, "less than 30 days"},
    [EXPIRY_BEYOND] = {INT64_MAX, "30 days or more"},
};

const char *inspect_expiry_name(inspect_expiry class)
{
    assert(class < EXPIRY_CLASS_COUNT);
    return expiry_classes[class].name;
}

static inspect_expiry expiry_class(int64_t expires_at_ms, int64_t saved_at_ms)
{
    if (expires_at_ms < 0) return EXPIRY_NEVER;
    int64_t left = expires_at_ms - saved_at_ms;
    if (left <= 0) return EXPIRY_PASSED;
    unsigned class = EXPIRY_MINUTE;
    while (class < EXPIRY_BEYOND && left >= expiry_classes[class].below_ms)
        class ++;
    return (inspect_expiry) class;
}

typedef struct {
    inspect_summary *out;
    rdb_input input;
    size_t largest_max;
} summary_run;

static const char *kept_text(summary_run *r, span s)
{
    return arena_text(&r->out->memory, span_text(span_show(s).text));
}

/* A name is listed once. */
static void name_add(summary_run *r, const char ***list, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*list)[i], name) == 0) return;
    if (*count == NAMES_MAX) return;
    if (!*list) *list = arena_alloc(&r->out->memory, NAMES_MAX * sizeof **list);
    (*list)[(*count)++] = arena_text(&r->out->memory, span_text(name));
}

static void aux_add(summary_run *r, const rdb_item *item)
{
    inspect_summary *s = r->out;
    int64_t seconds = 0;
    if (span_is(item->key, "ctime") && span_to_i64(item->value, &seconds) && seconds > 0 &&
        seconds < INT64_MAX / 1000) {
        s->saved_at_ms = seconds * 1000;
        s->has_saved_at = true;
    }
    if (s->aux_count == NAMES_MAX) return;
    if (!s->aux) s->aux = arena_alloc(&s->memory, NAMES_MAX * sizeof *s->aux);
    span value = span_of(item->value.at, size_min(item->value.size, AUX_VALUE_MAX));
    s->aux[s->aux_count++] =
        (inspect_aux){.name = kept_text(r, item->key), .value = kept_text(r, value)};
}

/* "#!lua name=lib …": the first line of every library (valkey src/functions.c). */
static void function_add(summary_run *r, span code)
{
    static const char unnamed[] = "(without a name)";
    span line = {0};
    span word = {0};
    const char *name = unnamed;
    if (!span_cut(&code, '\n', &line)) line = code;
    while (span_cut(&line, ' ', &word))
        if (span_starts(word, "name=")) name = kept_text(r, span_tail(word, 5));
    name_add(r, &r->out->functions, &r->out->function_count, name);
}

static bool database_at(summary_run *r, uint32_t db, inspect_database **ret, err *e)
{
    inspect_summary *s = r->out;
    for (size_t i = s->database_count; i > 0; i--) {
        if (s->databases[i - 1].db != db) continue;
        *ret = &s->databases[i - 1];
        return true;
    }
    if (s->database_count == INSPECT_DATABASES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d databases", INSPECT_DATABASES_MAX);
    if (!s->databases)
        s->databases = arena_alloc(&s->memory, INSPECT_DATABASES_MAX * sizeof *s->databases);
    *ret = &s->databases[s->database_count++];
    (*ret)->db = db;
    return true;
}

/* Keeps the largest ones, descending; the list is short. */
static void large_add(summary_run *r, const rdb_item *item, uint64_t bytes)
{
    inspect_summary *s = r->out;
    bool is_full = s->largest_count == r->largest_max;
    if (is_full && (s->largest_count == 0 || bytes <= s->largest[s->largest_count - 1].bytes))
        return;
    if (!s->largest) s->largest = arena_alloc(&s->memory, r->largest_max * sizeof *s->largest);
    size_t at = is_full ? s->largest_count - 1 : s->largest_count++;
    for (; at > 0 && s->largest[at - 1].bytes < bytes; at--)
        s->largest[at] = s->largest[at - 1];
    s->largest[at] = (inspect_large){.key = kept_text(r, item->key),
                                     .kind = rdb_kind_name(item->type->kind),
                                     .encoding = item->type->name,
                                     .db = item->db,
                                     .bytes = bytes};
}

static size_t type_index(const rdb_type *type)
{
    size_t index = 0;
    while (rdb_type_row(index) != type)
        index++;
    return index;
}

static void count_add(inspect_count *c, uint64_t bytes)
{
    c->keys++;
    c->bytes += bytes;
}

static bool key_add(summary_run *r, const rdb_item *item, err *e)
{
    inspect_summary *s = r->out;
    inspect_database *db = NULL;
    uint64_t value_bytes = 0;
    if (item->type->kind == RDB_KIND_MODULE) {
        uint64_t id = 0;
        if (!rdb_input_module(&r->input, &id, e)) return false;
        name_add(r, &s->modules, &s->module_count, rdb_module_name_of(id).text);
    }
    if (!rdb_input_skip(&r->input, &value_bytes, e)) return false;
    if (!database_at(r, item->db, &db, e)) return false;
    uint64_t bytes = r->input.in.offset - item->offset;
    count_add(&s->all, bytes);
    count_add(&db->kinds[item->type->kind], bytes);
    count_add(&s->encodings[type_index(item->type)], bytes);
    if (item->expires_at_ms >= 0) db->expiring++;
    s->expiries[expiry_class(item->expires_at_ms, s->saved_at_ms)]++;
    if (item->idle_s >= 0) s->with_idle++;
    if (item->frequency >= 0) s->with_frequency++;
    large_add(r, item, bytes);
    return true;
}

static bool item_add(summary_run *r, const rdb_item *item, err *e)
{
    inspect_summary *s = r->out;
    switch (item->kind) {
    case RDB_ITEM_HEADER:
        s->version = item->version;
        s->is_valkey = item->is_valkey;
        return true;
    case RDB_ITEM_AUX:
        aux_add(r, item);
        return true;
    case RDB_ITEM_FUNCTION:
        function_add(r, item->value);
        return true;
    case RDB_ITEM_MODULE_AUX:
        name_add(r, &s->modules, &s->module_count, rdb_module_name_of(item->module_id).text);
        return true;
    case RDB_ITEM_KEY:
        return key_add(r, item, e);
    case RDB_ITEM_END:
        s->has_checksum = item->checksum != 0;
        return true;
    case RDB_ITEM_SELECT:
    case RDB_ITEM_RESIZE:
    case RDB_ITEM_SLOT_INFO:
        return true; /* hints */
    }
    return true;
}

static bool file_read(summary_run *r, err *e)
{
    const rdb_item *item = NULL;
    do {
        if (!rdb_input_next(&r->input, &item, e) || !item_add(r, item, e)) return false;
    } while (item->kind != RDB_ITEM_END);
    r->out->file_bytes = r->input.in.offset;
    return rdb_input_rest(&r->input, &r->out->rest_bytes, e);
}

bool inspect_run(const char *path, size_t largest_max, inspect_summary *ret, err *e)
{
    assert(largest_max <= INSPECT_LARGEST_MAX);
    *ret = (inspect_summary){.saved_at_ms = clock_wall_ms()};
    summary_run r = {.out = ret, .largest_max = largest_max};
    bool done = rdb_input_open(&r.input, path, e);
    if (!done) return false;
    done = file_read(&r, e);
    rdb_input_close(&r.input);
    if (done) engines_judge(ret);
    return done || err_blame(e, SIDE_SOURCE);
}

void inspect_summary_clear(inspect_summary *s)
{
    arena_clear(&s->memory);
    *s = (inspect_summary){0};
}
