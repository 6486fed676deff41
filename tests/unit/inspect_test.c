#include "base/buf.h"
#include "base/json_text.h"
#include "knowledge/knowledge.h"
#include "test.h"

/* What the writer makes of the bytes in two pieces; free() it. */
static char *written(span s, size_t cut)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    json_text t;
    json_text_begin(&t, out);
    json_text_add(&t, span_of(s.at, cut));
    json_text_add(&t, span_tail(s, cut));
    json_text_end(&t);
    assert_int_equal(fclose(out), 0);
    return text;
}

static const struct {
    const char *bytes;
    const char *json;
} texts[] = {
    {"plain", "\"plain\""},
    {"", "\"\""},
    {"a\"b\\c\n\t\x01\x7f", "\"a\\\"b\\\\c\\n\\t\\u0001\x7f\""},
    {"\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9", "\"\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9\""},
    {"\xff", "\"\\udcff\""},
    {"\xe2\x82", "\"\\udce2\\udc82\""},                         /* cut off */
    {"\xe2\x82x", "\"\\udce2\\udc82x\""},                       /* broken off */
    {"\xc0\xaf", "\"\\udcc0\\udcaf\""},                         /* overlong */
    {"\xe0\x9f\xbf", "\"\\udce0\\udc9f\\udcbf\""},              /* overlong */
    {"\xed\xa0\x80", "\"\\udced\\udca0\\udc80\""},              /* a surrogate */
    {"\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\""},   /* above U+10FFFF */
    {"\xf0\x9f\xe2\x82\xac", "\"\\udcf0\\udc9f\xe2\x82\xac\""}, /* a new one in the middle */
};

static void bytes_are_written_the_same_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        span s = span_text(texts[i].bytes);
        for (size_t cut = 0; cut <= s.size; cut++) {
            char *text = written(s, cut);
            assert_string_equal(text, texts[i].json);
            free(text);
        }
    }
}

static void a_nul_byte_is_a_byte(void **state)
{
    (void)state;
    char *text = written(span_of("a\0b", 3), 2);
    assert_string_equal(text, "\"a\\u0000b\"");
    free(text);
}

static void versions_are_in_the_ranges_of_the_table_or_not(void **state)
{
    (void)state;
    static const char both[] = "1-11 with magic REDIS, 80 with magic VALKEY";
    assert_true(knowledge_rdb_is_loaded("1-11", 11));
    assert_false(knowledge_rdb_is_loaded("1-11", 12));
    assert_true(knowledge_rdb_is_loaded(both, 80));
    assert_true(knowledge_rdb_is_loaded(both, 1));
    assert_false(knowledge_rdb_is_loaded(both, 12));
    assert_false(knowledge_rdb_is_loaded("1-11; 12-79 refused; rdb-version-check strict", 12));
    assert_true(knowledge_rdb_is_loaded("1-11 REDIS, 80-81 VALKEY", 81));
    assert_false(knowledge_rdb_is_loaded("unknown", 1));
    assert_false(knowledge_rdb_is_loaded("", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_written_the_same_however_they_are_cut),
        cmocka_unit_test(a_nul_byte_is_a_byte),
        cmocka_unit_test(versions_are_in_the_ranges_of_the_table_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
