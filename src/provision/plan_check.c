/* The rules of a plan: what is missing, what does not go together, what the family does not have.
 */
#include "knowledge/knowledge.h"
#include "provision/plan_internal.h"

#define GUIDE_PARAMETERS                                                                           \
    "'aws elasticache describe-engine-default-parameters --cache-parameter-group-family %s' "      \
    "lists them"

typedef struct {
    plan *p;
    arena *memory;
    knowledge_target target;
} checker;

bool plan_has_users(const plan *p)
{
    return p->user_count > 0 || p->user_group.line > 0;
}

static bool refuse(const checker *x, size_t line, const char *what, const char *hint, err *e)
{
    return plan_refuse(x->p, line, what, hint, e);
}

/* --- what is needed, and defaults ------------------------------------------------------------ */

static plan_value flag_of(bool on)
{
    return (plan_value){.text = on ? "true" : "false", .number = on};
}

static plan_value text_of(const char *text)
{
    return (plan_value){.text = text};
}

static bool needed(
    const checker *x, const plan_value *v, size_t line, const char *what, const char *hint, err *e)
{
    return v->text || refuse(x, line ? line : 1, what, hint, e);
}

static bool needs_check(const checker *x, err *e)
{
    const plan *p = x->p;
    return needed(x, &p->name, 1, "the plan has no 'name'",
                  "give it one: it stands in the tag by which handover knows what it made", e) &&
           (p->group_line || refuse(x, 1, "there is no 'replication-group'",
                                    "docs/provision.md shows a whole plan", e)) &&
           needed(x, &p->engine, p->group_line, "the replication group has no 'engine'",
                  "valkey or redis", e) &&
           needed(x, &p->version, p->group_line, "the replication group has no 'version'",
                  "a version that is offered, quoted: \"8.1\"", e) &&
           needed(x, &p->node_type, p->group_line, "the replication group has no 'node-type'",
                  "a node type, as cache.r7g.large", e);
}

static void defaults_fill(plan *p)
{
    bool fails_over = p->replicas.text ? p->replicas.number > 0 : true;
    if (!p->replicas.text) p->replicas = (plan_value){.text = "1", .number = 1};
    if (!p->auto_failover.text) p->auto_failover = flag_of(fails_over);
    if (!p->multi_az.text) p->multi_az = flag_of(p->auto_failover.number && fails_over);
    if (!p->tls.text) p->tls = text_of("required");
    if (!p->at_rest.text) p->at_rest = flag_of(true);
    if (!p->auto_minor.text) p->auto_minor = flag_of(true);
    if (!p->port.text) p->port = (plan_value){.text = "6379", .number = 6379};
    if (!p->retention_days.text) p->retention_days = (plan_value){.text = "1", .number = 1};
    if (!p->id.text) p->id = text_of(p->name.text);
    if (!p->description.text) p->description = text_of("made by handover");
    if (p->parameter_group_line && !p->parameter_group.text)
        p->parameter_group = text_of(p->name.text);
    if (p->subnet_group_line && !p->subnet_group.text) p->subnet_group = text_of(p->name.text);
    if (p->user_count > 0 && !p->user_group.text) p->user_group = text_of(p->name.text);
}

/* --- engine and parameters ------------------------------------------------------------------- */

/* "8.1" or "8.1.0" of an engine: the row of its first two numbers. */
static bool target_find(const plan *p, arena *memory, knowledge_target *ret)
{
    const char *version = p->version.text;
    size_t size = strcspn(version, ".");
    if (version[size] == '.') size += 1 + strcspn(version + size + 1, ".");
    const char *name = arena_printf(memory, "%s%.*s", p->engine.text, (int)size, version);
    return strspn(version, "0123456789.") == strlen(version) && knowledge_target_find(name, ret) &&
           !ret->is_serverless;
}

static bool engine_check(checker *x, err *e)
{
    plan *p = x->p;
    if (!target_find(p, x->memory, &x->target)) {
        return refuse(x, p->version.line,
                      arena_printf(x->memory, "there is no %s of version '%s'", p->engine.text,
                                   span_show(span_text(p->version.text)).text),
                      arena_printf(x->memory, "one of: %s", knowledge_target_names()), e);
    }
    if (p->family.text && strcmp(p->family.text, x->target.family) != 0) {
        return refuse(x, p->family.line,
                      arena_printf(x->memory, "%s %s takes no parameter group of family '%s'",
                                   p->engine.text, p->version.text,
                                   span_show(span_text(p->family.text)).text),
                      arena_printf(x->memory, "its family is %s", x->target.family), e);
    }
    p->family.text = x->target.family;
    return true;
}

