/* How calls of CloudWatch come over the wire: forms as trees, and CBOR. */
#include "test.h"

#include <jansson.h>

#include "sandbox/cbor.h"
#include "sandbox/http_watch.h"

static void form_is(const char *body, const char *wanted)
{
    arena memory = {0};
    form q = {0};
    err e = {0};
    json_t *tree = NULL;
    assert_true(form_parse(span_text(body), &memory, &q, &e));
    bool good = http_watch_tree(&q, &tree, &e);
    char *text = good ? json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (good != (wanted != NULL) || (good && strcmp(text, wanted) != 0))
        fail_msg("%s: %s", body, good ? text : e.text);
    free(text);
    json_decref(tree);
    arena_clear(&memory);
}

static void the_names_of_a_form_make_a_tree(void **state)
{
    (void)state;
    form_is("Action=X&Version=1", "{}");
    form_is("A=1&B=2&A=3", "{\"A\":\"1\",\"B\":\"2\"}");
    form_is("D.member.2.Name=n&D.member.1.Name=m&D.member.1.Value=v",
            "{\"D\":[{\"Name\":\"m\",\"Value\":\"v\"},{\"Name\":\"n\"}]}");
    form_is("S.member.1=Sum&S.member.2=Average", "{\"S\":[\"Sum\",\"Average\"]}");
    form_is("Q.member.1.MetricStat.Metric.Dimensions.member.1.Name=n",
            "{\"Q\":[{\"MetricStat\":{\"Metric\":{\"Dimensions\":[{\"Name\":\"n\"}]}}}]}");
    form_is("S=", "{\"S\":\"\"}");
    form_is("S.member.3=x", "{\"S\":[null,null,\"x\"]}");
    form_is("A=1&A.B=2", NULL);
    form_is("A.B=2&A.member.1=2", NULL);
    form_is("S.member.1=x&S.member.1.Y=z", NULL);
    form_is("A..B=2", NULL);
    form_is("=2", NULL);
    form_is("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s=1", NULL);
    form_is("S.member.501=x",
            "{\"S\":{\"member\":{\"501\":\"x\"}}}"); /* no list: the model refuses it */
}

static bool read_hex(const char *hex, json_t **ret)
{
    uint8_t bytes[400];
    size_t size = strlen(hex) / 2;
    err e = {0};
    assert_true(size <= sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        const uint8_t *pair = (const uint8_t *)hex + 2 * i;
        bytes[i] = (uint8_t)(hex_digit(pair[0]) * 16 + hex_digit(pair[1]));
    }
    return cbor_read(span_of(bytes, size), ret, &e);
}

/* Most are of RFC 8949, appendix A. */
static void cbor_is_read_as_its_rfc_shows(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *json;
    } rows[] = {
        {"00", "0"},
        {"17", "23"},
        {"1818", "24"},
        {"1a000f4240", "1000000"},
        {"1b000000e8d4a51000", "1000000000000"},
        {"20", "-1"},
        {"3903e7", "-1000"},
        {"f93c00", "1.0"},
        {"f90001", "5.9604644775390625e-8"},
        {"f9c400", "-4.0"},
        {"fa47c35000", "100000.0"},
        {"fb3ff199999999999a", "1.1000000000000001"},
        {"f4", "false"},
        {"f5", "true"},
        {"f6", "null"},
        {"f7", "null"},
        {"6449455446", "\"IETF\""},
        {"62c3bc", "\"\\u00FC\""},
        {"7f657374726561646d696e67ff", "\"streaming\""},
        {"80", "[]"},
        {"9fff", "[]"},
        {"83010203", "[1,2,3]"},
        {"9f018202039f0405ffff", "[1,[2,3],[4,5]]"},
        {"a0", "{}"},
        {"a26161016162820203", "{\"a\":1,\"b\":[2,3]}"},
        {"bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"},
        {"c11a514b67b0", "1363896240"},
        {"a16174c1fb41d452d9ec200000", "{\"t\":1363896240.5}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *value = NULL;
        if (!read_hex(rows[i].hex, &value)) fail_msg("%s was refused", rows[i].hex);
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        assert_string_equal(text, rows[i].json);
        free(text);
        json_decref(value);
        for (size_t cut = 2; cut < strlen(rows[i].hex); cut += 2) {
            char part[100];
            (void)snprintf(part, sizeof part, "%.*s", (int)cut, rows[i].hex);
            if (read_hex(part, &value)) fail_msg("%s was taken", part);
        }
    }
}

