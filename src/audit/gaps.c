/* What nobody was asked for: an audit from files, or one that looks at no keys, says what it knows
 * nothing of. What a server refused is noted where it was asked. */
#include "audit/audit_internal.h"
#include "audit/settings.h"

typedef bool is_missing(const audit_facts *f, const audit_node *n, const audit_options *o);

static bool settings(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    (void)o;
    return !f->is_live && n->setting_count == 0;
}

static bool clients(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    (void)o;
    return !f->is_live && n->client_count == 0;
}

static bool users(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    (void)o;
    return !f->is_live && !f->conf_path && n->user_count == 0;
}

static bool keys(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    if (n->dump.path || (f->is_live && o->sample_keys_max > 0)) return false;
    return n->info.size == 0 || n->database_count > 0; /* else it is known to hold none */
}

static bool operations(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    (void)o;
    return !f->is_live && n->info.size == 0;
}

static bool modules(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    return operations(f, n, o) && !f->conf_path && !n->dump.path;
}

static bool functions(const audit_facts *f, const audit_node *n, const audit_options *o)
{
    return operations(f, n, o) && !n->dump.path;
}

static const struct {
    const char *what; /* as rule_unread.c knows it */
    is_missing *missing;
    const char *why;
    const char *means;
} rows[] = {
    {"the settings", settings, "neither a server nor --conf FILE was given",
     "which settings were changed"},
    {"the clients", clients, "neither a server was asked nor a CLIENT LIST saved behind INFO",
     "who is connected, with what library"},
    {"the users", users, "neither a server, nor --conf, nor an ACL LIST behind INFO was given",
     "users and their rights"},
    {"the keys", keys, "no key was looked at (no server with a sample, no --rdb FILE)",
     "types, sizes and expiries of the keys"},
    {"the operation", operations, "no INFO was read",
     "persistence, replicas, buffers, latency, the write rate"},
    {"the modules", modules, "no server, INFO or configuration file was read", "modules"},
    {"the functions", functions, "no server, INFO or RDB file was read", "functions and scripts"},
};

void gaps_note(audit_facts *f, const audit_options *o)
{
    for (size_t i = 0; i < f->node_count; i++) {
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            if (rows[k].missing(f, &f->nodes[i], o))
                unread_add(f, &f->nodes[i], rows[k].what, rows[k].why, rows[k].means);
        }
    }
}
