/* How the servers are run today: engine, what is kept, replicas, and what a copy will ask of them.
 */
#include <ctype.h>

#include "audit/operations.h"

#define DOC "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
#define RULES_DATE "2026-11-26"
#define BACKLOG_S_MIN 60
#define FORK_USEC_MAX 100000
#define REPLICAS_MAX 5 /* a shard there: one primary and five replicas (quota page) */
#define SNAPSHOT_BYTES_PER_S 100000000 /* measured: BGSAVE of 2.7 GB in 27 s */
#define LATENCY_LINES_MAX 40

static const audit_rule_row rows[] = {
    {"ops-engine", DIMENSION_SCHEMA,
     "The engine and version here, and what ElastiCache offers of it."},
    {"ops-newer", DIMENSION_SCHEMA,
     "The target cannot load what this engine writes (RDB, DUMP): seeding and native replication "
     "are "
     "out, keys must be copied value by value."},
    {"ops-old", DIMENSION_SCHEMA,
     "Several major versions lie between this engine and the target; replies, defaults and "
     "commands "
     "have changed on the way."},
    {"ops-support", DIMENSION_OPERATIONS,
     "Standard support of the target's version there has an announced end."},
    {"ops-mixed", DIMENSION_TOPOLOGY, "The nodes run different versions."},
    {"ops-persistence", DIMENSION_OPERATIONS,
     "What a crash loses today, and what it loses there: ElastiCache has no append-only file."},
    {"ops-save-failed", DIMENSION_NONE,
     "The last snapshot or append-only write of this server failed."},
    {"ops-single", DIMENSION_TOPOLOGY, "The server has no replica."},
    {"ops-replicas", DIMENSION_TOPOLOGY, "More replicas than a shard can have there."},
    {"ops-replica-link", DIMENSION_NONE, "A replica's link to its primary is down or lags."},
    {"ops-of-replica", DIMENSION_NONE,
     "What was audited is a replica: clients, commands and latency are those of the replica."},
    {"ops-sentinel", DIMENSION_COMPONENTS,
     "Sentinels run the failover today; the service does there. They go, and so do their scripts."},
    {"ops-cluster", DIMENSION_TOPOLOGY, "The cluster is not whole."},
    {"ops-backlog", DIMENSION_NONE,
     "The replication backlog holds less than a minute of writes: a short break of the link ends "
     "in a "
     "full copy."},
    {"ops-replica-buffer", DIMENSION_NONE,
     "What is written while a snapshot is sent does not fit the buffer limit for replicas: the "
     "copy "
     "would be cut off and begin again, for ever."},
    {"ops-fork", DIMENSION_NONE,
     "A snapshot stops the server for a noticeable time when it begins."},
    {"ops-memory", DIMENSION_NONE, "Little memory is free for the copy-on-write of a snapshot."},
    {"ops-latency", DIMENSION_OPERATIONS, "The server has recorded slow events."},
    {"constraint", DIMENSION_NONE,
     "A condition of one of AWS's ways to move the data that does not hold here. It matters only "
     "where "
     "that way is chosen; for a serverless target some are conditions of the target itself."},
};

void audit_operations_add(audit_scene *o, finding made)
{
    made.area = audit_operations.area;
    if (!made.where) {
        made.where = arena_printf(o->scratch, "INFO, %s%s", o->f->nodes[0].address,
                                  o->f->node_count > 1 ? " and its peers" : "");
    }
    if (!made.date) made.date = RULES_DATE;
    report_add_finding(o->r, &made);
}

static const char *version_text(audit_scene *o, const audit_node *n)
{
    return arena_text(o->scratch, span_text(engine_version_show(&n->version).text));
}

/* --- engine ---------------------------------------------------------------------------------- */

/* The row of ElastiCache's versions for the source's own version; -1: it has none. */
static ptrdiff_t version_row(const engine_version *v)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    const char *engine = v->product == ENGINE_VALKEY ? "valkey" : "redis";
    for (size_t i = 0; i < t->row_count; i++) {
        span version = span_text(knowledge_cell(t, i, "version"));
        span part = {0};
        uint64_t major = 0;
        uint64_t minor = 0;
        if (strcmp(knowledge_cell(t, i, "engine"), engine) != 0) continue;
        if (!span_cut(&version, '.', &part) || !span_to_u64(part, &major) || major != v->major)
            continue;
        if (span_starts(version, "x")) return (ptrdiff_t)i; /* "3.x" */
        size_t digits = 0;
        while (digits < version.size && isdigit(version.at[digits]))
            digits++;
        if (span_to_u64(span_of(version.at, digits), &minor) && minor == v->minor)
            return (ptrdiff_t)i;
    }
    return -1;
}

