/* Every command of the table, in a form that nothing runs. */
#include "selftest/selftest_internal.h"

#define AREA "Commands"
#define NAMES_MAX 16
#define JUNK 5 /* arguments: more than any command without a list takes */
#define ARITY_MAX ((size_t)16)
#define ANSWER_MAX ((size_t)160)

static const char *const columns[] = {"Command", "The table says", "Answer", "In its words"};

/* Not sent: it would end the connection, and is nobody's question. */
static bool is_left_out(const selftest_name *n)
{
    return strcmp(n->command, "QUIT") == 0;
}

/* Without arguments it answers a message each, with some it answers several. */
static bool takes_none(const selftest_name *n)
{
    static const char *const names[] = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(n->command, names[i]) == 0) return true;
    return false;
}

/* The number of words that the target itself says a command takes, itself and its subcommand
 * counted; below 0: at least as many; 0: it does not say. */
static bool arity_ask(selftest *t, const selftest_name *n, int64_t *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    const char *name =
        *n->subcommand ? arena_printf(&memory, "%s|%s", n->command, n->subcommand) : n->command;
    const span args[] = {span_text("COMMAND"), span_text("INFO"), span_text(name)};
    if (!selftest_ask(t, &memory, &r, e, COUNT_OF(args), args)) return false;
    bool known = r->kind == REPLY_ARRAY && r->count == 1 && r->items[0].kind == REPLY_ARRAY &&
                 r->items[0].count > 1 && r->items[0].items[1].kind == REPLY_INTEGER;
    *ret = known ? r->items[0].items[1].integer : 0;
    return true;
}

/* Too few arguments where it needs some; else too many, of a kind that no command knows. */
static bool
probe(selftest *t, const selftest_name *n, int64_t arity, arena *memory, const reply **ret, err *e)
{
    span args[2 + JUNK] = {span_text(n->command)};
    size_t count = 1;
    if (*n->subcommand) args[count++] = span_text(n->subcommand);
    bool needs_some = arity > (int64_t)count || arity < -(int64_t)count;
    for (size_t i = 0; i < JUNK && !needs_some && !takes_none(n); i++)
        args[count++] = span_text("handover-selftest");
    return selftest_ask(t, memory, ret, e, count, args);
}

/* Engines count the arguments before they look at the rights: so the rights are asked by ACL
 * DRYRUN, which runs nothing. Where that is not there, nothing is refused. */
static bool is_refused(selftest *t, const selftest_name *n, int64_t arity, bool *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    span args[4 + ARITY_MAX] = {span_text("ACL"), span_text("DRYRUN"), span_text(t->user),
                                span_text(n->command)};
    size_t count = 4;
    size_t words = (size_t)(arity < 0 ? -arity : arity);
    *ret = false;
    if (!*t->user || arity == 0 || words >= ARITY_MAX) return true;
    if (*n->subcommand) args[count++] = span_text(n->subcommand);
    while (count < 3 + words)
        args[count++] = span_text("0");
    if (!selftest_ask(t, &memory, &r, e, count, args)) return false;
    size_t at = 0;
    *ret = span_find(r->text, span_text("has no permissions"), &at);
    return true;
}

/* What can be told of it; the answer and its words live as long as `memory`. */
static bool presence_find(selftest *t,
                          const selftest_name *n,
                          arena *memory,
                          const reply **ret_answer,
                          selftest_presence *ret,
                          err *e)
{
    int64_t arity = 0;
    bool refused = false;
    if (!arity_ask(t, n, &arity, e) || !probe(t, n, arity, memory, ret_answer, e)) return false;
    *ret = selftest_presence_of(*ret_answer);
    if (*ret == SELFTEST_UNCLEAR && arity != 0) *ret = SELFTEST_THERE; /* the target lists it */
    if (*ret != SELFTEST_THERE) return true;
    if (!is_refused(t, n, arity, &refused, e)) return false;
    if (refused) *ret = SELFTEST_REFUSED;
    return true;
}

