/* Users and user groups: the service's RBAC, as ACL users of the engines. Rules: auth-and-network
 * section 2. */
#include "sandbox/group.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/openssl.h"

#define USERS_PER_GROUP_MAX 100
#define PASSWORDS_MAX 2
#define ACCESS_MAX ((size_t)1000)
#define SECRET_MIN 16
#define SECRET_MAX 128

void password_hash(const char *password, char ret[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int done = EVP_Digest(password, strlen(password), digest, &size, EVP_sha256(), NULL);
    assert(done == 1 && size == 32);
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool characters_are(const char *text, const char *more, const char *without)
{
    for (const char *at = text; *at; at++) {
        bool letter =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (more && !letter && !strchr(more, *at)) return false;
        if (*at <= ' ' || *at > '~' || (without && strchr(without, *at))) return false;
    }
    return true;
}

bool token_check(api_call *c, const char *token)
{
    size_t size = strlen(token);
    if (size >= SECRET_MIN && size <= SECRET_MAX && characters_are(token, "!&#$^<>-", NULL))
        return true;
    return api_fail(c->e, "InvalidParameterValue",
                    "Invalid AuthToken provided: it must have 16 to 128 printable characters, and "
                    "of those that are no letters or digits only ! & # $ ^ < > -");
}

/* --- access strings -------------------------------------------------------------------------- */

/* One word of an access string; brackets of selectors may hang on it. */
static bool word_is_rule(const char *word, size_t size)
{
    static const char *const words[] = {
        "on",          "off",           "allkeys",        "resetkeys", "allcommands", "nocommands",
        "allchannels", "resetchannels", "clearselectors", "alldbs",    "resetdbs"};
    while (size > 0 && *word == '(') {
        word++;
        size--;
    }
    while (size > 0 && word[size - 1] == ')')
        size--;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strlen(words[i]) == size && strncmp(words[i], word, size) == 0) return true;
    return size == 0 || strchr("~&+-%", *word) || strncmp(word, "db=", 3) == 0;
}

static bool access_check(api_call *c, const char *access)
{
    if (strpbrk(access, "\"'\\")) return call_lacks(c, "access strings with quotes or backslashes");
    if (strlen(access) > ACCESS_MAX)
        return api_fail(c->e, "InvalidParameterValue", "AccessString is too long.");
    span rest = span_text(access);
    span word;
    int open = 0; /* selectors: "(+get ~x)", not in each other */
    for (const char *at = access; *at && open >= 0 && open <= 1; at++)
        open += (*at == '(') - (*at == ')');
    if (open != 0) {
        return api_fail(c->e, "InvalidParameterValue",
                        "The access string has a parenthesis that is not closed or not opened.");
    }
    while (span_cut(&rest, ' ', &word)) {
        bool printable = true;
        for (size_t i = 0; i < word.size; i++)
            printable &= word.at[i] > ' ' && word.at[i] < 127;
        if (!printable || !word_is_rule((const char *)word.at, word.size)) {
            return api_fail(c->e, "InvalidParameterValue",
                            "The access string has a rule that users cannot have: %s",
                            span_show(word).text);
        }
    }
    return true;
}

/* --- users ----------------------------------------------------------------------------------- */

static json_t *users(sandbox *s)
{
    return state_part(s, "users");
}

/* "default" is there from the beginning, as in every account: no password, everything allowed. */
static void default_make(sandbox *s)
{
    if (json_object_get(users(s), "default")) return;
    (void)json_object_set_new(users(s), "default",
                              json_pack("{s:s,s:s,s:s,s:b,s:[],s:s}", "name", "default", "engine",
                                        "redis", "access", "on ~* +@all", "open", 1, "passwords",
                                        "status", "active"));
}

static json_t *ids_show(sandbox *s, const char *user)
{
    json_t *list = json_array();
    const char *id = NULL;
    json_t *g = NULL;
    json_object_foreach(state_part(s, "user_groups"), id, g)
    {
        size_t at = 0;
        json_t *one = NULL;
        json_array_foreach(json_object_get(g, "users"), at, one)
        {
            if (strcmp(json_string_value(one), user) == 0)
                (void)json_array_append_new(list, json_string(id));
        }
    }
    return list;
}

static json_t *user_show(sandbox *s, const char *id, json_t *u)
{
    size_t passwords = json_array_size(json_object_get(u, "passwords"));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:{s:s,s:i},s:o}", "UserId", id, "UserName",
                     text_of(u, "name"), "Status", text_of(u, "status"), "Engine",
                     text_of(u, "engine"), "MinimumEngineVersion", "6.0", "AccessString",
                     text_of(u, "access"), "UserGroupIds", ids_show(s, id), "Authentication",
                     "Type",
                     flag_of(u, "iam") ? "iam"
                     : passwords       ? "password"
                                       : "no-password",
                     "PasswordCount", (int)passwords, "ARN", state_arn(s, "user", id));
}

