/* AWS's ways to move the data, each condition of each held against what was read. What cannot be
 * read from the source becomes a question for the operator. The conditions are a table of data/;
 * here stand only the checks. */
#include "audit/operations.h"

#define MEMORY_OF_SERVERLESS (UINT64_C(5000) * 1024 * MIB)
#define ELEMENT_OF_SERVERLESS (UINT64_C(512) * MIB)
#define NAME_OF_SERVERLESS (UINT64_C(4) * KIB)
#define PUT_MAX (UINT64_C(5) * 1024 * MIB)

typedef enum { UNREAD, HOLDS, FIGURE, BROKEN } outcome;
typedef struct {
    outcome is;
    const char *evidence;
} answer;
typedef answer check(audit_scene *o, const audit_node *n);

static answer holds_when(bool good, const char *evidence)
{
    return (answer){good ? HOLDS : BROKEN, evidence};
}

static answer figure(const char *evidence)
{
    return (answer){FIGURE, evidence};
}

static const answer unread = {UNREAD, NULL};

/* As INFO says, else as an RDB file said when it was saved; 0: neither. */
static uint64_t memory_used(const audit_scene *o)
{
    uint64_t used = audit_info_max(o->f, "used_memory");
    return used ? used : o->f->nodes[0].dump.used_memory;
}

/* --- data and formats ------------------------------------------------------------------------ */

static answer check_memory(audit_scene *o, const audit_node *n)
{
    (void)n;
    uint64_t used = memory_used(o);
    if (used == 0) return unread;
    return figure(
        arena_printf(o->scratch,
                     "%s used (fullest node): choose a node type whose maxmemory less reserved "
                     "memory holds that and its growth",
                     audit_bytes(o->scratch, used)));
}

static answer check_rdb(audit_scene *o, const audit_node *n)
{
    const char *loaded = audit_rdb_loaded_by(o->t);
    if (!n->has_version || n->version.rdb_version == 0 || !loaded[0]) return unread;
    return holds_when(knowledge_rdb_is_loaded(loaded, n->version.rdb_version),
                      arena_printf(o->scratch, "RDB version %u; the target loads %s",
                                   n->version.rdb_version, loaded));
}

static answer check_modules(audit_scene *o, const audit_node *n)
{
    const char *others = "";
    for (size_t i = 0; i < n->module_count; i++) {
        const char *name = n->modules[i].name;
        bool built_in = n->modules[i].version && engine_module_is_built_in(span_text(name));
        if (strcmp(name, "ReJSON") != 0 && strcmp(name, "json") != 0 && !built_in)
            others = audit_list_add(o->scratch, others, name);
    }
    if (n->info.size == 0) return unread;
    return holds_when(!others[0], others[0] ? arena_printf(o->scratch, "modules loaded: %s", others)
                                            : "no module but JSON is loaded");
}

static const char *used_databases(audit_scene *o)
{
    const char *used = "";
    for (size_t i = 0; i < o->f->nodes[0].database_count; i++) {
        const fact_database *db = &o->f->nodes[0].databases[i];
        if (db->db > 0 && db->keys > 0)
            used = audit_list_add(o->scratch, used, arena_printf(o->scratch, "%u", db->db));
    }
    return used;
}

static answer check_databases(audit_scene *o, const audit_node *n)
{
    if (n->info.size == 0 && !n->dump.path) return unread;
    const char *used = used_databases(o);
    if (!used[0]) return (answer){HOLDS, "keys in database 0 only"};
    return figure(arena_printf(
        o->scratch, "databases %s hold keys: cluster mode disabled, or Valkey 9.0 and later",
        used));
}

static answer check_database_count(audit_scene *o, const audit_node *n)
{
    const char *count = audit_setting(n, "databases");
    if (!count) return unread;
    return figure(
        arena_printf(o->scratch, "databases %s: the target's parameter must say the same", count));
}

