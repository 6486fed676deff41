/* Commands in use against what the kind of deployment allows. Counters know what was called since
 * the server started, not by whom; so each blocked command says who usually sends it. */
#include "audit/command_use.h"

#define AREA "Commands"
#define SECTION_ID "commands"

static const audit_rule_row rows[] = {
    {"command-blocked", DIMENSION_SCHEMA,
     "A command in use does not exist on the target. It blocks when applications send it; when it "
     "is an operator's or a tool's it warns."},
    {"command-blocked-tool", DIMENSION_ABSTRACTION,
     "A command of operators and tools in use (CONFIG, BGSAVE, DEBUG, SLOWLOG …) does not exist on "
     "the target: runbooks, exporters and start-up code that send it fail."},
    {"command-version", DIMENSION_SCHEMA,
     "A command in use needs a newer engine version than the target's."},
    {"command-changed", DIMENSION_SCHEMA,
     "A command in use exists on the target and behaves differently."},
    {"command-undocumented", DIMENSION_SCHEMA,
     "A command in use of which AWS's documentation says nothing, or two things."},
    {"command-renamed", DIMENSION_SCHEMA, "The configuration file renames or disables a command."},
    {"command-cross-slot", DIMENSION_TOPOLOGY,
     "Commands over several keys are in use and the target is a cluster: all keys of a command "
     "must be in one slot there."},
    {"module", DIMENSION_COMPONENTS,
     "A module is loaded. ElastiCache loads none; some have a built-in counterpart."},
    {"feature", DIMENSION_SCHEMA, "Commands of a module, or of a newer engine, are in use."},
    {"functions", DIMENSION_ABSTRACTION, "Function libraries exist or are called."},
    {"scripts", DIMENSION_APPLICATION,
     "Scripts are called. The script cache is empty after a failover: a client must load them "
     "again."},
    {"databases", DIMENSION_TOPOLOGY, "More than one numbered database holds keys."},
    {"keyspace-events", DIMENSION_SCHEMA, "Keyspace notifications are switched on."},
    {"wait", DIMENSION_APPLICATION, "WAIT or WAITAOF is called."},
    {"blocking-commands", DIMENSION_APPLICATION,
     "Blocking commands are called: at a failover they end with an error."},
    {"big-arguments", DIMENSION_APPLICATION,
     "Requests or values are so large that limits or time-outs of the target come near."},
};

/* Who sends a command that the service blocks, when it is not the application. */
static const struct {
    const char *commands;
    const char *who;
    bool is_own_replication; /* goes away with the servers */
} senders[] = {
    {"PSYNC SYNC REPLCONF RESTORE-ASKING ASKING", "replicas of your own servers", true},
    {"CONFIG", "exporters, admin pages and libraries at start (Spring Session among them)", false},
    {"SAVE BGSAVE BGREWRITEAOF LASTSAVE", "backup jobs", false},
    {"ACL", "whoever manages users", false},
    {"CLUSTER", "whoever manages the cluster", false},
    {"REPLICAOF SLAVEOF FAILOVER SHUTDOWN", "Sentinel, failover scripts, operators", false},
    {"DEBUG MONITOR PFDEBUG PFSELFTEST", "operators", false},
    {"SLOWLOG COMMANDLOG LATENCY MEMORY OBJECT HOTKEYS", "exporters and operators", false},
    {"CLIENT", "libraries at connect, exporters, operators", false},
    {"MODULE", "operators", false},
    {"MIGRATE", "resharding, key copiers", false},
};

/* What this tool sends itself is in the counters of later audits. */
static const char own_commands[] = "INFO PING SCAN TYPE PTTL SELECT HELLO STRLEN LLEN SCARD ZCARD "
                                   "HLEN XLEN";
static const char *const own_subcommands[] = {
    "CONFIG GET",    "CLIENT LIST",   "CLIENT SETNAME",  "ACL LIST",    "ACL WHOAMI",
    "MODULE LIST",   "FUNCTION LIST", "LATENCY LATEST",  "SLOWLOG GET", "PUBSUB NUMSUB",
    "CLUSTER NODES", "MEMORY USAGE",  "OBJECT ENCODING", "OBJECT FREQ"};

static bool is_own(const command_use *u)
{
    for (size_t i = 0; i < COUNT_OF(own_subcommands); i++)
        if (strcmp(own_subcommands[i], u->name) == 0) return true;
    return !*u->sub && command_word_is(own_commands, u->base);
}

