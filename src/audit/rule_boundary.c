/* Duty by duty who had it and who has it: the table of the knowledge with what was found on the
 * source beside each row. A duty that is easily believed to be AWS's, and is not, is a finding. */
#include <time.h>

#include "audit/audit_internal.h"
#include "base/buf.h"

#define AREA "Responsibility"
#define SECTION_ID "boundary"
#define EVIDENCE_SIZE_MAX (4 * KIB)

static const audit_rule_row rows[] = {
    {"boundary-failover", DIMENSION_OPERATIONS,
     "Failover is the source's own today (Sentinel, cluster, replicas). There it is AWS's only "
     "when "
     "automatic failover and Multi-AZ are switched on."},
    {"boundary-backup", DIMENSION_OPERATIONS,
     "The source writes snapshots. There none is taken until a retention is set."},
    {"boundary-alerting", DIMENSION_OPERATIONS,
     "No alarm exists on ElastiCache until somebody makes one."},
    {"boundary-logging", DIMENSION_OPERATIONS,
     "The slow log or a log file is in use. There logs are kept only when delivery is switched "
     "on."},
    {"boundary-open", DIMENSION_OPERATIONS,
     "The source asks nobody for a password. There a cache without a token or a user group is open "
     "to "
     "the whole VPC as well."},
    {"boundary-loss", DIMENSION_NONE,
     "Writes that no replica has yet are lost in a failover, there as here; what guards against it "
     "on "
     "the source is named."},
    {"boundary-rollback", DIMENSION_NONE,
     "Nothing replicates out of ElastiCache: the way back is the customer's."},
    {"boundary-scripts", DIMENSION_NONE,
     "Scripts stay the application's: their cache is empty after a failover, and long ones are "
     "ended by "
     "the service."},
    {"boundary-host", DIMENSION_ABSTRACTION,
     "Nobody logs in to the machine there: runbooks that touch files, signals or processes fail."},
    {"boundary-ask", DIMENSION_NONE,
     "Duties of which a server shows nothing: the section lists them as questions for the "
     "operator."},
};

/* What the judging of one report works with. */
struct writer {
    const audit_facts *facts;
    const audit_node *node;
    const knowledge_table *table;
    report *out;
    arena *memory;
    const char *owner_column;
};

/* --- evidence --------------------------------------------------------------------------------- */

static bool is_set(const char *value)
{
    return value && *value && strcmp(value, "no") != 0 && strcmp(value, "0") != 0 &&
           strcmp(value, "\"\"") != 0;
}

static uint64_t calls_of(const audit_node *n, const char *name)
{
    const fact_command *c = audit_command(n, name);
    return c ? c->calls : 0;
}

static uint64_t replica_count(const audit_node *n)
{
    uint64_t replicas = 0;
    return audit_info_u64(n, "connected_slaves", &replicas) ? replicas : 0;
}

/* What is counted rather than read; SIZE_MAX: not known. */
static size_t counted(const audit_facts *f, const audit_node *n, span what)
{
    static const char *const admin[] = {"config|set", "config|get", "config",   "debug",
                                        "keys",       "monitor",    "shutdown", "bgsave",
                                        "slaveof",    "replicaof"};
    size_t count = 0;
    if (span_is(what, "nodes")) return f->node_count;
    if (span_is(what, "users")) return n->user_count ? n->user_count : SIZE_MAX;
    if (span_is(what, "open")) {
        for (size_t i = 0; i < n->user_count; i++)
            count += n->users[i].is_on && n->users[i].is_nopass;
        return n->user_count ? count : SIZE_MAX;
    }
    if (span_is(what, "functions")) return n->function_count;
    if (span_is(what, "rules")) return f->rules.size ? 1 : 0;
    if (span_is(what, "admin")) {
        if (!n->command_count) return SIZE_MAX;
        for (size_t i = 0; i < COUNT_OF(admin); i++)
            count += calls_of(n, admin[i]) > 0;
        return count;
    }
    if (span_is(what, "file")) { /* settings that somebody wrote down */
        for (size_t i = 0; i < n->setting_count; i++)
            count += n->settings[i].file != NULL;
        return f->conf_path ? count : SIZE_MAX;
    }
    if (span_is(what, "renamed")) {
        for (size_t i = 0; i < n->line_count; i++)
            count += strcmp(n->lines[i].name, "rename-command") == 0;
        return f->conf_path ? count : SIZE_MAX;
    }
    if (span_is(what, "clients")) {
        for (size_t i = 0; i < n->client_count; i++)
            count += !n->clients[i].is_ours;
        return n->client_count ? count : SIZE_MAX;
    }
    if (span_is(what, "evals"))
        return (size_t)(calls_of(n, "eval") + calls_of(n, "evalsha") + calls_of(n, "fcall"));
    assert(span_is(what, "sampled"));
    return n->sample.looked_at ? (size_t)n->sample.without_expiry : SIZE_MAX;
}

