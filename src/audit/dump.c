/* The keys from an RDB file: all of them, in place of a sample of the server's. What else the file
 * says (version, databases, functions, modules' values) counts where nothing better was read. */
#include "audit/audit_internal.h"
#include "audit/key_tally.h"
#include "audit/settings.h"
#include "base/clock.h"
#include "dump/summary.h"

/* What a module's values are called, and what the module is called in MODULE LIST: from the
 * modules' sources (RedisModule_CreateDataType, RedisModule_Init). */
static const struct {
    const char *type, *module;
} module_types[] = {
    {"ReJSON-RL", "ReJSON"}, {"TSDB-TYPE", "timeseries"}, {"MBbloom--", "bf"},
    {"MBbloomCF", "bf"},     {"CMSk-TYPE", "bf"},         {"TopK-TYPE", "bf"},
    {"TDIS-TYPE", "bf"},     {"bloomfltr", "bf"},         {"vectorset", "vectorset"},
    {"ft_index0", "search"}, {"ft_invidx", "search"},     {"trietype0", "search"},
    {"graphdata", "graph"},  {"AI_TENSOR", "ai"},
};

static void key_add(void *context, const dump_key *k)
{
    key_tally *t = context;
    const rdb_item *item = k->item;
    tally_key one = {.name = item->key,
                     .type = rdb_kind_name(item->type->kind),
                     .encoding = item->type->name,
                     .db = item->db,
                     .bytes = k->bytes,
                     .elements = k->elements,
                     .has_expiry = item->expires_at_ms >= 0,
                     .never_expires = item->expires_at_ms < 0,
                     .expires_at_ms = item->expires_at_ms,
                     .left_ms = item->expires_at_ms - k->saved_at_ms,
                     .frequency = item->frequency};
    key_tally_add(t, &one);
}

/* --- what the file says beside its keys ------------------------------------------------------ */

static void databases_take(const dump_summary *s, audit_facts *f, audit_node *n)
{
    n->databases = arena_alloc(&f->memory, (s->database_count + 1) * sizeof *n->databases);
    n->database_count = s->database_count;
    for (size_t i = 0; i < s->database_count; i++) {
        const dump_database *db = &s->databases[i];
        n->databases[i] = (fact_database){.db = db->db, .expires = db->expiring};
        for (size_t kind = 0; kind < COUNT_OF(db->kinds); kind++)
            n->databases[i].keys += db->kinds[kind].keys;
    }
}

static void functions_take(const dump_summary *s, audit_facts *f, audit_node *n)
{
    const char **names = arena_alloc(&f->memory, (s->function_count + 1) * sizeof *names);
    for (size_t i = 0; i < s->function_count; i++)
        names[i] = arena_text(&f->memory, span_text(s->functions[i]));
    n->functions = names;
    n->function_count = s->function_count;
}

static const char *module_of(const char *type)
{
    for (size_t i = 0; i < COUNT_OF(module_types); i++)
        if (strcmp(module_types[i].type, type) == 0) return module_types[i].module;
    return type;
}

/* Several types may be of one module. */
static void module_add(const char *name, audit_facts *f, audit_node *n)
{
    for (size_t i = 0; i < n->module_count; i++)
        if (strcmp(n->modules[i].name, name) == 0) return;
    n->modules[n->module_count++] =
        (fact_module){.name = arena_text(&f->memory, span_text(name)), .version = NULL};
}

static void modules_take(const dump_summary *s, audit_facts *f, audit_node *n)
{
    n->modules = arena_alloc(&f->memory, (s->module_count + 1) * sizeof *n->modules);
    for (size_t i = 0; i < s->module_count; i++)
        module_add(module_of(s->modules[i]), f, n);
}

/* The version that wrote the file; it is known from 3.2 on. */
static void version_take(const dump_summary *s, audit_facts *f, audit_node *n)
{
    n->has_version = engine_version_of_file(dump_aux_find(s, "valkey-ver"),
                                            dump_aux_find(s, "redis-ver"), &n->version);
    if (!n->has_version) {
        n->version = (engine_version){.product = s->is_valkey ? ENGINE_VALKEY : ENGINE_REDIS,
                                      .major = s->is_valkey     ? 9
                                               : s->version > 9 ? 7
                                               : s->version > 8 ? 5
                                                                : 3};
    }
    n->version.rdb_version = s->version; /* this very file's */
    unread_add(f, n, "INFO", "no saved INFO was given (--info FILE)",
               n->has_version ? "commands in use, clients, memory"
                              : arena_printf(&f->memory,
                                             "the version (%s is assumed), commands in use, "
                                             "clients, memory",
                                             engine_version_show(&n->version).text));
}

static void dump_take(const dump_summary *s, const char *path, audit_facts *f, audit_node *n)
{
    uint64_t used = 0;
    const char *text = dump_aux_find(s, "used-mem");
    if (text && !span_to_u64(span_text(text), &used)) used = 0; /* not said in a known form */
    n->dump = (fact_dump){.path = path,
                          .version = s->version,
                          .bytes = s->file_bytes,
                          .used_memory = used,
                          .saved_at_ms = s->saved_at_ms,
                          .has_saved_at = s->has_saved_at};
    n->sample.is_of_dump = true;
    n->sample.of = s->hinted_keys > s->all.keys ? s->hinted_keys : s->all.keys;
    if (s->is_stopped) n->sample.bounded_by = "it was asked to stop";
    if (n->function_count == 0) functions_take(s, f, n);
    if (n->module_count == 0) modules_take(s, f, n);
    if (n->info.size > 0) return;
    databases_take(s, f, n);
    if (!n->has_version) version_take(s, f, n);
}

bool audit_collect_dump(const audit_options *o, audit_facts *f, err *e)
{
    const char *path = strcmp(o->dump_path, "-") == 0 ? "standard input" : o->dump_path;
    if (f->node_count == 0) {
        f->nodes = arena_alloc(&f->memory, sizeof *f->nodes);
        f->node_count = 1;
        f->nodes[0].address = path;
    }
    audit_node *n = &f->nodes[0];
    key_tally t;
    dump_summary s = {0};
    key_tally_init(&t, &f->memory, &n->sample);
    dump_options read = {.count_elements = true, .visit = key_add, .context = &t, .stop = o->stop};
    bool done = dump_read(o->dump_path, &read, &s, e);
    if (done) {
        key_tally_fill(&t);
        dump_take(&s, path, f, n);
    }
    key_tally_clear(&t);
    dump_summary_clear(&s);
    return done;
}
