/* What comes from outside to the AWS client: XML, faults, shared files, keys, endpoints; and how
 * long it waits before it asks again. */
#include "test.h"

#include <stdlib.h>

#include "aws/elasticache.h"
#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/keys.h"
#include "aws/partition.h"
#include "aws/query.h"
#include "aws/s3.h"
#include "aws/xml.h"
#include "base/clock.h"

#define GROUPS                                                                                     \
    "<?xml version=\"1.0\"?><R "                                                                   \
    "xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><Result>"                          \
    "<G><Id>a</Id></G><Other/><G><Id>b &amp; c</Id></G></Result></R>"

static void an_element_is_found_by_its_path(void **state)
{
    (void)state;
    arena memory = {0};
    const xml_node *root = NULL;
    err e = {0};
    assert_true(xml_read(span_text(GROUPS), &memory, &root, &e));
    const xml_node *g = xml_at(root, "Result/G");
    assert_string_equal(xml_text(g, "Id"), "a");
    g = xml_next(g);
    assert_string_equal(xml_text(g, "Id"), "b & c");
    assert_null(xml_next(g));
    assert_null(xml_at(root, "Result/None/Id"));
    assert_string_equal(xml_text(NULL, "Id"), "");
    arena_clear(&memory);
}

#define NODE(ID, PORT, ROLE)                                                                       \
    "<NodeGroupMember><CacheClusterId>" ID "</CacheClusterId><ReadEndpoint><Port>" PORT            \
    "</Port><Address>" ID ".example</Address></ReadEndpoint>" ROLE "</NodeGroupMember>"
#define GROUP(REST, NODES)                                                                         \
    "<ReplicationGroup><ReplicationGroupId>shop</ReplicationGroupId><Status>available</Status>"    \
    "<NodeGroups><NodeGroup><NodeGroupId>0001</NodeGroupId><PrimaryEndpoint><Address>master.shop"  \
    "</Address><Port>6379</Port></PrimaryEndpoint><NodeGroupMembers>" NODES                        \
    "</NodeGroupMembers></NodeGroup></NodeGroups>" REST "</ReplicationGroup>"

static bool group_read(const char *document, arena *memory, aws_group *ret, err *e)
{
    const xml_node *root = NULL;
    return xml_read(span_text(document), memory, &root, e) && aws_group_read(root, memory, ret, e);
}

static void a_replication_group_is_read_with_its_nodes(void **state)
{
    (void)state;
    arena memory = {0};
    aws_group g = {0};
    err e = {0};
    assert_true(group_read(
        GROUP("<TransitEncryptionEnabled>true</TransitEncryptionEnabled><MultiAZ>enabled</MultiAZ>"
              "<UserGroupIds><member>staff</member></UserGroupIds>",
              NODE("shop-001", "6379", "<CurrentRole>primary</CurrentRole>")
                  NODE("shop-002", "6379", "<CurrentRole>replica</CurrentRole>")),
        &memory, &g, &e));
    assert_string_equal(g.id, "shop");
    assert_string_equal(g.primary.host, "master.shop");
    assert_int_equal(g.primary.port, 6379);
    assert_string_equal(g.reader.host, "");
    assert_string_equal(g.user_group, "staff");
    assert_true(g.tls && g.multi_az && !g.auto_failover && !g.auth_token && !g.cluster_mode);
    assert_int_equal(g.shard_count, 1);
    assert_int_equal(g.node_count, 2);
    assert_string_equal(g.nodes[1].role, "replica");
    assert_string_equal(g.nodes[1].shard, "0001");
    assert_string_equal(g.nodes[1].address.host, "shop-002.example");
    arena_clear(&memory);
}

static void a_cluster_has_one_endpoint_that_configures(void **state)
{
    (void)state;
    arena memory = {0};
    aws_group g = {0};
    err e = {0};
    assert_true(group_read(
        GROUP("<ClusterEnabled>true</ClusterEnabled><ConfigurationEndpoint><Address>clustercfg.shop"
              "</Address><Port>7000</Port></ConfigurationEndpoint>",
              NODE("shop-0001-001", "6379", "")),
        &memory, &g, &e));
    assert_true(g.cluster_mode);
    assert_string_equal(g.primary.host, "");
    assert_int_equal(g.configuration.port, 7000);
    assert_string_equal(g.nodes[0].role, "");
    arena_clear(&memory);
}

static void a_group_that_cannot_be_is_told(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "<ReplicationGroup><Status>available</Status></ReplicationGroup>",
        GROUP("", NODE("shop-001", "70000", "")),
        GROUP("", NODE("shop-001", "", "")),
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        arena memory = {0};
        aws_group g = {0};
        err e = {0};
        assert_false(group_read(wrong[i], &memory, &g, &e));
        assert_int_equal(e.kind, ERR_AWS);
        assert_null(g.id);
        arena_clear(&memory);
    }
}

