/* The reader of a plan: what it takes, what it refuses and where, and what is printed of it. */
#include "test.h"

#include <stdlib.h>

#include "provision/call.h"
#include "provision/provision.h"
#include "provision/work.h"

#define GROUP                                                                                      \
    "replication-group:\n"                                                                         \
    "  engine: valkey\n"                                                                           \
    "  version: '8.1'\n"                                                                           \
    "  node-type: cache.r7g.large\n"
#define HEAD "name: cart\n" GROUP /* lines 1 to 5 */

static bool reads(arena *memory, const char *yaml, plan *ret, err *e)
{
    *e = (err){0};
    return plan_read(span_text(yaml), "p.yml", memory, ret, e);
}

static void a_plan_without_more_gets_the_defaults(void **state)
{
    (void)state;
    CLEANUP(arena_clear) arena memory = {0};
    plan p;
    err e;
    assert_true(reads(&memory, HEAD, &p, &e));
    assert_string_equal(p.id.text, "cart");
    assert_string_equal(p.family.text, "valkey8");
    assert_string_equal(p.tls.text, "required");
    assert_int_equal(p.replicas.number, 1);
    assert_true(p.multi_az.number && p.auto_failover.number && p.at_rest.number);
    assert_null(p.parameter_group.text);
    assert_null(p.subnet_group.text);
    assert_int_equal(p.replicas.line, 0);
    assert_int_equal(p.version.line, 4);
}

static void every_field_is_read(void **state)
{
    (void)state;
    CLEANUP(arena_clear) arena memory = {0};
    plan p;
    err e;
    assert_true(reads(&memory,
                      "name: cart\n"
                      "tags: {b: 1, a: x}\n"
                      "parameter-group:\n"
                      "  name: pg\n"
                      "  family: valkey8\n"
                      "  parameters: {maxmemory-policy: noeviction}\n"
                      "subnet-group: {name: sg, subnets: [subnet-1, subnet-2]}\n"
                      "user-group: ug\n"
                      "users:\n"
                      "- {name: App_1, id: a, access: on ~*, passwords: [env:A, 'file:/b c']}\n"
                      "- {name: robot, access: 'off', iam: yes}\n"
                      "replication-group:\n"
                      "  id: rg\n"
                      "  description: it's\n"
                      "  engine: valkey\n"
                      "  version: 8.0.1\n"
                      "  node-type: cache.t4g.small\n"
                      "  replicas: 02\n"
                      "  multi-az: False\n"
                      "  automatic-failover: on\n"
                      "  tls: preferred\n"
                      "  at-rest-encryption: no\n"
                      "  port: 6380\n"
                      "  snapshot-retention-days: 35\n"
                      "  snapshot-window: 23:30-00:30\n"
                      "  maintenance-window: sat:23:30-sun:00:30\n"
                      "  auto-minor-version-upgrade: false\n"
                      "  security-groups: [sg-1]\n",
                      &p, &e));
    assert_string_equal(p.tags.at[0].name, "a"); /* in order of their names */
    assert_string_equal(p.users[1].id.text, "robot");
    assert_int_equal(p.users[0].passwords.count, 2);
    assert_string_equal(p.replicas.text, "2"); /* as it is sent */
    assert_string_equal(p.multi_az.text, "false");
    assert_string_equal(p.at_rest.text, "false");
    assert_int_equal(p.port.number, 6380);
}

