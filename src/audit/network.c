#include "audit/network.h"

#include "base/clock.h"
#include "engine/reach.h"

#define AREA "Network"
#define RULES_DATE "2026-11-22" /* when the pages named below were read */
#define GUIDE "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"

/* Where the causes of each step are described. */
static const char *const sources[REACH_STEP_COUNT] = {
    [REACH_NAME] = GUIDE "elasticache-vpc-accessing.html",
    [REACH_ADDRESS] = GUIDE "elasticache-vpc-accessing.html",
    [REACH_TCP] = GUIDE "elasticache-vpc-accessing.html",
    [REACH_TLS] = GUIDE "in-transit-encryption.html",
    [REACH_AUTH] = GUIDE "auth.html",
    [REACH_PING] = GUIDE "Clusters.RBAC.html",
    [REACH_USE] = GUIDE "Endpoints.html",
};

static const char *state_show(reach_state s)
{
    static const char *const words[] = {[REACH_NOT_TRIED] = "not tried",
                                        [REACH_GOOD] = "good",
                                        [REACH_LEFT_OUT] = "left out",
                                        [REACH_BAD] = "FAILED"};
    return words[s];
}

/* What the endpoint's name says against what the URL says, and what the kind of endpoint means for
 * a client of it. */
static const struct endpoint_rule {
    const char *id;
    endpoint_kind kind; /* ENDPOINT_OTHER: any */
    bool tls_differs;   /* the name's form is the other one than the URL's */
    severity severity;
    const char *title;
    const char *consequence;
    const char *action;
} endpoint_rules[] = {
    {"endpoint-tls", ENDPOINT_OTHER, true, SEVERITY_WARN,
     "the form of the endpoint's name is not that of the URL's scheme",
     "names change when encryption in transit is switched: this one may be of the time before",
     "read the endpoint again from describe-replication-groups"},
    {"endpoint-node", ENDPOINT_NODE, false, SEVERITY_WARN,
     "the name is that of one node, not of a role",
     "after a failover it stays with the machine: writes meet a replica (READONLY)",
     "use the primary endpoint, or the configuration endpoint of a cluster"},
    {"endpoint-reader", ENDPOINT_READER, false, SEVERITY_WARN,
     "the name is the reader endpoint: it answers with replicas",
     "writes are refused (READONLY); connections stay where they were made, it balances no load",
     "use the primary endpoint for writes"},
    {"endpoint-cluster", ENDPOINT_CONFIGURATION, false, SEVERITY_WARN,
     "the name is the configuration endpoint of a cluster",
     "a client without cluster mode gets MOVED for most keys", "use a cluster-aware client"},
    {"endpoint-socket", ENDPOINT_SOCKET, false, SEVERITY_WARN,
     "the target is a Unix socket of this machine",
     "an application on another machine cannot use it, and a cache there has none: this says "
     "nothing "
     "about the way an application takes",
     "check the address that the application will use, from where it runs"},
    {"endpoint-serverless", ENDPOINT_SERVERLESS, false, SEVERITY_WARN,
     "the name is of a serverless cache", "it behaves like a cluster and always wants TLS",
     "use a cluster-aware client with TLS"},
};

static void endpoint_judge(report *out, const engine_url *u, const reach_result *r)
{
    for (size_t i = 0; i < COUNT_OF(endpoint_rules); i++) {
        const struct endpoint_rule *rule = &endpoint_rules[i];
        bool differs = r->endpoint.tls_known && r->endpoint.tls != u->tls;
        bool fits = rule->tls_differs ? differs : rule->kind == r->endpoint.kind;
        if (!fits) continue;
        report_add_finding(
            out, &(finding){.id = report_printf(out, "network-%s", rule->id),
                            .area = AREA,
                            .severity = rule->severity,
                            .title = rule->title,
                            .evidence = report_printf(out, "%s: %s", u->host, r->endpoint.shown),
                            .where = "the name in --target",
                            .consequence = rule->consequence,
                            .action = rule->action,
                            .source = GUIDE "Endpoints.html",
                            .date = RULES_DATE});
    }
}

static void cause_add(report *out, const char *url, const reach_result *r)
{
    const reach_cause *c = r->cause;
    report_add_finding(
        out,
        &(finding){.id = report_printf(out, "network-%s", c->id),
                   .area = AREA,
                   .severity = SEVERITY_BLOCK,
                   .title = c->title,
                   .evidence = report_shown(out, r->trouble.text, strlen(r->trouble.text), 400),
                   .where = report_printf(out, "step %s, %s", reach_step_name(c->step), url),
                   .consequence = report_printf(out, "likely on ElastiCache: %s", c->likely),
                   .action = c->check,
                   .source = sources[c->step],
                   .date = RULES_DATE});
}

static void steps_show(report *out, const reach_result *r)
{
    static const char *const columns[] = {"step", "result", "ms", "found"};
    size_t section = report_section_at(out, "steps", "Step by step");
    size_t table = report_add_table(out, section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < REACH_STEP_COUNT; i++) {
        const char *said = r->steps[i].said;
        const char *took =
            r->steps[i].state == REACH_GOOD && r->steps[i].took_ns
                ? report_printf(out, "%.1f", (double)r->steps[i].took_ns / (double)NS_PER_MS)
                : NULL;
        const char *const cells[] = {reach_step_name((reach_step)i), state_show(r->steps[i].state),
                                     took, report_shown(out, said, strlen(said), 300)};
        report_add_row(out, section, table, cells);
    }
    report_add_paragraph(out, section,
                         "This is what this machine sees. Run it where the application runs: "
                         "another subnet has other routes and security groups.");
}

static void facts_show(report *out, const char *url, const reach_result *r)
{
    report_add_fact(out, "target", "%s", url);
    report_add_fact(out, "endpoint", "%s", r->endpoint.shown);
    if (r->trace.addresses[0]) report_add_fact(out, "addresses", "%s", r->trace.addresses);
    if (r->from[0]) report_add_fact(out, "from here", "%s", r->from);
    if (r->trace.tls.version[0]) {
        report_add_fact(out, "TLS", "%s, %s", r->trace.tls.version, r->trace.tls.cipher);
        report_add_fact(out, "certificate", "%s, for %s, until %s, signed by %s; %u in the chain",
                        r->trace.tls.subject, r->trace.tls.names, r->trace.tls.expires,
                        r->trace.tls.issuer, r->trace.tls.chain_count);
    }
}

bool audit_network_run(const audit_network_options *o, report **ret, err *e)
{
    reach_result r;
    net_loop *loop = net_loop_new();
    bool tried = reach_run(loop, o->target, SIDE_TARGET, o->timeout_ms, &r, e);
    net_loop_free(loop);
    if (!tried) return false;
    CLEANUP(mem_free_at) char *url = engine_url_show(o->target);
    report *out = report_new("audit network", "Can the target be reached from here?");
    facts_show(out, url, &r);
    endpoint_judge(out, o->target, &r);
    if (r.cause) {
        cause_add(out, url, &r);
        report_set_verdict(out, "Not reachable from here: %s (step %s).", r.cause->title,
                           reach_step_name(r.cause->step));
    } else {
        bool is_socket = engine_url_is_socket(o->target);
        report_set_verdict(out, is_socket
                                    ? "Reachable, but only on this machine: it is a Unix socket."
                                    : "Reachable from here.");
    }
    steps_show(out, &r);
    report_sort(out);
    *ret = out;
    return true;
}
