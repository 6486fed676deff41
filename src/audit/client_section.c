#include "audit/client_section.h"

#include <string.h>

#include "knowledge/snippet.h"

#define ROWS_MAX 200 /* groups shown; the findings count all */

const char *client_age_show(arena *a, int64_t age_s)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (age_s >= units[i].seconds)
            return arena_printf(a, "%" PRIi64 " %s", age_s / units[i].seconds, units[i].unit);
    }
    return arena_printf(a, "%" PRIi64 " s", age_s);
}

static const char *commands_show(arena *a, const client_group *g)
{
    const char *text = "";
    for (size_t i = 0; i < g->command_count; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", g->commands[i]);
    return text;
}

void client_section_who(report *r, arena *scratch, const client_groups *g)
{
    static const char *const columns[] = {"library", "version",      "known by", "user",
                                          "address", "connections",  "oldest",   "databases",
                                          "waiting", "last commands"};
    size_t section = report_section_at(r, "clients", "Who is connected");
    report_add_paragraph(r, section,
                         "%zu connections of applications, %zu of tools, %zu of Sentinels, %zu of "
                         "replicas; %zu of this audit are left out.",
                         g->role_counts[ROLE_APPLICATION], g->role_counts[ROLE_TOOL],
                         g->role_counts[ROLE_SENTINEL], g->role_counts[ROLE_REPLICA],
                         g->role_counts[ROLE_OURS]);
    if (g->count == 0) return;
    size_t table = report_add_table(r, section, NULL, COUNT_OF(columns), columns);
    for (size_t i = 0; i < g->count && i < ROWS_MAX; i++) {
        const client_group *one = &g->items[i];
        const client_kind *k = &one->kind;
        bool is_layer = k->base[0] && strcmp(k->base, k->library) != 0;
        const char *cells[COUNT_OF(columns)] = {
            k->library[0] ? k->library : "?",
            is_layer ? arena_printf(scratch, "%s %s", k->base, k->version) : k->version,
            client_surety_name(k->surety),
            one->user,
            one->address,
            arena_printf(scratch, "%zu", one->count),
            client_age_show(scratch, one->oldest_s),
            client_dbs_show(scratch, one->dbs),
            one->blocked + one->subscribed
                ? arena_printf(scratch, "%zu", one->blocked + one->subscribed)
                : "",
            commands_show(scratch, one),
        };
        report_add_row(r, section, table, cells);
    }
    if (g->count > ROWS_MAX)
        report_add_paragraph(r, section, "And %zu groups more.", g->count - ROWS_MAX);
}

void client_section_storm(report *r, uint64_t connections, uint64_t limit)
{
    if (connections == 0) return;
    size_t section = report_section_at(r, "clients", "Who is connected");
    report_add_paragraph(r, section,
                         "The fullest node has %" PRIu64 " connections; a node there takes %" PRIu64
                         " (small burstable ones 20000 or 46000). All of them come anew at the "
                         "cutover and at every failover, each with a TLS handshake.",
                         connections, limit);
}

bool client_section_snippet(report *r, const char *client, const char *base)
{
    knowledge_snippet s = {0};
    if (!knowledge_snippet_find(client, base, &s)) return false;
    bool is_first = true;
    for (size_t i = 0; i < r->section_count; i++)
        is_first = is_first && strcmp(r->sections[i].id, "clients-set") != 0;
    size_t section = report_section_at(r, "clients-set", "What the clients must set");
    report_mark_reference(r, section);
    if (is_first) {
        report_add_paragraph(
            r, section,
            "PRIMARY_ENDPOINT is the name of the target's primary endpoint (cluster mode enabled: "
            "the "
            "configuration endpoint; serverless: its endpoint), never a node's name and never an "
            "address. User and password are examples. Take the figures as a start and rehearse a "
            "failover with them.");
    }
    for (size_t i = 0; i < r->sections[section].part_count; i++) {
        const char *there = r->sections[section].parts[i].title;
        if (there && strcmp(there, s.name) == 0) return true;
    }
    report_add_code(r, section, s.name, s.language, s.text);
    return true;
}

const char *client_key_like(const audit_facts *f, const char *prefix)
{
    size_t size = strlen(prefix);
    for (size_t n = 0; n < f->node_count; n++) {
        const fact_sample *s = &f->nodes[n].sample;
        for (size_t i = 0; i < s->prefix_count; i++)
            if (strncmp(s->prefixes[i].name, prefix, size) == 0) return s->prefixes[i].name;
        for (size_t i = 0; i < s->largest_count; i++)
            if (strncmp(s->largest[i].key, prefix, size) == 0) return s->largest[i].key;
    }
    return NULL;
}
