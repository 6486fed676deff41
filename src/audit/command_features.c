/* Modules, newer types, functions, scripts, databases, keyspace events, WAIT, blocking commands and
 * large arguments: what is more than one command. */
#include <strings.h>

#include "audit/command_use.h"

#define AREA "Commands"
#define LARGE_VALUE ((uint64_t)32 * MIB) /* seconds on a slow link, and a long stop of a shard */
#define LARGE_REQUEST ((uint64_t)MIB)    /* the engine's own "large query" (query buffer) */
#define DATABASES_NAMED 16
#define GUIDE "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"

/* --- modules and newer features -------------------------------------------------------------- */

/* What a module is called in MODULE LIST, and the row of the table that tells of it. */
static const struct {
    const char *module, *feature;
} modules[] = {
    {"ReJSON", "JSON"},
    {"json", "JSON"},
    {"search", "Search and query"},
    {"searchlight", "Search and query"},
    {"ft", "Search and query"},
    {"bf", "Bloom"},
    {"bloom", "Bloom"},
    {"timeseries", "Time series"},
    {"vectorset", "Vector sets"},
    {"graph", "Graph, Gears, AI"},
    {"rg", "Graph, Gears, AI"},
    {"redisgears_2", "Graph, Gears, AI"},
    {"ai", "Graph, Gears, AI"},
};

/* Where that was read: of the server, or of its RDB file when nothing else was there. */
static const char *where_read(const command_judge *j, const char *command)
{
    const audit_node *n = &j->f->nodes[0];
    if (n->dump.path && n->info.size == 0) return report_printf(j->r, "RDB file, %s", n->dump.path);
    return report_printf(j->r, "%s, %s", command, n->address);
}

static const char *feature_cell(size_t row, const char *column)
{
    return knowledge_cell(knowledge_at(TABLE_MODULES), row, column);
}

static const char *state_there(const command_judge *j, size_t row)
{
    return feature_cell(row,
                        j->t->is_serverless ? "elasticache_serverless" : "elasticache_node_based");
}

/* "no" blocks; a number is the first Valkey version that has it. */
static severity severity_there(const command_judge *j, const char *state)
{
    const char *number = strpbrk(state, "0123456789");
    if (strncmp(state, "no", 2) == 0 && (state[2] == '\0' || strchr(" ,;(", state[2])))
        return SEVERITY_BLOCK;
    if (strcmp(state, "unknown") == 0 || strncmp(state, "partial", 7) == 0) return SEVERITY_WARN;
    bool is_valkey = strcmp(j->t->engine, "valkey") == 0;
    if (number && number[strspn(number, "0123456789")] == '.' &&
        (!is_valkey || !knowledge_version_at_least(j->t->version, number)))
        return strncmp(state, "yes", 3) == 0 && !is_valkey ? SEVERITY_WARN : SEVERITY_BLOCK;
    return SEVERITY_WARN; /* there, and not the same module */
}

/* Rows of the table that other rules tell of. */
static bool is_rule_of_its_own(size_t row)
{
    static const char *const names[] = {"Functions", "Keyspace notifications",
                                        "Client-side caching", "AOF / WAITAOF", "Custom modules"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(feature_cell(row, "feature_or_module"), names[i]) == 0) return true;
    return strncmp(feature_cell(row, "feature_or_module"), "Eviction policies", 17) == 0;
}