/* The line, a part of the error, a part of the advice. */
static const struct {
    const char *yaml;
    size_t line;
    const char *text, *hint;
} bad[] = {
    {"", 1, "says nothing", "docs/provision.md"},
    {"- a\n", 1, "not a list", ""},
    {"name: cart\nname: b\n" GROUP, 2, "'name' is given twice (line 1)", ""},
    {"name: &x cart\n" GROUP, 1, "anchors", ""},
    {"name: *x\n" GROUP, 1, "aliases", ""},
    {HEAD "---\nname: b\n", 6, "second document", ""},
    {"name: [cart\n" GROUP, 2, "did not find", ""},
    {GROUP, 1, "no 'name'", "tag"},
    {"name: cart\n", 1, "no 'replication-group'", ""},
    {"name: Cart\n" GROUP, 1, "'Cart' is not a value for 'name'", "lower-case"},
    {"name: a--b\n" GROUP, 1, "'a--b'", "single hyphens"},
    {"nam: cart\n" GROUP, 1, "a plan has no field 'nam'", "name, tags"},
    {"name: cart\nengine: valkey\n" GROUP, 2, "no field 'engine'",
     "belongs into replication-group"},
    {HEAD "  replica: 1\n", 6, "no field 'replica'", "replicas"},
    {HEAD "  replicas: 6\n", 6, "'6' is not a value", "from 0 to 5"},
    {HEAD "  replicas: many\n", 6, "'many'", "a number"},
    {HEAD "  replicas: [1]\n", 6, "'replicas' takes one value", ""},
    {HEAD "  replicas:\n", 6, "'replicas' is empty", ""},
    {HEAD "  multi-az: maybe\n", 6, "'maybe'", "true or false"},
    {HEAD "  tls: on\n", 6, "'on'", "required|preferred|no"},
    {HEAD "  port: 80\n", 6, "'80'", "1150"},
    {HEAD "  snapshot-window: 03:00-03:30\n", 6, "'03:00-03:30'", "an hour or more"},
    {HEAD "  snapshot-window: 25:00-26:00\n", 6, "'25:00-26:00'", "HH:MM"},
    {HEAD "  maintenance-window: son:05:00-sun:06:00\n", 6, "'son", "ddd:HH:MM"},
    {HEAD "  maintenance-window: sun:05:00+sun:06:00\n", 6, "'sun", "ddd:HH:MM"},
    {HEAD "  security-groups: sg-1\n", 6, "'security-groups' is a list", ""},
    {HEAD "  security-groups: [sg_1]\n", 6, "'sg_1'", "security group"},
    {HEAD "  auth-token: correct-horse-battery\n", 6, "'auth-token' holds no reference",
     "env:NAME"},
    {HEAD "  auth-token: env:1X\n", 6, "holds no reference", "env:NAME"},
    {HEAD "  tls: no\n  auth-token: env:T\n", 6, "need TLS", "tls: required"},
    {HEAD "  auth-token: env:T\nuser-group: x\n", 6, "exclude each other", ""},
    {HEAD "  replicas: 0\n  multi-az: true\n", 7, "Multi-AZ needs a replica", "replicas: 1"},
    {HEAD "  replicas: 0\n  automatic-failover: true\n", 7, "needs a replica", "replicas: 1"},
    {HEAD "  automatic-failover: false\n  multi-az: true\n", 7, "needs the automatic failover", ""},
    {HEAD "  snapshot-retention-days: 0\n  snapshot-window: 03:00-04:00\n", 7, "without snapshots",
     ""},
    {HEAD "subnet-group: {subnets: [subnet-1]}\n", 6, "two zones", "second subnet"},
    {HEAD "subnet-group: {}\n", 6, "no subnets", "'subnets'"},
    {HEAD "subnet-group: {subnets: []}\n", 6, "'subnets' is empty", ""},
    {HEAD "subnet-group: {subnets: [subnet-1, subnet-1]}\n", 6, "twice", ""},
    {HEAD "subnet-group: {subnets: [vpc-1]}\n", 6, "'vpc-1'", "subnet-"},
    {HEAD "subnet-group: x\n", 6, "fields of its own", "name, subnets"},
    {HEAD "parameter-group: {family: redis7}\n", 6, "no parameter group of family 'redis7'",
     "valkey8"},
    {HEAD "parameter-group: {parameters: {}}\n", 6, "holds no parameters", ""},
    {HEAD "parameter-group:\n  parameters:\n    no-such: 1\n", 8, "has no parameter 'no-such'",
     "describe-engine-default-parameters"},
    {HEAD "parameter-group:\n  parameters:\n    maxmemory-policy: never\n", 8, "'never'",
     "noeviction"},
    {HEAD "parameter-group:\n  parameters:\n    slowlog-max-len: -5\n", 8, "'-5'", "allowed: 0-"},
    {HEAD "parameter-group:\n  parameters:\n    slowlog-max-len: lots\n", 8, "'lots'", "allowed"},
    {HEAD "parameter-group:\n  parameters:\n    maxclients: 10\n", 8, "cannot be changed", ""},
    {HEAD "parameter-group:\n  parameters:\n    cluster-enabled: yes\n", 8, "cluster mode", ""},
    {HEAD "users: []\n", 6, "'users' is empty", ""},
    {HEAD "users: {name: a}\n", 6, "'users' is a list", ""},
    {HEAD "users:\n- a\n", 7, "a user has fields", "id, name"},
    {HEAD "users:\n- {name: a}\n", 7, "no 'access'", ""},
    {HEAD "users:\n- {name: a, access: 'on ~*'}\n", 7, "one way to log in", "iam"},
    {HEAD "users:\n- {name: a, access: 'on ~*', iam: true, passwords: [env:A]}\n", 7,
     "one way to log in", ""},
    {HEAD "users:\n- {name: a, access: 'on >word ~*', iam: true}\n", 7, "'on >word ~*'",
     "passwords do not belong"},
    {HEAD "users:\n- {name: a, access: '~*', iam: true}\n", 7, "'~*'", "begins with"},
    {HEAD "users:\n- {name: a, id: b, access: 'on ~*', iam: true}\n", 7, "are one", ""},
    {HEAD "users:\n- {name: a, access: 'on ~*', no-password: true}\n", 7,
     "with a password or by IAM", ""},
    {HEAD "users:\n- {name: a, access: 'on ~*', iam: true}\n- {name: a, id: b, access: on, "
          "passwords: [env:A]}\n",
     8, "the user of line 7 has this name", ""},
    {HEAD "users:\n- {name: A_b, access: 'on ~*', passwords: [env:A]}\n", 7, "no id can be made",
     "'id'"},
    {HEAD "tags: {handover:plan: x}\n", 6, "not yours to give", ""},
    {"name: cart\nreplication-group: {engine: valkey, node-type: cache.t4g.small}\n", 2,
     "no 'version'", ""},
    {"name: cart\nreplication-group: {engine: valkey, version: '3.0', node-type: "
     "cache.t4g.small}\n",
     2, "no valkey of version '3.0'", "valkey8.1"},
    {"name: cart\nreplication-group: {engine: memcached, version: '1', node-type: cache.a.b}\n", 2,
     "'memcached'", "valkey|redis"},
    {"name: cart\nreplication-group: {engine: valkey, version: '8.1', node-type: r7g.large}\n", 2,
     "'r7g.large'", "cache."},
    {"name: cart\nreplication-group: {engine: valkey, version: '8.1', node-type: "
     "cache.r6gd.xlarge}\n",
     2, "r6gd", "data tiering"},
    {"name: cart\nreplication-group: {engine: redis, version: '7.1', node-type: cache.t4g.small}\n"
     "users:\n- {name: a, access: 'on ~*', passwords: [env:A]}\n",
     3, "the name 'default'", "add one"},
    {"name: cart\nreplication-group: {engine: redis, version: '6.2', node-type: cache.t4g.small}\n"
     "users:\n- {name: a, access: 'on ~*', iam: true}\n",
     4, "IAM users need", ""},
};

