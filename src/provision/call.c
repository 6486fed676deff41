#include "provision/call.h"

#define DESCRIPTION "made by handover"

call call_of(arena *memory, const char *action)
{
    return (call){.action = action,
                  .fields = arena_alloc(memory, CALL_FIELDS_MAX * sizeof(call_field))};
}

static void add(call *c, call_field f)
{
    assert(c->count < CALL_FIELDS_MAX); /* the limits of a plan are far below */
    c->fields[c->count++] = f;
}

void call_add(call *c, const char *name, const char *value)
{
    if (value) add(c, (call_field){.name = name, .value = value});
}

void call_add_secret(call *c, const char *name, const char *reference)
{
    add(c, (call_field){.name = name, .value = reference, .is_reference = true});
}

static const char *numbered(arena *memory, const char *name, size_t n, const char *field)
{
    return arena_printf(memory, "%s.%zu%s", name, n, field);
}

void call_add_list(call *c, arena *memory, const char *name, const plan_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        call_add(c, numbered(memory, name, i + 1, ""), list->at[i].text);
}

static void add_tag(call *c, arena *memory, size_t n, const char *key, const char *value)
{
    call_add(c, numbered(memory, "Tags.Tag", n, ".Key"), key);
    call_add(c, numbered(memory, "Tags.Tag", n, ".Value"), value);
}

void call_add_tags(call *c, arena *memory, const plan *p)
{
    add_tag(c, memory, 1, TAG_PLAN, p->name.text);
    for (size_t i = 0; i < p->tags.count; i++)
        add_tag(c, memory, i + 2, p->tags.at[i].name, p->tags.at[i].value.text);
}

/* --- of a plan ------------------------------------------------------------------------------- */

call call_create_parameter_group(arena *memory, const plan *p)
{
    call c = call_of(memory, "CreateCacheParameterGroup");
    call_add(&c, "CacheParameterGroupName", p->parameter_group.text);
    call_add(&c, "CacheParameterGroupFamily", p->family.text);
    call_add(&c, "Description", DESCRIPTION);
    call_add_tags(&c, memory, p);
    return c;
}

static call parameters_call(
    arena *memory, const char *action, const char *group, const call_parameter *list, size_t count)
{
    static const char prefix[] = "ParameterNameValues.ParameterNameValue";
    call c = call_of(memory, action);
    assert(count <= CALL_PARAMETERS_MAX);
    call_add(&c, "CacheParameterGroupName", group);
    for (size_t i = 0; i < count; i++) {
        call_add(&c, numbered(memory, prefix, i + 1, ".ParameterName"), list[i].name);
        call_add(&c, numbered(memory, prefix, i + 1, ".ParameterValue"), list[i].value);
    }
    return c;
}

call call_modify_parameters(arena *memory,
                            const char *group,
                            const call_parameter *list,
                            size_t count)
{
    return parameters_call(memory, "ModifyCacheParameterGroup", group, list, count);
}

call call_reset_parameters(arena *memory,
                           const char *group,
                           const call_parameter *list,
                           size_t count)
{
    return parameters_call(memory, "ResetCacheParameterGroup", group, list, count);
}

call call_create_subnet_group(arena *memory, const plan *p)
{
    call c = call_of(memory, "CreateCacheSubnetGroup");
    call_add(&c, "CacheSubnetGroupName", p->subnet_group.text);
    call_add(&c, "CacheSubnetGroupDescription", DESCRIPTION);
    call_add_list(&c, memory, "SubnetIds.SubnetIdentifier", &p->subnets);
    call_add_tags(&c, memory, p);
    return c;
}

call call_create_user(arena *memory, const plan *p, const plan_user *u)
{
    call c = call_of(memory, "CreateUser");
    call_add(&c, "UserId", u->id.text);
    call_add(&c, "UserName", u->name.text);
    call_add(&c, "Engine", p->engine.text);
    call_add(&c, "AccessString", u->access.text);
    if (u->iam.number) call_add(&c, "AuthenticationMode.Type", "iam");
    if (u->no_password.number) call_add(&c, "NoPasswordRequired", "true");
    for (size_t i = 0; i < u->passwords.count; i++) {
        call_add_secret(&c, numbered(memory, "Passwords.member", i + 1, ""),
                        u->passwords.at[i].text);
    }
    call_add_tags(&c, memory, p);
    return c;
}

call call_create_user_group(arena *memory, const plan *p)
{
    call c = call_of(memory, "CreateUserGroup");
    call_add(&c, "UserGroupId", p->user_group.text);
    call_add(&c, "Engine", p->engine.text);
    for (size_t i = 0; i < p->user_count; i++)
        call_add(&c, numbered(memory, "UserIds.member", i + 1, ""), p->users[i].id.text);
    call_add_tags(&c, memory, p);
    return c;
}

static const char *flag_text(const plan_value *v)
{
    return v->number ? "true" : "false";
}