static void judge_engine(audit_scene *o, const audit_node *n)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    ptrdiff_t row = version_row(&n->version);
    const char *here = version_text(o, n);
    const char *there = "ElastiCache does not offer this version";
    if (row >= 0) {
        const char *end = knowledge_cell(t, (size_t)row, "standard_support_end");
        there = arena_printf(o->scratch, "ElastiCache: %s%s%s",
                             knowledge_cell(t, (size_t)row, "release_or_status"),
                             isdigit((unsigned char)end[0]) ? ", end of standard support " : "",
                             isdigit((unsigned char)end[0]) ? end : "");
    }
    audit_operations_add(
        o,
        (finding){
            .id = "ops-engine",
            .severity = SEVERITY_INFO,
            .title =
                arena_printf(o->scratch, "%s becomes %s %s", here, o->t->engine, o->t->version),
            .evidence = there,
            .consequence = "from then on the service patches the engine, in its maintenance window",
            .action = "run the application's tests against that version before the move",
            .owner = "AWS (patches); you (choice of the version)",
            .source = DOC "engine-versions.html",
        });
    if (o->t->support_end[0]) {
        audit_operations_add(
            o,
            (finding){
                .id = "ops-support",
                .severity = SEVERITY_WARN,
                .title = arena_printf(o->scratch, "%s %s has standard support until %s only",
                                      o->t->engine, o->t->version, o->t->support_end),
                .where = "data/engine-versions.tsv",
                .consequence = "after that it costs extra, and one day it is upgraded for you",
                .action = "choose a version without an announced end: --target valkey8.1 or later",
                .owner = "you",
                .source = DOC "extended-support-versions.html",
            });
    }
}

static void judge_format(audit_scene *o, const audit_node *n)
{
    const char *loaded = audit_rdb_loaded_by(o->t);
    if (n->version.rdb_version == 0 || !loaded[0] ||
        knowledge_rdb_is_loaded(loaded, n->version.rdb_version))
        return;
    audit_operations_add(
        o,
        (finding){
            .id = "ops-newer",
            .severity = SEVERITY_WARN,
            .title = arena_printf(o->scratch, "%s %s does not load RDB version %u", o->t->engine,
                                  o->t->version, n->version.rdb_version),
            .evidence = arena_printf(o->scratch, "%s writes RDB version %u; the target loads: %s",
                                     version_text(o, n), n->version.rdb_version, loaded),
            .consequence =
                "seeding from S3 ends in restore-failed, native replication and AWS's online "
                "migration never get in sync, RESTORE of a DUMP is refused",
            .action = "copy value by value ('handover migrate' does so where a payload is "
                      "refused), or choose "
                      "a target that loads it; types the target lacks stay behind either way",
            .owner = "you, for the move",
            .source = DOC "backups-seeding-redis.html",
        });
}

static void judge_versions(audit_scene *o)
{
    const audit_node *n = &o->f->nodes[0];
    if (!n->has_version) return;
    judge_engine(o, n);
    judge_format(o, n);
    if (n->version.major < 6) {
        audit_operations_add(
            o,
            (finding){
                .id = "ops-old",
                .severity = SEVERITY_WARN,
                .title = arena_printf(o->scratch, "%s is many versions behind %s %s",
                                      version_text(o, n), o->t->engine, o->t->version),
                .consequence =
                    "client libraries of that age may not know RESP changes, TLS or ACLs; "
                    "defaults and error texts differ",
                .action =
                    "read the release notes of the versions between, update the client libraries "
                    "first, and run the tests against the target's version",
                .owner = "the application's team",
                .source = DOC "engine-versions.html",
            });
    }
    const char *others = "";
    for (size_t i = 1; i < o->f->node_count; i++) {
        const audit_node *other = &o->f->nodes[i];
        if (!other->has_version || strcmp(version_text(o, other), version_text(o, n)) == 0)
            continue;
        others = audit_list_add(
            o->scratch, others,
            arena_printf(o->scratch, "%s: %s", other->address, version_text(o, other)));
    }
    if (!others[0]) return;
    audit_operations_add(
        o, (finding){
               .id = "ops-mixed",
               .severity = SEVERITY_WARN,
               .title = "the nodes run different versions",
               .evidence =
                   arena_printf(o->scratch, "%s: %s; %s", n->address, version_text(o, n), others),
               .consequence = "what one node can copy or accept, another may refuse",
               .action = "finish that upgrade before the move",
               .owner = "you",
           });
}

