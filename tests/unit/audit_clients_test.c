#include "audit_facts.h"

#include "audit/client_groups.h"
#include "knowledge/snippet.h"

static const char *section_text(const hand_made *h, const char *id, const char *part)
{
    for (size_t i = 0; i < h->r->section_count; i++) {
        const report_section *s = &h->r->sections[i];
        if (strcmp(s->id, id) != 0) continue;
        for (size_t p = 0; p < s->part_count; p++)
            if (s->parts[p].title && strcmp(s->parts[p].title, part) == 0) return s->parts[p].text;
    }
    return NULL;
}

/* --- who is it ------------------------------------------------------------------------------- */

static void a_connection_is_recognised_by_what_it_tells(void **state)
{
    (void)state;
    static const struct {
        fact_client client;
        const char *library, *version, *row;
        client_surety surety;
        client_role role;
    } cases[] = {
        {{.lib_name = "redis-py", .lib_version = "5.0.1"},
         "redis-py",
         "5.0.1",
         "redis-py [5.0.0,6.0.0)",
         SURE_REPORTED,
         ROLE_APPLICATION},
        {{.lib_name = "Lettuce(spring-data-redis_v3.4)", .lib_version = "6.4.1.RELEASE/a1b2c3"},
         "Lettuce(spring-data-redis_v3.4)",
         "6.4.1.RELEASE/a1b2c3",
         "lettuce [6.3.0,7.5.0)",
         SURE_REPORTED,
         ROLE_APPLICATION},
        {{.lib_name = "GlideJS", .lib_version = "unknown"},
         "GlideJS",
         "",
         "valkey-glide [1.0,)",
         SURE_REPORTED,
         ROLE_APPLICATION},
        {{.lib_name = "ioredis", .lib_version = "5.8.1", .name = "bull:am9icw=="},
         "BullMQ",
         "5.8.1",
         "BullMQ [1,) on ioredis",
         SURE_NAME,
         ROLE_APPLICATION},
        {{.lib_name = "", .name = "bull:am9icw==:w:1"},
         "BullMQ",
         "",
         "BullMQ [1,) on ioredis",
         SURE_NAME,
         ROLE_APPLICATION},
        {{.name = "WEB01(SE.Redis-v2.6.66.47313)"},
         "StackExchange.Redis",
         "2.6.66.47313",
         NULL,
         SURE_NAME,
         ROLE_APPLICATION},
        {{.name = "WEB01(SE.Redis-v2.8.16)"},
         "StackExchange.Redis",
         "2.8.16",
         "StackExchange.Redis [2.7.10,)",
         SURE_NAME,
         ROLE_APPLICATION},
        {{.name = "Sidekiq-server-PID-71"},
         "Sidekiq",
         "",
         "Sidekiq [7,)",
         SURE_NAME,
         ROLE_APPLICATION},
        {{.name = "sentinel-5ee1b3ad-cmd"}, "Sentinel", "", NULL, SURE_NAME, ROLE_SENTINEL},
        {{.name = "redis_exporter"}, "redis_exporter", "", NULL, SURE_NAME, ROLE_TOOL},
        {{.last_command = "brpop"},
         "queue worker (Sidekiq, Celery, Resque or alike)",
         "",
         NULL,
         SURE_GUESS,
         ROLE_APPLICATION},
        {{.last_command = "get"}, "", "", NULL, SURE_NOT, ROLE_APPLICATION},
        {{.last_command = "replconf", .is_replica = true}, "", "", NULL, SURE_NOT, ROLE_REPLICA},
        {{.name = "handover-audit", .is_ours = true}, "", "", NULL, SURE_NOT, ROLE_OURS},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new("valkey8.1");
        const fact_client *c = hand_client(h, cases[i].client);
        client_kind k = client_recognise(&h->facts.memory, c);
        assert_string_equal(k.library, cases[i].library);
        assert_string_equal(k.version, cases[i].version);
        assert_int_equal(k.surety, cases[i].surety);
        assert_int_equal(k.role, cases[i].role);
        assert_string_equal(k.has_row ? k.row.client : "-", cases[i].row ? cases[i].row : "-");
        hand_free(h);
    }
}

static void connections_are_grouped_by_library_version_user_and_address(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    fact_client py = {.lib_name = "redis-py", .lib_version = "5.0.1", .age_s = 10};
    hand_client(h, py);
    py.age_s = 90;
    py.db = 3;
    py.last_command = "set";
    hand_client(h, py);
    py.address = "10.0.1.2";
    hand_client(h, py);
    py.lib_version = "5.2.0";
    hand_client(h, py);
    py.user = "app";
    hand_client(h, py);
    client_groups g = client_groups_of(&h->facts.memory, &h->facts);
    assert_int_equal(g.count, 4);
    assert_int_equal(g.connections, 5);
    assert_int_equal(g.items[0].count, 2); /* the largest of a version first */
    assert_int_equal(g.items[0].oldest_s, 90);
    assert_string_equal(client_dbs_show(&h->facts.memory, g.items[0].dbs), "0, 3");
    assert_int_equal(g.items[0].command_count, 2);
    hand_free(h);
}

