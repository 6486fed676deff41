/* Is what stands there what was planned, and can it be used from here? One row a check: what was
 * wanted, what there is, and what to do. */
#include <stdlib.h>

#include "aws/elasticache.h"
#include "engine/info.h"
#include "engine/reach.h"
#include "provision/work.h"

#define AREA "Target"
#define GUIDE "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
#define RULES_DATE "2026-11-28"
#define REACH_MS 5000

typedef struct {
    work *w;
    report *r;
    size_t section, table;
    thing group;
    const xml_node *node;
    aws_group g;
    bool told_engine; /* a value in force was read from the engine */
} checker;

/* `action` NULL: it is good. */
static void
row(checker *x, const char *name, const char *wanted, const char *there, const char *action)
{
    const char *cells[] = {name, wanted, *there ? there : "-", action ? "FAILED" : "ok"};
    report_add_row(x->r, x->section, x->table, cells);
    if (!action) return;
    char id[128];
    (void)snprintf(id, sizeof id, "provision-%s", name);
    for (char *c = id; *c; c++)
        if (*c == ' ') *c = '-';
    report_add_finding(
        x->r, &(finding){.id = id,
                         .area = AREA,
                         .severity = SEVERITY_BLOCK,
                         .title = report_printf(x->r, "%s is not as planned", name),
                         .evidence = report_printf(x->r, "wanted %s, there is %s", wanted,
                                                   *there ? there : "-"),
                         .where = report_printf(x->r, "replication group '%s'", x->w->p->id.text),
                         .action = action,
                         .source = GUIDE,
                         .date = RULES_DATE});
}

static void
same(checker *x, const char *name, const char *wanted, const char *there, const char *action)
{
    row(x, name, wanted, there, strcasecmp(wanted, there) == 0 ? NULL : action);
}

/* --- what the service says ------------------------------------------------------------------- */

static const char *field(const checker *x, const char *path)
{
    return xml_text(x->group.xml, path);
}

static size_t zones_count(const checker *x)
{
    size_t count = 0;
    for (size_t i = 0; i < x->g.node_count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= strcmp(x->g.nodes[k].zone, x->g.nodes[i].zone) == 0;
        count += !seen;
    }
    return count;
}

static void places_check(checker *x)
{
    const plan *p = x->w->p;
    const char *again = "run 'handover provision' again: it changes what can be changed";
    same(x, "status", "available", x->g.status,
         "wait until it is available, then run 'handover provision' again");
    const char *version = xml_text(x->node, "EngineVersion");
    row(x, "engine", report_printf(x->r, "%s %s", p->engine.text, p->version.text),
        report_printf(x->r, "%s %s", xml_text(x->node, "Engine"), version),
        version_is_same(p->version.text, version) &&
                strcasecmp(xml_text(x->node, "Engine"), p->engine.text) == 0
            ? NULL
            : again);
    same(x, "node type", p->node_type.text, field(x, "CacheNodeType"), again);
    const char *nodes = report_printf(x->r, "%zu", x->g.node_count);
    same(x, "nodes", report_printf(x->r, "%" PRId64, p->replicas.number + 1), nodes, again);
    same(x, "automatic failover", p->auto_failover.number ? "enabled" : "disabled",
         field(x, "AutomaticFailover"), again);
    same(x, "Multi-AZ", p->multi_az.number ? "enabled" : "disabled", field(x, "MultiAZ"), again);
    if (p->multi_az.number) {
        size_t zones = zones_count(x);
        row(x, "zones", "2 or more", report_printf(x->r, "%zu", zones),
            zones >= 2
                ? NULL
                : "the nodes stand in one zone: name subnets of other zones and add a replica");
    }
}

static void settings_check(checker *x)
{
    const plan *p = x->w->p;
    const char *again = "run 'handover provision' again: it changes what can be changed";
    const char *mode = !x->g.tls ? "no" : x->g.tls_preferred ? "preferred" : "required";
    same(x, "TLS", p->tls.text, mode, "see docs/provision.md, what is not changed");
    same(x, "encryption at rest", p->at_rest.number ? "true" : "false",
         field(x, "AtRestEncryptionEnabled"), "make another cache: it is chosen at the beginning");
    same(x, "snapshots kept, days", p->retention_days.text, field(x, "SnapshotRetentionLimit"),
         again);
    if (p->snapshot_window.text)
        same(x, "snapshot window", p->snapshot_window.text, field(x, "SnapshotWindow"), again);
    if (p->maintenance_window.text) {
        same(x, "maintenance window", p->maintenance_window.text,
             xml_text(x->node, "PreferredMaintenanceWindow"), again);
    }
    if (p->user_group.text) same(x, "user group", p->user_group.text, x->g.user_group, again);
    if (p->auth_token.text) same(x, "AUTH token", "set", x->g.auth_token ? "set" : "none", again);
}