static void xml_cut_at_any_byte_is_told(void **state)
{
    (void)state;
    for (size_t have = 0; have < strlen(GROUPS); have++) {
        arena memory = {0};
        const xml_node *root = NULL;
        err e = {0};
        assert_false(xml_read(span_of(GROUPS, have), &memory, &root, &e));
        assert_int_equal(e.kind, ERR_FORMAT);
        arena_clear(&memory);
    }
}

static void xml_one_level_too_deep_is_told(void **state)
{
    (void)state;
    for (int depth = XML_DEPTH_MAX; depth <= XML_DEPTH_MAX + 1; depth++) {
        arena memory = {0};
        buf b = buf_of(KIB);
        const xml_node *root = NULL;
        err e = {0};
        for (int i = 0; i < depth; i++)
            assert_true(buf_text(&b, "<a>"));
        for (int i = 0; i < depth; i++)
            assert_true(buf_text(&b, "</a>"));
        bool good = xml_read(buf_span(&b), &memory, &root, &e);
        assert_int_equal(good, depth <= XML_DEPTH_MAX);
        assert_int_equal(e.kind, good ? ERR_NONE : ERR_LIMIT);
        buf_clear(&b);
        arena_clear(&memory);
    }
}

static void an_entity_of_a_document_type_is_refused(void **state)
{
    (void)state;
    arena memory = {0};
    const xml_node *root = NULL;
    err e = {0};
    assert_false(
        xml_read(span_text("<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>"), &memory, &root, &e));
    assert_int_equal(e.kind, ERR_FORMAT);
    arena_clear(&memory);
}

static void a_fault_tells_code_message_and_request(void **state)
{
    (void)state;
    aws_fault f = aws_fault_read(
        404,
        span_text("<ErrorResponse><Error><Type>Sender</Type><Code>ReplicationGroupNotFoundFault"
                  "</Code><Message>not found</Message></Error><RequestId>r-1</RequestId>"
                  "</ErrorResponse>"));
    err e = {0};
    assert_true(aws_fault_is(&f, "ReplicationGroupNotFoundFault"));
    assert_false(aws_fault_err(&f, "elasticache", &e));
    assert_string_equal(
        e.text, "elasticache answered ReplicationGroupNotFoundFault: not found (request r-1)");
    assert_int_equal(e.kind, ERR_AWS);
    f = aws_fault_read(403,
                       span_text("<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message>"
                                 "<RequestId>r-2</RequestId></Error>"));
    assert_string_equal(f.request_id, "r-2");
    (void)aws_fault_err(&f, "s3", &e);
    assert_non_null(strstr(e.hint, "secret access key"));
    f = aws_fault_read(502, span_text("<html>a proxy's page"));
    assert_string_equal(f.code, "HTTP 502");
}

static void what_passes_by_itself_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(aws_retry_judge(0, ""), AWS_TRANSIENT);
    assert_int_equal(aws_retry_judge(503, "HTTP 503"), AWS_TRANSIENT);
    assert_int_equal(aws_retry_judge(400, "Throttling"), AWS_THROTTLED);
    assert_int_equal(aws_retry_judge(429, ""), AWS_THROTTLED);
    assert_int_equal(aws_retry_judge(400, "RequestTimeout"), AWS_TRANSIENT);
    assert_int_equal(aws_retry_judge(400, "InvalidParameterValue"), AWS_FINAL);
    assert_int_equal(aws_retry_judge(501, "NotImplemented"), AWS_FINAL);
}

static void the_pauses_double_up_to_20_seconds(void **state)
{
    (void)state;
    static const int64_t want[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000};
    for (unsigned i = 0; i < COUNT_OF(want); i++)
        assert_int_equal(aws_retry_delay_ms(2 + i, 1, (span){0}), want[i]);
    assert_int_equal(aws_retry_delay_ms(4, 0.5, (span){0}), 2000);
    assert_int_equal(aws_retry_delay_ms(2, 0, span_text("7")), 7000);
    assert_int_equal(aws_retry_delay_ms(2, 0, span_text("86400")), 60000);
    assert_int_equal(aws_retry_delay_ms(2, 1, span_text("Fri, 31 Dec 1999")), 1000);
}

static profile profile_of(const char *name)
{
    return (profile){.name = mem_text(span_text(name))};
}

static void setting_is(const profile *p, const char *name, const char *want)
{
    const secret *got = profile_get(p, name);
    if (!want) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_span_text(secret_span(got), want);
}