static bool parameter_check(const checker *x, const plan_pair *pair, err *e)
{
    knowledge_parameter p;
    const char *family = x->target.family;
    const char *value = pair->value.text;
    const char *name = span_show(span_text(pair->name)).text;
    int64_t number = 0;
    name = arena_printf(x->memory, "%s", name);
    if (!knowledge_parameter_find(family, pair->name, &p)) {
        return refuse(x, pair->value.line,
                      arena_printf(x->memory, "the family %s has no parameter '%s'", family, name),
                      arena_printf(x->memory, GUIDE_PARAMETERS, family), e);
    }
    if (!knowledge_parameter_of(&x->target, pair->name, &p)) {
        return refuse(x, pair->value.line,
                      arena_printf(x->memory, "'%s' begins with version %s", name, p.introduced_in),
                      "take it out, or choose a newer version", e);
    }
    if (!p.is_modifiable) {
        return refuse(x, pair->value.line,
                      arena_printf(x->memory, "'%s' cannot be changed there", name),
                      arena_printf(x->memory, "take it out: it is %s", p.default_value), e);
    }
    if (strcmp(p.name, "cluster-enabled") == 0 && strcmp(value, "no") != 0) {
        return refuse(x, pair->value.line, "cluster mode has no place in a plan",
                      "take it out; a cluster is created by hand", e);
    }
    bool is_number = strcmp(p.type, "integer") != 0 || span_to_i64(span_text(value), &number);
    if (is_number && knowledge_parameter_allows(&p, value)) return true;
    return refuse(x, pair->value.line,
                  arena_printf(x->memory, "'%s' is not a value for '%s'",
                               span_show(span_text(value)).text, name),
                  arena_printf(x->memory, "allowed: %s", p.allowed), e);
}

static bool parameters_check(const checker *x, err *e)
{
    const plan *p = x->p;
    if (p->parameter_group_line && p->parameters.count == 0 && !p->parameter_group.line) {
        return refuse(x, p->parameter_group_line, "the parameter group holds no parameters",
                      "name some, name a group that is there, or take the section out: then the "
                      "family's default is used",
                      e);
    }
    for (size_t i = 0; i < p->parameters.count; i++)
        if (!parameter_check(x, &p->parameters.at[i], e)) return false;
    return true;
}

/* --- users ----------------------------------------------------------------------------------- */

static bool user_id_fill(const checker *x, plan_user *u, err *e)
{
    if (u->id.text) return true;
    const char *id = u->iam.number
                         ? u->name.text
                         : arena_printf(x->memory, "%s-%s", x->p->name.text, u->name.text);
    const char *must = form_id(id);
    if (must) {
        return refuse(x, u->line,
                      arena_printf(x->memory, "no id can be made of the user's name (%s)",
                                   span_show(span_text(id)).text),
                      "give the user an 'id'", e);
    }
    u->id = text_of(id);
    return true;
}

static bool user_check(const checker *x, plan_user *u, err *e)
{
    bool is_valkey = strcmp(x->p->engine.text, "valkey") == 0;
    bool open = u->no_password.number != 0;
    bool iam = u->iam.number != 0;
    if (!needed(x, &u->name, u->line, "the user has no 'name'", "the name that clients log in with",
                e) ||
        !needed(x, &u->access, u->line, "the user has no 'access'",
                "an access string, as 'on ~cart:* +@all -@dangerous'", e) ||
        !user_id_fill(x, u, e))
        return false;
    if ((u->passwords.count > 0) + open + iam != 1) {
        return refuse(x, u->line, "the user needs one way to log in",
                      "one of 'passwords', 'iam: true' and 'no-password: true'", e);
    }
    if (open && is_valkey && strcmp(u->name.text, "default") != 0) {
        return refuse(x, u->no_password.line, "users of valkey log in with a password or by IAM",
                      "give it 'passwords' or 'iam: true'", e);
    }
    assert(u->id.text && u->name.text); /* given, or filled in */
    if (iam && strcmp(u->id.text, u->name.text) != 0) {
        return refuse(x, u->id.line ? u->id.line : u->line,
                      "with IAM the id and the name of a user are one",
                      "give both the same text, or take the id out", e);
    }
    if (iam && !knowledge_version_at_least(x->p->version.text, is_valkey ? "7.2" : "7.0")) {
        return refuse(x, u->iam.line, "IAM users need Redis 7.0 or Valkey 7.2",
                      "choose a newer version, or give it 'passwords'", e);
    }
    for (const plan_user *other = x->p->users; other != u; other++) {
        assert(other->id.text && other->name.text); /* was checked before */
        bool same_id = strcmp(other->id.text, u->id.text) == 0;
        if (!same_id && strcmp(other->name.text, u->name.text) != 0) continue;
        return refuse(x, u->line,
                      arena_printf(x->memory, "the user of line %zu has this %s", other->line,
                                   same_id ? "id" : "name"),
                      "names and ids are there once", e);
    }
    return true;
}