static bool time_put(buf *out, uint64_t unix_s)
{
    char text[40] = "";
    time_t at = (time_t)unix_s;
    struct tm broken = {0};
    return gmtime_r(&at, &broken) && strftime(text, sizeof text, "%F %T UTC", &broken) &&
           buf_text(out, text);
}

/* A piece "{s:appendonly}" (a setting), "{i:role}" (INFO), "{t:rdb_last_save_time}" (INFO, a Unix
 * time) or "{n:users}" (counted). False: not known. */
static bool piece_put(buf *out, const audit_facts *f, const audit_node *n, span piece)
{
    span name = span_tail(piece, 2);
    char key[64] = {0};
    assert(name.size < sizeof key);
    memcpy(key, name.at, name.size);
    span found = {0};
    uint64_t at = 0;
    if (piece.at[0] == 's') {
        const char *value = audit_setting(n, key);
        return value && buf_printf(out, "%s", *value ? value : "\"\"");
    }
    if (piece.at[0] == 't') return audit_info_u64(n, key, &at) && time_put(out, at);
    if (piece.at[0] == 'i') return info_text(n->info, key, &found) && buf_append(out, found);
    size_t count = counted(f, n, name);
    return count != SIZE_MAX && buf_printf(out, "%zu", count);
}

/* The template's parts, separated by ", ", each with one piece; parts that are not known are left
 * out. NULL: none is. */
static const char *evidence(const struct writer *w, const char *template)
{
    buf out = buf_of(EVIDENCE_SIZE_MAX);
    span rest = span_text(template);
    span part = {0};
    while (span_cut(&rest, ',', &part)) {
        while (part.size && part.at[0] == ' ')
            part = span_tail(part, 1);
        size_t from = 0;
        size_t to = 0;
        bool has_piece =
            span_find(part, span_text("{"), &from) && span_find(part, span_text("}"), &to);
        assert(has_piece && from < to);
        size_t before = out.size;
        bool good =
            buf_text(&out, before ? ", " : "") && buf_append(&out, span_of(part.at, from)) &&
            piece_put(&out, w->facts, w->node, span_of(part.at + from + 1, to - from - 1)) &&
            buf_append(&out, span_tail(part, to + 1));
        if (!good) out.size = before;
    }
    const char *text = out.size ? arena_text(w->memory, buf_span(&out)) : NULL;
    buf_clear(&out);
    return text;
}

/* --- when a duty is worth a finding ---------------------------------------------------------- */

static bool fails_over(const audit_facts *f, const audit_node *n)
{
    return n->is_sentinel_watched || n->is_cluster || f->node_count > 1 || replica_count(n) > 0;
}

static bool saves(const audit_facts *f, const audit_node *n)
{
    (void)f;
    return is_set(audit_setting(n, "save"));
}

static bool has_rules(const audit_facts *f, const audit_node *n)
{
    (void)n;
    return f->rules.size > 0;
}

static bool logs(const audit_facts *f, const audit_node *n)
{
    (void)f;
    return is_set(audit_setting(n, "logfile")); /* SLOWLOG GET is also an earlier audit's */
}

static bool is_open(const audit_facts *f, const audit_node *n)
{
    (void)f;
    for (size_t i = 0; i < n->user_count; i++) {
        if (strcmp(n->users[i].name, "default") == 0)
            return n->users[i].is_on && n->users[i].is_nopass;
    }
    const char *password = audit_setting(n, "requirepass");
    return password && !*password;
}