static bool parameters_check(checker *x, err *e)
{
    const plan *p = x->w->p;
    group_parameter *rows = NULL;
    size_t count = 0;
    const char *group = xml_text(x->node, "CacheParameterGroup/CacheParameterGroupName");
    const char *status = xml_text(x->node, "CacheParameterGroup/ParameterApplyStatus");
    if (p->parameter_group.text) {
        same(x, "parameter group", p->parameter_group.text, group,
             "run 'handover provision' again: it changes what can be changed");
    }
    same(x, "parameters in force", "in-sync", status,
         strcmp(status, "pending-reboot") == 0
             ? "some take effect after a reboot: 'aws elasticache reboot-cache-cluster' node by "
               "node, replicas first, while nothing is in it"
             : "wait a minute, then run 'handover provision' again");
    if (p->parameters.count == 0) return true;
    if (!parameters_read(x->w, p->parameter_group.text, &rows, &count, e)) return false;
    for (size_t i = 0; i < p->parameters.count; i++) {
        const plan_pair *pair = &p->parameters.at[i];
        const char *there = "";
        for (size_t k = 0; k < count; k++)
            if (strcasecmp(rows[k].name, pair->name) == 0) there = rows[k].value;
        same(x, report_printf(x->r, "parameter %s", pair->name), pair->value.text, there,
             "somebody changed it: run 'handover provision' again");
    }
    return true;
}

/* --- what the engine says -------------------------------------------------------------------- */

/* Where the cache is tried: its primary endpoint, or what --at names in its place; then the name of
 * the endpoint is what the certificate must be for. */
static bool url_make(const checker *x, engine_url *ret, err *e)
{
    const provision_options *o = x->w->o;
    engine_url u = {.tls = x->g.tls, .port = x->g.primary.port};
    uint16_t port = 0;
    if (!o->at) u.host = mem_text(span_text(x->g.primary.host));
    if (o->at && !engine_address_parse(span_text(o->at), &u.host, &port, e))
        return err_wrap(e, "--at");
    if (port) u.port = port;
    for (size_t i = 0; u.tls && i < ENGINE_TLS_COUNT; i++)
        if (o->tls[i]) u.tls_parts[i] = mem_text(span_text(o->tls[i]));
    if (u.tls && o->at && !u.tls_parts[ENGINE_TLS_NAME])
        u.tls_parts[ENGINE_TLS_NAME] = mem_text(span_text(x->g.primary.host));
    *ret = u;
    return true;
}

/* The value of INFO or CONFIG GET against the plan's; ElastiCache answers no CONFIG, so then only
 * what INFO tells is known. */
static void value_check(checker *x, engine *s, const plan_pair *pair, bool *config)
{
    span value = {0};
    err refused = {0};
    const char *from = "CONFIG GET";
    if (strcmp(pair->name, "maxmemory-policy") == 0) {
        from = "INFO";
        span info = {0};
        if (!engine_info(s, x->w->memory, "memory", &info, &refused) ||
            !info_text(info, "maxmemory_policy", &value))
            return;
    } else if (!*config || !engine_config(s, x->w->memory, pair->name, &value, &refused)) {
        *config = false;
        return;
    }
    if (!value.at) return;
    x->told_engine = true;
    same(x, report_printf(x->r, "%s by %s", pair->name, from), pair->value.text,
         report_shown(x->r, value.at, value.size, 200),
         "the engine runs with another value: wait a minute, then run 'handover provision' again");
}

static void values_check(checker *x, net_loop *loop, const engine_url *u)
{
    bool config = true;
    err ignored = {0}; /* whether it can be reached stands in another row */
    engine *s = NULL;
    engine_options options = {.url = u, .side = SIDE_TARGET, .timeout_ms = REACH_MS};
    if (x->told_engine || !engine_open(loop, &options, &s, &ignored)) return;
    for (size_t i = 0; i < x->w->p->parameters.count && engine_is_usable(s); i++)
        value_check(x, s, &x->w->p->parameters.at[i], &config);
    engine_free(s);
}