static answer check_expiries(audit_scene *o, const audit_node *n)
{
    uint64_t expires = 0;
    if (n->info.size == 0 && !n->dump.path) return unread;
    for (size_t i = 0; i < n->database_count; i++)
        expires += n->databases[i].expires;
    return figure(
        arena_printf(o->scratch, "%" PRIu64 " keys have an expiry (%s)", expires, n->address));
}

static answer check_file_size(audit_scene *o, const audit_node *n)
{
    if (n->dump.path) {
        return figure(arena_printf(o->scratch, "%s has %s%s", n->dump.path,
                                   audit_bytes(o->scratch, n->dump.bytes),
                                   n->dump.bytes > PUT_MAX ? ": upload in parts" : ""));
    }
    uint64_t used = audit_info_max(o->f, "used_memory");
    if (used == 0) return unread;
    return figure(arena_printf(o->scratch, "%s in memory%s", audit_bytes(o->scratch, used),
                               used > PUT_MAX ? ": upload in parts" : ""));
}

static answer check_not_in_file(audit_scene *o, const audit_node *n)
{
    if (n->user_count == 0 && n->function_count == 0) return unread;
    return figure(arena_printf(o->scratch, "%zu ACL user%s, %zu function librar%s", n->user_count,
                               n->user_count == 1 ? "" : "s", n->function_count,
                               n->function_count == 1 ? "y" : "ies"));
}

static answer check_serverless_sizes(audit_scene *o, const audit_node *n)
{
    uint64_t used = audit_info_sum(o->f, "used_memory");
    if (used == 0) used = memory_used(o);
    uint64_t largest = 0;
    for (size_t i = 0; i < n->sample.largest_count; i++)
        if (n->sample.largest[i].bytes > largest) largest = n->sample.largest[i].bytes;
    if (used == 0 || n->sample.looked_at == 0) return unread;
    bool fits = used < MEMORY_OF_SERVERLESS && largest < ELEMENT_OF_SERVERLESS &&
                n->sample.longest_name <= NAME_OF_SERVERLESS;
    return holds_when(fits,
                      arena_printf(o->scratch,
                                   "%s used; the largest sampled key has %s, the longest name %s",
                                   audit_bytes(o->scratch, used), audit_bytes(o->scratch, largest),
                                   audit_bytes(o->scratch, n->sample.longest_name)));
}

static answer check_hot_keys(audit_scene *o, const audit_node *n)
{
    if (n->sample.hot_count == 0) return unread;
    return figure(arena_printf(o->scratch, "the hottest sampled key: '%s'", n->sample.hot[0].key));
}

/* --- writes ---------------------------------------------------------------------------------- */

static answer check_writes(audit_scene *o, const audit_node *n)
{
    (void)n;
    audit_traffic t = audit_traffic_of(o->scratch, o->f);
    if (!t.is_known) return unread;
    return holds_when(
        t.writes < 0.01,
        arena_printf(o->scratch, "%.1f writing commands a second on average", t.writes));
}

static answer check_repeats(audit_scene *o, const audit_node *n)
{
    (void)n;
    audit_traffic t = audit_traffic_of(o->scratch, o->f);
    if (!t.is_known) return unread;
    return holds_when(!t.repeats[0], t.repeats[0]
                                         ? arena_printf(o->scratch, "in use: %s", t.repeats)
                                         : "no such command was called");
}

static answer check_commands(audit_scene *o, const audit_node *n)
{
    deployment d = o->t->is_serverless ? DEPLOYMENT_SERVERLESS
                   : n->is_cluster     ? DEPLOYMENT_NODE_ENABLED
                                       : DEPLOYMENT_NODE_DISABLED;
    const char *blocked = "";
    if (n->command_count == 0) return unread;
    for (size_t i = 0; i < n->command_count; i++) {
        knowledge_command k = {0};
        const char *bar = strchr(n->commands[i].name, '|');
        const char *command =
            bar ? arena_text(o->scratch,
                             span_of(n->commands[i].name, (size_t)(bar - n->commands[i].name)))
                : n->commands[i].name;
        if (n->commands[i].calls == 0 ||
            !knowledge_command_find(d, command, bar ? bar + 1 : "", &k))
            continue;
        if (strcmp(k.state, "blocked") == 0)
            blocked = audit_list_add(o->scratch, blocked, n->commands[i].name);
    }
    return holds_when(!blocked[0], blocked[0]
                                       ? arena_printf(o->scratch,
                                                      "called here: %s (see Commands for which are "
                                                      "an application's)",
                                                      blocked)
                                       : "no blocked command was called");
}

