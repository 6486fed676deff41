/* Every directive of the source's engine against the target: what was changed, what nobody touched
 * and the service still sets otherwise, and the parameter group that follows. */
#include "audit/audit_internal.h"
#include "audit/parameter_group.h"
#include "audit/parse.h"
#include "audit/plan_draft.h"
#include "audit/setting_fate.h"
#include "base/buf.h"

#define AREA "Settings"
#define SECTION_ID "settings"
#define SHOWN_MAX 80 /* bytes of a value in a line of text */
#define LINES_SHOWN_MAX 8
#define STRANGERS_MAX 100 /* told one by one */
#define SENTENCE_SIZE_MAX (16 * KIB)

/* Of each outcome the row of its rule; behind them the rules that are about no single verdict. */
enum {
    RULE_FILE = OUTCOME_COUNT - 1, /* OUTCOME_NONE has no rule */
    RULE_NODES,
    RULE_MODULE,
    RULE_SENTINEL,
    RULE_UNKNOWN,
    RULE_COUNT
};

static const audit_rule_row rows[RULE_COUNT] = {
    [OUTCOME_PARAMETER - 1] = {"setting-parameter", DIMENSION_NONE,
                               "The source changed it, and a parameter group carries it over."},
    [OUTCOME_DEFAULT - 1] = {"setting-default", DIMENSION_SCHEMA,
                             "Nobody changed it, and ElastiCache starts with another value than "
                             "the engine: the target behaves differently from an untouched "
                             "source."},
    [OUTCOME_RANGE - 1] = {"setting-range", DIMENSION_SCHEMA,
                           "A parameter exists and does not take the source's value."},
    [OUTCOME_FIXED - 1] = {"setting-fixed", DIMENSION_ABSTRACTION,
                           "A parameter shows it, at a value that cannot be changed."},
    [OUTCOME_ABSENT - 1] = {"setting-absent", DIMENSION_ABSTRACTION,
                            "Other targets have a parameter for it, this one has none."},
    [OUTCOME_PROPERTY - 1] = {"setting-property", DIMENSION_OPERATIONS,
                              "A field of an API call takes its place."},
    [OUTCOME_MANAGED - 1] = {"setting-managed", DIMENSION_ABSTRACTION,
                             "The service decides it, and nothing can be set."},
    [OUTCOME_UNSUPPORTED - 1] = {"setting-unsupported", DIMENSION_SCHEMA,
                                 "The feature behind it is absent on ElastiCache."},
    [OUTCOME_CLIENT - 1] = {"setting-client", DIMENSION_APPLICATION,
                            "It becomes the business of the clients."},
    [RULE_FILE] = {"setting-file", DIMENSION_NONE,
                   "The running server and its configuration file say different things: one of "
                   "them is not meant."},
    [RULE_NODES] = {"setting-nodes", DIMENSION_TOPOLOGY,
                    "Nodes of the source differ in it. One parameter group serves all nodes of the "
                    "target."},
    [RULE_MODULE] = {"setting-module", DIMENSION_SCHEMA,
                     "Settings of a module. Modules cannot be loaded on ElastiCache; what the "
                     "service builds in is configured by parameters of its own."},
    [RULE_SENTINEL] = {"setting-sentinel", DIMENSION_COMPONENTS,
                       "Lines of a Sentinel's configuration. The service detects failures and "
                       "promotes by itself, and there is no Sentinel to ask."},
    [RULE_UNKNOWN] = {"setting-unknown", DIMENSION_NONE,
                      "A name that no table of directives has for this version: a later one, a "
                      "fork's, or a mistyped line."},
};

/* How an outcome is told. {name} {value} {there} {via} {action} {target} {parameters} {allowed} are
 * filled in. */