static void the_credentials_file_goes_before_the_config_file(void **state)
{
    (void)state;
    static const char credentials[] = "[default]\naws_access_key_id = A0\n# a = b\n[work]\r\n"
                                      "aws_access_key_id=A1\r\naws_secret_access_key = s=/+ x\r\n";
    static const char config[] = "[default]\nregion=us-east-1\n[profile work]\nRegion = eu-west-1\n"
                                 "s3 =\n  max_queue_size = 5\naws_access_key_id = A2\n"
                                 "[work]\nregion = wrong\n[services work]\nregion = wrong\n";
    profile p = profile_of("work");
    err e = {0};
    assert_true(profile_read(span_text(credentials), PROFILE_CREDENTIALS, &p, &e));
    assert_true(profile_read(span_text(config), PROFILE_CONFIG, &p, &e));
    assert_true(p.exists);
    setting_is(&p, "aws_access_key_id", "A1");
    setting_is(&p, "aws_secret_access_key", "s=/+ x");
    setting_is(&p, "region", "eu-west-1");
    setting_is(&p, "max_queue_size", NULL);
    profile_clear(&p);
    p = profile_of("default");
    assert_true(profile_read(span_text(config), PROFILE_CONFIG, &p, &e));
    setting_is(&p, "region", "us-east-1");
    profile_clear(&p);
    p = profile_of("absent");
    assert_true(profile_read(span_text(config), PROFILE_CONFIG, &p, &e));
    assert_false(p.exists);
    profile_clear(&p);
}

static void a_line_of_the_profile_that_is_no_setting_is_told(void **state)
{
    (void)state;
    profile p = profile_of("default");
    err e = {0};
    assert_false(
        profile_read(span_text("[default]\nsecret-without-a-name\n"), PROFILE_CREDENTIALS, &p, &e));
    assert_int_equal(e.kind, ERR_FORMAT);
    assert_null(strstr(e.text, "secret-without")); /* it may be one */
    profile_clear(&p);
}

static void one_setting_too_many_is_told(void **state)
{
    (void)state;
    profile p = profile_of("default");
    buf b = buf_of(64 * KIB);
    err e = {0};
    assert_true(buf_text(&b, "[default]\n"));
    for (size_t i = 0; i < PROFILE_SETTINGS_MAX; i++)
        assert_true(buf_printf(&b, "name-%zu = 1\n", i));
    assert_true(profile_read(buf_span(&b), PROFILE_CONFIG, &p, &e));
    assert_true(buf_text(&b, "one-more = 1\n"));
    assert_false(profile_read(buf_span(&b), PROFILE_CONFIG, &p, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_clear(&b);
    profile_clear(&p);
}

static void keys_are_read_from_each_giver_s_json(void **state)
{
    (void)state;
    aws_keys k = {0};
    err e = {0};
    assert_true(aws_keys_read_json(
        span_text("{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"SessionToken\":"
                  "\"t\",\"Expiration\":\"2026-11-22T13:00:00+01:00\"}"),
        true, &k, &e));
    assert_string_equal(k.id, "A");
    assert_span_text(secret_span(&k.token), "t");
    assert_int_equal(k.expires_ms, INT64_C(1795348800000));
    aws_keys_clear(&k);
    assert_true(aws_keys_read_json(
        span_text("{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
                  "\"Token\":\"u\",\"Expiration\":\"2026-11-22T12:00:00.5Z\"}"),
        false, &k, &e));
    assert_span_text(secret_span(&k.token), "u");
    assert_int_equal(k.expires_ms, INT64_C(1795348800000));
    aws_keys_clear(&k);
}

static void what_holds_no_keys_is_told_without_its_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "secret-text",
        "{\"AccessKeyId\":\"secret-text\"}",
        "{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"secret-text\"}",
        "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"secret-text\\r\\nX: y\"}",
        "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        aws_keys k = {0};
        err e = {0};
        assert_false(aws_keys_read_json(span_text(texts[i]), true, &k, &e));
        assert_int_equal(e.kind, ERR_FORMAT);
        assert_null(strstr(e.text, "secret-text"));
    }
}

static void each_partition_has_its_names(void **state)
{
    (void)state;
    assert_string_equal(aws_dns_suffix("eu-west-1"), "amazonaws.com");
    assert_string_equal(aws_dns_suffix("cn-north-1"), "amazonaws.com.cn");
    assert_string_equal(aws_dns_suffix("us-gov-west-1"), "amazonaws.com");
    assert_string_equal(aws_partition("us-gov-west-1"), "aws-us-gov");
    assert_string_equal(aws_partition("us-iso-east-1"), "aws-iso");
    assert_string_equal(aws_partition("us-isob-east-1"), "aws-iso-b");
    err e = {0};
    assert_true(aws_region_check("ap-southeast-2", &e));
    assert_false(aws_region_check("evil.example/", &e));
    assert_false(aws_region_check("", &e));
}

static void endpoint_is(const profile *p, const char *asked, const char *want)
{
    char *got = NULL;
    err e = {0};
    assert_true(aws_endpoint(&aws_elasticache, p, asked, "cn-north-1", &got, &e));
    assert_string_equal(got, want);
    free(got);
}