/* Those that write, that is: an administrator's commands are not sent twice. */
static answer check_writes_there(audit_scene *o, const audit_node *n)
{
    deployment d = o->t->is_serverless ? DEPLOYMENT_SERVERLESS
                   : n->is_cluster     ? DEPLOYMENT_NODE_ENABLED
                                       : DEPLOYMENT_NODE_DISABLED;
    const char *blocked = "";
    if (n->command_count == 0) return unread;
    for (size_t i = 0; i < n->command_count; i++) {
        knowledge_command k = {0};
        const fact_command *c = &n->commands[i];
        if (c->calls == 0 || !audit_is_write(c->name)) continue;
        if (knowledge_command_find(d, c->name, "", &k) && strcmp(k.state, "blocked") == 0)
            blocked = audit_list_add(o->scratch, blocked, c->name);
    }
    return holds_when(!blocked[0], blocked[0] ? blocked : "no blocked command writes here");
}

static answer check_hits(audit_scene *o, const audit_node *n)
{
    uint64_t hits = 0;
    uint64_t misses = 0;
    if (!audit_info_u64(n, "keyspace_hits", &hits) ||
        !audit_info_u64(n, "keyspace_misses", &misses))
        return unread;
    if (hits + misses == 0) return figure("no reads so far");
    return figure(arena_printf(o->scratch, "%.1f %% of reads hit today",
                               100.0 * (double)hits / (double)(hits + misses)));
}

/* --- settings -------------------------------------------------------------------------------- */

static answer check_fixed_settings(audit_scene *o, const audit_node *n)
{
    static const struct {
        const char *name, *fixed;
    } rows[] = {
        {"maxmemory-policy", "volatile-lru"}, {"notify-keyspace-events", ""}, {"timeout", "0"}};
    const char *differ = "";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *value = audit_setting(n, rows[i].name);
        if (!value) return unread;
        if (strcmp(value, rows[i].fixed) == 0 || strcmp(value, "\"\"") == 0) continue;
        const char *one = arena_printf(o->scratch, "%s %s", rows[i].name, value);
        differ = audit_list_add(o->scratch, differ, one);
    }
    return holds_when(!differ[0], differ[0] ? differ : "none differs");
}

static const fact_user *default_user(const audit_node *n)
{
    for (size_t i = 0; i < n->user_count; i++)
        if (strcmp(n->users[i].name, "default") == 0) return &n->users[i];
    return NULL;
}

static answer check_no_password(audit_scene *o, const audit_node *n)
{
    (void)o;
    const fact_user *u = default_user(n);
    const char *password = audit_setting(n, "requirepass");
    if (u) {
        return holds_when(u->is_on && u->is_nopass,
                          u->is_nopass ? "the default user needs no password"
                                       : "the default user has a password or is off");
    }
    if (!password) return unread;
    return holds_when(!password[0], password[0] ? "requirepass is set" : "requirepass is empty");
}

static answer check_protected_mode(audit_scene *o, const audit_node *n)
{
    const char *mode = audit_setting(n, "protected-mode");
    if (!mode) return unread;
    return holds_when(strcmp(mode, "no") == 0, arena_printf(o->scratch, "protected-mode %s", mode));
}

static answer check_bind(audit_scene *o, const audit_node *n)
{
    const char *bind = audit_setting(n, "bind");
    if (!bind) return unread;
    span rest = span_text(bind);
    span word = {0};
    bool is_open = bind[0] == '\0';
    while (span_cut(&rest, ' ', &word)) {
        if (span_starts(word, "-")) word = span_tail(word, 1);
        is_open |= word.size > 0 && !span_starts(word, "127.") && !span_is(word, "::1");
    }
    const char *told = arena_printf(o->scratch, "bind %s", bind[0] ? bind : "(all)");
    return is_open ? figure(told) : (answer){BROKEN, told};
}