static const char *const deployment_columns[] = {
    [DEPLOYMENT_NODE_DISABLED] = "node_based_cluster_disabled",
    [DEPLOYMENT_NODE_ENABLED] = "node_based_cluster_enabled",
    [DEPLOYMENT_SERVERLESS] = "serverless",
};

/* The row for a command: that of its subcommand, else that of the command as a whole. */
static bool row_find(const command_use *u, size_t *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_COMMANDS);
    bool found = false;
    for (size_t i = 0; i < t->row_count; i++) {
        const char *sub = knowledge_cell(t, i, "subcommand");
        if (!command_word_is(knowledge_cell(t, i, "command"), u->base)) continue;
        if (*u->sub && command_word_is(sub, u->sub)) {
            *ret = i;
            return true;
        }
        if (*sub || found) continue;
        *ret = i;
        found = true;
    }
    return found;
}

/* The Valkey version a state asks for ("Valkey 9.0+", "allowed (Valkey 8.1+)"); NULL: none. */
static const char *version_asked(const char *state)
{
    const char *at = strstr(state, "Valkey ");
    const char *number = at ? at + strlen("Valkey ") : NULL;
    return number && number[strspn(number, "0123456789.")] == '+' ? number : NULL;
}

static const char *state_of(const command_judge *j, size_t row)
{
    const knowledge_table *t = knowledge_at(TABLE_COMMANDS);
    const char *state = knowledge_cell(t, row, deployment_columns[j->deployment]);
    size_t size = strlen(state);
    bool is_same = size >= 4 && strcmp(state + size - 4, "same") == 0;
    return is_same ? knowledge_cell(t, row, deployment_columns[DEPLOYMENT_NODE_DISABLED]) : state;
}

enum verdict { FINE, BLOCKED, OLD, CHANGED, UNKNOWN };

static enum verdict verdict_of(const command_judge *j, const char *state)
{
    static const char *const fine[] = {"allowed", "n/a", "real topology", "not present"};
    static const char *const unknown[] = {"undocumented", "contradictory", "unknown"};
    const char *asked = version_asked(state);
    bool is_there = asked && strcmp(j->t->engine, "valkey") == 0 &&
                    knowledge_version_at_least(j->t->version, asked);
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        if (strcmp(state, fine[i]) == 0) return FINE;
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        if (strcmp(state, unknown[i]) == 0) return UNKNOWN;
    if (strncmp(state, "blocked", 7) == 0 || strcmp(state, "rejected") == 0) return BLOCKED;
    if (asked) return is_there ? FINE : OLD;
    return CHANGED;
}

/* --- findings -------------------------------------------------------------------------------- */

static const char *sender_of(const command_use *u, bool *ret_own_replication)
{
    /* Client-side caching is the application's, though it is a CLIENT command. */
    if (strcmp(u->base, "CLIENT") == 0 && command_word_is("TRACKING CACHING", u->sub)) return NULL;
    for (size_t i = 0; i < COUNT_OF(senders); i++) {
        if (!command_word_is(senders[i].commands, u->base)) continue;
        *ret_own_replication = senders[i].is_own_replication;
        return senders[i].who;
    }
    return NULL;
}

/* All blocked commands of one base with their calls: one finding tells of them. */
static const char *calls_shown(const command_judge *j, const char *base, bool *ret_only_own)
{
    const char *text = "";
    bool has_own = false;
    *ret_only_own = true;
    for (size_t i = 0; i < j->used_count; i++) {
        const command_use *u = &j->used[i];
        size_t row = 0;
        if (strcmp(u->base, base) != 0 || !row_find(u, &row)) continue;
        if (verdict_of(j, state_of(j, row)) != BLOCKED) continue;
        has_own = has_own || is_own(u);
        *ret_only_own = *ret_only_own && is_own(u);
        text = arena_printf(j->memory, "%s%s%s: %" PRIu64, text, *text ? ", " : "calls of ",
                            u->name, u->calls);
    }
    return has_own ? arena_printf(j->memory, "%s; earlier audits count too", text) : text;
}

static const char *where_of(const command_judge *j)
{
    const audit_facts *f = j->f;
    if (f->node_count == 1)
        return arena_printf(j->memory, "INFO commandstats, %s", f->nodes[0].address);
    return arena_printf(j->memory, "INFO commandstats, %zu nodes", f->node_count);
}

