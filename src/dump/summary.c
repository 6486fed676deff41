#include "dump/summary.h"

#include "base/clock.h"
#include "dump/input.h"

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

const char *dump_expiry_name(dump_expiry class)
{
    assert(class < EXPIRY_CLASS_COUNT);
    return expiry_classes[class].name;
}

static dump_expiry expiry_class(int64_t expires_at_ms, int64_t saved_at_ms)
{
    if (expires_at_ms < 0) return EXPIRY_NEVER;
    int64_t left = expires_at_ms - saved_at_ms;
    if (left <= 0) return EXPIRY_PASSED;
    unsigned class = EXPIRY_MINUTE;
    while (class < EXPIRY_BEYOND && left >= expiry_classes[class].below_ms)
        class ++;
    return (dump_expiry) class;
}

typedef struct {
    const dump_options *o;
    dump_summary *out;
    dump_input input;
    struct rdb_decoder *decoder; /* NULL: elements are not counted */
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
    dump_summary *s = r->out;
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
        (dump_aux){.name = kept_text(r, item->key), .value = kept_text(r, value)};
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

static bool database_at(summary_run *r, uint32_t db, dump_database **ret, err *e)
{
    dump_summary *s = r->out;
    for (size_t i = s->database_count; i > 0; i--) {
        if (s->databases[i - 1].db != db) continue;
        *ret = &s->databases[i - 1];
        return true;
    }
    if (s->database_count == DUMP_DATABASES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d databases", DUMP_DATABASES_MAX);
    if (!s->databases)
        s->databases = arena_alloc(&s->memory, DUMP_DATABASES_MAX * sizeof *s->databases);
    *ret = &s->databases[s->database_count++];
    (*ret)->db = db;
    return true;
}

/* Keeps the largest ones, descending; the list is short. The place of the one that falls off keeps
 * its memory for the new name, whatever the number of keys. */
static void large_add(summary_run *r, const rdb_item *item, uint64_t bytes)
{
    dump_summary *s = r->out;
    size_t max = r->o->largest_max;
    bool is_full = s->largest_count == max;
    if (is_full && (max == 0 || bytes <= s->largest[max - 1].bytes)) return;
    if (!s->largest) s->largest = arena_alloc(&s->memory, max * sizeof *s->largest);
    size_t at = is_full ? max - 1 : s->largest_count++;
    shown *name = is_full ? (shown *)s->largest[at].name : arena_alloc(&s->memory, sizeof(shown));
    for (; at > 0 && s->largest[at - 1].bytes < bytes; at--)
        s->largest[at] = s->largest[at - 1];
    *name = span_show(item->key);
    s->largest[at] = (dump_large){.name = name,
                                  .key = name->text,
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

static void count_add(dump_count *c, uint64_t bytes)
{
    c->keys++;
    c->bytes += bytes;
}

/* Over the value, counting its elements. */
static bool value_count(summary_run *r, const rdb_item *item, uint64_t *ret, err *e)
{
    uint64_t count = 0;
    rdb_element x = {0};
    rdb_decoder_begin(r->decoder, item->type);
    do {
        if (!dump_input_element(&r->input, r->decoder, &x, e)) return false;
        count += x.kind == RDB_ELEMENT_ITEM || x.kind == RDB_ELEMENT_MEMBER ||
                 x.kind == RDB_ELEMENT_FIELD || x.kind == RDB_ELEMENT_SCORED ||
                 x.kind == RDB_ELEMENT_ENTRY;
    } while (x.kind != RDB_ELEMENT_END);
    *ret = count;
    return true;
}

/* How the elements of a type are counted: small packed ones are not, the engines keep them below
 * some hundred elements. */
typedef enum { COUNT_NOT, COUNT_IN_FRONT, COUNT_ONE_BY_ONE } count_way;

static count_way count_way_of(const rdb_type *type)
{
    if (type->kind == RDB_KIND_STRING || type->kind == RDB_KIND_MODULE) return COUNT_NOT;
    if (type->kind == RDB_KIND_STREAM) return COUNT_ONE_BY_ONE;
    if (type->blob == RDB_BLOB_NONE)
        return type->grammar[0] == 'l' ? COUNT_IN_FRONT : COUNT_ONE_BY_ONE;
    return type->grammar[0] == 'l' ? COUNT_ONE_BY_ONE : COUNT_NOT; /* nodes; one blob */
}

/* Over the value; elements 0: not counted. */
static bool value_pass(summary_run *r, const rdb_item *item, uint64_t *ret_elements, err *e)
{
    uint64_t bytes = 0;
    uint64_t id = 0;
    count_way way = r->decoder ? count_way_of(item->type) : COUNT_NOT;
    *ret_elements = 0;
    if (way == COUNT_ONE_BY_ONE) return value_count(r, item, ret_elements, e);
    if (way == COUNT_IN_FRONT && !dump_input_number(&r->input, ret_elements, e)) return false;
    if (item->type->kind == RDB_KIND_MODULE) {
        if (!dump_input_number(&r->input, &id, e)) return false;
        name_add(r, &r->out->modules, &r->out->module_count, rdb_module_name_of(id).text);
    }
    return dump_input_skip(&r->input, &bytes, e);
}

static bool key_add(summary_run *r, const rdb_item *item, err *e)
{
    dump_summary *s = r->out;
    dump_database *db = NULL;
    dump_key key = {.item = item, .saved_at_ms = s->saved_at_ms};
    if (!value_pass(r, item, &key.elements, e)) return false;
    if (!database_at(r, item->db, &db, e)) return false;
    key.bytes = r->input.in.offset - item->offset;
    count_add(&s->all, key.bytes);
    count_add(&db->kinds[item->type->kind], key.bytes);
    count_add(&s->encodings[type_index(item->type)], key.bytes);
    if (item->expires_at_ms >= 0) db->expiring++;
    s->expiries[expiry_class(item->expires_at_ms, s->saved_at_ms)]++;
    if (item->idle_s >= 0) s->with_idle++;
    if (item->frequency >= 0) s->with_frequency++;
    large_add(r, item, key.bytes);
    if (r->o->visit) r->o->visit(r->o->context, &key);
    return true;
}

static bool item_add(summary_run *r, const rdb_item *item, err *e)
{
    dump_summary *s = r->out;
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
    case RDB_ITEM_RESIZE:
        s->hinted_keys += item->key_count; /* one per database */
        return true;
    case RDB_ITEM_SELECT:
    case RDB_ITEM_SLOT_INFO:
        return true;
    }
    return true;
}

static bool file_read(summary_run *r, err *e)
{
    const rdb_item *item = NULL;
    do {
        r->out->is_stopped = r->o->stop && *r->o->stop;
        if (r->out->is_stopped) break;
        if (!dump_input_next(&r->input, &item, e) || !item_add(r, item, e)) return false;
    } while (item->kind != RDB_ITEM_END);
    r->out->file_bytes = r->input.in.offset;
    r->out->crc = r->input.crc;
    return r->out->is_stopped || dump_input_rest(&r->input, &r->out->rest_bytes, e);
}

bool dump_read(const char *path, const dump_options *o, dump_summary *ret, err *e)
{
    assert(o->largest_max <= DUMP_LARGEST_MAX);
    *ret = (dump_summary){.saved_at_ms = clock_wall_ms()};
    summary_run r = {.o = o, .out = ret};
    bool done = dump_input_open(&r.input, path, e);
    if (!done) return false;
    if (o->count_elements) r.decoder = rdb_decoder_new(&RDB_DECODE_LIMITS_DEFAULT);
    done = file_read(&r, e);
    rdb_decoder_free(r.decoder);
    dump_input_close(&r.input);
    return done || err_blame(e, SIDE_SOURCE);
}

void dump_summary_clear(dump_summary *s)
{
    arena_clear(&s->memory);
    *s = (dump_summary){0};
}

const char *dump_aux_find(const dump_summary *s, const char *name)
{
    for (size_t i = 0; i < s->aux_count; i++)
        if (strcmp(s->aux[i].name, name) == 0) return s->aux[i].value;
    return NULL;
}