static bool guards_writes(const audit_facts *f, const audit_node *n)
{
    (void)f;
    return calls_of(n, "wait") > 0 || is_set(audit_setting(n, "min-replicas-to-write")) ||
           is_set(audit_setting(n, "min-slaves-to-write"));
}

static bool runs_scripts(const audit_facts *f, const audit_node *n)
{
    (void)f;
    return n->function_count > 0 || calls_of(n, "eval") || calls_of(n, "evalsha") ||
           calls_of(n, "fcall");
}

static bool has_files(const audit_facts *f, const audit_node *n)
{
    (void)n;
    return f->conf_path != NULL;
}

static bool always(const audit_facts *f, const audit_node *n)
{
    (void)f;
    (void)n;
    return true;
}

/* One row per duty of the table, in its order. `rule` NULL: never a finding. Behind the action
 * stands how to look at it there. */
struct duty {
    const char *duty;
    const char *sub_duty;
    const char *evidence; /* NULL: a server shows nothing of it */
    const char *rule;
    bool (*when)(const audit_facts *f, const audit_node *n);
    severity severity;
    const char *title;
    const char *action;
};

static const struct duty duties[] = {
    {"deploy", "create nodes and topology",
     "nodes looked at {n:nodes}, role {i:role}, replicas {i:connected_slaves}, mode {i:redis_mode}",
     .rule = NULL},
    {"OS patch", "", "{i:os}, up {i:uptime_in_days} days", .rule = NULL},
    {"engine patch", "security updates",
     "redis_version {i:redis_version}, valkey_version {i:valkey_version}", .rule = NULL},
    {"engine version choice", "major and minor upgrade",
     "redis_version {i:redis_version}, valkey_version {i:valkey_version}", .rule = NULL},
    {"failover", "detection and promotion",
     "mode {i:redis_mode}, replicas {i:connected_slaves}, cluster-node-timeout "
     "{s:cluster-node-timeout}",
     "boundary-failover", fails_over, SEVERITY_WARN,
     "failover becomes AWS's duty only when it is switched on there",
     "create the group with automatic failover, Multi-AZ and a replica at least, and rehearse with "
     "TestFailover"},
    {"failover", "client reconnect",
     "connections {n:clients}, timeout {s:timeout}, tcp-keepalive {s:tcp-keepalive}", .rule = NULL},
    {"failover", "data lost in the unreplicated tail",
     "min-replicas-to-write {s:min-replicas-to-write}, min-slaves-to-write "
     "{s:min-slaves-to-write}, "
     "replicas {i:connected_slaves}",
     "boundary-loss", guards_writes, SEVERITY_INFO,
     "what guards acknowledged writes today must be decided anew",
     "say which acknowledged writes a failover may lose, and where the application itself has to "
     "WAIT"},
    {"backup", "schedule and retention",
     "save {s:save}, last save at {t:rdb_last_save_time}, status {i:rdb_last_bgsave_status}",
     "boundary-backup", saves, SEVERITY_WARN, "no backup is taken there until a retention is set",
     "set a snapshot retention and a window when the cache is made, and restore one once"},
    {"backup", "restore test", NULL, .rule = NULL},
    {"backup", "persistence (AOF)",
     "appendonly {s:appendonly}, appendfsync {s:appendfsync}, aof_enabled {i:aof_enabled}",
     .rule = NULL},
    {"configuration", "tunable parameters",
     "settings in the file {n:file}, maxmemory-policy {s:maxmemory-policy}", .rule = NULL},
    {"configuration", "kernel, filesystem, THP, swap", "allocator {i:mem_allocator}, host {i:os}",
     .rule = NULL},
    {"commands", "dangerous or admin commands",
     "rename-command lines {n:renamed}, administrative commands in use {n:admin}", .rule = NULL},
    {"network access", "reachability",
     "bind {s:bind}, protected-mode {s:protected-mode}, connections {n:clients}", .rule = NULL},
    {"network access", "control plane access", NULL, .rule = NULL},
    {"authentication", "users, passwords, tokens",
     "users {n:users}, of these without a password {n:open}", "boundary-open", is_open,
     SEVERITY_WARN, "no password is asked for today, and none will be there unless you ask for one",
     "make the cache with TLS and a user group or an AUTH token, and give the password to the "
     "clients before the cutover"},
    {"authentication", "rotation", NULL, .rule = NULL},
    {"encryption", "in transit", "tls-port {s:tls-port}, tls-auth-clients {s:tls-auth-clients}",
     .rule = NULL},
    {"encryption", "at rest", NULL, .rule = NULL},
    {"monitoring", "metric production", "files of rules given {n:rules}", .rule = NULL},
    {"monitoring", "dashboards", NULL, .rule = NULL},
    {"alerting", "", "files of rules given {n:rules}", "boundary-alerting", has_rules,
     SEVERITY_WARN, "no alarm exists there until somebody makes it",
     "make them before the cutover: the section Monitoring has what each rule becomes"},
    {"logging", "slow log, engine log",
     "slowlog-log-slower-than {s:slowlog-log-slower-than}, slowlog-max-len {s:slowlog-max-len}, "
     "logfile {s:logfile}",
     "boundary-logging", logs, SEVERITY_WARN,
     "logs are kept there only when delivery is switched on",
     "switch on the delivery of slow log and engine log when the cache is made"},
    {"capacity", "vertical and horizontal scaling",
     "used_memory {i:used_memory_human}, commands a second {i:instantaneous_ops_per_sec}",
     .rule = NULL},
    {"capacity", "connections",
     "connected_clients {i:connected_clients}, maxclients {s:maxclients}", .rule = NULL},
    {"memory", "reserved memory",
     "maxmemory {s:maxmemory}, host {i:total_system_memory_human}, rss {i:used_memory_rss_human}",
     .rule = NULL},
    {"memory", "eviction policy and TTL",
     "maxmemory-policy {s:maxmemory-policy}, evicted_keys {i:evicted_keys}, sampled keys without "
     "expiry {n:sampled}",
     .rule = NULL},
    {"application design", "key design, big keys", "sampled keys without expiry {n:sampled}",
     .rule = NULL},
    {"application design", "hot keys",
     "maxmemory-policy {s:maxmemory-policy}, commands a second {i:instantaneous_ops_per_sec}",
     .rule = NULL},
    {"application design", "stampede protection",
     "expired_keys {i:expired_keys}, keyspace_misses {i:keyspace_misses}", .rule = NULL},
    {"application design", "timeouts, retry, backoff", NULL, .rule = NULL},
    {"application design", "Lua and functions",
     "script calls {n:evals}, function libraries {n:functions}", "boundary-scripts", runs_scripts,
     SEVERITY_INFO, "scripts stay the application's duty",
     "keep their texts in the application, load them again at NOSCRIPT, and bound how long they "
     "run"},
    {"data continuity", "cutover without loss",
     "offset {i:master_repl_offset}, backlog {s:repl-backlog-size}", .rule = NULL},
    {"data continuity", "rollback", "offset {i:master_repl_offset}", "boundary-rollback", always,
     SEVERITY_INFO, "the way back is the customer's",
     "plan it before the cutover: 'handover migrate' keeps the source until 'finish'; later a "
     "snapshot goes out through S3"},
    {"disaster recovery", "other Region", NULL, .rule = NULL},
    {"availability target", "SLA", NULL, .rule = NULL},
    {"cost", "node hours, reserved nodes, transfer, backup, extended support", NULL, .rule = NULL},
    {"compliance", "evidence, audit log", NULL, .rule = NULL},
    {"host access", "SSH, files, strace",
     "configuration file {i:config_file}, dir {s:dir}, pidfile {s:pidfile}", "boundary-host",
     has_files, SEVERITY_INFO, "nobody logs in to the machine there",
     "go through the runbooks: what logs in, reads files or sends signals needs the API or "
     "CloudWatch"},
    {"incident response", "node replacement",
     "replicas {i:connected_slaves}, up {i:uptime_in_days} days", .rule = NULL},
};