static const struct {
    const char *title;
    const char *consequence;
    const char *owner;
} words[OUTCOME_COUNT] = {
    [OUTCOME_PARAMETER] = {"{name} is {value}; the parameter group has to say so",
                           "without it {parameters} is {there} there", "you: parameter group"},
    [OUTCOME_DEFAULT] = {"{name} was left at {value}; ElastiCache starts at {there}",
                         "the target behaves differently although nobody changed anything",
                         "you: parameter group"},
    [OUTCOME_RANGE] = {"{name} is {value}, which ElastiCache does not take",
                       "{parameters} takes {allowed}; it stays at {there} until you choose",
                       "you: parameter group"},
    [OUTCOME_FIXED] = {"{name} is {value}; there it is fixed at {there}",
                       "{parameters} cannot be changed on {target}", "AWS"},
    [OUTCOME_ABSENT] = {"{name} is {value}; {target} has no parameter for it",
                        "the service's own value holds, and it is not published", "AWS"},
    [OUTCOME_PROPERTY] = {"{name} is {value}; there it is a property of the cache",
                          "no setting there: {via}", "you: API, console or template"},
    [OUTCOME_MANAGED] = {"{name} is {value}; the service decides it", "there: {there}", "AWS"},
    [OUTCOME_UNSUPPORTED] = {"{name} is {value}; ElastiCache has no such thing",
                             "the feature is absent", "nobody: the application does without"},
    [OUTCOME_CLIENT] = {"{name} is {value}; there it is the clients' business",
                        "every client has to be told: {there}", "the application"},
};
static const char by_hand[] = "{name} is {value}; somebody has to decide what becomes of it";
static const char left[] = "nothing has to be done: the difference breaks nothing, and the group "
                           "below leaves it out. If it matters to the application: {action}";
static const char stay[] = "the feature is absent: replace it first, or it is a reason to stay";

/* Rows of a table that is written when all are known: one without rows is left out. */
#define ROWS_MAX 1024 /* more than any engine has directives */
#define COLUMNS_MAX 6
typedef struct {
    size_t count;
    const char *(*cells)[COLUMNS_MAX];
} row_list;

/* What the judging of one report works with. */
typedef struct {
    const audit_facts *facts;
    const audit_node *node;
    const knowledge_target *target;
    report *out;
    arena memory;
    parameter_group group;
    row_list changed, untouched;
    size_t directive_count;
    size_t strangers;      /* names of no directive */
    bool is_first;         /* the node that was named: tables and group are its own */
    bool reads_running;    /* a directive that CONFIG GET did not name is not in this build */
    bool is_sentinel_file; /* the file configures a Sentinel, not this server */
} work;

static severity severity_of(const char *word)
{
    for (unsigned s = 0; s < SEVERITY_COUNT; s++)
        if (strcmp(severity_name((severity)s), word) == 0) return (severity)s;
    return SEVERITY_INFO;
}

/* Directives that CONFIG GET does not know and a file has any number of: their lines are shown. */
static const struct {
    const char *name;
    bool first_word; /* what follows is kept to themselves: the new name of a command */
} listed[] = {{"rename-command", true}, {"user", false}, {"loadmodule", false}, {"include", false}};

static size_t lines_of(const audit_node *n, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < n->line_count; i++)
        count += strcmp(n->lines[i].name, name) == 0;
    return count;
}

static const char *shown_value(work *w, const char *name, const char *value)
{
    if (!*value) return "\"\"";
    if (parse_is_secret(name)) return "set";
    for (size_t i = 0; i < COUNT_OF(listed); i++) {
        size_t count = strcmp(listed[i].name, name) == 0 ? lines_of(w->node, name) : 0;
        if (count > 0)
            return arena_printf(&w->memory, "in %zu line%s", count, count == 1 ? "" : "s");
    }
    return report_shown(w->out, value, strlen(value), SHOWN_MAX);
}

/* --- texts ----------------------------------------------------------------------------------- */

static const char *parameters_text(work *w, const setting_verdict *v, bool allowed)
{
    const char *text = "";
    for (size_t i = 0; i < v->parameter_count; i++) {
        const setting_parameter *p = &v->parameters[i];
        if (!p->differs) continue;
        text = arena_printf(&w->memory, "%s%s%s", text, *text ? ", " : "",
                            allowed ? p->row.allowed : p->row.name);
    }
    return text;
}