static void a_wrong_plan_is_refused_with_its_line_and_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CLEANUP(arena_clear) arena memory = {0};
        plan p = {.path = "untouched"};
        err e;
        char line[64];
        (void)snprintf(line, sizeof line, "'p.yml', line %zu: ", bad[i].line);
        if (reads(&memory, bad[i].yaml, &p, &e)) fail_msg("was taken:\n%s", bad[i].yaml);
        assert_int_equal(e.kind, ERR_USAGE);
        if (strncmp(e.text, line, strlen(line)) != 0 || !strstr(e.text, bad[i].text) ||
            !e.hint[0] || !strstr(e.hint, bad[i].hint))
            fail_msg("%s\nwanted: %s%s | %s\ngot:    %s | %s", bad[i].yaml, line, bad[i].text,
                     bad[i].hint, e.text, e.hint);
        assert_null(strstr(e.text, "horse"));
        assert_string_equal(p.path, "untouched");
    }
}

/* Any beginning of a plan is a plan or is refused with a line. */
static void a_plan_cut_at_any_byte_is_told(void **state)
{
    (void)state;
    static const char whole[] =
        HEAD "  auth-token: env:T\nparameter-group: {parameters: {maxmemory-policy: noeviction}}\n"
             "subnet-group:\n  subnets:\n  - subnet-1\n  - subnet-2\ntags: {a: 'b'}\n";
    for (size_t size = 0; size <= sizeof whole - 1; size++) {
        CLEANUP(arena_clear) arena memory = {0};
        plan p;
        err e = {0};
        if (plan_read(span_of(whole, size), "p.yml", &memory, &p, &e)) continue;
        if (!strstr(e.text, "line ")) fail_msg("%zu bytes: %s", size, e.text);
        assert_true(size < sizeof whole - 1);
    }
}