static answer check_renamed(audit_scene *o, const audit_node *n)
{
    const char *renamed = "";
    for (size_t i = 0; i < n->line_count; i++) {
        if (strcmp(n->lines[i].name, "rename-command") != 0) continue;
        renamed =
            audit_list_add(o->scratch, renamed,
                           arena_text(o->scratch, span_of(n->lines[i].arguments,
                                                          strcspn(n->lines[i].arguments, " "))));
    }
    if (renamed[0])
        return (answer){BROKEN, arena_printf(o->scratch, "rename-command: %s", renamed)};
    return o->f->conf_path ? (answer){HOLDS, "no rename-command in the file"} : unread;
}

static answer check_authentication(audit_scene *o, const audit_node *n)
{
    answer none = check_no_password(o, n);
    if (none.is == UNREAD) return none;
    return figure(none.is == HOLDS ? "no password today"
                                   : "put the password into a secret of Secrets Manager");
}

static answer check_tls(audit_scene *o, const audit_node *n)
{
    const char *port = audit_setting(n, "tls-port");
    if (!port) return unread;
    return figure(strcmp(port, "0") == 0 ? "plain" : arena_printf(o->scratch, "tls-port %s", port));
}

/* --- versions and topology ------------------------------------------------------------------- */

static answer check_cluster(audit_scene *o, const audit_node *n)
{
    size_t primaries = 0;
    for (size_t i = 0; i < o->f->node_count; i++)
        primaries += !o->f->nodes[i].is_replica;
    if (n->info.size == 0) return unread;
    if (!n->is_cluster) return (answer){HOLDS, "one shard, no cluster"};
    return figure(arena_printf(o->scratch, "a cluster; %zu primar%s read", primaries,
                               primaries == 1 ? "y" : "ies"));
}

static answer check_cluster_mode(audit_scene *o, const audit_node *n)
{
    answer made = check_cluster(o, n);
    if (made.is == FIGURE)
        made.evidence = "cluster_enabled:1: the target must be cluster mode enabled";
    return made;
}

static answer check_online_engine(audit_scene *o, const audit_node *n)
{
    answer rdb = check_rdb(o, n);
    if (rdb.is == UNREAD) return rdb;
    bool old = !engine_version_at_least(&n->version, 2, 9) && n->version.patch < 21;
    return holds_when(
        rdb.is == HOLDS && !old,
        arena_printf(o->scratch, "%s, %s", engine_version_show(&n->version).text, rdb.evidence));
}

static answer check_serverless_engine(audit_scene *o, const audit_node *n)
{
    if (!n->has_version) return unread;
    const engine_version *v = &n->version;
    bool good = v->product == ENGINE_VALKEY
                    ? engine_version_at_least(v, 7, 2) && !engine_version_at_least(v, 8, 2)
                    : engine_version_at_least(v, 4, 0) && !engine_version_at_least(v, 7, 3);
    return holds_when(good, arena_printf(o->scratch, "%s", engine_version_show(v).text));
}

static answer check_pause(audit_scene *o, const audit_node *n)
{
    if (!n->has_version) return unread;
    bool can = engine_version_at_least(&n->version, 6, 2);
    return holds_when(can,
                      arena_printf(o->scratch, "%s %s CLIENT PAUSE WRITE",
                                   engine_version_show(&n->version).text, can ? "has" : "has no"));
}

static answer check_spare(audit_scene *o, const audit_node *n)
{
    uint64_t rss = audit_info_max(o->f, "used_memory_rss");
    uint64_t total = audit_info_max(o->f, "total_system_memory");
    if (rss == 0 || total == 0) return unread;
    (void)n;
    return holds_when(rss < total / 10 * 6,
                      arena_printf(o->scratch, "%s of %s in use", audit_bytes(o->scratch, rss),
                                   audit_bytes(o->scratch, total)));
}