static const struct duty *duty_of(const knowledge_table *t, size_t row)
{
    for (size_t i = 0; i < COUNT_OF(duties); i++) {
        if (strcmp(duties[i].duty, knowledge_cell(t, row, "duty")) == 0 &&
            strcmp(duties[i].sub_duty, knowledge_cell(t, row, "sub_duty")) == 0)
            return &duties[i];
    }
    return NULL;
}

static const char *name_of(arena *a, const knowledge_table *t, size_t row)
{
    const char *sub = knowledge_cell(t, row, "sub_duty");
    return arena_printf(a, "%s%s%s", knowledge_cell(t, row, "duty"), *sub ? ": " : "", sub);
}

static void finding_add(const struct writer *w, size_t row, const struct duty *d, const char *found)
{
    const char *there = knowledge_cell(w->table, row, "evidence_on_target");
    bool shows = *there && strcmp(there, "none") != 0;
    const char *action = arena_printf(w->memory, "%s%s%s", d->action,
                                      shows ? "; there it shows in " : "", shows ? there : "");
    const char *wrong = knowledge_cell(w->table, row, "what_goes_wrong_if_assumed_away");
    report_add_finding(
        w->out, &(finding){.id = d->rule,
                           .area = AREA,
                           .severity = d->severity,
                           .title = d->title,
                           .evidence = found,
                           .where = found ? w->node->address : NULL,
                           .consequence = arena_printf(w->memory, "if nobody does it: %s", wrong),
                           .action = action,
                           .owner = knowledge_cell(w->table, row, w->owner_column),
                           .source = knowledge_cell(w->table, row, "source"),
                           .date = w->table->date});
}