static bool login_check(checker *x, const char *name, engine_url *u, err *e)
{
    net_loop *loop = net_loop_new();
    reach_result result;
    bool tried = reach_run(loop, u, SIDE_TARGET, REACH_MS, &result, e);
    if (tried) {
        const reach_cause *c = result.cause;
        /* A user that may not PING has logged in all the same. */
        bool good = !c || c->step > REACH_AUTH;
        const char *there =
            good ? "yes"
                 : report_printf(x->r, "no: %s (step %s)", c->title, reach_step_name(c->step));
        const char *action = good ? NULL : c->check;
        if (!good && c->step == REACH_NAME && !x->w->o->at) {
            action = report_printf(x->r,
                                   "%s. From a machine that cannot know the name: --at HOST:PORT "
                                   "checks it at another address (a tunnel, the plain address of "
                                   "'handover sandbox status')",
                                   c->check);
        }
        row(x, name, "yes", there, action);
        if (good) values_check(x, loop, u);
    }
    net_loop_free(loop);
    return tried;
}

static bool user_check(checker *x, const plan_user *u, engine_url *url, err *e)
{
    bool good = true;
    bool is_off = strncmp(u->access.text, "off", 3) == 0;
    if (is_off) return true;
    free(url->user);
    url->user = mem_text(span_text(u->name.text));
    secret_clear(&url->password);
    if (u->passwords.count > 0)
        good = reference_read(u->passwords.at[0].text, SECRET_PASSWORD, &url->password, e);
    if (u->iam.number) {
        good = aws_session_iam_token(x->w->s, x->w->p->id.text, false, u->name.text,
                                     x->w->deadline_ns, &url->password, e);
    }
    return good && login_check(x, report_printf(x->r, "login of %s", u->name.text), url, e);
}

static bool logins_check(checker *x, err *e)
{
    const plan *p = x->w->p;
    engine_url url = {0};
    if (!url_make(x, &url, e)) return false;
    bool good = true;
    if (p->auth_token.text)
        good = reference_read(p->auth_token.text, SECRET_TOKEN, &url.password, e);
    if (good && p->user_count == 0 && !p->user_group.text)
        good = login_check(x, p->auth_token.text ? "login with the token" : "reachable", &url, e);
    if (good && p->user_group.text && p->user_count == 0) {
        report_add_paragraph(x->r, x->section,
                             "The users are not of this plan, so none was tried: 'handover audit "
                             "network --target …' does.");
    }
    for (size_t i = 0; i < p->user_count && good; i++)
        good = user_check(x, &p->users[i], &url, e);
    engine_url_clear(&url);
    if (good && p->parameters.count > 0 && !x->told_engine) {
        report_add_paragraph(x->r, x->section,
                             "No login of the plan may ask the engine itself for a value (INFO), "
                             "so the values in force are those that the service tells.");
    }
    return good;
}

/* --- all ------------------------------------------------------------------------------------- */

static void head_fill(checker *x)
{
    const aws_group *g = &x->g;
    report_add_fact(x->r, "Plan", "%s (%s)", x->w->p->name.text, x->w->p->path);
    report_add_fact(x->r, "Replication group", "%s in %s", g->id, aws_session_region(x->w->s));
    report_add_fact(x->r, "Primary endpoint", "%s:%u", g->primary.host, g->primary.port);
    report_add_fact(x->r, "Reader endpoint", "%s:%u", g->reader.host, g->reader.port);
    report_add_fact(x->r, "URL of the target", "%s://%s:%u", g->tls ? "rediss" : "redis",
                    g->primary.host, g->primary.port);
    report_add_fact(x->r, "Calls sent", "%zu that change something", x->w->changes);
}

bool checks_run(work *w, report *r, err *e)
{
    static const char *const columns[] = {"check", "wanted", "there is", "result"};
    checker x = {.w = w, .r = r};
    if (!thing_look(w, KIND_GROUP, w->p->id.text, &x.group, e)) return false;
    if (!x.group.exists)
        return err_set(e, ERR_AWS, "replication group '%s' was deleted meanwhile", w->p->id.text);
    if (!aws_group_read(x.group.xml, w->memory, &x.g, e) || !node_look(w, &x.group, &x.node, e))
        return false;
    head_fill(&x);
    x.section = report_section_at(r, "checks", "Planned and there");
    x.table = report_add_table(r, x.section, NULL, COUNT_OF(columns), columns);
    places_check(&x);
    settings_check(&x);
    if (!parameters_check(&x, e) || !logins_check(&x, e)) return false;
    report_sort(r);
    size_t bad = report_count(r, SEVERITY_BLOCK);
    if (bad) {
        report_set_verdict(r, "%zu of the checks failed.", bad);
    } else {
        report_set_verdict(r, "The cache stands as planned, and can be used from here.");
    }
    return true;
}
