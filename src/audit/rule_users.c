/* Users, passwords and TLS: ACLs become users and a user group, with what cannot be carried. A
 * password is never known here: only how long it is and whether its characters are allowed. */
#include <strings.h>

#include "audit/access_string.h"
#include "audit/plan_draft.h"

#define AREA "Users and TLS"
#define SECTION_ID "users"
#define GUIDE "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
#define RBAC GUIDE "Clusters.RBAC.html"
#define READ_ON "2026-11-22"
#define PASSWORD_SIZE_MIN ((size_t)16)
#define PASSWORD_SIZE_MAX ((size_t)128)
#define GROUP_USERS_MAX ((size_t)100)
#define USERS_SHOWN_MAX ((size_t)200)

static const audit_rule_row rows[] = {
    {"user-access-string", DIMENSION_SCHEMA,
     "A rule of a user cannot stand in an access string. The section has the closest that can."},
    {"user-password", DIMENSION_APPLICATION,
     "Users have passwords. Their hashes cannot be carried over: each must be known in clear, with "
     "16 to 128 characters, or be changed."},
    {"user-passwords-many", DIMENSION_APPLICATION,
     "A user has more passwords than the two that a user has there."},
    {"user-nopass", DIMENSION_APPLICATION,
     "A user that is switched on needs no password; users of Valkey need one there, or IAM."},
    {"user-default", DIMENSION_APPLICATION,
     "Clients come as the user default, which is switched off when a Valkey user group is "
     "attached."},
    {"user-count", DIMENSION_TOPOLOGY, "There are more users than a user group holds."},
    {"user-auth-token", DIMENSION_APPLICATION,
     "The password of all (requirepass) becomes an AUTH token, if it keeps the rules of one."},
    {"user-tls", DIMENSION_APPLICATION,
     "The source is used without TLS; tokens, users and serverless need it there."},
    {"user-mutual-tls", DIMENSION_ABSTRACTION,
     "The source asks clients for certificates; the service never does."},
    {"user-tls-version", DIMENSION_APPLICATION,
     "The source allows TLS versions below 1.2, which the service refuses."},
    {"user-iam", DIMENSION_NONE, "IAM authentication could replace passwords; the section has it."},
};

typedef struct {
    const audit_facts *f;
    const audit_node *n;
    const knowledge_target *t;
    report *r;
    arena *memory;
    deployment deployment;
    plan_draft *draft; /* NULL: not wanted */
} users_judge;

static bool is_on(const char *value, const char *off)
{
    return value && *value && strcmp(value, off) != 0 && strcmp(value, "\"\"") != 0;
}

static void finding_put(const users_judge *j, finding one)
{
    one.area = AREA;
    if (!one.owner) one.owner = "you: users and tokens stay the customer's";
    if (!one.source) one.source = RBAC;
    one.date = READ_ON;
    report_add_finding(j->r, &one);
}

static const char *where_of(const users_judge *j, const char *what)
{
    return arena_printf(j->memory, "%s, %s", what, j->n->address);
}

static const char *setting_where(const users_judge *j, const char *name)
{
    const char *place = audit_setting_place(j->f, j->n, name, j->memory);
    return place ? place : where_of(j, "not named");
}

/* --- one user -------------------------------------------------------------------------------- */

static bool is_default(const fact_user *u)
{
    return strcmp(u->name, "default") == 0;
}

static bool is_valkey(const users_judge *j)
{
    return strcmp(j->t->engine, "valkey") == 0;
}

static bool is_open(const fact_user *u)
{
    return u->is_on && u->is_nopass;
}

static void passwords_judge(const users_judge *j, const fact_user *u)
{
    const char *where = where_of(j, "ACL LIST");
    if (u->password_count > 2) {
        finding_put(j, (finding){.id = report_printf(j->r, "user-passwords-many:%s", u->name),
                                 .severity = SEVERITY_WARN,
                                 .title = report_printf(j->r,
                                                        "user '%s' has %u passwords, there "
                                                        "are two at most",
                                                        u->name, u->password_count),
                                 .evidence = report_printf(j->r, "%u hashes", u->password_count),
                                 .where = where,
                                 .consequence = "Clients with the third password are refused.",
                                 .action = "bring its clients down to two passwords before the "
                                           "move"});
    }
    if (is_open(u) && !is_default(u)) {
        finding_put(j,
                    (finding){.id = report_printf(j->r, "user-nopass:%s", u->name),
                              .severity = SEVERITY_WARN,
                              .title = report_printf(j->r, "user '%s' needs no password", u->name),
                              .evidence = "on nopass",
                              .where = where,
                              .consequence = "A user of engine valkey must have a password or "
                                             "IAM; only users of engine redis may be without.",
                              .action = "give it a password, or IAM authentication"});
    }
}