static void ask_add(const struct writer *w, size_t count, const char *names)
{
    if (!count) return;
    report_add_finding(
        w->out,
        &(finding){
            .id = "boundary-ask",
            .area = AREA,
            .severity = SEVERITY_INFO,
            .title = arena_printf(
                w->memory, "%zu duties cannot be seen from a server: ask who has them", count),
            .evidence = names,
            .consequence = "a duty that nobody names is nobody's after the move",
            .action = "answer them before the move; the section Responsibility says who has "
                      "each there",
            .date = w->table->date});
}

static void duties_write(const struct writer *w)
{
    static const char *const columns[] = {
        "Duty", "Today", "There", "Found on the source", "Shows there in", "If nobody does it"};
    const knowledge_table *t = w->table;
    size_t section = report_section_at(w->out, SECTION_ID, AREA);
    report_mark_reference(w->out, section);
    size_t table =
        report_add_table(w->out, section, "Who has it, duty by duty", COUNT_OF(columns), columns);
    size_t asked = 0;
    const char *names = "";
    for (size_t row = 0; row < t->row_count; row++) {
        const struct duty *d = duty_of(t, row);
        const char *found = d && d->evidence ? evidence(w, d->evidence) : NULL;
        const char *const cells[] = {name_of(w->memory, t, row),
                                     knowledge_cell(t, row, "owner_self_managed"),
                                     knowledge_cell(t, row, w->owner_column),
                                     found ? found : "not visible: ask",
                                     knowledge_cell(t, row, "evidence_on_target"),
                                     knowledge_cell(t, row, "what_goes_wrong_if_assumed_away")};
        report_add_row(w->out, section, table, cells);
        if (!found) names = arena_printf(w->memory, "%s%s%s", names, asked++ ? "; " : "", cells[0]);
        if (d && d->rule && d->when(w->facts, w->node)) finding_add(w, row, d, found);
    }
    ask_add(w, asked, names);
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    (void)o;
    if (!f->node_count) return;
    arena memory = {0};
    duties_write(&(struct writer){.facts = f,
                                  .node = &f->nodes[0],
                                  .table = knowledge_at(TABLE_BOUNDARY),
                                  .out = r,
                                  .memory = &memory,
                                  .owner_column =
                                      t->is_serverless ? "owner_serverless" : "owner_node_based"});
    arena_clear(&memory);
}

const audit_rule_set audit_boundary = {AREA, rows, COUNT_OF(rows), judge};

/* Every row of the table has a duty here, and the other way round; for the test. */
bool audit_boundary_is_whole(void)
{
    const knowledge_table *t = knowledge_at(TABLE_BOUNDARY);
    size_t known = 0;
    for (size_t row = 0; row < t->row_count; row++)
        known += duty_of(t, row) != NULL;
    return known == t->row_count && known == COUNT_OF(duties);
}