static void access_strings_are_the_same_when_the_service_writes_defaults_into_them(void **state)
{
    (void)state;
    static const struct {
        const char *wanted, *there;
        bool same;
    } rows[] = {
        {"on ~* +@all", "on ~* +@all", true},
        {"on ~* +@all", "on ~* resetchannels -@all +@all", true},
        {"on ~* &a +@all", "on ~* resetchannels &a -@all +@all", true},
        {"on  ~*  +get", "on ~* +get", true},
        {"on ~* +@all -@all", "on ~* +@all", false},
        {"on ~* &a resetchannels", "on ~* &a", false},
        {"on ~* +get", "on ~* +get +set", false},
        {"on ~a +get", "on ~b +get", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(access_is_same(rows[i].wanted, rows[i].there), rows[i].same);
}

static void versions_are_the_same_up_to_what_the_plan_says(void **state)
{
    (void)state;
    assert_true(version_is_same("8.0", "8.0.1"));
    assert_true(version_is_same("8.0.1", "8.0.1"));
    assert_false(version_is_same("8.0", "8.01"));
    assert_false(version_is_same("8.0.1", "8.0"));
}

static char *printed(bool (*print)(const plan *p, FILE *out, err *e), const plan *p)
{
    char *text = NULL;
    size_t size = 0;
    err e = {0};
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(print(p, out, &e));
    assert_int_equal(fclose(out), 0);
    return text;
}

static void a_quote_in_a_plan_leaves_its_string_nowhere(void **state)
{
    (void)state;
    CLEANUP(arena_clear) arena memory = {0};
    plan p;
    err e;
    assert_true(reads(&memory, HEAD "  description: it's; rm -rf /\n  auth-token: \"file:/a'b\"\n",
                      &p, &e));
    char *cli = printed(provision_print_cli, &p);
    assert_non_null(strstr(cli, "--replication-group-description 'it'\\''s; rm -rf /'"));
    assert_non_null(strstr(cli, "--auth-token \"$(cat '/a'\\''b')\""));
    assert_non_null(strstr(cli, "--multi-az-enabled"));
    free(cli);
    char *template = printed(provision_print_template, &p);
    assert_non_null(strstr(template, "ReplicationGroupDescription: 'it''s; rm -rf /'"));
    assert_non_null(strstr(template, "AuthToken: !Ref AuthToken"));
    assert_null(strstr(template, "/a'"));
    free(template);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_without_more_gets_the_defaults),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(a_wrong_plan_is_refused_with_its_line_and_what_to_do),
        cmocka_unit_test(a_plan_cut_at_any_byte_is_told),
        cmocka_unit_test(access_strings_are_the_same_when_the_service_writes_defaults_into_them),
        cmocka_unit_test(versions_are_the_same_up_to_what_the_plan_says),
        cmocka_unit_test(a_quote_in_a_plan_leaves_its_string_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