/* Passwords of the call into the user; either way of giving them. */
static bool passwords_take(api_call *c, json_t *u, bool is_new)
{
    const char *type = call_text(c, "AuthenticationMode.Type");
    bool open = false;
    size_t count = 0;
    json_t *list = json_array();
    if (!call_flag(c, "NoPasswordRequired", false, &open)) {
        json_decref(list);
        return false;
    }
    open |= type && strcmp(type, "no-password-required") == 0;
    for (;; count++) {
        char hash[65];
        const char *word = form_item(c->q, "Passwords", "member", count + 1, NULL);
        if (!word)
            word = form_item(c->q, "AuthenticationMode.Passwords", "member", count + 1, NULL);
        if (!word || count == PASSWORDS_MAX) break;
        size_t size = strlen(word);
        if (size < SECRET_MIN || size > SECRET_MAX || !characters_are(word, NULL, ",\"/@")) {
            json_decref(list);
            return api_fail(c->e, "InvalidParameterValue",
                            "Passwords must have 16 to 128 printable characters, without , \" / @");
        }
        password_hash(word, hash);
        (void)json_array_append_new(list, json_string(hash));
    }
    bool iam = type && strcmp(type, "iam") == 0;
    if (iam && (open || count > 0)) {
        json_decref(list);
        return api_fail(c->e, "InvalidParameterCombination",
                        "A user with authentication mode iam has no passwords.");
    }
    if ((is_new && !iam && !open && count == 0) || (open && count > 0)) {
        json_decref(list);
        return api_fail(c->e, "InvalidParameterCombination",
                        "A user needs passwords, or NoPasswordRequired, and not both.");
    }
    if (count > 0 || open || iam) {
        (void)json_object_set(u, "passwords", list);
        (void)json_object_set_new(u, "iam", json_boolean(iam));
        (void)json_object_set_new(u, "open", json_boolean(open));
    }
    json_decref(list);
    return true;
}

/* With IAM the id and the name are one: auth-and-network section 1. */
static bool iam_name_check(api_call *c, const char *id, const json_t *u)
{
    if (strcmp(id, text_of(u, "name")) == 0) return true;
    return api_fail(c->e, "InvalidParameterValue",
                    "UserId and UserName must be the same for a user with authentication mode "
                    "iam.");
}

static bool iam_user_check(api_call *c, const char *id, const json_t *u)
{
    return !flag_of(u, "iam") || iam_name_check(c, id, u);
}

static bool iam_change_check(api_call *c, const char *id, const json_t *u)
{
    const char *type = call_text(c, "AuthenticationMode.Type");
    return !type || strcmp(type, "iam") != 0 || iam_name_check(c, id, u);
}