static const char *fill(work *w, const setting_verdict *v, const char *template)
{
    const struct {
        const char *key;
        const char *text;
    } pieces[] = {
        {"{name}", v->name},
        {"{value}", shown_value(w, v->name, v->value)},
        {"{there}", *v->there ? v->there : "not published"},
        {"{via}", v->fate.via},
        {"{action}", v->fate.action},
        {"{target}", w->target->name},
        {"{parameters}", parameters_text(w, v, false)},
        {"{allowed}", parameters_text(w, v, true)},
    };
    buf out = buf_of(SENTENCE_SIZE_MAX);
    bool fits = true;
    for (const char *c = template; *c && fits;) {
        const char *text = NULL;
        for (size_t i = 0; i < COUNT_OF(pieces) && !text; i++) {
            if (strncmp(c, pieces[i].key, strlen(pieces[i].key)) != 0) continue;
            text = pieces[i].text;
            c += strlen(pieces[i].key);
        }
        fits = text ? buf_text(&out, text) : buf_u8(&out, (uint8_t)*c++);
    }
    assert(fits); /* a table's cells and cut values */
    const char *made = arena_text(&w->memory, buf_span(&out));
    buf_clear(&out);
    return made;
}

static const char *where_read(work *w, const fact_setting *s)
{
    const char *place = s ? audit_setting_place(w->facts, w->node, s->name, &w->memory) : NULL;
    const char *file = w->facts->conf_path ? w->facts->conf_path : w->node->address;
    if (place) return place;
    return arena_printf(&w->memory, "%s does not name it; default of %s", file,
                        engine_version_show(&w->node->version).text);
}

static size_t shown_size(const fact_conf_line *line)
{
    size_t size = strlen(line->arguments);
    for (size_t i = 0; i < COUNT_OF(listed); i++) {
        bool is_cut = listed[i].first_word && strcmp(listed[i].name, line->name) == 0;
        if (is_cut) size = strcspn(line->arguments, " ");
    }
    return size;
}

static const char *lines_text(work *w, const char *name)
{
    const char *text = "";
    size_t count = 0;
    for (size_t i = 0; i < w->node->line_count; i++) {
        const fact_conf_line *line = &w->node->lines[i];
        if (strcmp(line->name, name) != 0 || ++count > LINES_SHOWN_MAX) continue;
        text = arena_printf(&w->memory, "%s%s%s", text, *text ? "; " : "",
                            report_shown(w->out, line->arguments, shown_size(line), SHOWN_MAX));
    }
    if (count > LINES_SHOWN_MAX)
        text = arena_printf(&w->memory, "%s; and %zu more", text, count - LINES_SHOWN_MAX);
    return arena_printf(&w->memory, "%zu line%s: %s", count, count == 1 ? "" : "s", text);
}

static const char *evidence(work *w, const setting_verdict *v)
{
    for (size_t i = 0; i < COUNT_OF(listed); i++) {
        if (strcmp(listed[i].name, v->name) == 0 && lines_of(w->node, v->name) > 0)
            return lines_text(w, v->name);
    }
    return arena_printf(&w->memory, "%s = %s, engine default %s", v->name,
                        shown_value(w, v->name, v->value),
                        *v->engine_default ? v->engine_default : "\"\"");
}

/* --- findings -------------------------------------------------------------------------------- */

static const char *id_of(work *w, size_t rule, const char *about)
{
    char *id = arena_printf(&w->memory, "%s:%s", rows[rule].rule, about);
    for (char *c = id; *c; c++)
        if (*c == ' ') *c = '-';
    return id;
}

/* Whether the parameter group says it: all that was changed, and of untouched defaults those that
 * matter. */
static bool is_carried(const setting_verdict *v)
{
    return v->is_changed || strcmp(v->severity, "info") != 0;
}