static bool users_check(const checker *x, err *e)
{
    plan *p = x->p;
    bool has_default = false;
    for (size_t i = 0; i < p->user_count; i++) {
        if (!user_check(x, &p->users[i], e)) return false;
        has_default |= strcmp(p->users[i].name.text, "default") == 0;
    }
    if (p->user_count > 0 && strcmp(p->engine.text, "redis") == 0 && !has_default) {
        return refuse(x, p->users_line,
                      "a user group of redis needs a user with the name 'default'",
                      "add one: name: default, access: \"off ~* -@all\", no-password: true", e);
    }
    if (plan_has_users(p) && !knowledge_version_at_least(p->version.text, "6.0")) {
        return refuse(x, p->version.line, "users need Redis 6.0 or newer",
                      "choose a newer version, or 'auth-token'", e);
    }
    return true;
}

/* --- what does not go together --------------------------------------------------------------- */

static bool group_check(const checker *x, err *e)
{
    const plan *p = x->p;
    bool plain = strcmp(p->tls.text, "no") == 0;
    if (p->auth_token.text && plan_has_users(p)) {
        return refuse(x, p->auth_token.line, "an AUTH token and users exclude each other",
                      "keep 'auth-token' or 'users': a cache takes one of them", e);
    }
    if (plain && (p->auth_token.text || plan_has_users(p))) {
        return refuse(x, p->tls.line, "an AUTH token and users need TLS",
                      "write 'tls: required' (or 'preferred' while clients change)", e);
    }
    if (p->auto_failover.number && p->replicas.number == 0) {
        return refuse(x, p->auto_failover.line ? p->auto_failover.line : p->multi_az.line,
                      "an automatic failover needs a replica", "write 'replicas: 1' or more", e);
    }
    if (p->multi_az.number && p->replicas.number == 0) {
        return refuse(x, p->multi_az.line, "Multi-AZ needs a replica",
                      "write 'replicas: 1' or more, or 'multi-az: false'", e);
    }
    if (p->multi_az.number && !p->auto_failover.number) {
        return refuse(x, p->multi_az.line ? p->multi_az.line : p->auto_failover.line,
                      "Multi-AZ needs the automatic failover",
                      "write 'automatic-failover: true', or 'multi-az: false'", e);
    }
    if (p->multi_az.number && p->subnets.count == 1) {
        return refuse(x, p->subnets.line, "Multi-AZ needs subnets in two zones",
                      "name a second subnet, of another zone", e);
    }
    if (p->snapshot_window.text && p->retention_days.number == 0) {
        return refuse(x, p->snapshot_window.line, "a snapshot window without snapshots",
                      "write 'snapshot-retention-days: 1' or more, or take the window out", e);
    }
    if (p->subnet_group_line && p->subnets.count == 0 && !p->subnet_group.line) {
        return refuse(x, p->subnet_group_line, "the subnet group has no subnets",
                      "list them under 'subnets', or name a group that is there", e);
    }
    return true;
}

static bool tags_check(const checker *x, err *e)
{
    for (size_t i = 0; i < x->p->tags.count; i++) {
        const plan_pair *tag = &x->p->tags.at[i];
        size_t size = strlen(tag->name);
        bool reserved =
            strncmp(tag->name, "aws:", 4) == 0 || strncmp(tag->name, "handover:", 9) == 0;
        if (reserved) {
            return refuse(x, tag->value.line, "this name of a tag is not yours to give",
                          "names that begin with aws: or handover: are set by others", e);
        }
        if (size == 0 || size > 128 || strlen(tag->value.text) > 256) {
            return refuse(x, tag->value.line, "a tag is too long",
                          "a name has 1 to 128 characters, a value 256 at most", e);
        }
    }
    return true;
}

bool plan_check(plan *p, arena *memory, err *e)
{
    checker x = {.p = p, .memory = memory};
    if (!needs_check(&x, e)) return false;
    defaults_fill(p);
    return engine_check(&x, e) && parameters_check(&x, e) && users_check(&x, e) &&
           group_check(&x, e) && tags_check(&x, e);
}