bool api_create_user(api_call *c, json_t **ret)
{
    char id[64];
    const char *name = call_text(c, "UserName");
    const char *engine = call_text(c, "Engine");
    default_make(c->s);
    if (!call_identifier(c, "UserId", 40, id) || !access_check(c, call_text(c, "AccessString")))
        return false;
    if (json_object_get(users(c->s), id))
        return api_fail(c->e, "UserAlreadyExists", "User %s already exists.", id);
    if (strcmp(engine, "redis") != 0 && strcmp(engine, "valkey") != 0)
        return api_fail(c->e, "InvalidParameterValue", "Engine must be redis or valkey.");
    if (!characters_are(name, NULL, "\"'\\") || strncmp(name, "sandbox-", 8) == 0)
        return api_fail(c->e, "InvalidParameterValue", "This UserName cannot be used.");
    json_t *u = json_pack("{s:s,s:s,s:s,s:b,s:[],s:s}", "name", name, "engine", engine, "access",
                          call_text(c, "AccessString"), "open", 0, "passwords", "status", "active");
    if (!u) return api_fail(c->e, "InvalidParameterValue", "A text of the call is not UTF-8.");
    if (!passwords_take(c, u, true) || !iam_user_check(c, id, u) ||
        !call_tags(c, state_arn(c->s, "user", id))) {
        json_decref(u);
        return false;
    }
    (void)json_object_set_new(users(c->s), id, u);
    c->s->dirty = true;
    *ret = user_show(c->s, id, u);
    return true;
}

static bool user_of_call(api_call *c, char id[64], json_t **ret)
{
    default_make(c->s);
    if (!call_identifier(c, "UserId", 40, id)) return false;
    *ret = json_object_get(users(c->s), id);
    return *ret || api_fail(c->e, "UserNotFound", "User %s not found.", id);
}

bool api_describe_users(api_call *c, json_t **ret)
{
    char wanted[64];
    const char *engine = call_text(c, "Engine");
    const char *id = NULL;
    json_t *u = NULL;
    default_make(c->s);
    if (call_text(c, "UserId") && !user_of_call(c, wanted, &u)) return false;
    json_t *all = json_array();
    json_object_foreach(users(c->s), id, u)
    {
        if (call_text(c, "UserId") && strcmp(id, wanted) != 0) continue;
        if (engine && strcasecmp(text_of(u, "engine"), engine) != 0) continue;
        (void)json_array_append_new(all, user_show(c->s, id, u));
    }
    return call_page(c, "Users", all, ret);
}

/* Every cache that knows this user learns it again. */
static void user_tell(sandbox *s, const char *user)
{
    json_t *list = ids_show(s, user);
    size_t at = 0;
    json_t *id = NULL;
    json_array_foreach(list, at, id)
    {
        user_groups_tell(s, json_string_value(id));
    }
    json_decref(list);
    s->dirty = true;
}

bool api_modify_user(api_call *c, json_t **ret)
{
    char id[64];
    json_t *u = NULL;
    const char *access = call_text(c, "AccessString");
    const char *more = call_text(c, "AppendAccessString");
    if (!user_of_call(c, id, &u) || (access && !access_check(c, access)) ||
        (more && !access_check(c, more)) || !iam_change_check(c, id, u) ||
        !passwords_take(c, u, false))
        return false;
    if (access) text_set(u, "access", access);
    if (more) {
        char whole[2048];
        (void)snprintf(whole, sizeof whole, "%s %s", text_of(u, "access"), more); /* both fit */
        if (!access_check(c, whole)) return false;
        text_set(u, "access", whole);
    }
    user_tell(c->s, id);
    *ret = user_show(c->s, id, u);
    return true;
}

bool api_delete_user(api_call *c, json_t **ret)
{
    char id[64];
    json_t *u = NULL;
    if (!user_of_call(c, id, &u)) return false;
    json_t *groups = ids_show(c->s, id);
    bool is_used = json_array_size(groups) > 0;
    json_decref(groups);
    if (strcmp(id, "default") == 0 || is_used) {
        return api_fail(c->e, is_used ? "InvalidUserState" : "InvalidParameterValue",
                        is_used ? "User %s is in a user group." : "User %s cannot be deleted.", id);
    }
    *ret = user_show(c->s, id, u);
    text_set(*ret, "Status", "deleting");
    tags_forget(c->s, state_arn(c->s, "user", id));
    (void)json_object_del(users(c->s), id);
    c->s->dirty = true;
    return true;
}

