#include "test.h"

#include <jansson.h>

#include "sandbox/api.h"
#include "sandbox/dns.h"
#include "sandbox/form.h"
#include "sandbox/parameters.h"
#include "sandbox/programs.h"
#include "sandbox/xml.h"

static bool parse(const char *body, arena *memory, form *ret)
{
    err e = {0};
    return form_parse(span_text(body), memory, ret, &e);
}

static void a_form_is_decoded(void **state)
{
    (void)state;
    arena memory = {0};
    form f = {0};
    assert_true(
        parse("Action=Create%2fX&A=b+c%20d&Empty=&&T.Tag.2.Key=k&L.member.1=v", &memory, &f));
    assert_string_equal(form_text(&f, "Action"), "Create/X");
    assert_string_equal(form_text(&f, "A"), "b c d");
    assert_string_equal(form_text(&f, "Empty"), "");
    assert_null(form_text(&f, "B"));
    assert_string_equal(form_item(&f, "T", "Tag", 2, "Key"), "k");
    assert_null(form_item(&f, "T", "Tag", 1, "Key"));
    assert_string_equal(form_item(&f, "L", "Item", 1, NULL), "v");
    arena_clear(&memory);
}

static void a_broken_form_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"a=%", "a=%4", "a=%4g", "%zz=1", "a=%00", "a=b%"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        arena memory = {0};
        form f = {0};
        assert_false(parse(broken[i], &memory, &f));
        arena_clear(&memory);
    }
}

static void a_form_of_too_many_fields_is_refused(void **state)
{
    (void)state;
    static char body[2 * (FORM_PAIRS_MAX + 1)];
    for (size_t more = 0; more < 2; more++) {
        arena memory = {0};
        form f = {0};
        size_t size = 2 * (FORM_PAIRS_MAX + more) - 1;
        for (size_t i = 0; i < size; i++)
            body[i] = i % 2 ? '&' : 'a';
        body[size] = '\0';
        assert_int_equal(parse(body, &memory, &f), more == 0);
        arena_clear(&memory);
    }
}

static void xml_has_the_shape_of_the_query_protocol(void **state)
{
    (void)state;
    buf out = buf_of(4096);
    xml_frame f = {"urn:x", "ListTagsForResource", "id-1"};
    json_t *result =
        json_pack("{s:[{s:s,s:s}],s:n,s:b,s:i,s:[s]}", "TagList", "Key", "a<&>\"", "Value", "\x01",
                  "Marker", "Flag", 1, "Number", 5, "ReplicationGroups", "g");
    assert_true(xml_answer(&out, &f, result));
    assert_span_text(buf_span(&out),
                     "<ListTagsForResourceResponse xmlns=\"urn:x\"><ListTagsForResourceResult>"
                     "<TagList><Tag><Key>a&lt;&amp;&gt;&quot;</Key><Value>?</Value></Tag></TagList>"
                     "<Flag>true</Flag><Number>5</Number>"
                     "<ReplicationGroups><member>g</member></ReplicationGroups>"
                     "</ListTagsForResourceResult><ResponseMetadata><RequestId>id-1</RequestId>"
                     "</ResponseMetadata></ListTagsForResourceResponse>\n");
    json_decref(result);
    buf_clear(&out);
}

static void xml_that_is_too_deep_or_too_long_is_not_written(void **state)
{
    (void)state;
    xml_frame f = {"urn:x", "Op", "id"};
    json_t *deep = json_object();
    json_t *at = deep;
    for (size_t i = 0; i < XML_ANSWER_DEPTH_MAX; i++) {
        json_t *next = json_object();
        assert_int_equal(json_object_set_new(at, "a", next), 0);
        at = next;
    }
    buf out = buf_of(4096);
    assert_false(xml_answer(&out, &f, deep));
    buf_clear(&out);
    for (size_t max = 0; max < 60; max += 7) {
        buf small = buf_of(max);
        assert_false(xml_error(&small, &f, true, "Code", "message"));
        buf_clear(&small);
    }
    json_decref(deep);
}

static void operations_are_named_once_and_their_parameters_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; api_operation_at(i); i++) {
        const api_operation *o = api_operation_at(i);
        assert_non_null(o->run);
        assert_null(strstr(o->parameters, "  "));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(o->name, api_operation_at(k)->name);
    }
}

static void errors_have_the_status_of_the_service(void **state)
{
    (void)state;
    api_error e = {0};
    static const struct {
        const char *code;
        unsigned status;
    } rows[] = {{"ReplicationGroupNotFoundFault", 404},
                {"CacheSubnetGroupNotFoundFault", 400},
                {"InvalidParameterValue", 400},
                {"NotImplemented", 501},
                {"InternalFailure", 500},
                {"UserNotFound", 404}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_false(api_fail(&e, rows[i].code, "%d", 1));
        assert_int_equal(e.status, rows[i].status);
    }
}