static answer check_replicas(audit_scene *o, const audit_node *n)
{
    if (n->info.size == 0) return unread;
    return figure(
        arena_printf(o->scratch, "replicas: %" PRIu64, audit_info_max(o->f, "connected_slaves")));
}

static answer check_not_elasticache(audit_scene *o, const audit_node *n)
{
    (void)o;
    return holds_when(!strstr(n->address, ".cache.amazonaws.com"), n->address);
}

static answer check_connections(audit_scene *o, const audit_node *n)
{
    (void)n;
    knowledge_parameter p = {0};
    uint64_t limit = 0;
    uint64_t most = audit_info_max(o->f, "connected_clients");
    if (most == 0 || !knowledge_parameter_find("valkey8", "maxclients", &p) ||
        !span_to_u64(span_text(p.default_value), &limit))
        return unread;
    return holds_when(most < limit / 2,
                      arena_printf(o->scratch,
                                   "%" PRIu64 " connections, twice that while both "
                                   "sides are written; a node takes %" PRIu64,
                                   most, limit));
}

static const struct {
    const char *id;
    check *run;
} checks[] = {
    {"SEED-08", check_memory},
    {"SEED-10", check_cluster},
    {"SEED-11", check_cluster_mode},
    {"SEED-13", check_cluster},
    {"SEED-14", check_rdb},
    {"SEED-15", check_modules},
    {"SEED-16", check_databases},
    {"SEED-17", check_writes},
    {"SEED-18", check_expiries},
    {"SEED-19", check_spare},
    {"SEED-20", check_file_size},
    {"SEED-25", check_not_in_file},
    {"SLS-01", check_rdb},
    {"SLS-02", check_fixed_settings},
    {"SLS-03", check_serverless_sizes},
    {"SLS-04", check_hot_keys},
    {"SLS-05", check_commands},
    {"ONL-02", check_no_password},
    {"ONL-05", check_protected_mode},
    {"ONL-06", check_bind},
    {"ONL-07", check_database_count},
    {"ONL-08", check_renamed},
    {"ONL-09", check_cluster},
    {"ONL-10", check_cluster},
    {"ONL-12", check_online_engine},
    {"ONL-15", check_spare},
    {"ONL-16", check_memory},
    {"ONL-17", check_replicas},
    {"ONL-23", check_pause},
    {"ONL-26", check_not_elasticache},
    {"OSL-02", check_serverless_engine},
    {"OSL-03", check_cluster},
    {"OSL-04", check_authentication},
    {"OSL-05", check_tls},
    {"RWM-02", check_writes_there},
    {"RWM-03", check_repeats},
    {"RWM-04", check_hits},
    {"RWM-05", check_connections},
    {"RWM-07", check_rdb},
};

const char *audit_constraint_checked(size_t n)
{
    return n < COUNT_OF(checks) ? checks[n].id : NULL;
}

/* --- the ways -------------------------------------------------------------------------------- */

/* What an id begins with, and whether that way leads to the kind of target. */
static const struct {
    const char *prefix, *title;
    bool node_based, serverless;
} ways[] = {
    {"SEED", "Seed from a snapshot in S3", true, false},
    {"SLS", "Serverless as the target", false, true},
    {"ONL", "AWS's online migration", true, false},
    {"OSL", "AWS's online migration into serverless", false, true},
    {"RWM", "Re-warm by writing both sides", true, true},
};

typedef struct {
    size_t way;
    const char *id, *constraint, *how, *severity, *source, *date;
    answer is;
} condition;