static void verdict_report(work *w, const fact_setting *s, const setting_verdict *v)
{
    bool is_stay = v->outcome == OUTCOME_UNSUPPORTED && strcmp(v->severity, "block") == 0;
    bool is_by_hand = strcmp(v->fate.judged, "by hand") == 0;
    bool has_parameter = v->parameter_count > 0;
    bool left_out = v->outcome == OUTCOME_DEFAULT && !is_carried(v);
    report_add_finding(
        w->out,
        &(finding){
            .id = id_of(w, v->outcome - 1, v->name),
            .area = AREA,
            .severity = severity_of(v->severity),
            .title = fill(w, v, is_by_hand ? by_hand : words[v->outcome].title),
            .evidence = evidence(w, v),
            .where = where_read(w, s),
            .consequence = is_stay ? stay : fill(w, v, words[v->outcome].consequence),
            .action = left_out ? fill(w, v, left) : v->fate.action,
            .owner = words[v->outcome].owner,
            .source = has_parameter ? v->parameters[0].row.source : v->fate.source,
            .date = knowledge_at(has_parameter ? TABLE_PARAMETERS : TABLE_DIRECTIVE_FATE)->date});
}

static void group_take(work *w, const setting_verdict *v)
{
    if (!is_carried(v)) return;
    for (size_t i = 0; i < v->parameter_count; i++) {
        const setting_parameter *p = &v->parameters[i];
        if (p->is_settable) parameter_group_add(&w->group, p->row.name, p->value);
    }
}

static void row_add(work *w, row_list *list, const char *const cells[COLUMNS_MAX])
{
    if (list->count == ROWS_MAX) return;
    if (!list->cells) list->cells = arena_alloc(&w->memory, ROWS_MAX * sizeof *list->cells);
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        list->cells[list->count][i] = cells[i];
    list->count++;
}

static void tables_take(work *w, const setting_verdict *v)
{
    const char *value = shown_value(w, v->name, v->value);
    const char *there = *v->there ? v->there : "not published";
    const char *plain = *v->engine_default ? v->engine_default : "\"\"";
    if (v->is_changed) {
        const char *weight = v->outcome == OUTCOME_NONE ? "the same there" : v->severity;
        row_add(w, &w->changed,
                (const char *const[]){v->name, value, plain, v->fate.fate, there, weight});
    } else if (v->outcome == OUTCOME_DEFAULT || v->outcome == OUTCOME_FIXED) {
        bool carried = v->outcome == OUTCOME_DEFAULT && is_carried(v);
        row_add(w, &w->untouched,
                (const char *const[COLUMNS_MAX]){v->name, plain, there, carried ? "yes" : "no"});
    }
}

static void verdict_take(work *w, const fact_setting *s, const setting_verdict *v)
{
    if (v->outcome != OUTCOME_NONE) verdict_report(w, s, v);
    if (!w->is_first) return;
    tables_take(w, v);
    group_take(w, v);
}

/* --- one directive --------------------------------------------------------------------------- */

static const fact_setting *setting_of(const audit_node *n, const char *name)
{
    for (size_t i = 0; i < n->setting_count; i++)
        if (strcmp(n->settings[i].name, name) == 0) return &n->settings[i];
    return NULL;
}

static const char *file_value(const work *w, const fact_setting *s)
{
    return s && !w->is_sentinel_file ? s->file : NULL;
}

/* NULL: not known, or not in this build. */
static const char *effective(const work *w, const fact_setting *s, const knowledge_directive *d)
{
    if (s && s->running) return s->running;
    const char *file = file_value(w, s);
    if (file) return file;
    return w->reads_running || d->is_ignored ? NULL : d->default_value;
}

static void running_against_file(work *w, const fact_setting *s, const knowledge_directive *d)
{
    knowledge_fate fate;
    const char *file = file_value(w, s);
    if (!file || !s->running || !knowledge_fate_find(d->name, &fate)) return;
    /* Paths and ports of the start are as the start was, whatever the file says. */
    if (!setting_matters(w->node, &fate, false)) return;
    const char *running = setting_canonical(d, s->running, &w->memory);
    file = setting_canonical(d, file, &w->memory);
    if (strcmp(running, file) == 0) return;
    report_add_finding(
        w->out,
        &(finding){.id = id_of(w, RULE_FILE, d->name),
                   .area = AREA,
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(&w->memory,
                                         "%s runs with another value than its "
                                         "file has",
                                         d->name),
                   .evidence = arena_printf(&w->memory, "running %s, file %s",
                                            shown_value(w, d->name, running),
                                            shown_value(w, d->name, file)),
                   .where = arena_printf(&w->memory, "CONFIG GET, %s; %s", w->node->address,
                                         audit_conf_place(w->facts, s->path, s->line, &w->memory)),
                   .consequence = "the running value is the one judged here; a restart of "
                                  "the source would bring the other",
                   .action = "decide which one is meant, and make both the same "
                             "(CONFIG SET, or CONFIG REWRITE)",
                   .owner = "you"});
}

