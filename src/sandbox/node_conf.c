/* The configuration of a node: its place, its role, what clients may not see, its parameters. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "knowledge/knowledge.h"
#include "sandbox/certificate.h"
#include "sandbox/front.h"
#include "sandbox/node.h"
#include "sandbox/parameters.h"
#include "sandbox/programs.h"

#define CONF_MAX (256 * KIB)
#define MEMORY_FALLBACK INT64_C(536870912)

/* Three parameters each there, one directive with three numbers here. */
static const char *const buffer_classes[] = {"normal", "pubsub", "replica"};

static const engine_program *program_of(keeper *k, const json_t *g)
{
    return programs_choose(&k->s->programs, text_of(g, "engine"), text_of(g, "version"));
}

static engine_version version_of(const engine_program *p)
{
    engine_version v = {0};
    err e = {0};
    char info[128];
    bool is_valkey = strcmp(p->engine, "valkey") == 0;
    (void)snprintf(info, sizeof info, "%s_version:%s\r\n", is_valkey ? "valkey" : "redis",
                   p->version);
    if (!engine_version_read(span_text(info), &v, &e)) log_debug("version: %s", e.text);
    return v;
}

static int64_t node_number(const json_t *g, const char *column, int64_t otherwise)
{
    int64_t value = 0;
    const char *text = parameters_of_node_type(text_of(g, "node_type"), column);
    return span_to_i64(span_text(text), &value) ? value : otherwise;
}

static int64_t own_number(keeper *k, const json_t *g, const char *name, int64_t otherwise)
{
    int64_t value = 0;
    const char *text = parameters_value(k->s, text_of(g, "parameter_group"), name);
    return text && span_to_i64(span_text(text), &value) ? value : otherwise;
}

/* What is left of the node type's memory behind the reserve. */
static int64_t memory_of(keeper *k, const json_t *g)
{
    int64_t whole = node_number(g, "maxmemory_bytes", MEMORY_FALLBACK);
    int64_t bytes = own_number(k, g, "reserved-memory", 0);
    int64_t percent = own_number(k, g, "reserved-memory-percent", 25);
    int64_t left = bytes > 0 ? whole - bytes : whole / 100 * (100 - percent);
    return left > 0 ? left : whole;
}

static void buffers_value(keeper *k, const json_t *g, size_t class, char *ret, size_t size)
{
    static const char *const parts[] = {"hard-limit", "soft-limit", "soft-seconds"};
    static const char *const columns[] = {"replica_hard_limit_bytes", "replica_soft_limit_bytes",
                                          "replica_soft_seconds"};
    int64_t numbers[3];
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        char name[96];
        (void)snprintf(name, sizeof name, "client-output-buffer-limit-%s-%s", buffer_classes[class],
                       parts[i]);
        int64_t otherwise = class == 2 ? node_number(g, columns[i], 0) : 0;
        numbers[i] = own_number(k, g, name, otherwise);
    }
    (void)snprintf(ret, size, "%s %" PRId64 " %" PRId64 " %" PRId64, buffer_classes[class],
                   numbers[0], numbers[1], numbers[2]);
}

typedef struct {
    char name[96];
    char value[256];
} setting;

static bool is_ours(const char *name)
{
    static const char *const names[] = {"maxmemory",
                                        "appendonly",
                                        "appendfsync",
                                        "rename-commands",
                                        "cluster-enabled",
                                        "maxclients",
                                        "cluster-preferred-endpoint-type"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0) return true;
    return strncmp(name, "cluster-", 8) == 0; /* no cluster mode: they would do nothing */
}

/* What a row of the table gives this engine; false: nothing. `now`: only what changes while it
 * runs. */
