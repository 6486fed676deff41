#include "audit/plan_draft.h"

#include <ctype.h>
#include <errno.h>

#include "audit/operations.h"

#define NAME "cache"
#define NODE_FAMILY "cache.r7g."
/* reserved-memory-percent: a quarter is the service's default. */
#define USABLE_PERCENT 75
#define POLICY "maxmemory-policy"

void plan_draft_parameters(plan_draft *d, const parameter_group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        bool is_mode = strcmp(g->rows[i].name, "cluster-enabled") == 0;
        if (is_mode) d->is_cluster = strcmp(g->rows[i].value, "no") != 0;
        if (is_mode) continue;
        d->parameters.rows[d->parameters.count].name =
            arena_text(&d->memory, span_text(g->rows[i].name));
        d->parameters.rows[d->parameters.count++].value =
            arena_text(&d->memory, span_text(g->rows[i].value));
    }
}

void plan_draft_user(plan_draft *d, const char *name, const char *access, bool is_open)
{
    if (d->user_count == PLAN_DRAFT_USERS_MAX) return;
    d->users[d->user_count].name = arena_text(&d->memory, span_text(name));
    d->users[d->user_count].access = arena_text(&d->memory, span_text(access));
    d->users[d->user_count++].is_open = is_open;
}

void plan_draft_leave(plan_draft *d, const char *name, const char *why)
{
    if (d->left_count == PLAN_DRAFT_USERS_MAX) return;
    d->left[d->left_count].name =
        arena_text(&d->memory, span_text(span_show(span_text(name)).text));
    d->left[d->left_count++].why = arena_text(&d->memory, span_text(why));
}

/* In single quotes of YAML. */
static void quoted_write(FILE *out, const char *text)
{
    (void)fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'') (void)fputc('\'', out);
        (void)fputc(*text, out);
    }
    (void)fputc('\'', out);
}

/* The id that follows from such a name is one as it is. */
static bool is_id(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t size = strlen(name);
    return size > 0 && size < 30 && strspn(name, letters) == size && name[size - 1] != '-' &&
           name[0] != '-' && !strstr(name, "--");
}

static void user_write(FILE *out, const plan_draft *d, size_t n, bool is_redis)
{
    const char *name = d->users[n].name;
    (void)fputs("- name: ", out);
    quoted_write(out, name);
    if (!is_id(name)) (void)fprintf(out, "\n  id: " NAME "-user-%zu", n + 1);
    (void)fputs("\n  access: ", out);
    quoted_write(out, d->users[n].access);
    if (d->users[n].is_open && is_redis) {
        (void)fputs("\n  no-password: true\n", out);
        return;
    }
    (void)fputs("\n  passwords: [env:USER_", out);
    for (; *name; name++) {
        bool plain = isalnum((unsigned char)*name) != 0;
        (void)fputc(plain ? toupper((unsigned char)*name) : '_', out);
    }
    (void)fputs("]   # in clear, 16 to 128 characters; or 'iam: true'\n", out);
}

/* The smallest node of a family that holds what the source holds, or may hold; "" when none does.
 */
static const char *node_choose(uint64_t wanted)
{
    const knowledge_table *t = knowledge_at(TABLE_NODE_PARAMETERS);
    const char *best = "";
    uint64_t best_bytes = UINT64_MAX;
    for (size_t i = 0; i < t->row_count; i++) {
        const char *type = knowledge_cell(t, i, "node_type");
        uint64_t bytes = 0;
        bool fits = strncmp(type, NODE_FAMILY, strlen(NODE_FAMILY)) == 0 &&
                    span_to_u64(span_text(knowledge_cell(t, i, "maxmemory_bytes")), &bytes) &&
                    bytes / 100 * USABLE_PERCENT >= wanted && bytes < best_bytes;
        if (!fits) continue;
        best = type;
        best_bytes = bytes;
    }
    return best;
}

static void users_write(FILE *out, const plan_draft *d, bool is_redis)
{
    if (d->user_count > 0) (void)fputs("users:\n", out);
    for (size_t i = 0; i < d->left_count; i++) {
        bool is_default = strcmp(d->left[i].name, "default") == 0; /* the others take its place */
        if (d->user_count > 0 || !is_default)
            (void)fprintf(out, "# left out: '%s', %s\n", d->left[i].name, d->left[i].why);
    }
    for (size_t i = 0; i < d->user_count; i++)
        user_write(out, d, i, is_redis);
}