/* Class by class; a value that names some classes leaves the others at their defaults. */
static void
buffer_limits_judge(work *w, const fact_setting *s, const knowledge_directive *d, const char *value)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        buffer_limit plain = {0};
        buffer_limit here = {0};
        setting_verdict v;
        if (!buffer_limit_read(d->default_value, (buffer_class)i, &plain)) continue;
        here = plain;
        (void)buffer_limit_read(value, (buffer_class)i, &here); /* or the default */
        const setting_case c = {
            .node = w->node,
            .target = w->target,
            .directive = d,
            .name = arena_printf(&w->memory, "%s %s", d->name, buffer_class_name((buffer_class)i)),
            .value = arena_text(&w->memory, span_text(here.text)),
            .engine_default = arena_text(&w->memory, span_text(plain.text)),
            .is_in_file = file_value(w, s) != NULL};
        if (setting_judge(&c, &w->memory, &v)) verdict_take(w, s, &v);
    }
    const char *file = file_value(w, s);
    for (unsigned i = 0; file && s->running && i < CLASS_COUNT; i++) {
        buffer_limit written = {0};
        buffer_limit running = {0};
        if (!buffer_limit_read(file, (buffer_class)i, &written)) continue;
        if (buffer_limit_read(s->running, (buffer_class)i, &running) &&
            strcmp(written.text, running.text) == 0)
            continue;
        running_against_file(w, s, d);
    }
}

static void directive_judge(work *w, const knowledge_directive *d)
{
    buffer_limit limit;
    setting_verdict v;
    const fact_setting *s = setting_of(w->node, d->name);
    const char *value = effective(w, s, d);
    if (!value) return;
    /* What a module brings is there only when it was read. */
    if (strcmp(d->mutability, "unknown") == 0 && !s) return;
    w->directive_count++;
    if (buffer_limit_read(d->default_value, CLASS_NORMAL, &limit)) {
        buffer_limits_judge(w, s, d, value);
        return;
    }
    running_against_file(w, s, d);
    const setting_case c = {.node = w->node,
                            .target = w->target,
                            .directive = d,
                            .name = d->name,
                            .value = value,
                            .engine_default = d->default_value,
                            .is_in_file = file_value(w, s) != NULL};
    if (setting_judge(&c, &w->memory, &v)) verdict_take(w, s, &v);
}

/* --- what is no directive -------------------------------------------------------------------- */

static void unknown_report(work *w, const char *name, const char *value, const char *where)
{
    report_add_finding(
        w->out,
        &(finding){.id =
                       id_of(w, RULE_UNKNOWN, report_shown(w->out, name, strlen(name), SHOWN_MAX)),
                   .area = AREA,
                   .severity = SEVERITY_INFO,
                   .title = arena_printf(&w->memory, "%s is no directive of %s that is known here",
                                         report_shown(w->out, name, strlen(name), SHOWN_MAX),
                                         engine_version_show(&w->node->version).text),
                   .evidence = arena_printf(&w->memory, "%s",
                                            report_shown(w->out, value, strlen(value), SHOWN_MAX)),
                   .where = where,
                   .consequence = "nothing can be said about it",
                   .action = "look it up in the engine's documentation; ElastiCache's parameters "
                             "are listed in its user guide"});
}

/* "search" of "search.timeout". */
static const char *module_of(work *w, const char *name)
{
    return arena_text(&w->memory, span_of(name, strcspn(name, ".")));
}