static void default_judge(const users_judge *j, const fact_user *u)
{
    if (!u->is_on) return;
    finding_put(
        j,
        (finding){
            .id = "user-default",
            .severity = SEVERITY_WARN,
            .title = "clients may come as the user 'default'",
            .evidence = is_open(u) ? "default is on and needs no password"
                                   : "default is on and has a password",
            .where = where_of(j, "ACL LIST"),
            .consequence =
                is_valkey(j)
                    ? "A Valkey user group needs no default user; when one is attached, default "
                      "is switched off, and clients that send AUTH without a name are refused."
                    : "A Redis OSS user group must contain a user named default (else "
                      "DefaultUserRequired); the built-in one has full access and cannot be "
                      "edited.",
            .action = is_valkey(j)
                          ? "give clients a user name, or stay with an AUTH token instead of users"
                          : "make a user of your own with the name default, off or with a strong "
                            "password, and put that one into the group"});
}

/* A name as an id of a user: letters, digits and single hyphens. */
static const char *id_of(const users_judge *j, const char *name)
{
    char *id =
        arena_printf(j->memory, "%s%s", is_default(&(fact_user){.name = name}) ? "own-" : "", name);
    for (char *c = id; *c; c++) {
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9'))) *c = '-';
    }
    return id;
}

/* A text inside single quotes of a shell. */
static const char *quoted(const users_judge *j, const char *text)
{
    span rest = span_text(text);
    span part = {0};
    const char *out = "";
    while (span_cut(&rest, '\'', &part)) {
        out = arena_printf(j->memory, "%s%s%.*s", out, *out ? "'\\''" : "", (int)part.size,
                           (const char *)part.at);
    }
    return arena_printf(j->memory, "'%s'", out);
}

static const char *create_user(const users_judge *j, const fact_user *u, const char *access)
{
    const char *password = is_open(u) && strcmp(j->t->engine, "redis") == 0
                               ? "--no-password-required"
                               : "--authentication-mode Type=password,Passwords=\"$PASSWORD\"";
    return arena_printf(j->memory,
                        "read -rs PASSWORD   # of '%s', 16 to 128 characters\n"
                        "aws elasticache create-user --engine %s --user-id %s --user-name %s \\\n"
                        "  %s \\\n  --access-string %s\n",
                        u->name, j->t->engine, id_of(j, u->name), quoted(j, u->name), password,
                        quoted(j, access));
}

static void draft_fill(const users_judge *j, const fact_user *u, const char *access)
{
    bool is_auditor = j->n->whoami && strcmp(u->name, j->n->whoami) == 0 && !is_default(u);
    if (is_auditor) {
        plan_draft_leave(j->draft, u->name,
                         "as whom this audit logged in: add it if it has "
                         "another use");
    } else if (!is_default(u) || !is_valkey(j)) {
        plan_draft_user(j->draft, u->name, access, is_open(u));
    } else if (is_open(u)) {
        plan_draft_leave(j->draft, u->name,
                         "which needs no password: users of Valkey need one, or "
                         "IAM. Its clients must come as one of the plan's");
    } else if (u->is_on && j->n->user_count > 1) {
        plan_draft_leave(j->draft, u->name,
                         "which a user group of Valkey switches off: its clients "
                         "must come as one of the plan's");
    }
}

/* --- all users ------------------------------------------------------------------------------- */

static void users_list(const users_judge *j)
{
    static const char *const columns[] = {"User", "Passwords", "Access string there",
                                          "What is not carried"};
    size_t section = report_section_at(j->r, SECTION_ID, AREA);
    size_t table = report_add_table(j->r, section, "Users", COUNT_OF(columns), columns);
    const char *commands = "";
    const char *ids = "";
    size_t listed = size_min(j->n->user_count, USERS_SHOWN_MAX);
    if (listed < j->n->user_count) {
        report_add_paragraph(j->r, section, "The first %zu of %zu users.", listed,
                             j->n->user_count);
    }
    for (size_t i = 0; i < listed; i++) {
        const fact_user *u = &j->n->users[i];
        access_string a = access_string_make(u->rules, j->t, j->deployment, j->memory);
        const char *cells[] = {
            u->name,
            report_printf(j->r, "%u%s", u->password_count, u->is_nopass ? " (nopass)" : ""), a.text,
            *a.lost ? a.lost : "nothing"};
        report_add_row(j->r, section, table, cells);
        passwords_judge(j, u);
        if (is_default(u)) default_judge(j, u);
        if (j->draft) draft_fill(j, u, a.text);
        if (is_default(u) && is_valkey(j)) continue;
        commands = arena_printf(j->memory, "%s%s", commands, create_user(j, u, a.text));
        ids = arena_printf(j->memory, "%s %s", ids, id_of(j, u->name));
        if (!*a.lost) continue;
        finding_put(j, (finding){.id = report_printf(j->r, "user-access-string:%s", u->name),
                                 .severity = SEVERITY_WARN,
                                 .title = report_printf(j->r,
                                                        "not all rules of user '%s' can be "
                                                        "carried",
                                                        u->name),
                                 .evidence = u->rules,
                                 .where = where_of(j, "ACL LIST"),
                                 .consequence = a.lost,
                                 .action = report_printf(j->r, "the closest is: %s", a.text)});
    }
    if (!*ids) return;
    commands = arena_printf(j->memory,
                            "%saws elasticache create-user-group --engine %s --user-group-id "
                            "NAME \\\n  --user-ids%s\n",
                            commands, j->t->engine, ids);
    report_add_code(j->r, section, "Users and their group", "sh", commands);
}

