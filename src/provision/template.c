/* A plan as a CloudFormation template. The properties have the names of the API's parameters, but
 * for the rows of a table. Source: the CloudFormation template reference, AWS::ElastiCache::*. */
#include <ctype.h>

#include "provision/work.h"

typedef struct {
    const plan *p;
    FILE *out;
    arena memory;
} writer;

/* In single quotes of YAML. */
static void text_write(writer *w, const char *text)
{
    (void)fputc('\'', w->out);
    for (; *text; text++) {
        if (*text == '\'') (void)fputc('\'', w->out);
        (void)fputc(*text, w->out);
    }
    (void)fputc('\'', w->out);
}

/* The logical name of a resource or parameter has letters and digits only. */
static const char *user_name(writer *w, size_t n)
{
    return arena_printf(&w->memory, "User%zu", n + 1);
}

/* --- parameters: what must not stand in a template ------------------------------------------- */

static void secret_declare(writer *w, const char *name, const char *about)
{
    (void)fprintf(w->out,
                  "  %s:\n    Type: String\n    NoEcho: true\n    MinLength: 16\n"
                  "    MaxLength: 128\n    Description: ",
                  name);
    text_write(w, about);
    (void)fputc('\n', w->out);
}

static void secrets_declare(writer *w)
{
    bool any = w->p->auth_token.text != NULL;
    for (size_t i = 0; i < w->p->user_count; i++)
        any |= w->p->users[i].passwords.count > 0;
    if (any) (void)fputs("Parameters:\n", w->out);
    if (w->p->auth_token.text) secret_declare(w, "AuthToken", "the AUTH token of the cache");
    for (size_t i = 0; i < w->p->user_count; i++) {
        const plan_user *u = &w->p->users[i];
        for (size_t k = 0; k < u->passwords.count; k++) {
            const char *name = arena_printf(&w->memory, "%sPassword%zu", user_name(w, i), k + 1);
            secret_declare(
                w, name,
                arena_printf(&w->memory, "password %zu of the user %s", k + 1, u->name.text));
        }
    }
}

/* --- resources ------------------------------------------------------------------------------- */

static const struct {
    const char *action, *parameter, *property; /* property NULL: it is not one there */
} renamed[] = {
    {"CreateCacheParameterGroup", "CacheParameterGroupName", NULL},
    {"CreateCacheSubnetGroup", "CacheSubnetGroupDescription", "Description"},
    {"CreateUser", "Passwords", NULL}, /* written with AuthenticationMode */
};