static void module_report(work *w, const char *name, const char *value, const char *where)
{
    knowledge_fate fate;
    if (!knowledge_fate_find(name, &fate)) return;
    const char *module = module_of(w, name);
    report_add_finding(
        w->out,
        &(finding){.id = id_of(w, RULE_MODULE, module),
                   .area = AREA,
                   .severity = severity_of(fate.severity),
                   .title = arena_printf(&w->memory,
                                         "settings of the module '%s' have no place "
                                         "there",
                                         module),
                   .evidence = arena_printf(&w->memory, "%s = %s", name,
                                            report_shown(w->out, value, strlen(value), SHOWN_MAX)),
                   .where = where,
                   .consequence = stay,
                   .action = fate.action,
                   .owner = words[OUTCOME_UNSUPPORTED].owner,
                   .source = fate.source,
                   .date = knowledge_at(TABLE_DIRECTIVE_FATE)->date});
}

static void sentinel_report(work *w)
{
    knowledge_fate fate;
    if (lines_of(w->node, "sentinel") == 0 || !knowledge_fate_find("sentinel", &fate)) return;
    report_add_finding(w->out,
                       &(finding){.id = rows[RULE_SENTINEL].rule,
                                  .area = AREA,
                                  .severity = severity_of(fate.severity),
                                  .title = "Sentinel does not come along",
                                  .evidence = lines_text(w, "sentinel"),
                                  .where = w->facts->conf_path,
                                  .consequence = arena_printf(&w->memory,
                                                              "no setting there: %s; clients that "
                                                              "ask a Sentinel find nobody",
                                                              fate.via),
                                  .action = fate.action,
                                  .owner = "AWS, once automatic failover is on",
                                  .source = fate.source,
                                  .date = knowledge_at(TABLE_DIRECTIVE_FATE)->date});
}

static void stranger_report(work *w, const char *name, const char *value, const char *where)
{
    knowledge_directive d;
    knowledge_fate fate;
    bool is_module = strchr(name, '.') != NULL;
    if (knowledge_directive_find(&w->node->version, name, &d)) return;
    if (!is_module && knowledge_fate_find(name, &fate)) return;
    if (w->strangers++ >= STRANGERS_MAX) return;
    is_module ? module_report(w, name, value, where) : unknown_report(w, name, value, where);
}

static void strangers_judge(work *w)
{
    for (size_t i = 0; i < w->node->setting_count; i++) {
        const fact_setting *s = &w->node->settings[i];
        if (s->running) stranger_report(w, s->name, s->running, where_read(w, s));
    }
    sentinel_report(w);
    for (size_t i = 0; i < w->node->line_count; i++) {
        const fact_conf_line *line = &w->node->lines[i];
        stranger_report(w, line->name, line->arguments,
                        audit_conf_place(w->facts, line->path, line->line, &w->memory));
    }
    if (w->strangers <= STRANGERS_MAX) return;
    report_add_finding(w->out,
                       &(finding){.id = rows[RULE_UNKNOWN].rule,
                                  .area = AREA,
                                  .severity = SEVERITY_WARN,
                                  .title = arena_printf(&w->memory, "%zu more names are not known",
                                                        w->strangers - STRANGERS_MAX),
                                  .evidence = "no directive of this version, nor of a module",
                                  .where = w->facts->conf_path,
                                  .consequence = "what they set is not judged",
                                  .action = "is it the configuration file of another program?",
                                  .owner = "you"});
}

/* --- nodes that differ ----------------------------------------------------------------------- */

