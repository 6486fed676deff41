/* What could not be read, and so is not judged: a missing right, a renamed command, a file that is
 * not there. Each names the right that would help. */
#include "audit/audit_internal.h"

#define AREA "Reading"

/* The rules, and behind them what falls under each: the words an `unread` entry begins with, the
 * ACL rules that allow it, and how much is missing without it. */
static const audit_rule_row rows[] = {
    {"unread-info", DIMENSION_SCHEMA,
     "INFO could not be read: commands in use, memory, replication and databases are not judged."},
    {"unread-settings", DIMENSION_SCHEMA,
     "CONFIG GET could not be read: which settings were changed is not known. With --conf the file "
     "is judged instead."},
    {"unread-clients", DIMENSION_APPLICATION,
     "CLIENT LIST could not be read: who is connected, and with what library, is not known."},
    {"unread-users", DIMENSION_APPLICATION,
     "ACL LIST, or the file of users that the configuration names, could not be read: users and "
     "their rights are not judged."},
    {"unread-modules", DIMENSION_COMPONENTS,
     "MODULE LIST could not be read: whether modules are loaded is not known."},
    {"unread-functions", DIMENSION_ABSTRACTION,
     "FUNCTION LIST could not be read: whether there are function libraries is not known."},
    {"unread-cluster", DIMENSION_TOPOLOGY,
     "A member of the cluster, or the list of its members, could not be read."},
    {"unread-keys", DIMENSION_TOPOLOGY,
     "The sample of keys could not be taken, or not fully: types, sizes and expiries are not "
     "judged."},
    {"unread-operations", DIMENSION_OPERATIONS,
     "Latency events, slow commands or Sentinel's subscription could not be read."},
    {"unread-file", DIMENSION_SCHEMA,
     "A line of the configuration file, or a file that it includes, could not be read."},
    {"tables-stale", DIMENSION_NONE,
     "The tables that handover knows ElastiCache by are older than half a year."},
};

enum row { INFO, SETTINGS, CLIENTS, USERS, MODULES, FUNCTIONS, CLUSTER, KEYS, OPERATIONS, FILES };

static const struct kind {
    const char *begins;
    enum row row;
    severity severity;
    const char *rights; /* NULL: it is not a matter of rights */
} kinds[] = {
    {"INFO", INFO, SEVERITY_WARN, "+info"},
    {"CONFIG", SETTINGS, SEVERITY_WARN, "+config|get"},
    {"CLIENT", CLIENTS, SEVERITY_WARN, "+client|list"},
    {"--watch", CLIENTS, SEVERITY_WARN, NULL},
    {"ACL LIST", USERS, SEVERITY_WARN, "+acl|list"},
    {"ACL", USERS, SEVERITY_INFO, "+acl|whoami"},
    {"MODULE", MODULES, SEVERITY_WARN, "+module|list"},
    {"FUNCTION", FUNCTIONS, SEVERITY_WARN, "+function|list"},
    {"CLUSTER", CLUSTER, SEVERITY_WARN, "+cluster|nodes"},
    {"SCAN", KEYS, SEVERITY_WARN, "+scan +select"},
    {"TYPE", KEYS, SEVERITY_WARN, "+type ~*"},
    {"PTTL", KEYS, SEVERITY_WARN, "+pttl ~*"},
    {"MEMORY", KEYS, SEVERITY_WARN, "+memory|usage ~*"},
    {"OBJECT", KEYS, SEVERITY_INFO, "+object|encoding +object|freq ~*"},
    {"LATENCY", OPERATIONS, SEVERITY_INFO, "+latency|latest"},
    {"SLOWLOG", OPERATIONS, SEVERITY_INFO, "+slowlog|get"},
    {"PUBSUB", OPERATIONS, SEVERITY_INFO, "+pubsub|numsub"},
    {"line ", FILES, SEVERITY_WARN, NULL},
    {"include", FILES, SEVERITY_WARN, NULL},
    {"aclfile", USERS, SEVERITY_WARN, NULL},
    {"the settings", SETTINGS, SEVERITY_INFO, NULL}, /* of gaps.c */
    {"the clients", CLIENTS, SEVERITY_INFO, NULL},
    {"the users", USERS, SEVERITY_INFO, NULL},
    {"the keys", KEYS, SEVERITY_INFO, NULL},
    {"the operation", OPERATIONS, SEVERITY_INFO, NULL},
    {"the modules", MODULES, SEVERITY_INFO, NULL},
    {"the functions", FUNCTIONS, SEVERITY_INFO, NULL},
    {"", CLUSTER, SEVERITY_WARN, NULL}, /* an address */
};

static const struct kind *kind_of(const char *what)
{
    size_t i = 0;
    while (strncmp(kinds[i].begins, what, strlen(kinds[i].begins)) != 0)
        i++; /* the last row fits all */
    return &kinds[i];
}

static const char *action_for(report *r, const audit_node *n, const fact_unread *u)
{
    const struct kind *k = kind_of(u->what);
    size_t at = 0;
    span why = span_text(u->why);
    if (k->row == USERS && strncmp(u->what, "aclfile", strlen("aclfile")) == 0)
        return "put the file beside the configuration file, or ACL LIST behind the saved INFO";
    if (k->row == FILES) return "mend the line, or say by hand what it sets";
    if (span_find(why, span_text("unknown command"), &at)) {
        return "the command is renamed or older than this engine: give --conf FILE, or read it by "
               "hand under its new name";
    }
    if (k->rights && span_find(why, span_text("NOPERM"), &at)) {
        return report_printf(r, "grant it for the audit: ACL SETUSER %s %s",
                             n->whoami ? n->whoami : "USER", k->rights);
    }
    if (k->row == INFO)
        return "save INFO ALL on the server and give it with --info FILE, or audit it live";
    return "see to what the evidence says, then audit again";
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    (void)t;
    for (size_t i = 0; i < f->node_count; i++) {
        for (size_t k = 0; k < f->nodes[i].unread_count; k++) {
            const fact_unread *u = &f->nodes[i].unread[k];
            const struct kind *kind = kind_of(u->what);
            report_add_finding(
                r, &(finding){.id = report_printf(r, "%s:%s", rows[kind->row].rule, u->what),
                              .area = AREA,
                              .severity = kind->severity,
                              .title = report_printf(r, "%s could not be read", u->what),
                              .evidence = u->why,
                              .where = f->nodes[i].address,
                              .consequence = report_printf(r, "Not known: %s.", u->means),
                              .action = action_for(r, &f->nodes[i], u),
                              .owner = "you",
                              .source = "docs/audit.md, Rights",
                              .date = o->today});
        }
    }
}

const audit_rule_set audit_unread = {AREA, rows, COUNT_OF(rows), judge};