/* --- persistence ----------------------------------------------------------------------------- */

static void judge_persistence(audit_scene *o)
{
    const audit_node *n = &o->f->nodes[0];
    const char *aof = audit_setting(n, "appendonly");
    const char *save = audit_setting(n, "save");
    const char *fsync = audit_setting(n, "appendfsync");
    bool has_aof = aof && strcmp(aof, "yes") == 0;
    if (!aof && !save) return;
    bool has_save = save && save[0] && strcmp(save, "\"\"") != 0;
    const char *unread = o->f->conf_path ? "not named" : "not read";
    const char *today = has_aof ? arena_printf(o->scratch, "an append-only file (appendfsync %s)",
                                               fsync ? fsync : "everysec")
                        : has_save ? arena_printf(o->scratch, "snapshots (save %s)", save)
                                   : "nothing";
    audit_operations_add(
        o,
        (finding){
            .id = "ops-persistence",
            .severity = has_aof ? SEVERITY_WARN : SEVERITY_INFO,
            .title = arena_printf(o->scratch, "what survives a crash today: %s", today),
            .evidence = arena_printf(o->scratch, "appendonly %s, save %s", aof ? aof : unread,
                                     !save      ? unread
                                     : has_save ? save
                                                : "off"),
            .where = audit_setting_place(o->f, n, aof ? "appendonly" : "save", o->scratch),
            .consequence =
                has_aof || has_save
                    ? "there: replicas in other zones and one snapshot a day. What a failover "
                      "loses is what had not reached the replica; losing a whole shard loses all "
                      "since the last snapshot"
                    : "nothing is kept there either unless asked for; a failover to a replica "
                      "keeps "
                      "the data, which is more than today",
            .action =
                has_aof
                    ? "say how much may be lost; Multi-AZ with a replica at least and a snapshot "
                      "retention, or durability on Valkey 9.0 in cluster mode, or stay"
                    : "set Multi-AZ, and a snapshot retention if the data cannot be rebuilt",
            .owner = "AWS (replicas, snapshots); you (retention, and that the loss is acceptable)",
            .source = DOC "FaultTolerance.html",
        });
    bool bgsave_bad = audit_info_is(n, "rdb_last_bgsave_status", "err");
    bool aof_bad = audit_info_is(n, "aof_last_write_status", "err");
    if (!bgsave_bad && !aof_bad) return;
    audit_operations_add(
        o,
        (finding){
            .id = "ops-save-failed",
            .severity = SEVERITY_WARN,
            .title =
                bgsave_bad ? "the last snapshot failed" : "the append-only file cannot be written",
            .evidence = bgsave_bad ? "rdb_last_bgsave_status:err" : "aof_last_write_status:err",
            .consequence = "a full copy needs the same memory and disk, and will fail alike; and "
                           "there is no backup to go back to now",
            .action = "look into the server's log (memory for fork, disk) and have one BGSAVE "
                      "succeed before the move",
            .owner = "you",
        });
}

/* --- replicas, Sentinel, cluster ------------------------------------------------------------- */

static void judge_replica_links(audit_scene *o)
{
    for (size_t i = 0; i < o->f->node_count; i++) {
        const audit_node *n = &o->f->nodes[i];
        const char *what = NULL;
        span line = {0};
        if (n->is_replica && audit_info_is(n, "master_link_status", "down"))
            what = "master_link_status:down";
        for (unsigned k = 0; k <= REPLICAS_MAX && !what; k++) {
            span state = {0};
            const char *name = arena_printf(o->scratch, "slave%u", k);
            if (!info_text(n->info, name, &line) || !info_part(line, "state", &state)) break;
            if (!span_is(state, "online"))
                what = arena_printf(o->scratch, "%s:%s", name, arena_text(o->scratch, line));
        }
        if (!what) continue;
        audit_operations_add(
            o,
            (finding){
                .id = arena_printf(o->scratch, "ops-replica-link:%s", n->address),
                .severity = SEVERITY_WARN,
                .title = arena_printf(o->scratch, "replication at %s is not in order", n->address),
                .evidence = what,
                .where = arena_printf(o->scratch, "INFO replication, %s", n->address),
                .consequence =
                    "a copy from here is not up to date, and one more replica may be what "
                    "breaks the primary's buffers",
                .action = "mend it before the move",
                .owner = "you",
            });
    }
}