/* Only what a parameter group decides: addresses, ports and roles differ by nature. */
static void nodes_compare(work *w, const audit_node *first, const audit_node *other)
{
    for (size_t i = 0; i < other->setting_count; i++) {
        const fact_setting *b = &other->settings[i];
        const fact_setting *a = setting_of(first, b->name);
        knowledge_directive d;
        knowledge_fate fate;
        if (!a || !a->running || !b->running) continue;
        if (!knowledge_directive_find(&first->version, b->name, &d)) continue;
        if (!knowledge_fate_find(d.name, &fate) || strcmp(fate.fate, "parameter") != 0) continue;
        const char *here = setting_canonical(&d, a->running, &w->memory);
        const char *there = setting_canonical(&d, b->running, &w->memory);
        if (strcmp(here, there) == 0) continue;
        report_add_finding(
            w->out,
            &(finding){.id = id_of(w, RULE_NODES, d.name),
                       .area = AREA,
                       .severity = SEVERITY_WARN,
                       .title = arena_printf(&w->memory, "the nodes differ in %s", d.name),
                       .evidence = arena_printf(&w->memory, "%s has %s, %s has %s", first->address,
                                                shown_value(w, d.name, here), other->address,
                                                shown_value(w, d.name, there)),
                       .where = "CONFIG GET on each node",
                       .consequence = "one parameter group serves all nodes of the target; here it "
                                      "is made from the first node",
                       .action = "decide which value is meant, and set it on every node",
                       .owner = "you: parameter group",
                       .source = fate.source,
                       .date = knowledge_at(TABLE_DIRECTIVE_FATE)->date});
    }
}

/* --- a node ---------------------------------------------------------------------------------- */

static void node_judge(work *w, const audit_node *n)
{
    knowledge_directive d;
    w->node = n;
    w->reads_running = false;
    w->is_sentinel_file = false;
    for (size_t i = 0; i < n->setting_count; i++)
        w->reads_running = w->reads_running || n->settings[i].running;
    for (size_t i = 0; i < n->line_count; i++)
        w->is_sentinel_file = w->is_sentinel_file || strcmp(n->lines[i].name, "sentinel") == 0;
    bool is_known = w->reads_running || (n->line_count > 0 && !w->is_sentinel_file);
    for (size_t i = 0; is_known && knowledge_directive_at(&n->version, i, &d); i++)
        directive_judge(w, &d);
    strangers_judge(w);
}

static void table_write(work *w,
                        size_t section,
                        const char *title,
                        const row_list *list,
                        size_t columns,
                        const char *const *heads)
{
    if (list->count == 0) return;
    size_t table = report_add_table(w->out, section, title, columns, heads);
    for (size_t i = 0; i < list->count; i++)
        report_add_row(w->out, section, table, list->cells[i]);
}

static void section_write(work *w)
{
    static const char *const changed[COLUMNS_MAX] = {"Directive", "Source", "Engine default",
                                                     "Fate",      "There",  "Weight"};
    static const char *const untouched[] = {"Directive", "Engine default", "There",
                                            "In the parameter group"};
    const engine_version *v = &w->facts->nodes[0].version;
    size_t section = report_section_at(w->out, SECTION_ID, AREA);
    if (w->directive_count == 0) {
        report_add_paragraph(w->out, section, "No setting of the source could be read.");
        return;
    }
    report_add_paragraph(w->out, section,
                         "%zu of %zu directives of %s differ from the engine's defaults.",
                         w->changed.count, w->directive_count, engine_version_show(v).text);
    if (!knowledge_directives_hold(v)) {
        report_add_paragraph(w->out, section,
                             "The tables of directives do not go back to that version: defaults "
                             "are those of the oldest they have, so look twice at what seems "
                             "changed.");
    }
    table_write(w, section, "Changed on the source", &w->changed, COUNT_OF(changed), changed);
    table_write(w, section, "Left alone, and different there", &w->untouched, COUNT_OF(untouched),
                untouched);
    parameter_group_write(&w->group, w->target, w->out, section);
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    if (f->node_count == 0) return;
    work w = {.facts = f, .target = t, .out = r, .is_first = true};
    node_judge(&w, &f->nodes[0]);
    section_write(&w);
    if (o->draft) plan_draft_parameters(o->draft, &w.group);
    w.is_first = false;
    for (size_t i = 1; i < f->node_count; i++) {
        node_judge(&w, &f->nodes[i]);
        nodes_compare(&w, &f->nodes[0], &f->nodes[i]);
    }
    arena_clear(&w.memory);
}

const audit_rule_set audit_settings = {AREA, rows, COUNT_OF(rows), judge};