/* --- user groups ----------------------------------------------------------------------------- */

static bool group_uses(const json_t *g, const char *user_group)
{
    size_t at = 0;
    json_t *one = NULL;
    json_array_foreach(json_object_get(g, "user_groups"), at, one)
    {
        if (strcmp(json_string_value(one), user_group) == 0) return true;
    }
    return false;
}

void user_groups_tell(sandbox *s, const char *user_group)
{
    const char *id = NULL;
    json_t *g = NULL;
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        if (group_uses(g, user_group)) (void)json_object_set_new(g, "apply_users", json_true());
    }
    s->dirty = true;
}

static json_t *caches_of(sandbox *s, const char *user_group)
{
    json_t *list = json_array();
    const char *id = NULL;
    json_t *g = NULL;
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        if (group_uses(g, user_group)) (void)json_array_append_new(list, json_string(id));
    }
    return list;
}

static json_t *user_group_show(sandbox *s, const char *id, json_t *g)
{
    return json_pack("{s:s,s:s,s:s,s:O,s:s,s:o,s:o}", "UserGroupId", id, "Status", "active",
                     "Engine", text_of(g, "engine"), "UserIds", json_object_get(g, "users"),
                     "MinimumEngineVersion", "6.0", "ReplicationGroups", caches_of(s, id), "ARN",
                     state_arn(s, "usergroup", id));
}

static size_t list_find(json_t *list, const char *text)
{
    size_t at = 0;
    while (at < json_array_size(list) &&
           strcasecmp(json_string_value(json_array_get(list, at)), text) != 0)
        at++;
    return at;
}

/* Adds the users of a list of the call: they exist, and no two of the group share a name. */
static bool members_take(api_call *c, const char *list, json_t *into)
{
    for (size_t n = 1;; n++) {
        const char *id = form_item(c->q, list, "member", n, NULL);
        if (!id) return true;
        json_t *u = json_object_get(users(c->s), id);
        if (!u) {
            return api_fail(c->e, "UserNotFound", "User %s not found.",
                            span_show(span_text(id)).text);
        }
        size_t at = 0;
        json_t *one = NULL;
        json_array_foreach(into, at, one)
        {
            json_t *other = json_object_get(users(c->s), json_string_value(one));
            if (strcmp(text_of(other, "name"), text_of(u, "name")) == 0) {
                return api_fail(c->e, "DuplicateUserName",
                                "Two users of a group cannot have the name %s.",
                                text_of(u, "name"));
            }
        }
        if (json_array_size(into) >= USERS_PER_GROUP_MAX) {
            return api_fail(c->e, "UserGroupQuotaExceeded", "At most %d users in a group.",
                            USERS_PER_GROUP_MAX);
        }
        (void)json_array_append_new(into, json_string(id));
    }
}

static bool has_default(sandbox *s, json_t *list)
{
    size_t at = 0;
    json_t *one = NULL;
    json_array_foreach(list, at, one)
    {
        if (strcmp(text_of(json_object_get(users(s), json_string_value(one)), "name"), "default") ==
            0)
            return true;
    }
    return false;
}