/* The commands in use that belong to that row, with their calls; "" when there are none. */
static const char *commands_of(const command_judge *j, size_t row)
{
    const char *words = feature_cell(row, "commands_or_type");
    const char *text = "";
    if (!strpbrk(words, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        words = feature_cell(row, "feature_or_module"); /* "HGETEX HSETEX" is its own name */
    for (size_t i = 0; i < j->used_count; i++) {
        const command_use *u = &j->used[i];
        bool is_plain = strcasecmp(u->base, "SET") == 0 || strcasecmp(u->base, "XADD") == 0;
        if (is_plain || !command_word_is(words, u->base)) continue;
        text =
            arena_printf(j->memory, "%s%s%s: %" PRIu64, text, *text ? ", " : "", u->name, u->calls);
    }
    return text;
}

static void feature_add(const command_judge *j, const char *id, size_t row, const char *evidence)
{
    const char *state = state_there(j, row);
    const char *name = feature_cell(row, "feature_or_module");
    severity s = severity_there(j, state);
    const char *advice = feature_cell(row, "what_the_audit_should_do");
    const char *equivalent = feature_cell(row, "valkey_equivalent");
    const char *begin = s == SEVERITY_BLOCK && strncmp(state, "no", 2) == 0 ? AUDIT_STAY
                            " for these keys, or rebuild them on what is there: "
                                                                            : "";
    bool is_other = strncmp(state, "yes: ", 5) == 0;
    const char *title = strcmp(state, "no") == 0 ? report_printf(j->r, "%s: not there", name)
                        : is_other ? report_printf(j->r, "%s: there as another module", name)
                                   : report_printf(j->r, "%s: not the same there", name);
    report_add_finding(j->r, &(finding){.id = id,
                                        .area = AREA,
                                        .severity = s,
                                        .title = title,
                                        .evidence = evidence,
                                        .where = where_read(j, "INFO commandstats, MODULE LIST"),
                                        .consequence = report_printf(
                                            j->r,
                                            "There: %s. In Valkey: %s. Its data in an RDB "
                                            "file: %s.",
                                            is_other ? state + 5 : state,
                                            *equivalent ? equivalent : "nothing comparable",
                                            feature_cell(row, "data_portable_by_rdb")),
                                        .action = report_printf(j->r, "%s%s", begin, advice),
                                        .owner = "the application",
                                        .source = feature_cell(row, "source"),
                                        .date = feature_cell(row, "date")});
}

static size_t module_feature(const char *module)
{
    size_t at = 0;
    while (at < COUNT_OF(modules) && strcasecmp(modules[at].module, module) != 0)
        at++;
    return at;
}

/* A module that is loaded has a finding of its own. */
static bool is_of_a_module(const command_judge *j, size_t row)
{
    for (size_t i = 0; i < j->f->node_count; i++) {
        for (size_t k = 0; k < j->f->nodes[i].module_count; k++) {
            size_t at = module_feature(j->f->nodes[i].modules[k].name);
            const char *name = feature_cell(row, "feature_or_module");
            if (at < COUNT_OF(modules) && strcmp(modules[at].feature, name) == 0) return true;
        }
    }
    return false;
}

static void features_judge(const command_judge *j)
{
    size_t count = knowledge_at(TABLE_MODULES)->row_count;
    for (size_t row = 0; row < count; row++) {
        const char *used = is_rule_of_its_own(row) ? "" : commands_of(j, row);
        if (!*used || is_of_a_module(j, row)) continue;
        feature_add(j, report_printf(j->r, "feature:%s", feature_cell(row, "feature_or_module")),
                    row, used);
    }
}

static bool feature_row(const char *name, size_t *ret)
{
    size_t count = knowledge_at(TABLE_MODULES)->row_count;
    for (size_t row = 0; row < count; row++) {
        if (strcmp(feature_cell(row, "feature_or_module"), name) != 0) continue;
        *ret = row;
        return true;
    }
    return false;
}

static void modules_judge(const command_judge *j)
{
    for (size_t i = 0; i < j->f->node_count; i++) {
        for (size_t k = 0; k < j->f->nodes[i].module_count; k++) {
            const fact_module *m = &j->f->nodes[i].modules[k];
            size_t at = module_feature(m->name);
            size_t row = 0;
            if (!feature_row(at < COUNT_OF(modules) ? modules[at].feature : "Custom modules", &row))
                continue;
            const char *used = commands_of(j, row);
            bool is_idle = m->version && !*used; /* no command was called; of a file: values are */
            if (is_idle && engine_module_is_built_in(span_text(m->name))) continue;
            feature_add(
                j, report_printf(j->r, "module:%s", m->name), row,
                m->version
                    ? report_printf(j->r, "module '%s' version %s is loaded%s%s", m->name,
                                    m->version, *used ? "; " : "", used)
                    : report_printf(j->r, "values of module '%s' are in the RDB file", m->name));
        }
    }
}

/* --- functions and scripts ------------------------------------------------------------------- */

static void functions_judge(const command_judge *j)
{
    size_t libraries = 0;
    uint64_t calls = command_use_calls(j, "FCALL") + command_use_calls(j, "FCALL_RO");
    for (size_t i = 0; i < j->f->node_count; i++)
        if (j->f->nodes[i].function_count > libraries) libraries = j->f->nodes[i].function_count;
    if (libraries == 0 && calls == 0) return;
    bool is_gone = j->t->is_serverless;
    report_add_finding(
        j->r,
        &(finding){.id = "functions",
                   .area = AREA,
                   .severity = is_gone ? SEVERITY_BLOCK : SEVERITY_INFO,
                   .title = is_gone ? "functions do not exist on serverless"
                                    : "function libraries have to be carried over",
                   .evidence = report_printf(j->r, "%zu libraries, FCALL: %" PRIu64 " calls",
                                             libraries, calls),
                   .where = where_read(j, "FUNCTION LIST"),
                   .consequence = is_gone ? "FUNCTION and FCALL are blocked there."
                                          : "A snapshot and the replication stream carry them; a "
                                            "target that is filled by the application does not "
                                            "have them.",
                   .action = is_gone ? "choose a node-based target, or rewrite them as scripts "
                                       "(EVAL)"
                                     : "after the move compare FUNCTION LIST on both sides",
                   .owner = "the application",
                   .source = GUIDE "SupportedCommands.html",
                   .date = "2026-11-22"});
}

static void scripts_judge(const command_judge *j)
{
    uint64_t by_text = command_use_calls(j, "EVAL") + command_use_calls(j, "EVAL_RO");
    uint64_t by_hash = command_use_calls(j, "EVALSHA") + command_use_calls(j, "EVALSHA_RO");
    uint64_t loads = command_use_calls(j, "SCRIPT LOAD");
    uint64_t cached = 0;
    (void)audit_info_u64(&j->f->nodes[0], "number_of_cached_scripts", &cached); /* or 0 */
    if (by_text + by_hash + cached == 0) return;
    const char *limit = j->t->is_serverless ? " A script may have 4 MiB and run 5 s." : "";
    report_add_finding(
        j->r,
        &(finding){.id = "scripts",
                   .area = AREA,
                   .severity = by_hash ? SEVERITY_WARN : SEVERITY_INFO,
                   .title = by_hash ? "scripts are called by their hash: a failover empties the "
                                      "cache of scripts"
                                    : "scripts are in use",
                   .evidence = report_printf(j->r,
                                             "EVALSHA %" PRIu64 ", EVAL %" PRIu64
                                             ", SCRIPT LOAD %" PRIu64 " calls; %" PRIu64 " cached",
                                             by_hash, by_text, loads, cached),
                   .where = report_printf(j->r, "INFO, %s", j->f->nodes[0].address),
                   .consequence = report_printf(
                       j->r,
                       "From engine 7.0 on SCRIPT LOAD is not replicated: after a failover, and on "
                       "the new cache at first, EVALSHA answers NOSCRIPT.%s A script that runs "
                       "too long is ended by the service.",
                       limit),
                   .action = "make sure the client answers NOSCRIPT by EVAL with the text (most "
                             "libraries' script objects do; a hash kept from a deployment does "
                             "not)",
                   .owner = "the application",
                   .source = GUIDE "SupportedCommands.html",
                   .date = "2026-11-22"});
}

/* --- databases, slots ------------------------------------------------------------------------- */

static void databases_judge(const command_judge *j)
{
    const audit_node *n = &j->f->nodes[0];
    const char *text = "";
    unsigned highest = 0;
    size_t count = 0;
    for (size_t i = 0; i < n->database_count; i++) {
        const fact_database *d = &n->databases[i];
        if (d->db > highest) highest = d->db;
        if (++count > DATABASES_NAMED) continue;
        const char *comma = *text ? ", " : "";
        text = arena_printf(j->memory, "%s%sdb%u: %" PRIu64 " keys", text, comma, d->db, d->keys);
    }
    if (count == 0 || (count == 1 && highest == 0)) return;
    bool is_serverless = j->t->is_serverless;
    report_add_finding(
        j->r,
        &(finding){.id = "databases",
                   .area = AREA,
                   .severity = is_serverless || highest >= 16 ? SEVERITY_BLOCK : SEVERITY_WARN,
                   .title = report_printf(j->r, "keys live in %zu databases, up to number %u",
                                          count, highest),
                   .evidence = text,
                   .where = where_read(j, "INFO keyspace"),
                   .consequence =
                       is_serverless
                           ? "Serverless speaks the cluster protocol; how many databases it has is "
                             "not documented."
                           : "With cluster mode disabled the parameter 'databases' (16) decides, "
                             "fixed at creation. With cluster mode enabled there is only database "
                             "0 before Valkey 9.0, then as many as 'cluster-databases' says: these "
                             "keys close that way.",
                   .action = is_serverless
                                 ? "choose a node-based cache with cluster mode disabled, or give "
                                   "each database a prefix or a cache of its own"
                                 : report_printf(j->r,
                                                 "create the cache with cluster mode disabled and "
                                                 "'databases' at least %u",
                                                 highest + 1),
                   .owner = "the application; you for the parameter",
                   .source = GUIDE "ParameterGroups.Engine.html",
                   .date = "2026-11-22"});
}

/* A source that is no cluster never had to keep keys together. */
static void slots_judge(const command_judge *j)
{
    static const char *const several[] = {
        "MGET",        "MSET",        "MSETNX",     "SUNION",      "SINTER",      "SDIFF",
        "SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE", "ZUNIONSTORE", "ZINTERSTORE", "RENAME",
        "RPOPLPUSH",   "LMOVE",       "SMOVE",      "PFMERGE",     "PFCOUNT",     "BITOP",
        "COPY",        "MULTI",       "EVAL",       "EVALSHA",     "WATCH"};
    const char *text = "";
    if (!j->t->is_serverless || j->f->nodes[0].is_cluster) return;
    for (size_t i = 0; i < COUNT_OF(several); i++) {
        uint64_t calls = command_use_calls(j, several[i]);
        if (calls == 0) continue;
        text =
            arena_printf(j->memory, "%s%s%s: %" PRIu64, text, *text ? ", " : "", several[i], calls);
    }
    if (!*text) return;
    report_add_finding(
        j->r,
        &(finding){.id = "command-cross-slot",
                   .area = AREA,
                   .severity = SEVERITY_BLOCK,
                   .title = "commands over several keys need them in one slot there",
                   .evidence = text,
                   .where = report_printf(j->r, "INFO commandstats, %s", j->f->nodes[0].address),
                   .consequence = "Serverless speaks the cluster protocol: keys of one command, "
                                  "script or transaction in two slots are answered with CROSSSLOT.",
                   .action = "give keys that belong together a hash tag ({user:17}:cart) and use a "
                             "cluster client, or choose a node-based cache with cluster mode "
                             "disabled",
                   .owner = "the application",
                   .source = GUIDE "RedisConfiguration.html",
                   .date = "2026-11-22"});
}

/* --- events, WAIT, blocking, large ----------------------------------------------------------- */

static void events_judge(const command_judge *j)
{
    const audit_node *n = &j->f->nodes[0];
    const char *events = audit_setting(n, "notify-keyspace-events");
    if (!events || !*events || strcmp(events, "\"\"") == 0) return;
    bool is_gone = j->t->is_serverless;
    bool by_client = command_use_calls(j, "CONFIG SET") > 0;
    bool has_patterns = command_use_calls(j, "PSUBSCRIBE") > 0;
    report_add_finding(
        j->r,
        &(finding){
            .id = "keyspace-events",
            .area = AREA,
            .severity = is_gone ? SEVERITY_BLOCK : SEVERITY_WARN,
            .title = is_gone ? "keyspace events do not exist on serverless"
                             : "keyspace events have to be switched on by parameter group",
            .evidence = report_printf(j->r, "notify-keyspace-events %s%s%s", events,
                                      has_patterns ? "; PSUBSCRIBE is called" : "",
                                      by_client ? "; CONFIG SET is called, perhaps to set it" : ""),
            .where = report_printf(
                j->r, "%s; INFO commandstats, %s",
                audit_setting_place(j->f, n, "notify-keyspace-events", j->memory), n->address),
            .consequence =
                is_gone ? "notify-keyspace-events is fixed empty there, and PSUBSCRIBE is blocked: "
                          "sessions or jobs that wait for expiries never hear of them."
                        : "The default there is empty, and CONFIG SET is blocked: a client that "
                          "sets it at start (Spring Session) fails, others wait in silence.",
            .action =
                is_gone ? "choose a node-based target, or replace the events"
                        : "set notify-keyspace-events in the parameter group; tell the client not "
                          "to (Spring: ConfigureRedisAction.NO_OP)",
            .owner = "you for the parameter; the application for its start",
            .source = GUIDE "RedisConfiguration.html ; " GUIDE "ParameterGroups.Engine.html",
            .date = "2026-11-22"});
}

static void wait_judge(const command_judge *j)
{
    uint64_t wait = command_use_calls(j, "WAIT");
    uint64_t wait_aof = command_use_calls(j, "WAITAOF");
    if (wait + wait_aof == 0) return;
    bool is_gone = j->t->is_serverless || wait_aof > 0;
    report_add_finding(
        j->r,
        &(finding){.id = "wait",
                   .area = AREA,
                   .severity = is_gone ? SEVERITY_BLOCK : SEVERITY_WARN,
                   .title = "the application waits for replicas or for the disk",
                   .evidence = report_printf(
                       j->r, "calls of WAIT: %" PRIu64 ", of WAITAOF: %" PRIu64, wait, wait_aof),
                   .where = report_printf(j->r, "INFO commandstats, %s", j->f->nodes[0].address),
                   .consequence =
                       j->t->is_serverless
                           ? "WAIT is blocked on serverless, and there is no append-only file."
                       : wait_aof ? "There is no append-only file on ElastiCache: WAITAOF for the "
                                    "primary's own file is an error."
                                  : "WAIT counts the replicas that the cache has: a number that is "
                                    "larger waits until its time-out, each time.",
                   .action = wait_aof  ? "replace WAITAOF (a durable cache of Valkey 9.0, or WAIT)"
                             : is_gone ? "choose a node-based target, or drop WAIT"
                                       : "give the cache at least as many replicas as WAIT asks "
                                         "for; the preflight of migrate asks about it too",
                   .owner = "the application",
                   .source = GUIDE "SupportedCommands.html",
                   .date = "2026-11-22"});
}

static void blocking_judge(const command_judge *j)
{
    static const char *const blocking[] = {"BLPOP",      "BRPOP",    "BRPOPLPUSH", "BLMOVE",
                                           "BLMPOP",     "BZPOPMIN", "BZPOPMAX",   "BZMPOP",
                                           "XREADGROUP", "XREAD"};
    const char *text = "";
    uint64_t blocked = 0;
    (void)audit_info_u64(&j->f->nodes[0], "blocked_clients", &blocked); /* or 0 */
    for (size_t i = 0; i < COUNT_OF(blocking); i++) {
        uint64_t calls = command_use_calls(j, blocking[i]);
        bool may_not_block = blocking[i][0] == 'X';
        if (calls == 0 || (may_not_block && blocked == 0)) continue;
        text = arena_printf(j->memory, "%s%s%s: %" PRIu64, text, *text ? ", " : "", blocking[i],
                            calls);
    }
    if (!*text) return;
    report_add_finding(
        j->r, &(finding){
                  .id = "blocking-commands",
                  .area = AREA,
                  .severity = SEVERITY_INFO,
                  .title = "clients wait in blocking commands",
                  .evidence = report_printf(j->r, "%s calls; blocked now: %" PRIu64, text, blocked),
                  .where = report_printf(j->r, "INFO, %s", j->f->nodes[0].address),
                  .consequence = "At a failover a waiting client gets UNBLOCKED or a closed "
                                 "connection; when the old primary is gone, silence.",
                  .action = "give blocking calls a time-out below the socket's, retry on both "
                            "errors, and keep TCP keep-alive on",
                  .owner = "the application",
                  .source = GUIDE "AutoFailover.html",
                  .date = "2026-11-22"});
}

static void large_judge(const command_judge *j)
{
    const audit_node *n = &j->f->nodes[0];
    uint64_t request = 0;
    const fact_key *value = NULL;
    if (!audit_info_u64(n, "client_recent_max_input_buffer", &request))
        (void)audit_info_u64(n, "client_biggest_input_buf", &request); /* before 5.0; or 0 */
    for (size_t i = 0; i < n->sample.largest_count && !value; i++)
        if (strcmp(n->sample.largest[i].type, "string") == 0) value = &n->sample.largest[i];
    if (value && value->bytes < LARGE_VALUE) value = NULL;
    if (!value && request < LARGE_REQUEST) return;
    const char *of_value = value ? report_printf(j->r, "; the string '%s' has %" PRIu64 " MiB",
                                                 value->key, value->bytes / MIB)
                                 : "";
    report_add_finding(
        j->r,
        &(finding){
            .id = "big-arguments",
            .area = AREA,
            .severity = value ? SEVERITY_WARN : SEVERITY_INFO,
            .title = "requests or values are large",
            .evidence = report_printf(j->r, "largest recent request buffer %" PRIu64 " KiB%s",
                                      request / KIB, of_value),
            .where = report_printf(j->r, "INFO clients, SCAN, %s", n->address),
            .consequence = j->t->is_serverless
                               ? "Serverless takes 3,999 arguments a command, keys of 4 KiB and "
                                 "values of 512 MiB; each KiB is charged as one ECPU."
                               : "One large request holds a shard for all others, and over the "
                                 "network between zones it takes longer than on one machine.",
            .action = "split large batches and values, or compress them",
            .owner = "the application",
            .source = GUIDE "RedisConfiguration.html",
            .date = "2026-11-22"});
}

void command_features_judge(const command_judge *j)
{
    modules_judge(j);
    features_judge(j);
    functions_judge(j);
    scripts_judge(j);
    databases_judge(j);
    slots_judge(j);
    events_judge(j);
    wait_judge(j);
    blocking_judge(j);
    large_judge(j);
}