static void the_nearest_wish_for_an_endpoint_wins(void **state)
{
    (void)state;
    profile p = profile_of("default");
    err e = {0};
    char *none = NULL;
    (void)unsetenv("AWS_ENDPOINT_URL");
    (void)unsetenv("AWS_ENDPOINT_URL_ELASTICACHE");
    endpoint_is(&p, NULL, "https://elasticache.cn-north-1.amazonaws.com.cn");
    assert_true(
        profile_read(span_text("[default]\nendpoint_url = http://p\n"), PROFILE_CONFIG, &p, &e));
    endpoint_is(&p, NULL, "http://p");
    (void)setenv("AWS_ENDPOINT_URL", "http://all/", 1);
    endpoint_is(&p, NULL, "http://all");
    (void)setenv("AWS_ENDPOINT_URL_ELASTICACHE", "http://own:1/base", 1);
    endpoint_is(&p, NULL, "http://own:1/base");
    endpoint_is(&p, "https://asked", "https://asked");
    (void)setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    endpoint_is(&p, NULL, "https://elasticache.cn-north-1.amazonaws.com.cn");
    (void)unsetenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    assert_false(aws_endpoint(&aws_elasticache, &p, "ftp://x", "eu-west-1", &none, &e));
    assert_int_equal(e.kind, ERR_USAGE);
    (void)unsetenv("AWS_ENDPOINT_URL");
    (void)unsetenv("AWS_ENDPOINT_URL_ELASTICACHE");
    profile_clear(&p);
}

static wait_answer third_time(void *context, int64_t deadline_ns, err *e)
{
    int *count = context;
    (void)deadline_ns;
    (void)err_set(e, ERR_STATE, "creating");
    return ++*count == 3 ? WAIT_DONE : *count > 3 ? WAIT_FAILED : WAIT_MORE;
}

static void a_wait_ends_when_done_when_failed_and_at_its_deadline(void **state)
{
    (void)state;
    err e = {0};
    int count = 0;
    assert_true(aws_wait("cache 'a'", third_time, &count, 1, deadline_in_ms(5000), &e));
    assert_int_equal(count, 3);
    assert_false(aws_wait("cache 'a'", third_time, &count, 1, deadline_in_ms(5000), &e));
    assert_string_equal(e.text, "cache 'a': creating");
    count = -1000000;
    assert_false(aws_wait("cache 'a'", third_time, &count, 1, deadline_in_ms(20), &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    assert_string_equal(e.text, "cache 'a': not in time, still: creating");
}

static void a_part_is_large_enough_for_any_object(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, S3_PART_DEFAULT * S3_PARTS_MAX,
                                     S3_PART_DEFAULT * S3_PARTS_MAX + 1, S3_OBJECT_MAX};
    uint64_t part = 0;
    err e = {0};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_true(s3_part_size(sizes[i], 0, &part, &e));
        assert_true((sizes[i] + part - 1) / part <= S3_PARTS_MAX);
        assert_int_equal(part, i < 3 ? S3_PART_DEFAULT : i == 3 ? 2 * S3_PART_DEFAULT : part);
    }
    assert_true(s3_part_size(1, 1, &part, &e));
    assert_int_equal(part, S3_PART_MIN);
    assert_false(s3_part_size(S3_OBJECT_MAX + 1, 0, &part, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_is_found_by_its_path),
        cmocka_unit_test(a_replication_group_is_read_with_its_nodes),
        cmocka_unit_test(a_cluster_has_one_endpoint_that_configures),
        cmocka_unit_test(a_group_that_cannot_be_is_told),
        cmocka_unit_test(xml_cut_at_any_byte_is_told),
        cmocka_unit_test(xml_one_level_too_deep_is_told),
        cmocka_unit_test(an_entity_of_a_document_type_is_refused),
        cmocka_unit_test(a_fault_tells_code_message_and_request),
        cmocka_unit_test(what_passes_by_itself_is_asked_again),
        cmocka_unit_test(the_pauses_double_up_to_20_seconds),
        cmocka_unit_test(the_credentials_file_goes_before_the_config_file),
        cmocka_unit_test(a_line_of_the_profile_that_is_no_setting_is_told),
        cmocka_unit_test(one_setting_too_many_is_told),
        cmocka_unit_test(keys_are_read_from_each_giver_s_json),
        cmocka_unit_test(what_holds_no_keys_is_told_without_its_text),
        cmocka_unit_test(each_partition_has_its_names),
        cmocka_unit_test(the_nearest_wish_for_an_endpoint_wins),
        cmocka_unit_test(a_wait_ends_when_done_when_failed_and_at_its_deadline),
        cmocka_unit_test(a_part_is_large_enough_for_any_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
