#include <jansson.h>

#include "base/clock.h"
#include "inspect/inspect.h"

static double part_of(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* "57.0 MB"; the engines' own kind of figure, in powers of ten. */
typedef struct {
    char text[24];
} size_text;

static size_text size_show(uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_text s;
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < COUNT_OF(units); unit++)
        value /= 1000;
    (void)snprintf(s.text, sizeof s.text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return s;
}

static void head_print(const dump_summary *s, const char *path, FILE *out)
{
    (void)fprintf(out, "%s\n", path);
    (void)fprintf(out, "  format      RDB version %u, magic %s\n", s->version,
                  s->is_valkey ? "VALKEY" : "REDIS");
    (void)fprintf(out, "  size        %" PRIu64 " bytes (%s)\n", s->file_bytes,
                  size_show(s->file_bytes).text);
    if (s->rest_bytes > 0) {
        (void)fprintf(out,
                      "  behind it   %" PRIu64
                      " bytes that are no RDB (an append-only file goes on there)\n",
                      s->rest_bytes);
    }
    (void)fprintf(out, "  checksum    %s\n",
                  s->has_checksum ? "right" : "none in the file (rdbchecksum no)");
    (void)fprintf(out, "  saved at    %s\n",
                  s->has_saved_at ? clock_show(s->saved_at_ms).text : "not said in the file");
    for (size_t i = 0; i < s->aux_count; i++)
        (void)fprintf(out, "  %-11s %s\n", s->aux[i].name, s->aux[i].value);
}

static void names_print(FILE *out, const char *title, const char *const *names, size_t count)
{
    if (count == 0) return;
    (void)fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "  %s\n", names[i]);
}

static void databases_print(const dump_summary *s, FILE *out)
{
    (void)fprintf(out, "\n%-6s %-8s %14s %16s %14s\n", "db", "type", "keys", "bytes",
                  "with expiry");
    for (size_t i = 0; i < s->database_count; i++) {
        const dump_database *db = &s->databases[i];
        for (unsigned kind = 0; kind < COUNT_OF(db->kinds); kind++) {
            if (db->kinds[kind].keys == 0) continue;
            (void)fprintf(out, "%-6" PRIu32 " %-8s %14" PRIu64 " %16" PRIu64 "\n", db->db,
                          rdb_kind_name((rdb_kind)kind), db->kinds[kind].keys,
                          db->kinds[kind].bytes);
        }
        (void)fprintf(out, "%-6" PRIu32 " %-8s %14s %16s %14" PRIu64 "\n", db->db, "all", "", "",
                      db->expiring);
    }
    (void)fprintf(out, "%-6s %-8s %14" PRIu64 " %16" PRIu64 "\n", "all", "", s->all.keys,
                  s->all.bytes);
}

static void encodings_print(const dump_summary *s, FILE *out)
{
    (void)fprintf(out, "\n%-24s %14s %16s\n", "encoding", "keys", "bytes");
    for (size_t i = 0; rdb_type_row(i); i++) {
        if (s->encodings[i].keys == 0) continue;
        (void)fprintf(out, "%-24s %14" PRIu64 " %16" PRIu64 "\n", rdb_type_row(i)->name,
                      s->encodings[i].keys, s->encodings[i].bytes);
    }
}

static void expiries_print(const dump_summary *s, FILE *out)
{
    (void)fprintf(out, "\n%-24s %14s\n", "expiry", "keys");
    for (unsigned i = 0; i < EXPIRY_CLASS_COUNT; i++) {
        if (s->expiries[i] == 0) continue;
        (void)fprintf(out, "%-24s %14" PRIu64 " %5.1f %%\n", dump_expiry_name((dump_expiry)i),
                      s->expiries[i], part_of(s->expiries[i], s->all.keys));
    }
    if (s->with_idle > 0)
        (void)fprintf(out, "%-24s %14" PRIu64 "\n", "with idle time (LRU)", s->with_idle);
    if (s->with_frequency > 0)
        (void)fprintf(out, "%-24s %14" PRIu64 "\n", "with frequency (LFU)", s->with_frequency);
}

static void largest_print(const dump_summary *s, FILE *out)
{
    if (s->largest_count == 0) return;
    (void)fprintf(out, "\n%-16s %-6s %-8s %-20s %s\n", "bytes in the file", "db", "type",
                  "encoding", "largest keys");
    for (size_t i = 0; i < s->largest_count; i++) {
        const dump_large *l = &s->largest[i];
        (void)fprintf(out, "%-17" PRIu64 " %-6" PRIu32 " %-8s %-20s %s\n", l->bytes, l->db, l->kind,
                      l->encoding, l->key);
    }
}