static void judge_replicas(audit_scene *o)
{
    const audit_node *n = &o->f->nodes[0];
    uint64_t replicas = audit_info_max(o->f, "connected_slaves");
    uint64_t one = 0;
    if (n->is_replica) {
        audit_operations_add(
            o, (finding){
                   .id = "ops-of-replica",
                   .severity = SEVERITY_INFO,
                   .title = arena_printf(o->scratch, "%s is a replica", n->address),
                   .evidence = arena_printf(o->scratch, "role:slave of %s:%s",
                                            audit_info_shown(o->scratch, n, "master_host"),
                                            audit_info_shown(o->scratch, n, "master_port")),
                   .consequence =
                       "clients, commands and latency are the replica's; writers are not seen",
                   .action = "audit the primary too",
               });
    } else if (audit_info_u64(n, "connected_slaves", &one) && replicas == 0) {
        audit_operations_add(
            o,
            (finding){
                .id = "ops-single",
                .severity = SEVERITY_INFO,
                .title = "nothing takes over when this server fails",
                .evidence = "connected_slaves:0",
                .consequence =
                    "the move itself must read from the primary; there, a replica in another "
                    "zone makes failover possible, which the application has never met",
                .action =
                    "plan Multi-AZ with a replica at least, and rehearse a failover: see Clients",
                .owner = "AWS (failover); the application's team (surviving it)",
                .source = DOC "AutoFailover.html",
            });
    }
    if (replicas > REPLICAS_MAX) {
        audit_operations_add(
            o,
            (finding){
                .id = "ops-replicas",
                .severity = SEVERITY_WARN,
                .title = arena_printf(o->scratch, "%" PRIu64 " replicas of one primary", replicas),
                .evidence = "INFO replication: connected_slaves",
                .consequence = "a shard there has five replicas at most",
                .action =
                    "fewer and larger replicas, cluster mode with more shards, or a cache in the "
                    "application for the reads",
                .owner = "you",
                .source =
                    "awsdocs/amazon-elasticache-docs@6ea3dbf:doc_source/redis/quota-limits.md",
            });
    }
    judge_replica_links(o);
}

static void judge_topology(audit_scene *o)
{
    for (size_t i = 0; i < o->f->node_count; i++) {
        if (!o->f->nodes[i].is_sentinel_watched) continue;
        audit_operations_add(
            o,
            (finding){
                .id = "ops-sentinel",
                .severity = SEVERITY_WARN,
                .title = "Sentinels run the failover today",
                .evidence = arena_printf(o->scratch, "Sentinels publish on or are connected to %s",
                                         o->f->nodes[i].address),
                .where = o->f->nodes[i].address,
                .consequence =
                    "the service detects and promotes there; notification and reconfiguration "
                    "scripts, "
                    "'sentinel failover' in runbooks and Sentinel's alerts have no counterpart",
                .action = "list Sentinel's scripts and alerts and move what they do to ElastiCache "
                          "events (SNS); "
                          "keep the Sentinels until the way back is closed, then remove them",
                .owner = "AWS",
                .source = DOC "AutoFailover.html",
            });
        break;
    }
    for (size_t i = 0; i < o->f->node_count; i++) {
        const char *state = audit_info_shown(o->scratch, &o->f->nodes[i], "cluster_state");
        if (!state[0] || strcmp(state, "ok") == 0) continue;
        audit_operations_add(
            o, (finding){
                   .id = "ops-cluster",
                   .severity = SEVERITY_BLOCK,
                   .title = "the cluster is not whole",
                   .evidence = arena_printf(o->scratch, "cluster_state:%s", state),
                   .where = o->f->nodes[i].address,
                   .consequence = "slots without a primary cannot be copied",
                   .action = "mend the cluster first (CLUSTER SHARDS shows the slots)",
                   .owner = "you",
               });
        break;
    }
}

/* --- what a copy asks of this server --------------------------------------------------------- */

/* The hard limit of the class slave (replica) of client-output-buffer-limit; 0: none, or unknown.
 */