bool api_create_user_group(api_call *c, json_t **ret)
{
    char id[64];
    const char *engine = call_text(c, "Engine");
    json_t *all = state_part(c->s, "user_groups");
    default_make(c->s);
    if (!call_identifier(c, "UserGroupId", 40, id)) return false;
    if (json_object_get(all, id))
        return api_fail(c->e, "UserGroupAlreadyExists", "User group %s already exists.", id);
    if (strcmp(engine, "redis") != 0 && strcmp(engine, "valkey") != 0)
        return api_fail(c->e, "InvalidParameterValue", "Engine must be redis or valkey.");
    json_t *list = json_array();
    bool done = members_take(c, "UserIds", list);
    if (done && strcmp(engine, "redis") == 0 && !has_default(c->s, list)) {
        done = api_fail(c->e, "DefaultUserRequired",
                        "A user group must contain a user with the user name default.");
    }
    done = done && call_tags(c, state_arn(c->s, "usergroup", id));
    json_t *g = json_pack("{s:s,s:o}", "engine", engine, "users", list);
    if (!done) {
        json_decref(g);
        return false;
    }
    (void)json_object_set_new(all, id, g);
    c->s->dirty = true;
    *ret = user_group_show(c->s, id, g);
    return true;
}

static bool user_group_of_call(api_call *c, char id[64], json_t **ret)
{
    if (!call_identifier(c, "UserGroupId", 40, id)) return false;
    *ret = json_object_get(state_part(c->s, "user_groups"), id);
    return *ret || api_fail(c->e, "UserGroupNotFound", "User group %s not found.", id);
}

bool api_describe_user_groups(api_call *c, json_t **ret)
{
    char wanted[64];
    const char *id = NULL;
    json_t *g = NULL;
    bool one = call_text(c, "UserGroupId") != NULL;
    if (one && !user_group_of_call(c, wanted, &g)) return false;
    json_t *all = json_array();
    json_object_foreach(state_part(c->s, "user_groups"), id, g)
    {
        if (!one || strcmp(id, wanted) == 0)
            (void)json_array_append_new(all, user_group_show(c->s, id, g));
    }
    return call_page(c, "UserGroups", all, ret);
}

bool api_modify_user_group(api_call *c, json_t **ret)
{
    char id[64];
    json_t *g = NULL;
    if (!user_group_of_call(c, id, &g)) return false;
    json_t *list = json_copy(json_object_get(g, "users"));
    for (size_t n = 1; form_item(c->q, "UserIdsToRemove", "member", n, NULL); n++) {
        (void)json_array_remove(
            list, list_find(list, form_item(c->q, "UserIdsToRemove", "member", n, NULL)));
    }
    bool done = members_take(c, "UserIdsToAdd", list);
    if (done && strcmp(text_of(g, "engine"), "redis") == 0 && !has_default(c->s, list)) {
        done = api_fail(c->e, "DefaultUserRequired",
                        "A user group must contain a user with the user name default.");
    }
    if (done) {
        (void)json_object_set(g, "users", list);
        user_groups_tell(c->s, id);
        *ret = user_group_show(c->s, id, g);
    }
    json_decref(list);
    return done;
}

bool api_delete_user_group(api_call *c, json_t **ret)
{
    char id[64];
    json_t *g = NULL;
    if (!user_group_of_call(c, id, &g)) return false;
    json_t *caches = caches_of(c->s, id);
    bool is_used = json_array_size(caches) > 0;
    json_decref(caches);
    if (is_used)
        return api_fail(c->e, "InvalidUserGroupState", "User group %s is in use by a cache.", id);
    *ret = user_group_show(c->s, id, g);
    text_set(*ret, "Status", "deleting");
    tags_forget(c->s, state_arn(c->s, "usergroup", id));
    (void)json_object_del(state_part(c->s, "user_groups"), id);
    c->s->dirty = true;
    return true;
}

bool user_groups_take(api_call *c, const char *list, json_t *into)
{
    for (size_t n = 1;; n++) {
        char name[64] = "";
        const char *text = form_item(c->q, list, "member", n, NULL);
        if (!text) return true;
        (void)snprintf(name, sizeof name, "%s", text);
        for (char *at = name; *at; at++)
            if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
        if (!json_object_get(state_part(c->s, "user_groups"), name)) {
            return api_fail(c->e, "UserGroupNotFound", "User group %s not found.",
                            span_show(span_text(text)).text);
        }
        if (json_array_size(into) > 0 && list_find(into, name) == json_array_size(into))
            return api_fail(c->e, "InvalidParameterValue", "A cache takes one user group.");
        if (list_find(into, name) == json_array_size(into))
            (void)json_array_append_new(into, json_string(name));
    }
}