static bool setting_of_row(
    keeper *k, const json_t *g, const engine_version *v, size_t row, bool now, setting *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    const char *family = parameters_family(k->s, text_of(g, "parameter_group"));
    const char *name = knowledge_cell(t, row, "parameter");
    knowledge_directive d;
    if (!family || strcmp(knowledge_cell(t, row, "family"), family) != 0 || is_ours(name))
        return false;
    if (!knowledge_directive_find(v, name, &d) || d.is_ignored) return false;
    if (now && (strcmp(d.mutability, "yes") != 0 ||
                strcmp(knowledge_cell(t, row, "change_effect"), "immediate") != 0))
        return false;
    const char *value = parameters_value(k->s, text_of(g, "parameter_group"), name);
    if (!value || value[0] == '(') return false;
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    (void)snprintf(ret->value, sizeof ret->value, "%s", value);
    return true;
}

static bool parameters_write(keeper *k, const json_t *g, buf *out)
{
    const engine_program *p = program_of(k, g);
    engine_version v = version_of(p);
    setting one;
    for (size_t i = 0; i < knowledge_at(TABLE_PARAMETERS)->row_count; i++) {
        if (!setting_of_row(k, g, &v, i, false, &one)) continue;
        if (!buf_printf(out, "%s \"%s\"\n", one.name, one.value)) return false;
    }
    for (size_t i = 0; i < COUNT_OF(buffer_classes); i++) {
        buffers_value(k, g, i, one.value, sizeof one.value);
        if (!buf_printf(out, "client-output-buffer-limit %s\n", one.value)) return false;
    }
    return buf_printf(out, "maxmemory %" PRId64 "\nmaxclients %" PRId64 "\n", memory_of(k, g),
                      node_number(g, "maxclients", 65000));
}

bool node_parameters_apply(keeper *k, json_t *g, json_t *node, err *e)
{
    engine_version v = version_of(program_of(k, g));
    setting one;
    for (size_t i = 0; i < knowledge_at(TABLE_PARAMETERS)->row_count; i++) {
        CLEANUP(arena_clear) arena memory = {0};
        const reply *r = NULL;
        if (!setting_of_row(k, g, &v, i, true, &one)) continue;
        if (!node_ask(k, text_of(node, "id"), &memory, &r, e,
                      ENGINE_TEXTS("CONFIG", "SET", one.name, one.value)))
            return err_wrap(e, "set %s", one.name);
    }
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    for (size_t i = 0; i < COUNT_OF(buffer_classes); i++) {
        buffers_value(k, g, i, one.value, sizeof one.value);
        if (!node_ask(k, text_of(node, "id"), &memory, &r, e,
                      ENGINE_TEXTS("CONFIG", "SET", "client-output-buffer-limit", one.value)))
            return false;
    }
    const char *bytes = arena_printf(&memory, "%" PRId64, memory_of(k, g));
    return node_ask(k, text_of(node, "id"), &memory, &r, e,
                    ENGINE_TEXTS("CONFIG", "SET", "maxmemory", bytes));
}

/* --- what clients may not see ---------------------------------------------------------------- */

/* The n-th blocked row of the table: whole commands are renamed, others denied by ACL. */
static bool blocked_row(size_t row, const char **ret_command, const char **ret_subcommand)
{
    const knowledge_table *t = knowledge_at(TABLE_COMMANDS);
    *ret_command = knowledge_cell(t, row, "command");
    *ret_subcommand = knowledge_cell(t, row, "subcommand");
    return strcmp(knowledge_cell(t, row, "node_based_cluster_disabled"), "blocked") == 0 &&
           !strchr(*ret_command, '.'); /* of modules that are not here */
}

static bool is_for_replicas(const char *command)
{
    return strcmp(command, "PSYNC") == 0 || strcmp(command, "SYNC") == 0;
}

static bool renames_write(keeper *k, buf *out)
{
    const char *command = NULL;
    const char *subcommand = NULL;
    for (size_t i = 0; i < knowledge_at(TABLE_COMMANDS)->row_count; i++) {
        if (!blocked_row(i, &command, &subcommand) || subcommand[0] || is_for_replicas(command))
            continue;
        if (!buf_printf(out, "rename-command %s %s%s\n", command, state_text(k->s, "hidden_prefix"),
                        command))
            return false;
    }
    return true;
}