static void users_count(const users_judge *j)
{
    size_t with_password = 0;
    for (size_t i = 0; i < j->n->user_count; i++)
        with_password += j->n->users[i].password_count > 0 && !is_default(&j->n->users[i]);
    if (j->n->user_count > GROUP_USERS_MAX) {
        finding_put(j, (finding){.id = "user-count",
                                 .severity = SEVERITY_BLOCK,
                                 .title = "more users than a user group holds",
                                 .evidence = report_printf(j->r, "%zu users", j->n->user_count),
                                 .where = where_of(j, "ACL LIST"),
                                 .consequence = report_printf(j->r,
                                                              "A group has %zu users at "
                                                              "most, a cache one group.",
                                                              GROUP_USERS_MAX),
                                 .action = "merge users with the same rights, or split the cache"});
    }
    if (with_password == 0) return;
    finding_put(
        j, (finding){.id = "user-password",
                     .severity = SEVERITY_WARN,
                     .title = "the passwords of users must be given anew",
                     .evidence = report_printf(j->r, "%zu users with a password", with_password),
                     .where = where_of(j, "ACL LIST"),
                     .consequence = "Hashes cannot be imported. A password there has 16 to "
                                    "128 printable characters without , \" / @.",
                     .action = "have each in clear, or change it before the move, so that "
                               "clients need no change at the cutover"});
}

/* --- the password of all --------------------------------------------------------------------- */

static void token_judge(const users_judge *j)
{
    const char *mask = audit_setting(j->n, "requirepass"); /* '*' allowed, '?' not */
    if (!is_on(mask, "")) return;
    bool is_short = strlen(mask) < PASSWORD_SIZE_MIN;
    bool is_long = strlen(mask) > PASSWORD_SIZE_MAX;
    bool is_odd = strchr(mask, '?') != NULL;
    bool fits = !is_short && !is_long && !is_odd;
    bool needs_users = j->t->is_serverless;
    finding one = {
        .id = "user-auth-token",
        .severity = fits && !needs_users ? SEVERITY_INFO : SEVERITY_WARN,
        .title = needs_users ? "serverless knows no AUTH token: the password becomes a user's"
                 : fits      ? "the password can become the AUTH token"
                             : "the password cannot become an AUTH token",
        .evidence = report_printf(j->r, "requirepass is set%s%s%s",
                                  is_short  ? "; it has fewer than 16 characters"
                                  : is_long ? "; it has more than 128 characters"
                                            : "",
                                  is_odd ? "; it has characters that a token may not have" : "",
                                  fits ? "; length and characters fit" : ""),
        .where = audit_setting_place(j->f, j->n, "requirepass", j->memory),
        .consequence =
            needs_users ? "Only user groups control access there; without one the cache is open "
                          "inside the VPC."
                        : "A token has 16 to 128 characters: letters, digits and ! & # $ ^ < > -. "
                          "It needs TLS.",
        .action = needs_users ? "make a user with it (16 to 128 characters) and give the clients "
                                "its name"
                  : fits      ? "create the cache with it as --auth-token and TLS on"
                              : "change it on the source to one that fits before the move: then "
                                "clients keep one password through the cutover",
        .source = GUIDE "auth.html"};
    finding_put(j, one);
}

/* --- TLS ------------------------------------------------------------------------------------- */