/* --- findings -------------------------------------------------------------------------------- */

static void a_library_gets_a_finding_and_a_snippet_of_its_own(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.lib_name = "ioredis", .lib_version = "5.8.1"});
    hand_client(h, (fact_client){.lib_name = "ioredis", .lib_version = "5.9.0"});
    hand_client(h, (fact_client){.lib_name = "go-redis(,go1.22)", .lib_version = "9.5.1"});
    hand_client(h, (fact_client){.lib_name = "GlidePy", .lib_version = "2.1.0"});
    hand_judge(h, &audit_clients);
    const finding *io = hand_want(h, "client-failover:ioredis-5.8.0", SEVERITY_WARN);
    assert_string_equal(io->title, "ioredis follows a failover only in part (2 connections)");
    assert_holds(io->evidence, "5.8.1, 5.9.0");
    assert_holds(io->consequence, "15 min stall");
    assert_holds(io->action, "reconnectOnError");
    hand_want(h, "client-failover:go-redis-9.2.0", SEVERITY_INFO);
    assert_holds(section_text(h, "clients-set", "ioredis.js"), "PRIMARY_ENDPOINT");
    assert_holds(section_text(h, "clients-set", "go-redis.go"), "PRIMARY_ENDPOINT");
    assert_non_null(section_text(h, "clients-set", "valkey-glide.py"));
    assert_null(section_text(h, "clients-set", "valkey-glide.java"));
    hand_want_none(h, "client-unknown");
    hand_free(h);
}

static void two_rows_of_one_library_are_two_findings(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.lib_name = "redis-py", .lib_version = "5.0.1"});
    hand_client(h, (fact_client){.lib_name = "redis-py", .lib_version = "8.0.0"});
    hand_judge(h, &audit_clients);
    hand_want(h, "client-failover:redis-py-5.0.0", SEVERITY_WARN);
    hand_want(h, "client-failover:redis-py-8.0.0", SEVERITY_WARN);
    hand_free(h);
}

static void before_7_2_what_is_unknown_is_said_and_what_is_a_guess(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    h->node.version = (engine_version){.product = ENGINE_REDIS, .major = 6, .minor = 2};
    hand_client(h, (fact_client){.last_command = "brpop"});
    hand_client(h, (fact_client){.last_command = "get"});
    hand_client(h, (fact_client){.name = "bull:am9icw=="});
    hand_judge(h, &audit_clients);
    const finding *f = hand_want(h, "client-unknown", SEVERITY_WARN);
    assert_string_equal(f->title, "2 of 3 connections do not say which library they are");
    assert_holds(f->evidence, "from engine 7.2 on");
    assert_holds(f->evidence, "1 looks like a queue worker");
    hand_want(h, "client-failover:bullmq-1", SEVERITY_WARN);
    hand_free(h);
}

static void keys_betray_a_framework_whose_connections_look_like_any_other(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    fact_group prefix = {.name = "_kombu.binding.celery"};
    h->node.sample = (fact_sample){.prefix_count = 1, .prefixes = &prefix};
    hand_client(h, (fact_client){.lib_name = "redis-py", .lib_version = "5.0.1"});
    hand_judge(h, &audit_clients);
    const finding *f = hand_want(h, "client-failover:celery-kombu-broker", SEVERITY_WARN);
    assert_holds(f->evidence, "_kombu.binding.celery");
    assert_non_null(section_text(h, "clients-set", "celery.py"));
    hand_free(h);
}

static void an_unlisted_library_is_named(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.lib_name = "fastcache", .lib_version = "0.1"});
    hand_judge(h, &audit_clients);
    hand_want(h, "client-unlisted:fastcache", SEVERITY_WARN);
    hand_want_none(h, "client-unknown");
    hand_free(h);
}

static void a_sentinel_blocks_and_is_no_application(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.name = "sentinel-5ee1b3ad-pubsub", .is_pubsub = true});
    hand_judge(h, &audit_clients);
    hand_want(h, "client-sentinel", SEVERITY_BLOCK);
    hand_want_none(h, "client-subscribed");
    hand_want_none(h, "client-unknown");
    hand_free(h);
}

static void old_connections_count_but_not_replicas(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.age_s = 24 * 3600});
    hand_client(h, (fact_client){.age_s = 24 * 3600 - 1});
    hand_client(h, (fact_client){.age_s = 90 * 24 * 3600, .is_replica = true});
    hand_judge(h, &audit_clients);
    const finding *f = hand_want(h, "client-old", SEVERITY_WARN);
    assert_string_equal(f->title, "1 connection is older than a day");
    assert_holds(f->evidence, "1 d");
    hand_free(h);
}