static void cbor_that_is_broken_or_not_of_the_protocol_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "0000",
                                       "4101",
                                       "1c",
                                       "1f",
                                       "5f4100ff",
                                       "ff",
                                       "a1ff",
                                       "a101",
                                       "a10101",
                                       "bf6161ff",
                                       "c200",
                                       "c0616101",
                                       "f97e00",
                                       "f97c00",
                                       "fb7ff0000000000000",
                                       "61ff",
                                       "6100",
                                       "7f616161006162ff",
                                       "a1610001",
                                       "7f00ff",
                                       "7f7f6161ffff",
                                       "9bffffffffffffffff",
                                       "bbffffffffffffffff",
                                       "7bffffffffffffffff",
                                       "f818",
                                       "fc",
                                       "dfff"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *value = NULL;
        if (read_hex(rows[i], &value)) fail_msg("'%s' was taken", rows[i]);
    }
    char deep[2 * CBOR_DEPTH_MAX + 5];
    for (size_t more = 0; more < 2; more++) {
        json_t *value = NULL;
        size_t levels = CBOR_DEPTH_MAX + more;
        for (size_t i = 0; i < levels; i++)
            (void)snprintf(deep + 2 * i, 3, "81");
        (void)snprintf(deep + 2 * levels, 3, "00");
        assert_int_equal(read_hex(deep, &value), more == 0);
        json_decref(value);
    }
}

static void what_cbor_writes_it_reads(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Big\":5000000000,\"Deep\":[[],{},[{\"x\":null}]],\"List\":[1,-1,24,-500,65536],"
        "\"No\":false,\"Text\":\"\\u00fc\",\"Timestamps\":[1.5,2.5],\"Yes\":true}";
    json_error_t why;
    json_t *value = json_loads(text, 0, &why);
    buf out = buf_of(4096);
    json_t *again = NULL;
    err e = {0};
    assert_true(cbor_write(value, &out));
    size_t at = 0;
    assert_true(
        span_find(buf_span(&out), span_of("\x82\xc1\xfb", 3), &at)); /* times have their tag */
    assert_true(cbor_read(buf_span(&out), &again, &e));
    assert_true(json_equal(value, again));
    for (size_t max = 0; max < out.size; max++) {
        buf small = buf_of(max);
        assert_false(cbor_write(value, &small));
        buf_clear(&small);
    }
    json_decref(again);
    json_decref(value);
    buf_clear(&out);
}

static void times_of_an_answer_are_written_as_each_protocol_has_them(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        [WIRE_QUERY] = "<X><A>0.25</A><B>3.0</B><Timestamp>1970-01-01T00:00:01Z</Timestamp>"
                       "<Timestamps><member>1970-01-01T00:00:01.500Z</member>"
                       "<member>1970-01-01T00:00:02Z</member></Timestamps></X>",
        [WIRE_JSON] = "{\"X\":{\"A\":0.25,\"B\":3.0,\"Timestamp\":1.0,\"Timestamps\":[1.5,2.0]}}",
        [WIRE_CBOR] = "iTimestamp\xc1\xfb\x3f\xf0"};
    for (unsigned wire = WIRE_QUERY; wire <= WIRE_CBOR; wire++) {
        json_t *result = json_pack("{s:{s:f,s:f,s:f,s:[f,f]}}", "X", "A", 0.25, "B", 3.0,
                                   "Timestamp", 1.0, "Timestamps", 1.5, 2.0);
        buf out = buf_of(4096);
        size_t at = 0;
        assert_true(http_watch_write((watch_wire)wire, "Op", "id", result, &out));
        if (!span_find(buf_span(&out), span_text(wanted[wire]), &at))
            fail_msg("%u: %.*s", wire, (int)out.size, (const char *)out.at);
        json_decref(result);
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_a_form_make_a_tree),
        cmocka_unit_test(cbor_is_read_as_its_rfc_shows),
        cmocka_unit_test(cbor_that_is_broken_or_not_of_the_protocol_is_refused),
        cmocka_unit_test(what_cbor_writes_it_reads),
        cmocka_unit_test(times_of_an_answer_are_written_as_each_protocol_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