static const char *answer_of(const command_judge *j, size_t row)
{
    const char *behaviour = knowledge_cell(knowledge_at(TABLE_COMMANDS), row, "error_or_behaviour");
    const char *remark = strstr(behaviour, " (");
    size_t size = remark ? (size_t)(remark - behaviour) : strlen(behaviour);
    if (strncmp(behaviour, "ERR", 3) != 0) return "The target refuses it.";
    return arena_printf(j->memory, "The target answers: %.*s", (int)size, behaviour);
}

static void blocked_add(const command_judge *j, const command_use *u, size_t row)
{
    const knowledge_table *t = knowledge_at(TABLE_COMMANDS);
    bool is_own_replication = false;
    bool is_audit = false; /* perhaps nobody but an earlier audit has sent it */
    const char *who = sender_of(u, &is_own_replication);
    const char *calls = calls_shown(j, u->base, &is_audit);
    severity s = who ? SEVERITY_WARN : SEVERITY_BLOCK;
    if (is_own_replication || (who && is_audit)) s = SEVERITY_INFO;
    const char *note = knowledge_cell(t, row, "note");
    const char *what = who ? u->base : u->name;
    bool is_part = who && strcmp(u->base, u->name) != 0;
    finding one = {
        .id = report_printf(j->r, "%s:%s", who ? "command-blocked-tool" : "command-blocked", what),
        .area = AREA,
        .severity = s,
        .title = report_printf(j->r,
                               is_part ? "%s is in use with subcommands that do not exist there"
                                       : "%s is in use and does not exist there",
                               what),
        .evidence = who ? calls : report_printf(j->r, "calls of %s: %" PRIu64, u->name, u->calls),
        .where = where_of(j),
        .consequence = answer_of(j, row),
        .owner = who ? "you: whoever runs the tool" : "the application",
        .source = knowledge_cell(t, row, "source"),
        .date = knowledge_cell(t, row, "date")};
    const char *until = who ? report_printf(j->r, "usually sent by %s: find them and stop it", who)
                            : "change the application before the move";
    if (is_own_replication) until = "nothing: these replicas go away with your servers";
    one.action = *note ? report_printf(j->r, "%s. %s", until, note) : until;
    report_add_finding(j->r, &one);
}

static void other_add(const command_judge *j, const command_use *u, size_t row, enum verdict v)
{
    static const struct {
        const char *rule, *title, *action;
        severity severity;
    } kinds[] = {
        [OLD] = {"command-version", "needs a newer engine than the target",
                 "choose a target that has it (--target), or change the application",
                 SEVERITY_BLOCK},
        [CHANGED] = {"command-changed", "behaves differently there",
                     "check the application against it", SEVERITY_INFO},
        [UNKNOWN] = {"command-undocumented", "is not described by AWS",
                     "try it on a test cache before you rely on it", SEVERITY_INFO},
    };
    const knowledge_table *t = knowledge_at(TABLE_COMMANDS);
    const char *note = knowledge_cell(t, row, "note");
    report_add_finding(
        j->r, &(finding){.id = report_printf(j->r, "%s:%s", kinds[v].rule, u->name),
                         .area = AREA,
                         .severity = kinds[v].severity,
                         .title = report_printf(j->r, "%s %s", u->name, kinds[v].title),
                         .evidence = report_printf(j->r, "calls: %" PRIu64 "%s", u->calls,
                                                   is_own(u) ? "; earlier audits count too" : ""),
                         .where = where_of(j),
                         .consequence = report_printf(j->r, "There: %s.%s%s", state_of(j, row),
                                                      *note ? " " : "", note),
                         .action = v == UNKNOWN && *note ? note : kinds[v].action,
                         .owner = "the application",
                         .source = knowledge_cell(t, row, "source"),
                         .date = knowledge_cell(t, row, "date")});
}

/* Commands that other rules of this area tell of, with more around them. */
static bool is_told_elsewhere(const command_use *u)
{
    return command_word_is("SELECT EVAL EVALSHA SCRIPT FUNCTION FCALL FCALL_RO WAIT WAITAOF AUTH "
                           "HELLO ROLE MULTI EXEC HEXPIRE HSETEX HGETEX HGETDEL MSETEX FT.* BF.*",
                           u->base);
}