static bool condition_read(audit_scene *o, size_t row, condition *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_CONSTRAINTS);
    *ret = (condition){
        .id = knowledge_cell(t, row, "id"),
        .constraint = knowledge_cell(t, row, "constraint"),
        .how = knowledge_cell(t, row, "how_to_check_on_source"),
        .severity = knowledge_cell(t, row, "severity"),
        .source = knowledge_cell(t, row, "source"),
        .date = t->date,
        .is = unread,
    };
    size_t size = strcspn(ret->id, "-");
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        if (strlen(ways[w].prefix) != size || strncmp(ways[w].prefix, ret->id, size) != 0) continue;
        ret->way = w;
        for (size_t i = 0; i < COUNT_OF(checks); i++)
            if (strcmp(checks[i].id, ret->id) == 0) ret->is = checks[i].run(o, &o->f->nodes[0]);
        return o->t->is_serverless ? ways[w].serverless : ways[w].node_based;
    }
    return false; /* a test holds that every condition has a way */
}

static void broken_add(audit_scene *o, const condition *c)
{
    bool is_blocker = strncmp(c->severity, "blocker", strlen("blocker")) == 0;
    bool is_of_target = strcmp(ways[c->way].prefix, "SLS") == 0;
    const char *title = arena_printf(o->scratch,
                                     is_of_target ? "%s: condition %s does not hold"
                                     : is_blocker ? "%s is closed as it is (%s)"
                                                  : "%s asks for care (%s)",
                                     ways[c->way].title, c->id);
    audit_operations_add(
        o,
        (finding){
            .id = arena_printf(o->scratch, "constraint:%s", c->id),
            .severity = is_of_target ? SEVERITY_WARN : SEVERITY_INFO, /* the others close a way */
            .title = title,
            .evidence = c->is.evidence,
            .consequence = c->constraint,
            .action = arena_printf(o->scratch,
                                   is_of_target ? "change it before the move, or choose a "
                                                  "node-based target: %s"
                                   : is_blocker ? "change it first, or take another way: %s"
                                                : "if you take this way: %s",
                                   c->constraint),
            .owner = "you, for the move",
            .source = c->source,
            .date = c->date,
        });
}

static const char *outcome_text(outcome is)
{
    static const char *const names[] = {
        [UNREAD] = "?", [HOLDS] = "holds", [FIGURE] = "mind", [BROKEN] = "does not hold"};
    return names[is];
}

/* One table of what was checked, one of what is left to ask. */
static void sections_add(audit_scene *o, const condition *all, size_t count)
{
    static const char *const checked[] = {"condition", "way", "result", "found"};
    static const char *const asked[] = {"condition", "what must hold", "how to find out"};
    size_t section = report_section_at(o->r, "ways", "AWS's ways to move the data");
    report_mark_reference(o->r, section);
    report_add_paragraph(
        o->r, section,
        "'handover migrate' copies through replication and has conditions of its own, which its "
        "preflight checks. These are those of AWS's own ways and of writing to both sides.");
    size_t table = report_add_table(o->r, section, NULL, COUNT_OF(checked), checked);
    for (size_t i = 0; i < count; i++) {
        const condition *c = &all[i];
        if (c->is.is == UNREAD) continue;
        report_add_row(o->r, section, table,
                       (const char *const[]){c->id, ways[c->way].title, outcome_text(c->is.is),
                                             c->is.evidence});
    }
    section = report_section_at(o->r, "questions", "Questions for the operator");
    report_mark_reference(o->r, section);
    report_add_paragraph(o->r, section,
                         "They cannot be read from the source. Answer those of the way you take.");
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        bool is_first = true;
        for (size_t i = 0; i < count; i++) {
            const condition *c = &all[i];
            if (c->way != w || c->is.is != UNREAD || strcmp(c->how, "none") == 0) continue;
            if (is_first)
                table = report_add_table(o->r, section, ways[w].title, COUNT_OF(asked), asked);
            is_first = false;
            report_add_row(o->r, section, table,
                           (const char *const[]){c->id, c->constraint, c->how});
        }
    }
}

void audit_constraints_judge(audit_scene *o)
{
    const knowledge_table *t = knowledge_at(TABLE_CONSTRAINTS);
    condition *all = arena_alloc(o->scratch, t->row_count * sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < t->row_count; i++) {
        if (!condition_read(o, i, &all[count])) continue;
        if (all[count].is.is == BROKEN) broken_add(o, &all[count]);
        count++;
    }
    sections_add(o, all, count);
}