static void the_nearest_engine_stands_for_a_version(void **state)
{
    (void)state;
    engine_program rows[] = {{"/a", "valkey", "8.0.1"},
                             {"/b", "valkey", "8.1.4"},
                             {"/c", "redis", "7.0.15"},
                             {"/d", "valkey", "9.1.0"}};
    engine_programs p = {rows, COUNT_OF(rows)};
    assert_ptr_equal(programs_choose(&p, "valkey", "8.0"), &rows[0]);
    assert_ptr_equal(programs_choose(&p, "valkey", "8.2"), &rows[1]);
    assert_ptr_equal(programs_choose(&p, "valkey", "9.0"), &rows[3]);
    assert_ptr_equal(programs_choose(&p, "redis", "7.1"), &rows[2]);
    assert_null(programs_choose(&p, "valkey", "7.2"));
    assert_null(programs_choose(&p, "redis", "6.2"));
}

static void versions_belong_to_families(void **state)
{
    (void)state;
    assert_string_equal(parameters_family_of("valkey", "7.2"), "valkey7");
    assert_string_equal(parameters_family_of("redis", "7.1"), "redis7");
    assert_null(parameters_family_of("redis", "9.9"));
    assert_string_equal(parameters_of_node_type("cache.none", "maxclients"), "");
}

/* --- names ----------------------------------------------------------------------------------- */

static bool lookup(void *context, const char *name, dns_addresses *ret)
{
    (void)context;
    *ret = (dns_addresses){.count = 2, .at = {{127, 1, 2, 3}, {127, 1, 2, 4}}};
    return strcmp(name, "a.cache.sandbox.test") == 0;
}

static size_t question(uint8_t out[64], const char *name, unsigned type)
{
    memcpy(out, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    size_t at = 12;
    span rest = span_text(name);
    span label;
    while (span_cut(&rest, '.', &label)) {
        out[at++] = (uint8_t)label.size;
        memcpy(out + at, label.at, label.size);
        at += label.size;
    }
    memcpy(out + at, "\x00\x00\x00\x00\x01", 5);
    out[at + 2] = (uint8_t)type;
    return at + 5;
}

static void a_name_is_answered_with_its_addresses(void **state)
{
    (void)state;
    uint8_t q[64];
    buf out = buf_of(DNS_MESSAGE_MAX);
    size_t size = question(q, "A.cache.Sandbox.test", 1);
    assert_true(dns_answer(span_of(q, size), lookup, NULL, &out));
    assert_int_equal(out.size, size + 32);
    assert_memory_equal(out.at, "\x12\x34\x85\x00\x00\x01\x00\x02", 8);
    assert_memory_equal(out.at + size,
                        "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x7f\x01\x02\x03", 16);
    size = question(q, "b.cache.sandbox.test", 1);
    assert_true(dns_answer(span_of(q, size), lookup, NULL, &out));
    assert_int_equal(out.at[3] & 15, 3);
    size = question(q, "notcache.sandbox.test", 1);
    assert_true(dns_answer(span_of(q, size), lookup, NULL, &out));
    assert_int_equal(out.at[3] & 15, 5);
    size = question(q, "a.cache.sandbox.test", 28);
    assert_true(dns_answer(span_of(q, size), lookup, NULL, &out));
    assert_int_equal(out.size, size);
    assert_int_equal(out.at[3] & 15, 0);
    buf_clear(&out);
}

static void a_question_cut_at_any_byte_is_a_format_error(void **state)
{
    (void)state;
    uint8_t q[64];
    buf out = buf_of(DNS_MESSAGE_MAX);
    size_t size = question(q, "a.cache.sandbox.test", 1);
    for (size_t have = 0; have < size; have++) {
        bool answered = dns_answer(span_of(q, have), lookup, NULL, &out);
        assert_int_equal(answered, have >= 12);
        if (answered) assert_int_equal(out.at[3] & 15, 1);
    }
    q[2] |= 0x80; /* an answer is not answered */
    assert_false(dns_answer(span_of(q, size), lookup, NULL, &out));
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_is_decoded),
        cmocka_unit_test(a_broken_form_is_refused),
        cmocka_unit_test(a_form_of_too_many_fields_is_refused),
        cmocka_unit_test(xml_has_the_shape_of_the_query_protocol),
        cmocka_unit_test(xml_that_is_too_deep_or_too_long_is_not_written),
        cmocka_unit_test(operations_are_named_once_and_their_parameters_well_formed),
        cmocka_unit_test(errors_have_the_status_of_the_service),
        cmocka_unit_test(the_nearest_engine_stands_for_a_version),
        cmocka_unit_test(versions_belong_to_families),
        cmocka_unit_test(a_name_is_answered_with_its_addresses),
        cmocka_unit_test(a_question_cut_at_any_byte_is_a_format_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