static void used_judge(const command_judge *j)
{
    static const char *const columns[] = {"Command", "Calls", "There", "Note"};
    size_t section = report_section_at(j->r, SECTION_ID, AREA);
    size_t table = 0;
    size_t differing = 0;
    for (size_t i = 0; i < j->used_count; i++) {
        const command_use *u = &j->used[i];
        size_t row = 0;
        if (!row_find(u, &row)) continue;
        enum verdict v = verdict_of(j, state_of(j, row));
        if (v == FINE || (v == UNKNOWN && is_own(u))) continue;
        if (differing++ == 0) {
            table = report_add_table(j->r, section, "In use, and not the same there",
                                     COUNT_OF(columns), columns);
        }
        const char *const cells[] = {u->name, report_printf(j->r, "%" PRIu64, u->calls),
                                     state_of(j, row),
                                     knowledge_cell(knowledge_at(TABLE_COMMANDS), row, "note")};
        report_add_row(j->r, section, table, cells);
        if (is_told_elsewhere(u)) continue;
        if (v == BLOCKED) blocked_add(j, u, row);
        if (v != BLOCKED) other_add(j, u, row, v);
    }
    report_add_paragraph(j->r, section,
                         "Commands called since the counters began: %zu; blocked, changed or not "
                         "described on %s: %zu.",
                         j->used_count, j->t->name, differing);
}

/* --- renamed commands ------------------------------------------------------------------------ */

/* What becomes of it there: of a command that has its own name there, and of one that nobody may
 * run there under any. */
static const struct {
    const char *consequence;
    const char *action;
} renamings[2][2] = {
    [false] = {[false] = {"There it has its own name: whoever sends the new one gets 'unknown "
                          "command'. AWS's online migration asks for data commands under their "
                          "names.",
                          "change the callers to the original name, and restrict it by an access "
                          "string where it was renamed to hide it"},
               [true] = {"There it exists again under its own name for every user that may run it. "
                         "AWS's online migration asks for data commands under their names.",
                         NULL}}, /* with its name */
    [true] = {[false] = {"There it exists under no name: whoever sends the new one gets 'unknown "
                         "command'.",
                         "find who sends it, and stop it"},
              [true] = {"There nobody can run it either: the service refuses it.", "nothing"}},
};

static bool is_blocked_there(const command_judge *j, const char *name)
{
    size_t row = 0;
    command_use u = {.name = name, .base = name, .sub = ""};
    return row_find(&u, &row) && verdict_of(j, state_of(j, row)) == BLOCKED;
}

static void renamed_add(const command_judge *j, const fact_conf_line *line)
{
    char name[64] = {0};
    size_t size = strcspn(line->arguments, " ");
    memcpy(name, line->arguments, size_min(size, sizeof name - 1));
    const char *to = line->arguments + size;
    bool is_disabled = to[strspn(to, " \"'")] == '\0';
    bool is_blocked = is_blocked_there(j, name);
    const char *action = renamings[is_blocked][is_disabled].action;
    if (is_disabled && !is_blocked)
        action = report_printf(j->r, "take it away by an access string: -%s", name);
    report_add_finding(
        j->r,
        &(finding){
            .id = report_printf(j->r, "command-renamed:%s", name),
            .area = AREA,
            .severity = is_blocked && is_disabled ? SEVERITY_INFO : SEVERITY_WARN,
            .title = report_printf(j->r, "%s is %s by the configuration file", name,
                                   is_disabled ? "disabled" : "renamed"),
            .evidence = is_disabled ? report_printf(j->r, "rename-command %s \"\"", name)
                                    : report_printf(j->r, "rename-command %s (a new name)", name),
            .where = audit_conf_place(j->f, line->path, line->line, j->memory),
            .consequence = renamings[is_blocked][is_disabled].consequence,
            .action = action,
            .owner = "you",
            .source = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html",
            .date = "2026-11-22"});
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    (void)o;
    if (!f->node_count) return;
    arena memory = {0};
    command_judge j = {.f = f, .t = t, .r = r, .memory = &memory};
    j.deployment = t->is_serverless         ? DEPLOYMENT_SERVERLESS
                   : f->nodes[0].is_cluster ? DEPLOYMENT_NODE_ENABLED
                                            : DEPLOYMENT_NODE_DISABLED;
    j.used_count = command_use_collect(f, &memory, &j.used);
    if (j.used_count) used_judge(&j);
    for (size_t i = 0; i < f->nodes[0].line_count; i++) {
        if (strcmp(f->nodes[0].lines[i].name, "rename-command") == 0)
            renamed_add(&j, &f->nodes[0].lines[i]);
    }
    command_features_judge(&j);
    arena_clear(&memory);
}

const audit_rule_set audit_commands = {AREA, rows, COUNT_OF(rows), judge};
