/* The result for people: a report. */
#include "drill/drill.h"

#define AREA "Clients"

static const char *seconds(report *r, int64_t ms)
{
    return report_printf(r, "%.1f s", (double)ms / 1000);
}

/* "READONLY 3, reset 1" */
static const char *failures_text(report *r, const drill_client *c)
{
    const char *text = "";
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        if (c->failures[i] == 0) continue;
        text = report_printf(r, "%s%s%s %" PRIu64, text, *text ? ", " : "",
                             drill_failure_name((drill_failure)i), c->failures[i]);
    }
    return *text ? text : "none";
}

static const char *followed_text(const drill_client *c)
{
    if (c->followed) return "yes";
    if (c->ended) return "no, it ended";
    return c->lost && c->astray_ms ? "no, it writes to the old node" : "no";
}

static void clients_add(report *r, const drill_result *d)
{
    static const char *const columns[] = {"client",       "followed", "without a write",
                                          "acknowledged", "lost",     "failures"};
    size_t section = report_section_at(r, "clients", "Clients");
    size_t table = report_add_table(r, section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < d->client_count; i++) {
        const drill_client *c = &d->clients[i];
        const char *cells[] = {
            c->command ? report_printf(r, "%s%s%s", c->name, *c->version ? " " : "", c->version)
                       : report_printf(r, "canary, %s", c->name),
            followed_text(c),
            seconds(r, c->stalled_ms),
            report_printf(r, "%" PRIu64, c->acknowledged),
            report_printf(r, "%" PRIu64, c->lost),
            failures_text(r, c)};
        report_add_row(r, section, table, cells);
    }
}

static void events_add(report *r, const drill_result *d)
{
    static const char *const columns[] = {"seen after", "of", "event"};
    if (!*d->group) return;
    size_t section = report_section_at(r, "events", "Events of the service");
    size_t table = report_add_table(r, section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < d->event_count; i++) {
        const drill_event *v = &d->events[i];
        const char *cells[] = {seconds(r, v->after_ms), v->source, v->message};
        report_add_row(r, section, table, cells);
    }
    if (d->events_complete) return;
    report_add_paragraph(r, section,
                         "The recovery had not finished when the drill ended. Until it has, the "
                         "group has one node less: aws elasticache describe-events --source-type "
                         "replication-group --source-identifier %s",
                         d->group);
}

static void connections_add(report *r, const drill_result *d)
{
    static const char *const columns[] = {"address", "name",           "library",       "user",
                                          "before",  "on the old one", "on the new one"};
    size_t section = report_section_at(r, "connections", "Other connections");
    if (d->connection_count == 0) {
        report_add_paragraph(r, section, "Nobody else was connected to the old primary.");
        return;
    }
    size_t table = report_add_table(r, section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < d->connection_count; i++) {
        const drill_connections *c = &d->connections[i];
        const char *cells[] = {report_shown(r, c->address, strlen(c->address), 64),
                               report_shown(r, c->name, strlen(c->name), 64),
                               report_shown(r, report_printf(r, "%s %s", c->library, c->version),
                                            strlen(c->library) + strlen(c->version) + 1, 64),
                               report_shown(r, c->user, strlen(c->user), 64),
                               report_printf(r, "%zu", c->before),
                               d->old_answers ? report_printf(r, "%zu", c->stayed) : "-",
                               report_printf(r, "%zu", c->now)};
        report_add_row(r, section, table, cells);
    }
    if (!d->old_answers)
        report_add_paragraph(r, section, "The old primary answers nobody any more.");
}

static const char *evidence_text(report *r, const drill_client *c)
{
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        if (c->failures[i])
            return report_printf(r, "%s; the first: %s", failures_text(r, c), c->examples[i]);
    }
    return "it met no failure";
}

static void client_find(report *r, const drill_client *c)
{
    if (!c->followed) {
        report_add_finding(
            r, &(finding){
                   .id = report_printf(r, "drill-stayed:%s", c->name),
                   .area = AREA,
                   .severity = c->is_witness ? SEVERITY_INFO : SEVERITY_BLOCK,
                   .title = report_printf(r,
                                          c->is_witness ? "a client as patient as the canary '%s' "
                                                          "would not follow"
                                                        : "'%s' did not follow the failover",
                                          c->name),
                   .evidence = evidence_text(r, c),
                   .consequence = c->lost && c->astray_ms
                                      ? report_printf(r,
                                                      "for %s it wrote to a node that is no "
                                                      "primary of this cache any more: %" PRIu64
                                                      " acknowledged writes are lost",
                                                      seconds(r, c->astray_ms), c->lost)
                                      : report_printf(r, "no write for %s, until the end",
                                                      seconds(r, c->stalled_ms)),
                   .action = c->advice});
    }
    if (c->lost == 0 || (!c->followed && c->astray_ms)) return; /* or told just now */
    report_add_finding(
        r, &(finding){.id = report_printf(r, "drill-lost:%s", c->name),
                      .area = AREA,
                      .severity = SEVERITY_WARN,
                      .title = report_printf(r, "%" PRIu64 " acknowledged writes of '%s' are lost",
                                             c->lost, c->name),
                      .evidence = report_printf(r,
                                                "the last of them was acknowledged %s after the "
                                                "failover began",
                                                seconds(r, c->astray_ms)),
                      .consequence = "replication is asynchronous: what the new primary had not "
                                     "received when it took over is gone",
                      .action = "where a write must survive, let WAIT 1 follow it, or be able to "
                                "repeat it"});
}

static void findings_add(report *r, const drill_result *d)
{
    for (size_t i = 0; i < d->client_count; i++)
        client_find(r, &d->clients[i]);
    for (size_t i = 0; i < d->connection_count; i++) {
        const drill_connections *c = &d->connections[i];
        bool stayed = c->stayed > 0;
        if (!stayed && c->now >= c->before) continue;
        report_add_finding(
            r,
            &(finding){
                .id =
                    report_printf(r, "drill-connections:%s:%s:%s", c->address, c->name, c->library),
                .area = "Other connections",
                .severity = stayed ? SEVERITY_WARN : SEVERITY_INFO,
                .title = stayed ? report_printf(r,
                                                "%zu of %zu connections of %s never "
                                                "left the old primary",
                                                c->stayed, c->before, c->address)
                                : report_printf(r,
                                                "%zu of %zu connections of %s are not "
                                                "on the new primary",
                                                c->before - c->now, c->before, c->address),
                .evidence = report_printf(r, "CLIENT LIST: name '%s', library '%s %s', user '%s'",
                                          c->name, c->library, c->version, c->user),
                .action = *c->advice ? c->advice
                                     : "see what the application says; when it is idle it "
                                       "may connect again at its next command"});
    }
}

report *drill_report(const drill_result *d)
{
    report *r = report_new("drill failover", "Failover drill");
    size_t behind = drill_left_behind(d);
    report_add_fact(r, "target", "%s", d->target);
    if (*d->group) report_add_fact(r, "replication group", "%s", d->group);
    report_add_fact(r, "began", "%s", d->began_at);
    report_add_fact(r, "old primary", "%s", d->old_primary);
    report_add_fact(r, "new primary", "%s", d->new_primary);
    report_add_fact(r, "endpoint moved after", "%s", seconds(r, d->moved_ms));
    if (behind) {
        report_set_verdict(r, "%zu of %zu clients did not follow", behind, d->client_count);
    } else {
        report_set_verdict(r, "all clients followed the failover by themselves");
    }
    findings_add(r, d);
    clients_add(r, d);
    events_add(r, d);
    connections_add(r, d);
    report_sort(r);
    return r;
}