/* The move needs a target that evicts nothing by itself, whatever the source does. */
static void policy_write(FILE *out, const audit_node *n)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *here = audit_setting(n, "maxmemory-policy");
    if (!here) here = audit_info_shown(&memory, n, "maxmemory_policy");
    if (strcmp(here, "noeviction") != 0) {
        (void)fprintf(out,
                      "    # A move needs noeviction. The source has %s: set that when the move is "
                      "finished,\n    # and provision again.\n",
                      here);
    }
    (void)fputs("    " POLICY ": 'noeviction'\n", out);
}

static void parameters_write(FILE *out, const plan_draft *d, const audit_node *n)
{
    bool has_policy = false;
    (void)fputs("parameter-group:\n  parameters:\n", out);
    for (size_t i = 0; i < d->parameters.count; i++) {
        bool is_policy = strcmp(d->parameters.rows[i].name, POLICY) == 0;
        has_policy = has_policy || is_policy;
        if (is_policy) policy_write(out, n);
        if (is_policy) continue;
        (void)fprintf(out, "    %s: ", d->parameters.rows[i].name);
        quoted_write(out, d->parameters.rows[i].value);
        (void)fputc('\n', out);
    }
    if (!has_policy) policy_write(out, n);
}

/* What the node must hold, and why. */
static void node_write(FILE *out, const audit_node *n)
{
    uint64_t used = 0;
    uint64_t most = 0;
    if (!audit_info_u64(n, "used_memory", &used)) used = n->dump.used_memory;
    bool is_known = audit_info_u64(n, "maxmemory", &most);
    const char *node = node_choose(most > used ? most : used);
    (void)fprintf(out, "  node-type: %s   # the source holds ", *node ? node : NODE_FAMILY "large");
    if (used < MIB) {
        (void)fputs("less than 1 MiB", out);
    } else {
        (void)fprintf(out, "%" PRIu64 " MiB", used / MIB);
    }
    if (most > 0) {
        (void)fprintf(out, " and may hold %" PRIu64 " MiB", most / MIB);
    } else if (is_known) {
        (void)fputs(" and has no limit", out);
    }
    (void)fputs("; look at its traffic too\n", out);
}

static void
group_write(FILE *out, const plan_draft *d, const audit_facts *f, const knowledge_target *t)
{
    (void)fprintf(out,
                  "replication-group:\n"
                  "  engine: %s\n"
                  "  version: '%s'\n",
                  t->engine, t->version);
    node_write(out, &f->nodes[0]);
    (void)fprintf(out,
                  "  replicas: 1\n"
                  "  multi-az: true\n"
                  "  tls: required%s\n",
                  d->has_tls ? ""
                             : "   # the source is used without: 'preferred' while clients change");
    if (d->user_count == 0 && d->has_password) {
        (void)fputs("  auth-token: env:CACHE_TOKEN   # the source's password, if it fits\n", out);
    } else if (d->user_count == 0) {
        (void)fputs("  # auth-token: env:CACHE_TOKEN   # the source asks for no password: without "
                    "this line whoever reaches the cache may use it\n",
                    out);
    }
    (void)fputs("  snapshot-retention-days: 7\n"
                "  snapshot-window: 03:00-04:00   # UTC, when little is written\n"
                "  maintenance-window: sun:05:00-sun:06:00   # UTC\n"
                "  # security-groups: [sg-...]\n",
                out);
}

static void
draft_write(FILE *out, const plan_draft *d, const audit_facts *f, const knowledge_target *t)
{
    (void)fprintf(out,
                  "# First draft of a plan for 'handover provision', by 'handover audit' of %s.\n"
                  "# Look at every line, and give it a name of its own. docs/provision.md has all "
                  "fields.\n"
                  "name: " NAME "\n",
                  f->nodes[0].address);
    if (d->is_cluster) {
        (void)fputs("# The source is a cluster, and a plan makes a cache without cluster mode.\n",
                    out);
    }
    parameters_write(out, d, &f->nodes[0]);
    (void)fputs("# subnet-group:\n#   subnets: [subnet-..., subnet-...]   # of two zones\n", out);
    users_write(out, d, strcmp(t->engine, "redis") == 0);
    group_write(out, d, f, t);
}

bool plan_draft_write(
    const plan_draft *d, const audit_facts *f, const knowledge_target *t, const char *path, err *e)
{
    FILE *out = fopen(path, "wxe");
    if (!out) {
        (void)err_sys(e, errno, "--plan: make '%s'", path);
        e->kind = ERR_USAGE;
        return err_hint(e, "a draft is written to a new file only: name another");
    }
    draft_write(out, d, f, t);
    bool wrote = !ferror(out);
    int problem = errno;
    if (fclose(out) != 0) {
        problem = errno;
        wrote = false;
    }
    return wrote || err_sys(e, problem, "write '%s'", path);
}