static const char *presence_name(selftest_presence p)
{
    static const char *const names[] = {[SELFTEST_THERE] = "is there",
                                        [SELFTEST_ABSENT] = "is not there",
                                        [SELFTEST_REFUSED] = "is refused",
                                        [SELFTEST_UNCLEAR] = "cannot be told"};
    return names[p];
}

typedef enum { SAYS_ALLOWED, SAYS_BLOCKED, SAYS_NOTHING } claim;

/* Phrases ("allowed (Valkey 8.1+)", "undocumented") promise nothing that one answer could break. */
static claim claim_of(const char *state)
{
    if (strcmp(state, "allowed") == 0) return SAYS_ALLOWED;
    return strcmp(state, "blocked") == 0 ? SAYS_BLOCKED : SAYS_NOTHING;
}

static void differ_add(selftest *t,
                       const char *name,
                       const char *state,
                       selftest_presence p,
                       const char *words,
                       const char *source)
{
    t->differ++;
    report_add_finding(
        t->r, &(finding){.id = report_printf(t->r, "selftest-command:%s", name),
                         .area = AREA,
                         .severity = SEVERITY_WARN,
                         .title = report_printf(t->r, "%s %s; the table says '%s'", name,
                                                presence_name(p), state),
                         .evidence = words,
                         .consequence = "what the audit says of this command may be wrong here",
                         .action = "send this report to the makers of handover",
                         .source = source});
}

static const char *words_of(selftest *t, const reply *answer)
{
    if (!reply_is_error(answer)) return "(an answer)";
    return selftest_words(t, answer->text, ANSWER_MAX);
}

static bool
name_try(selftest *t, const selftest_name *n, size_t row, size_t section, size_t table, err *e)
{
    static const char *const deployments[] = {
        [DEPLOYMENT_NODE_DISABLED] = "node_based_cluster_disabled",
        [DEPLOYMENT_NODE_ENABLED] = "node_based_cluster_enabled",
        [DEPLOYMENT_SERVERLESS] = "serverless"};
    CLEANUP(arena_clear) arena memory = {0};
    const knowledge_table *k = knowledge_at(TABLE_COMMANDS);
    const char *state = knowledge_cell(k, row, deployments[t->kind]);
    const reply *answer = NULL;
    err broken = {0};
    const char *name = *n->subcommand ? report_printf(t->r, "%s %s", n->command, n->subcommand)
                                      : report_printf(t->r, "%s", n->command);
    if (is_left_out(n)) return true;
    selftest_presence p = SELFTEST_UNCLEAR;
    t->asked++;
    if (!presence_find(t, n, &memory, &answer, &p, &broken)) {
        if (!t->server) { /* it closed the connection, and takes no other */
            *e = broken;
            return false;
        }
        t->unclear++;
        report_add_row(t->r, section, table,
                       (const char *const[]){name, state, "closed", "(it closed the connection)"});
        return true;
    }
    const char *words = words_of(t, answer);
    report_add_row(t->r, section, table,
                   (const char *const[]){name, state, presence_name(p), words});
    bool there = p == SELFTEST_THERE;
    claim said = claim_of(state);
    if (p == SELFTEST_UNCLEAR) {
        t->unclear++;
    } else if (said == SAYS_NOTHING) {
        t->learned++;
    } else if (there == (said == SAYS_ALLOWED)) {
        t->as_said++;
    } else {
        differ_add(t, name, state, p, words, knowledge_cell(k, row, "source"));
    }
    return true;
}

bool selftest_commands(selftest *t, err *e)
{
    const knowledge_table *k = knowledge_at(TABLE_COMMANDS);
    size_t section = report_section_at(t->r, "commands", AREA);
    size_t table = report_add_table(t->r, section, "Sent in a form that nothing runs",
                                    COUNT_OF(columns), columns);
    for (size_t row = 0; row < k->row_count; row++) {
        CLEANUP(arena_clear) arena memory = {0};
        selftest_name names[NAMES_MAX];
        size_t count =
            selftest_names(knowledge_cell(k, row, "command"), knowledge_cell(k, row, "subcommand"),
                           &memory, names, NAMES_MAX);
        for (size_t i = 0; i < count; i++)
            if (!name_try(t, &names[i], row, section, table, e)) return false;
    }
    return true;
}