/* --- for the engine -------------------------------------------------------------------------- */

static json_t *rules_new(const char *name, bool open, json_t *passwords)
{
    json_t *rules = json_array();
    size_t at = 0;
    json_t *one = NULL;
    (void)json_array_append_new(rules, json_string(name));
    (void)json_array_append_new(rules, json_string("reset"));
    json_array_foreach(passwords, at, one)
    {
        char word[80];
        (void)snprintf(word, sizeof word, "#%s", json_string_value(one));
        if (!open) (void)json_array_append_new(rules, json_string(word));
    }
    if (open) (void)json_array_append_new(rules, json_string("nopass"));
    return rules;
}

/* The words of an access string behind the passwords. */
static void access_add(json_t *rules, const char *access)
{
    span rest = span_text(access);
    span word;
    while (span_cut(&rest, ' ', &word)) {
        if (word.size > 0)
            (void)json_array_append_new(rules, json_stringn((const char *)word.at, word.size));
    }
}

/* Those of all user groups of the cache: a list of them, to be let go. */
static json_t *members(sandbox *s, const json_t *g)
{
    json_t *all = json_array();
    size_t at = 0;
    json_t *name = NULL;
    json_array_foreach(json_object_get(g, "user_groups"), at, name)
    {
        size_t n = 0;
        json_t *id = NULL;
        json_t *group = json_object_get(state_part(s, "user_groups"), json_string_value(name));
        json_array_foreach(json_object_get(group, "users"), n, id)
        {
            (void)json_array_append(all, json_object_get(users(s), json_string_value(id)));
        }
    }
    return all;
}

char *users_by_iam(sandbox *s, const json_t *g)
{
    CLEANUP(buf_clear) buf all = buf_of((size_t)USERS_PER_GROUP_MAX * 64);
    size_t at = 0;
    json_t *u = NULL;
    json_t *list = members(s, g);
    bool fits = buf_u8(&all, ' ');
    json_array_foreach(list, at, u)
    {
        if (flag_of(u, "iam")) fits = fits && buf_printf(&all, "%s ", text_of(u, "name"));
    }
    assert(fits); /* 100 users of at most 40 characters */
    json_decref(list);
    return mem_text(buf_span(&all));
}

json_t *users_rules(sandbox *s, const json_t *g)
{
    json_t *all = json_array();
    size_t at = 0;
    json_t *u = NULL;
    json_t *tokens = json_object_get(g, "tokens");
    if (json_array_size(json_object_get(g, "user_groups")) == 0) {
        bool open = flag_of(g, "open") || json_array_size(tokens) == 0;
        json_t *rules = rules_new("default", open, tokens);
        access_add(rules, "on ~* &* +@all");
        (void)json_array_append_new(all, rules);
        return all;
    }
    bool with_default = false;
    char iam_hash[65]; /* of the password that the relay puts in a token's place */
    password_hash(state_text(s, "iam_password"), iam_hash);
    json_t *list = members(s, g);
    json_array_foreach(list, at, u)
    {
        json_t *own = json_pack("[s]", iam_hash);
        json_t *rules = rules_new(text_of(u, "name"), flag_of(u, "open"),
                                  flag_of(u, "iam") ? own : json_object_get(u, "passwords"));
        json_decref(own);
        access_add(rules, text_of(u, "access"));
        with_default |= strcmp(text_of(u, "name"), "default") == 0;
        (void)json_array_append_new(all, rules);
    }
    json_decref(list);
    if (!with_default) {
        json_t *rules = rules_new("default", false, NULL);
        access_add(rules, "off");
        (void)json_array_append_new(all, rules);
    }
    return all;
}