static bool is_number(const char *name)
{
    static const char *const names[] = {"Port", "NumCacheClusters", "SnapshotRetentionLimit"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* What is made by this template is referred to, so that CloudFormation knows the order. */
static const char *reference_of(writer *w, const char *action, const char *property, size_t n)
{
    const plan *p = w->p;
    bool of_group = strcmp(action, "CreateReplicationGroup") == 0;
    if (of_group && strcmp(property, "CacheParameterGroupName") == 0 && p->parameters.count > 0)
        return "ParameterGroup";
    if (of_group && strcmp(property, "CacheSubnetGroupName") == 0 && p->subnets.count > 0)
        return "SubnetGroup";
    if (of_group && strcmp(property, "UserGroupIds") == 0 && p->user_count > 0) return "UserGroup";
    if (strcmp(property, "AuthToken") == 0) return "AuthToken";
    if (strcmp(property, "UserIds") == 0) return user_name(w, n);
    return NULL;
}

static void value_write(writer *w, const char *reference, const char *property, const char *value)
{
    bool is_flag = strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    if (reference) {
        (void)fprintf(w->out, "!Ref %s", reference);
    } else if (is_flag || is_number(property)) {
        (void)fputs(value, w->out);
    } else {
        text_write(w, value);
    }
    (void)fputc('\n', w->out);
}

/* "Tags.Tag.1.Key" -> an item's first member; "SubnetIds.SubnetIdentifier.1" -> an item; "Type" of
 * "AuthenticationMode.Type" -> a member. */
static void field_write(writer *w, const call *c, size_t at, const char *property, bool opens)
{
    const call_field *f = &c->fields[at];
    const char *dot = strchr(f->name, '.');
    const char *last = strrchr(f->name, '.');
    const char *reference = reference_of(w, c->action, property, at);
    if (opens) (void)fprintf(w->out, "      %s:%s", property, dot ? "\n" : " ");
    if (dot && isdigit((unsigned char)last[1])) {
        uint64_t n = 0;
        bool good = span_to_u64(span_text(last + 1), &n);
        assert(good && n > 0); /* our own name */
        reference = reference_of(w, c->action, property, (size_t)n - 1);
        (void)fputs("        - ", w->out);
    } else if (dot && dot != last) {
        (void)fprintf(w->out, "        %s %s: ", strcmp(last, ".Key") == 0 ? "-" : " ", last + 1);
    } else if (dot) {
        (void)fprintf(w->out, "        %s: ", last + 1);
    }
    value_write(w, reference, property, f->value);
}

/* False: it is no property of the resource, or the tag by which handover knows what it may delete:
 * what a stack makes is the stack's. */
static bool property_of(writer *w, const call *c, size_t at, const char **ret)
{
    const char *name = c->fields[at].name;
    const char *property = arena_printf(&w->memory, "%.*s", (int)strcspn(name, "."), name);
    *ret = property;
    if (strncmp(name, "Tags.Tag.1.", 11) == 0) return false;
    for (size_t i = 0; i < COUNT_OF(renamed); i++) {
        if (strcmp(renamed[i].action, c->action) != 0 ||
            strcmp(renamed[i].parameter, property) != 0)
            continue;
        *ret = renamed[i].property;
    }
    return *ret != NULL;
}

static void resource_write(writer *w, const char *name, const char *type, const call *c)
{
    const char *before = "";
    (void)fprintf(w->out, "  %s:\n    Type: AWS::ElastiCache::%s\n    Properties:\n", name, type);
    for (size_t i = 0; i < c->count; i++) {
        const char *property = NULL;
        if (!property_of(w, c, i, &property)) continue;
        field_write(w, c, i, property, strcmp(before, property) != 0);
        before = property;
    }
}

static void parameters_write(writer *w)
{
    (void)fputs("      Properties:\n", w->out);
    for (size_t i = 0; i < w->p->parameters.count; i++) {
        (void)fprintf(w->out, "        %s: ", w->p->parameters.at[i].name);
        text_write(w, w->p->parameters.at[i].value.text);
        (void)fputc('\n', w->out);
    }
}

static void user_write(writer *w, size_t n)
{
    const plan_user *u = &w->p->users[n];
    call c = call_create_user(&w->memory, w->p, u);
    resource_write(w, user_name(w, n), "User", &c);
    if (u->passwords.count == 0) return;
    (void)fputs("      AuthenticationMode:\n        Type: password\n        Passwords:\n", w->out);
    for (size_t k = 0; k < u->passwords.count; k++)
        (void)fprintf(w->out, "          - !Ref %sPassword%zu\n", user_name(w, n), k + 1);
}

static void resources_write(writer *w)
{
    const plan *p = w->p;
    (void)fputs("Resources:\n", w->out);
    if (p->parameters.count > 0) {
        call c = call_create_parameter_group(&w->memory, p);
        resource_write(w, "ParameterGroup", "ParameterGroup", &c);
        parameters_write(w);
    }
    if (p->subnets.count > 0) {
        call c = call_create_subnet_group(&w->memory, p);
        resource_write(w, "SubnetGroup", "SubnetGroup", &c);
    }
    for (size_t i = 0; i < p->user_count; i++)
        user_write(w, i);
    if (p->user_count > 0) {
        call c = call_create_user_group(&w->memory, p);
        resource_write(w, "UserGroup", "UserGroup", &c);
    }
    call c = call_create_group(&w->memory, p);
    resource_write(w, "ReplicationGroup", "ReplicationGroup", &c);
    (void)fputs("Outputs:\n  PrimaryEndpoint:\n"
                "    Value: !GetAtt ReplicationGroup.PrimaryEndPoint.Address\n"
                "  PrimaryPort:\n"
                "    Value: !GetAtt ReplicationGroup.PrimaryEndPoint.Port\n"
                "  ReaderEndpoint:\n"
                "    Value: !GetAtt ReplicationGroup.ReaderEndPoint.Address\n",
                w->out);
}

bool provision_print_template(const plan *p, FILE *out, err *e)
{
    writer w = {.p = p, .out = out};
    (void)e;
    (void)fputs("AWSTemplateFormatVersion: '2010-09-09'\nDescription: ", out);
    text_write(&w, p->description.text);
    (void)fputc('\n', out);
    secrets_declare(&w);
    resources_write(&w);
    arena_clear(&w.memory);
    return true;
}