static uint64_t replica_limit(const audit_node *n)
{
    const char *all = audit_setting(n, "client-output-buffer-limit");
    span rest = span_text(all ? all : "");
    span word = {0};
    uint64_t limit = 0;
    while (span_cut(&rest, ' ', &word)) {
        if (!span_is(word, "slave") && !span_is(word, "replica")) continue;
        if (!span_cut(&rest, ' ', &word)) break;
        size_t digits = 0;
        while (digits < word.size && isdigit(word.at[digits]))
            digits++;
        if (!span_to_u64(span_of(word.at, digits), &limit)) limit = 0;
        span unit = span_tail(word, digits);
        if (span_is_nocase(unit, "kb")) limit *= KIB;
        if (span_is_nocase(unit, "mb")) limit *= MIB;
        if (span_is_nocase(unit, "gb")) limit *= KIB * MIB;
    }
    return limit;
}

static void judge_buffers(audit_scene *o, const audit_traffic *t)
{
    const audit_node *n = &o->f->nodes[0];
    uint64_t backlog = 0;
    uint64_t used = 0;
    uint64_t seconds = 0;
    if (!t->is_known || t->input_bytes < 1 || t->writes < 1) return;
    if (audit_info_u64(n, "repl_backlog_size", &backlog) &&
        (double)backlog < BACKLOG_S_MIN * t->input_bytes) {
        audit_operations_add(
            o, (finding){
                   .id = "ops-backlog",
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(o->scratch, "the replication backlog lasts %.0f s",
                                         (double)backlog / t->input_bytes),
                   .evidence = arena_printf(o->scratch,
                                            "repl_backlog_size %s; clients send %s a second on "
                                            "average",
                                            audit_bytes(o->scratch, backlog),
                                            audit_bytes(o->scratch, (uint64_t)t->input_bytes)),
                   .consequence = "a break of the link longer than that ends in a second full copy",
                   .action = arena_printf(
                       o->scratch, "before the move: repl-backlog-size %s (ten minutes)",
                       audit_bytes(o->scratch, (uint64_t)(600 * t->input_bytes))),
                   .owner = "you, for the move",
               });
    }
    uint64_t limit = replica_limit(n);
    if (limit == 0 || !audit_info_u64(n, "used_memory", &used)) return;
    double last = audit_info_u64(n, "rdb_last_bgsave_time_sec", &seconds) ? (double)seconds : 0;
    double guess = (double)used / SNAPSHOT_BYTES_PER_S;
    double takes = 2 * (last > guess ? last : guess); /* made, and sent */
    if (takes * t->input_bytes < (double)limit) return;
    audit_operations_add(
        o, (finding){
               .id = "ops-replica-buffer",
               .severity = SEVERITY_WARN,
               .title = "what is written during the first copy does not fit the replica's buffer",
               .evidence = arena_printf(o->scratch,
                                        "about %.0f s for %s, %s a second come in; "
                                        "client-output-buffer-limit slave %s",
                                        takes, audit_bytes(o->scratch, used),
                                        audit_bytes(o->scratch, (uint64_t)t->input_bytes),
                                        audit_bytes(o->scratch, limit)),
               .consequence =
                   "the server closes the copy's connection at that limit, and it begins again",
               .action =
                   "raise the limit for replicas for the time of the move (memory must allow it), "
                   "or copy at a quiet hour; 'handover migrate' computes it anew and refuses",
               .owner = "you, for the move",
           });
}

static void judge_fork(audit_scene *o)
{
    uint64_t fork = audit_info_max(o->f, "latest_fork_usec");
    uint64_t rss = 0;
    uint64_t total = 0;
    const audit_node *n = &o->f->nodes[0];
    if (fork >= FORK_USEC_MAX) {
        audit_operations_add(
            o, (finding){
                   .id = "ops-fork",
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(
                       o->scratch, "a snapshot stops the server for %" PRIu64 " ms", fork / 1000),
                   .evidence = arena_printf(o->scratch, "latest_fork_usec:%" PRIu64, fork),
                   .consequence = "every client waits that long when the copy of the move begins",
                   .action = "copy from a replica, or at a quiet hour; transparent huge pages off",
                   .owner = "you, for the move",
               });
    }
    if (!audit_info_u64(n, "used_memory_rss", &rss) ||
        !audit_info_u64(n, "total_system_memory", &total))
        return;
    if (total == 0 || rss < total / 10 * 6) return;
    audit_operations_add(
        o,
        (finding){
            .id = "ops-memory",
            .severity = SEVERITY_WARN,
            .title =
                arena_printf(o->scratch, "the server uses %" PRIu64 " %% of its machine's memory",
                             rss / (total / 100 + 1)),
            .evidence = arena_printf(o->scratch, "used_memory_rss %s of %s",
                                     audit_bytes(o->scratch, rss), audit_bytes(o->scratch, total)),
            .consequence =
                "a snapshot under writes copies pages: the machine may run out of memory",
            .action =
                "copy from a replica on another machine, or at a quiet hour; watch memory and "
                "have 'handover migrate' throttle",
            .owner = "you, for the move",
        });
}