/* "-psync -sync -acl|setuser ...": behind the rules of every user, and inside its selectors. */
static bool denials_write(buf *out)
{
    const char *command = NULL;
    const char *subcommand = NULL;
    for (size_t i = 0; i < knowledge_at(TABLE_COMMANDS)->row_count; i++) {
        if (!blocked_row(i, &command, &subcommand)) continue;
        if (!subcommand[0] && !is_for_replicas(command)) continue;
        if (!buf_printf(out, " -%s%s%s", command, subcommand[0] ? "|" : "", subcommand))
            return false;
    }
    return true;
}

/* A user's line from its name on, denials included. */
static bool user_write(json_t *rules, buf *out)
{
    size_t at = 0;
    json_t *rule = NULL;
    json_array_foreach(rules, at, rule)
    {
        const char *word = json_string_value(rule);
        size_t size = strlen(word);
        bool closes = size > 0 && word[size - 1] == ')';
        if (!buf_printf(out, "%s%.*s", at ? " " : "", (int)(size - closes), word)) return false;
        if (closes && (!denials_write(out) || !buf_text(out, ")"))) return false;
    }
    return denials_write(out);
}

static bool users_write(keeper *k, const json_t *g, buf *out)
{
    size_t at = 0;
    json_t *rules = NULL;
    json_t *all = users_rules(k->s, g);
    char hash[65];
    password_hash(state_text(k->s, "admin_password"), hash);
    bool done = buf_printf(out, "user " NODE_USER " on #%s ~* &* +@all\n", hash);
    json_array_foreach(all, at, rules)
    {
        done = done && buf_text(out, "user ") && user_write(rules, out) && buf_text(out, "\n");
    }
    json_decref(all);
    return done;
}

/* Users that are no longer in the group are cut, as the service does. */
static bool others_remove(keeper *k, const char *node_id, json_t *all, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *users = NULL;
    const reply *r = NULL;
    if (!node_ask(k, node_id, &memory, &users, e, ENGINE_TEXTS("ACL", "USERS"))) return false;
    for (size_t i = 0; i < users->count; i++) {
        const char *name = (const char *)users->items[i].text.at;
        bool stays = strcmp(name, NODE_USER) == 0;
        size_t at = 0;
        json_t *rules = NULL;
        json_array_foreach(all, at, rules)
        {
            stays |= strcmp(json_string_value(json_array_get(rules, 0)), name) == 0;
        }
        if (!stays && !node_ask(k, node_id, &memory, &r, e, ENGINE_TEXTS("ACL", "DELUSER", name)))
            return false;
    }
    return true;
}

bool node_users_apply(keeper *k, json_t *g, const char *node_id, err *e)
{
    size_t at = 0;
    json_t *rules = NULL;
    json_t *all = users_rules(k->s, g);
    bool done = true;
    json_array_foreach(all, at, rules)
    {
        CLEANUP(arena_clear) arena memory = {0};
        const char *words[512] = {"ACL", "SETUSER"};
        const reply *r = NULL;
        size_t count = 2;
        buf line = buf_of(CONF_MAX);
        span rest;
        span word;
        if (!user_write(rules, &line)) done = err_set(e, ERR_LIMIT, "too many rules");
        rest = buf_span(&line);
        while (done && count < COUNT_OF(words) && span_cut(&rest, ' ', &word))
            words[count++] = arena_text(&memory, word);
        done = done && node_ask(k, node_id, &memory, &r, e, count, words);
        buf_clear(&line);
    }
    done = done && others_remove(k, node_id, all, e);
    json_decref(all);
    return done;
}

/* --- place and role -------------------------------------------------------------------------- */

/* A new node of a group that serves already: its role, and what goes with it, comes when it is
 * whole. */
static bool joins(const json_t *g, const json_t *node)
{
    return *text_of(g, "named_primary") && strcmp(text_of(node, "status"), "creating") == 0;
}

