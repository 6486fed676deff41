#include "store/acl.h"

#define GROUP_ALL "http://acs.amazonaws.com/groups/global/AllUsers"
#define GROUP_AUTHENTICATED "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
#define GROUP_LOG "http://acs.amazonaws.com/groups/s3/LogDelivery"

static const struct {
    const char *name;
    unsigned bits;
} permissions[] = {{"READ", ACL_READ},
                   {"WRITE", ACL_WRITE},
                   {"READ_ACP", ACL_READ_ACP},
                   {"WRITE_ACP", ACL_WRITE_ACP},
                   {"FULL_CONTROL", ACL_FULL_CONTROL}};

/* Besides FULL_CONTROL of the owner. */
static const struct {
    const char *name;
    const char *group;
    const char *granted[2];
} canned[] = {{"private", NULL, {NULL, NULL}},
              {"bucket-owner-read", NULL, {NULL, NULL}}, /* it is the same owner */
              {"bucket-owner-full-control", NULL, {NULL, NULL}},
              {"aws-exec-read", NULL, {NULL, NULL}},
              {"public-read", GROUP_ALL, {"READ", NULL}},
              {"public-read-write", GROUP_ALL, {"READ", "WRITE"}},
              {"authenticated-read", GROUP_AUTHENTICATED, {"READ", NULL}},
              {"log-delivery-write", GROUP_LOG, {"WRITE", "READ_ACP"}}};

bool acl_next(span *rest, acl_grant *ret)
{
    span line = {0};
    if (!span_cut(rest, '\n', &line) || line.size == 0) return false;
    bool good = span_cut(&line, ' ', &ret->permission);
    ret->grantee = line;
    return good;
}

unsigned acl_permission_of(span name)
{
    for (size_t i = 0; i < COUNT_OF(permissions); i++)
        if (span_is(name, permissions[i].name)) return permissions[i].bits;
    return 0;
}

static bool grantee_check(span grantee, err *e)
{
    bool id = span_starts(grantee, "id=");
    span group = span_tail(grantee, 4);
    if (span_starts(grantee, "uri=") &&
        (span_is(group, GROUP_ALL) || span_is(group, GROUP_AUTHENTICATED) ||
         span_is(group, GROUP_LOG)))
        return true;
    for (size_t i = 3; id && i < grantee.size; i++)
        id = hex_digit(grantee.at[i]) >= 0;
    return (id && grantee.size == 3 + 64) || err_set(e, ERR_FORMAT, "Invalid id");
}

bool acl_add(buf *list, span permission, span grantee, err *e)
{
    size_t count = 0;
    for (size_t i = 0; i < list->size; i++)
        count += list->at[i] == '\n';
    if (!acl_permission_of(permission)) return err_set(e, ERR_FORMAT, "no such permission");
    if (!grantee_check(grantee, e)) return false;
    bool fits = count < ACL_GRANTS_MAX && buf_append(list, permission) && buf_u8(list, ' ') &&
                buf_append(list, grantee) && buf_u8(list, '\n');
    return fits || err_set(e, ERR_LIMIT, "a list has at most %d grants", ACL_GRANTS_MAX);
}

unsigned acl_rights(const char *list, const char *canonical_id)
{
    span rest = span_text(list);
    acl_grant g = {0};
    unsigned bits = 0;
    while (acl_next(&rest, &g)) {
        bool is_it = span_starts(g.grantee, "id=") ? span_is(span_tail(g.grantee, 3), canonical_id)
                                                   : !span_is(g.grantee, "uri=" GROUP_LOG);
        if (is_it) bits |= acl_permission_of(g.permission);
    }
    return bits;
}

bool acl_is_public(const char *list)
{
    return strstr(list, " uri=" GROUP_ALL) || strstr(list, " uri=" GROUP_AUTHENTICATED);
}

bool acl_grants_others(const char *list, const char *owner)
{
    span rest = span_text(list);
    acl_grant g = {0};
    while (acl_next(&rest, &g))
        if (!span_starts(g.grantee, "id=") || !span_is(span_tail(g.grantee, 3), owner)) return true;
    return false;
}

bool acl_canned(const char *name, const char *owner, buf *ret, err *e)
{
    arena memory = {0};
    size_t row = 0;
    while (row < COUNT_OF(canned) && strcmp(canned[row].name, name) != 0)
        row++;
    bool done = row < COUNT_OF(canned) || err_set(e, ERR_FORMAT, "no such canned list");
    done = done && acl_add(ret, span_text("FULL_CONTROL"),
                           span_text(arena_printf(&memory, "id=%s", owner)), e);
    for (size_t i = 0; done && i < COUNT_OF(canned[row].granted); i++) {
        if (!canned[row].granted[i]) break;
        done = acl_add(ret, span_text(canned[row].granted[i]),
                       span_text(arena_printf(&memory, "uri=%s", canned[row].group)), e);
    }
    arena_clear(&memory);
    return done;
}

bool acl_header(const char *permission, const char *value, buf *list, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span rest = span_text(value);
    span one = {0};
    while (span_cut(&rest, ',', &one)) {
        span named = span_trim(one);
        span kind = {0};
        if (!span_cut(&named, '=', &kind)) continue;
        named = span_trim(named);
        if (named.size >= 2 && named.at[0] == '"' && named.at[named.size - 1] == '"')
            named = span_of(named.at + 1, named.size - 2);
        const char *grantee =
            arena_printf(&memory, "%.*s=%.*s", (int)kind.size, (const char *)kind.at,
                         (int)named.size, named.size ? (const char *)named.at : "");
        if (!acl_add(list, span_text(permission), span_text(grantee), e)) return false;
    }
    return true;
}