static void judge_latency(audit_scene *o)
{
    size_t count = 0;
    size_t section = 0;
    for (size_t i = 0; i < o->f->node_count; i++) {
        const audit_node *n = &o->f->nodes[i];
        const char *text = "";
        for (size_t k = 0; k < n->slow_count && k < LATENCY_LINES_MAX; k++)
            text = arena_printf(o->scratch, "%s%s\n", text, n->slow[k]);
        if (n->slow_count == 0) continue;
        section = report_section_at(o->r, "operations", "How it runs today");
        report_add_code(o->r, section, arena_printf(o->scratch, "Slow events of %s", n->address),
                        "", text);
        count += n->slow_count;
    }
    if (count == 0) return;
    audit_operations_add(
        o, (finding){
               .id = "ops-latency",
               .severity = SEVERITY_INFO,
               .title = arena_printf(o->scratch, "%zu slow event%s on record", count,
                                     count == 1 ? "" : "s"),
               .where = "LATENCY LATEST, SLOWLOG GET",
               .consequence =
                   "the slow log goes there to CloudWatch Logs or Firehose, if log delivery is set "
                   "up; LATENCY works on node-based caches",
               .action =
                   "set up log delivery (slow-log); a command that is slow here is slow there too",
               .owner = "you",
               .source = DOC "Log_Delivery.html",
           });
}

/* --- the section ----------------------------------------------------------------------------- */

static void section_add(audit_scene *o)
{
    static const char *const columns[] = {"node",   "engine", "role", "replicas",     "up",
                                          "memory", "ops/s",  "fork", "last snapshot"};
    size_t section = report_section_at(o->r, "operations", "How it runs today");
    size_t table = report_add_table(o->r, section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < o->f->node_count; i++) {
        const audit_node *n = &o->f->nodes[i];
        if (n->info.size == 0) continue;
        uint64_t used = 0;
        uint64_t fork = 0;
        bool has_fork = audit_info_u64(n, "latest_fork_usec", &fork) && fork > 0;
        uint64_t up = 0;
        bool has_up = audit_info_u64(n, "uptime_in_seconds", &up);
        const char *cells[COUNT_OF(columns)] = {
            n->address,
            n->has_version ? version_text(o, n) : "?",
            n->is_replica ? "replica" : "primary",
            audit_info_shown(o->scratch, n, "connected_slaves"),
            has_up ? arena_printf(o->scratch, up < 86400 ? "%.1f h" : "%.0f d",
                                  (double)up / (up < 86400 ? 3600 : 86400))
                   : "",
            audit_info_u64(n, "used_memory", &used) ? audit_bytes(o->scratch, used) : "",
            audit_info_shown(o->scratch, n, "instantaneous_ops_per_sec"),
            has_fork ? arena_printf(o->scratch, "%.1f ms", (double)fork / 1000) : "",
            audit_info_shown(o->scratch, n, "rdb_last_bgsave_status"),
        };
        report_add_row(o->r, section, table, cells);
    }
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *options, report *r)
{
    arena scratch = {0};
    audit_scene o = {.f = f, .t = t, .r = r, .scratch = &scratch, .today = options->today};
    bool has_info = false;
    for (size_t i = 0; i < f->node_count; i++)
        has_info |= f->nodes[i].info.size > 0;
    if (has_info || f->nodes[0].dump.path) judge_versions(&o);
    if (has_info) {
        audit_traffic rate = audit_traffic_of(&scratch, f);
        section_add(&o);
        if (rate.is_known) {
            report_add_paragraph(r, report_section_at(r, "operations", ""),
                                 "%.1f writing commands a second on average since the start; "
                                 "clients send %s a second.",
                                 rate.writes, audit_bytes(&scratch, (uint64_t)rate.input_bytes));
        }
        judge_replicas(&o);
        judge_topology(&o);
        judge_buffers(&o, &rate);
        judge_fork(&o);
        judge_latency(&o);
    }
    judge_persistence(&o);
    audit_constraints_judge(&o);
    arena_clear(&scratch);
}

const audit_rule_set audit_operations = {
    .area = "Operations", .rows = rows, .row_count = COUNT_OF(rows), .judge = judge};