/* Which of the group's own addresses this node listens on besides its own. */
static void addresses_of(const json_t *g, const json_t *node, bool with_role, char ret[128])
{
    bool is_reader = json_array_get(json_object_get(g, "nodes"), 0) == node;
    json_t *second = json_array_get(json_object_get(g, "nodes"), 1);
    if (flag_of(json_array_get(json_object_get(g, "nodes"), 0), "is_primary") && second &&
        !joins(g, second))
        is_reader = second == node;
    (void)snprintf(ret, 128, "%s%s%s%s%s", text_of(node, "host"),
                   with_role && flag_of(node, "is_primary") ? " " : "",
                   with_role && flag_of(node, "is_primary") ? text_of(g, "primary_host") : "",
                   with_role && is_reader ? " " : "",
                   with_role && is_reader ? text_of(g, "reader_host") : "");
}

bool node_addresses_apply(keeper *k, const json_t *g, const json_t *node, bool with_role, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    char addresses[128];
    addresses_of(g, node, with_role, addresses);
    if (front_is(g)) return front_put(k, g, node, addresses, e);
    return node_ask(k, text_of(node, "id"), &memory, &r, e,
                    ENGINE_TEXTS("CONFIG", "SET", "bind", addresses));
}

static bool
place_write(keeper *k, const char *group_id, const json_t *g, const json_t *node, buf *out, err *e)
{
    char addresses[128];
    const json_t *primary = group_primary(g);
    bool tls = flag_of(g, "tls");
    addresses_of(g, node, !front_is(g), addresses); /* reader and primary are the relay's then */
    if (!buf_printf(out,
                    "bind %s\n%s 0\n%s %" PRId64 "\nunixsocket admin.sock\nunixsocketperm 600\n"
                    "protected-mode no\ndaemonize no\nsave \"\"\nappendonly no\n"
                    "masteruser " NODE_USER "\nmasterauth %s\nrepl-diskless-sync-delay 0\n"
                    "replica-announce-ip %s\n",
                    addresses, tls ? "port" : "tls-port", tls ? "tls-port" : "port",
                    front_engine_port(g), state_text(k->s, "admin_password"),
                    text_of(node, "host")))
        return err_set(e, ERR_LIMIT, "the configuration is too long");
    if (tls && !certificate_for_node(k->s, group_id, g, node, e)) return false;
    if (tls && !buf_text(out, "tls-cert-file node.crt\ntls-key-file node.key\n"
                              "tls-ca-cert-file ../../ca.crt\ntls-auth-clients no\n"
                              "tls-replication yes\ntls-protocols \"TLSv1.2 TLSv1.3\"\n"))
        return false;
    if (primary && primary != node &&
        !buf_printf(out, "replicaof %s %" PRId64 "\n", text_of(primary, "host"),
                    front_engine_port(g)))
        return false;
    return true;
}

bool node_conf_write(keeper *k, const char *group_id, json_t *g, json_t *node, err *e)
{
    char path[PATH_SIZE];
    buf out = buf_of(CONF_MAX);
    (void)snprintf(path, sizeof path, "nodes/%s/node.conf", text_of(node, "id"));
    bool done = place_write(k, group_id, g, node, &out, e);
    if (done &&
        (!parameters_write(k, g, &out) || !renames_write(k, &out) || !users_write(k, g, &out)))
        done = err_set(e, ERR_LIMIT, "the configuration is too long");
    FILE *f = done ? fopen(path, "we") : NULL;
    if (done && !f) done = err_sys(e, errno, "write '%s'", path);
    if (f) {
        (void)fchmod(fileno(f), 0600);
        bool all = fwrite(out.at, 1, out.size, f) == out.size;
        if (fclose(f) != 0 || !all) done = err_sys(e, errno, "write '%s'", path);
    }
    (void)json_object_del(node, "needs_reboot"); /* it starts with everything as it is now */
    buf_clear(&out);
    return done;
}