static void an_address_that_clients_use_besides_is_a_warning(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.local = "10.0.0.5"});
    hand_judge(h, &audit_clients);
    hand_want(h, "client-address", SEVERITY_INFO);
    hand_client(h, (fact_client){.local = "10.0.0.50"});
    hand_judge(h, &audit_clients);
    const finding *f = hand_want(h, "client-address", SEVERITY_WARN);
    assert_holds(f->evidence, "10.0.0.5, 10.0.0.50");
    hand_want_none(h, "client-loopback");
    hand_client(h, (fact_client){.address = "127.0.0.1", .local = "127.0.0.1"});
    hand_judge(h, &audit_clients);
    hand_want(h, "client-loopback", SEVERITY_WARN);
    hand_free(h);
}

static void connections_are_held_against_the_limit_of_a_node(void **state)
{
    (void)state;
    static const struct {
        const char *info;
        const char *id;
        severity severity;
    } cases[] = {
        {"connected_clients:999\r\n", NULL, SEVERITY_INFO},
        {"connected_clients:1000\r\n", "client-storm", SEVERITY_WARN},
        {"connected_clients:40000\r\n", "client-limit", SEVERITY_WARN},
        {"connected_clients:65001\r\n", "client-limit", SEVERITY_BLOCK},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hand_made *h = hand_new(i % 2 ? "valkey8.1" : "serverless");
        hand_client(h, (fact_client){0});
        hand_info(h, cases[i].info);
        hand_judge(h, &audit_clients);
        if (cases[i].id)
            hand_want(h, cases[i].id, cases[i].severity);
        else
            hand_want_none(h, "client-storm");
        hand_free(h);
    }
}

static void counters_of_the_server_tell_refusals_and_churn(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_info(h, "uptime_in_seconds:100\r\ntotal_connections_received:2000\r\n"
                 "rejected_connections:3\r\n");
    hand_judge(h, &audit_clients);
    hand_want(h, "client-churn", SEVERITY_WARN);
    hand_want(h, "client-rejected", SEVERITY_WARN);
    hand_want(h, "client-unread", SEVERITY_INFO);
    hand_free(h);
}

static void what_came_and_went_is_counted_over_several_looks(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    h->facts.watched_ms = 60000;
    hand_client(h, (fact_client){.seen = 6});
    hand_client(h, (fact_client){.seen = 1});
    hand_judge(h, &audit_clients);
    const finding *f = hand_want(h, "client-short", SEVERITY_INFO);
    assert_string_equal(f->title, "1 connection came and went within the watch");
    hand_free(h);
}

static void waiting_and_subscribed_clients_are_notes(void **state)
{
    (void)state;
    hand_made *h = hand_new("valkey8.1");
    hand_client(h, (fact_client){.is_blocked = true, .last_command = "blpop"});
    hand_client(h, (fact_client){.is_pubsub = true, .last_command = "subscribe"});
    hand_client(h, (fact_client){.name = "redis_exporter"});
    hand_judge(h, &audit_clients);
    hand_want(h, "client-blocked", SEVERITY_INFO);
    hand_want(h, "client-subscribed", SEVERITY_INFO);
    hand_want(h, "client-tool:redis_exporter", SEVERITY_INFO);
    hand_free(h);
}

/* --- snippets -------------------------------------------------------------------------------- */

static void every_snippet_names_the_endpoint_and_a_client_of_the_table(void **state)
{
    (void)state;
    knowledge_snippet s = {0};
    size_t count = 0;
    for (; knowledge_snippet_at(count, &s); count++) {
        assert_holds(s.text, "PRIMARY_ENDPOINT");
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)s.name_size, s.name);
        knowledge_client row = {0};
        if (!knowledge_client_named(name, &row)) fail_msg("no row of clients.tsv for '%s'", s.name);
    }
    assert_true(count >= 22);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_recognised_by_what_it_tells),
        cmocka_unit_test(connections_are_grouped_by_library_version_user_and_address),
        cmocka_unit_test(a_library_gets_a_finding_and_a_snippet_of_its_own),
        cmocka_unit_test(two_rows_of_one_library_are_two_findings),
        cmocka_unit_test(before_7_2_what_is_unknown_is_said_and_what_is_a_guess),
        cmocka_unit_test(keys_betray_a_framework_whose_connections_look_like_any_other),
        cmocka_unit_test(an_unlisted_library_is_named),
        cmocka_unit_test(a_sentinel_blocks_and_is_no_application),
        cmocka_unit_test(old_connections_count_but_not_replicas),
        cmocka_unit_test(an_address_that_clients_use_besides_is_a_warning),
        cmocka_unit_test(connections_are_held_against_the_limit_of_a_node),
        cmocka_unit_test(counters_of_the_server_tell_refusals_and_churn),
        cmocka_unit_test(what_came_and_went_is_counted_over_several_looks),
        cmocka_unit_test(waiting_and_subscribed_clients_are_notes),
        cmocka_unit_test(every_snippet_names_the_endpoint_and_a_client_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