call call_create_group(arena *memory, const plan *p)
{
    call c = call_of(memory, "CreateReplicationGroup");
    bool tls = strcmp(p->tls.text, "no") != 0;
    call_add(&c, "ReplicationGroupId", p->id.text);
    call_add(&c, "ReplicationGroupDescription", p->description.text);
    call_add(&c, "Engine", p->engine.text);
    call_add(&c, "EngineVersion", p->version.text);
    call_add(&c, "CacheNodeType", p->node_type.text);
    call_add(&c, "NumCacheClusters", arena_printf(memory, "%" PRId64, p->replicas.number + 1));
    call_add(&c, "AutomaticFailoverEnabled", flag_text(&p->auto_failover));
    call_add(&c, "MultiAZEnabled", flag_text(&p->multi_az));
    call_add(&c, "CacheParameterGroupName", p->parameter_group.text);
    call_add(&c, "CacheSubnetGroupName", p->subnet_group.text);
    call_add_list(&c, memory, "SecurityGroupIds.SecurityGroupId", &p->security_groups);
    call_add(&c, "Port", p->port.text);
    call_add(&c, "TransitEncryptionEnabled", tls ? "true" : "false");
    if (tls) call_add(&c, "TransitEncryptionMode", p->tls.text);
    call_add(&c, "AtRestEncryptionEnabled", flag_text(&p->at_rest));
    if (p->auth_token.text) call_add_secret(&c, "AuthToken", p->auth_token.text);
    call_add(&c, "UserGroupIds.member.1", p->user_group.text);
    call_add(&c, "SnapshotRetentionLimit", p->retention_days.text);
    call_add(&c, "SnapshotWindow", p->snapshot_window.text);
    call_add(&c, "PreferredMaintenanceWindow", p->maintenance_window.text);
    call_add(&c, "AutoMinorVersionUpgrade", flag_text(&p->auto_minor));
    call_add_tags(&c, memory, p);
    return c;
}

/* --- secrets, sending ------------------------------------------------------------------------ */

/* auth.html and Clusters.RBAC.html of the guide. */
static bool secret_fits(span s, secret_kind kind)
{
    static const char token_more[] = "!&#$^<>-";
    static const char password_not[] = ",\"/@";
    if (s.size < 16 || s.size > 128) return false;
    for (size_t i = 0; i < s.size; i++) {
        char c = (char)s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c <= ' ' || c > '~') return false;
        if (kind == SECRET_TOKEN && !letter && !strchr(token_more, c)) return false;
        if (kind == SECRET_PASSWORD && strchr(password_not, c)) return false;
    }
    return true;
}

static bool variable_read(const char *name, secret *ret, err *e)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody sets variables */
    if (value && *value) {
        secret_set(ret, span_text(value));
        return true;
    }
    (void)err_set(e, ERR_USAGE, "the variable '%s' that the plan refers to is not set", name);
    return err_hint(e, "export it with the password in it, or refer to a file: file:PATH");
}

bool reference_read(const char *reference, secret_kind kind, secret *ret, err *e)
{
    secret s = {0};
    bool is_file = strncmp(reference, "file:", 5) == 0;
    bool good =
        is_file ? secret_read_file(reference + 5, &s, e) : variable_read(reference + 4, &s, e);
    if (good && !secret_fits(secret_span(&s), kind)) {
        good = err_set(e, ERR_USAGE, "what '%s' holds cannot be %s", reference,
                       kind == SECRET_TOKEN ? "an AUTH token" : "a user's password");
        (void)err_hint(e, kind == SECRET_TOKEN ? "16 to 128 letters, digits and ! & # $ ^ < > -"
                                               : "16 to 128 visible characters without , \" / @");
    }
    if (good) secret_set(ret, secret_span(&s));
    secret_clear(&s);
    return good;
}

static bool form_fill(const call *c, buf *form, err *e)
{
    for (size_t i = 0; i < c->count; i++) {
        const call_field *f = &c->fields[i];
        bool is_token = strcmp(f->name, "AuthToken") == 0;
        secret s = {0};
        bool good = !f->is_reference ||
                    reference_read(f->value, is_token ? SECRET_TOKEN : SECRET_PASSWORD, &s, e);
        good = good && aws_form_add(form, f->name,
                                    f->is_reference ? secret_span(&s) : span_text(f->value), e);
        secret_clear(&s);
        if (!good) return false;
    }
    return true;
}

bool call_send(struct aws_session *s,
               const call *c,
               int64_t deadline_ns,
               arena *memory,
               const xml_node **ret,
               aws_fault *ret_fault,
               err *e)
{
    CLEANUP(buf_wipe) buf form = buf_of(AWS_FORM_MAX);
    aws_action a = {.service = &aws_elasticache, .action = c->action};
    *ret_fault = (aws_fault){0};
    if (!form_fill(c, &form, e)) return false;
    a.form = buf_span(&form);
    return aws_query(s, &a, deadline_ns, memory, ret, ret_fault, e);
}