static void tls_judge(const users_judge *j)
{
    const char *port = audit_setting(j->n, "tls-port");
    const char *plain = audit_setting(j->n, "port");
    const char *asks = audit_setting(j->n, "tls-auth-clients");
    const char *versions = audit_setting(j->n, "tls-protocols");
    bool has_tls = is_on(port, "0");
    bool has_secret = is_on(audit_setting(j->n, "requirepass"), "");
    for (size_t i = 0; i < j->n->user_count; i++)
        has_secret = has_secret || j->n->users[i].password_count > 0;
    if (!has_tls && (plain || j->n->setting_count > 0) && (has_secret || j->t->is_serverless)) {
        finding_put(
            j,
            (finding){.id = "user-tls",
                      .severity = SEVERITY_WARN,
                      .title = "clients must learn TLS",
                      .evidence = report_printf(j->r, "tls-port %s", port ? port : "is not set"),
                      .where = setting_where(j, port ? "tls-port" : "port"),
                      .consequence = j->t->is_serverless
                                         ? "Serverless is always TLS."
                                         : "AUTH tokens and users need TLS there. A cache without "
                                           "TLS is open to the VPC.",
                      .action = "switch clients to TLS with verification; node-based "
                                "caches can run 'preferred' (plain and TLS on one "
                                "port) until the last one has changed",
                      .owner = "the application",
                      .source = GUIDE "in-transit-encryption.html"});
    }
    if (has_tls && asks && strcmp(asks, "no") != 0) {
        const char *by_name = audit_setting(j->n, "tls-auth-clients-user");
        bool is_login = is_on(by_name, "off") && strcmp(by_name, "no") != 0;
        finding_put(j,
                    (finding){.id = "user-mutual-tls",
                              .severity = SEVERITY_WARN,
                              .title = is_login ? "clients log in by certificate"
                                                : "clients show certificates",
                              .evidence = report_printf(j->r, "tls-auth-clients %s%s%s", asks,
                                                        is_login ? ", tls-auth-clients-user " : "",
                                                        is_login ? by_name : ""),
                              .where = setting_where(j, "tls-auth-clients"),
                              .consequence = "The service authenticates itself only: it asks no "
                                             "client for a certificate, so whoever reaches the "
                                             "port is as good as anybody.",
                              .action = "replace it by users with passwords or IAM, and by "
                                        "security groups",
                              .source = GUIDE "in-transit-encryption.html"});
    }
    if (has_tls && versions && (strstr(versions, "TLSv1.1") || strstr(versions, "TLSv1 "))) {
        finding_put(j, (finding){.id = "user-tls-version",
                                 .severity = SEVERITY_WARN,
                                 .title = "old TLS versions are allowed",
                                 .evidence = report_printf(j->r, "tls-protocols %s", versions),
                                 .where = setting_where(j, "tls-protocols"),
                                 .consequence = "The service takes TLS 1.2 and newer only.",
                                 .action = "update clients that still need an older one",
                                 .owner = "the application",
                                 .source = GUIDE "in-transit-encryption.html"});
    }
}

static void iam_tell(const users_judge *j)
{
    bool is_offered = knowledge_version_at_least(
        j->t->version, strcmp(j->t->engine, "valkey") == 0 ? "7.2" : "7.0");
    if (!is_offered || j->n->user_count == 0) return;
    size_t section = report_section_at(j->r, SECTION_ID, AREA);
    finding_put(j, (finding){.id = "user-iam",
                             .severity = SEVERITY_INFO,
                             .title = "IAM can replace passwords",
                             .evidence = report_printf(j->r, "%zu users", j->n->user_count),
                             .where = where_of(j, "ACL LIST"),
                             .consequence = "A token lives 15 minutes, a connection 12 hours after "
                                            "its last AUTH; user id and user name must be equal.",
                             .action = "worth it when the client library renews tokens; the policy "
                                       "stands in the section",
                             .source = GUIDE "auth-iam.html"});
    report_add_code(
        j->r, section, "IAM policy for one user", "json",
        report_printf(j->r,
                      "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n"
                      "    \"Effect\": \"Allow\",\n    \"Action\": \"elasticache:Connect\",\n"
                      "    \"Resource\": [\n"
                      "      \"arn:aws:elasticache:REGION:ACCOUNT:%s:NAME\",\n"
                      "      \"arn:aws:elasticache:REGION:ACCOUNT:user:USERID\"\n    ]\n  }]\n}\n",
                      j->t->is_serverless ? "serverlesscache" : "replicationgroup"));
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    if (!f->node_count) return;
    arena memory = {0};
    users_judge j = {
        .f = f, .n = &f->nodes[0], .t = t, .r = r, .memory = &memory, .draft = o->draft};
    j.deployment = t->is_serverless  ? DEPLOYMENT_SERVERLESS
                   : j.n->is_cluster ? DEPLOYMENT_NODE_ENABLED
                                     : DEPLOYMENT_NODE_DISABLED;
    bool has_users = j.n->user_count > 1 || (j.n->user_count == 1 && !is_open(&j.n->users[0]));
    if (has_users) users_list(&j);
    if (has_users) users_count(&j);
    token_judge(&j);
    tls_judge(&j);
    if (j.draft) {
        j.draft->has_password = is_on(audit_setting(j.n, "requirepass"), "");
        j.draft->has_tls = is_on(audit_setting(j.n, "tls-port"), "0");
    }
    if (has_users) iam_tell(&j);
    arena_clear(&memory);
}

const audit_rule_set audit_users = {AREA, rows, COUNT_OF(rows), judge};