void inspect_print_text(const inspect_summary *all, const char *path, FILE *out)
{
    const dump_summary *s = &all->file;
    head_print(s, path, out);
    databases_print(s, out);
    encodings_print(s, out);
    expiries_print(s, out);
    largest_print(s, out);
    names_print(out, "function libraries", s->functions, s->function_count);
    names_print(out, "modules", s->modules, s->module_count);
    (void)fprintf(out, "\n%-44s %s\n", "engine",
                  "loads it, as far as the version decides (docs/rdb.md)");
    for (size_t i = 0; i < all->engine_count; i++) {
        (void)fprintf(out, "%-44s %s%s\n", all->engines[i].engine,
                      all->engines[i].why_not ? "no: " : "yes",
                      all->engines[i].why_not ? all->engines[i].why_not : "");
    }
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *count_json(const dump_count *c)
{
    return json_pack("{s:I, s:I}", "keys", (json_int_t)c->keys, "bytes", (json_int_t)c->bytes);
}

static json_t *names_json(const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_string(names[i])); /* memory only */
    return list;
}

static json_t *databases_json(const dump_summary *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->database_count; i++) {
        const dump_database *db = &s->databases[i];
        json_t *types = json_object();
        for (unsigned kind = 0; kind < COUNT_OF(db->kinds); kind++) {
            if (db->kinds[kind].keys == 0) continue;
            (void)json_object_set_new(types, rdb_kind_name((rdb_kind)kind),
                                      count_json(&db->kinds[kind]));
        }
        (void)json_array_append_new(list,
                                    json_pack("{s:i, s:I, s:o}", "db", (int)db->db, "with_expiry",
                                              (json_int_t)db->expiring, "types", types));
    }
    return list;
}

static json_t *encodings_json(const dump_summary *s)
{
    json_t *all = json_object();
    for (size_t i = 0; rdb_type_row(i); i++) {
        if (s->encodings[i].keys == 0) continue;
        (void)json_object_set_new(all, rdb_type_row(i)->name, count_json(&s->encodings[i]));
    }
    return all;
}

static json_t *expiries_json(const dump_summary *s)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < EXPIRY_CLASS_COUNT; i++) {
        (void)json_object_set_new(all, dump_expiry_name((dump_expiry)i),
                                  json_integer((json_int_t)s->expiries[i]));
    }
    return all;
}

static json_t *largest_json(const dump_summary *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->largest_count; i++) {
        const dump_large *l = &s->largest[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:s, s:I}", "key", l->key,
                                                    "db", (int)l->db, "type", l->kind, "encoding",
                                                    l->encoding, "bytes", (json_int_t)l->bytes));
    }
    return list;
}

static json_t *engines_json(const inspect_summary *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->engine_count; i++) {
        const inspect_engine *one = &s->engines[i];
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:b, s:s?}", "engine", one->engine, "loads",
                                              one->why_not == NULL, "why_not", one->why_not));
    }
    return list;
}

bool inspect_print_json(const inspect_summary *of, const char *path, FILE *out)
{
    const dump_summary *s = &of->file;
    json_t *aux = json_object();
    for (size_t i = 0; i < s->aux_count; i++)
        (void)json_object_set_new(aux, s->aux[i].name, json_string(s->aux[i].value));
    json_t *all = json_pack(
        "{s:s, s:i, s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, "
        "s:o}",
        "file", path, "rdb_version", (int)s->version, "magic", s->is_valkey ? "VALKEY" : "REDIS",
        "bytes", (json_int_t)s->file_bytes, "bytes_behind", (json_int_t)s->rest_bytes, "checksum",
        s->has_checksum ? "right" : "none", "saved_at_ms",
        s->has_saved_at ? json_integer((json_int_t)s->saved_at_ms) : json_null(), "aux", aux, "all",
        count_json(&s->all), "databases", databases_json(s), "encodings", encodings_json(s),
        "expiry", expiries_json(s), "with_idle", (json_int_t)s->with_idle, "with_frequency",
        (json_int_t)s->with_frequency, "largest", largest_json(s), "functions",
        names_json(s->functions, s->function_count), "modules",
        names_json(s->modules, s->module_count), "engines", engines_json(of));
    bool written = all && json_dumpf(all, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;
    json_decref(all);
    return written;
}
