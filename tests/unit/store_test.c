#include "test.h"

#include "store/acl.h"
#include "store/checksum.h"
#include "store/chunked.h"
#include "store/documents.h"
#include "store/store_internal.h"
#include "store/target.h"

#define ID "540804c33a284a299d2547575ce1010f2312ef3da9b3a053c8bc45bf233e4353"

/* --- chunks ---------------------------------------------------------------------------------- */

/* What a body says, as text: "<5 sig>hello<tail>..." */
static step read_chunks(chunked *c, span piece, buf *out, err *e)
{
    cursor in = cursor_of(piece);
    for (;;) {
        chunked_event v = {0};
        bool fits = true;
        step got = chunked_next(c, &in, &v, e);
        if (got != STEP_DONE) return got;
        switch (v.kind) {
        case CHUNKED_BEGIN:
            fits = buf_printf(out, "<%d ", (int)v.size) && buf_append(out, v.signature) &&
                   buf_text(out, ">");
            break;
        case CHUNKED_DATA:
            fits = buf_append(out, v.data);
            break;
        case CHUNKED_TAIL:
            fits = buf_text(out, "<tail>");
            break;
        case CHUNKED_TRAILER:
            fits = buf_append(out, v.name) && buf_text(out, "=") && buf_append(out, v.value);
            break;
        case CHUNKED_END:
            fits = buf_text(out, "<end>");
            break;
        }
        assert_true(fits);
    }
}

static void chunks_split_at_any_byte_are_the_same(void **state)
{
    (void)state;
    static const char text[] =
        "5;chunk-signature=ab\r\nhello\r\nA\r\n 123456789\r\n0;chunk-signature=cd\r\n"
        "x-amz-checksum-crc32: AAAA=\r\nb:c\n\r\n";
    static const char want[] = "<5 ab>hello<tail><10 > 123456789<tail><0 cd><tail>"
                               "x-amz-checksum-crc32=AAAA=b=c<end>";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        chunked *c = mem_alloc(sizeof *c);
        buf out = buf_of(KIB);
        err e = {0};
        size_t size = sizeof text - 1;
        assert_int_equal(read_chunks(c, span_of(text, size_min(cut, size)), &out, &e), STEP_MORE);
        assert_int_equal(read_chunks(c, span_tail(span_of(text, size), cut), &out, &e), STEP_MORE);
        assert_span_text(buf_span(&out), want);
        assert_int_equal(read_chunks(c, span_text("more"), &out, &e), STEP_BAD);
        buf_clear(&out);
        free(c);
    }
}

static void broken_chunks_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"\r\n",
                                         "g\r\n",
                                         ";x\r\n",
                                         "-1\r\n",
                                         "2\r\nabc\r\n",
                                         "11111111111111111\r\n",
                                         "ffffffffffffffff\r\n",
                                         "0\r\nno colon\r\n",
                                         "0\r\n:v\r\n"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        chunked *c = mem_alloc(sizeof *c);
        buf out = buf_of(KIB);
        err e = {0};
        assert_int_equal(read_chunks(c, span_text(broken[i]), &out, &e), STEP_BAD);
        buf_clear(&out);
        free(c);
    }
}

static void lines_and_trailers_have_limits(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        chunked *c = mem_alloc(sizeof *c);
        buf text = buf_of(64 * KIB);
        buf out = buf_of(64 * KIB);
        err e = {0};
        assert_true(buf_text(&text, "0\r\n"));
        for (size_t i = 0; i < CHUNKED_TRAILERS_MAX + more; i++)
            assert_true(buf_printf(&text, "name-%zu:v\r\n", i));
        assert_int_equal(read_chunks(c, buf_span(&text), &out, &e), more ? STEP_BAD : STEP_MORE);
        text.size = 0;
        *c = (chunked){0};
        assert_true(buf_text(&text, "0;"));
        while (text.size < CHUNKED_LINE_MAX + more)
            assert_true(buf_u8(&text, 'x'));
        assert_true(buf_text(&text, "\n"));
        assert_int_equal(read_chunks(c, buf_span(&text), &out, &e), more ? STEP_BAD : STEP_MORE);
        buf_clear(&text);
        buf_clear(&out);
        free(c);
    }
}

/* --- digests --------------------------------------------------------------------------------- */

static void digests_have_their_check_values(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *hex;
    } rows[] = {{"X-Amz-Checksum-Crc32", "cbf43926"},
                {"x-amz-checksum-crc32c", "e3069283"},
                {"x-amz-checksum-crc64nvme", "ae8b14860a799888"},
                {"x-amz-checksum-sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
                {"Content-MD5", "25f9e794323b453885f5181f1b624d0b"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        checksum c;
        checksum_begin(&c, checksum_of_header(rows[i].header));
        checksum_add(&c, span_text("1234"));
        checksum_add(&c, span_text(""));
        checksum_add(&c, span_text("56789"));
        checksum_value v = checksum_end(&c);
        assert_string_equal(checksum_hex(&v).text, rows[i].hex);
    }
    checksum_value v = {.bytes = {0xcb, 0xf4, 0x39, 0x26}, .size = 4};
    assert_string_equal(checksum_base64(&v).text, "y/Q5Jg==");
    assert_int_equal(checksum_of_header("x-amz-checksum-mode"), CHECKSUM_NONE);
}

/* --- targets --------------------------------------------------------------------------------- */

static void a_bucket_is_named_in_the_path_or_in_the_host(void **state)
{
    (void)state;
    static const struct {
        const char *host, *path, *bucket, *key;
    } rows[] = {{"127.0.0.1:1", "/", "", ""},
                {"127.0.0.1:1", "/b", "b", ""},
                {"127.0.0.1:1", "/b/", "b", ""},
                {"127.0.0.1:1", "/b/k%20%c3%bc+//x/", "b", "k \xc3\xbc+//x/"},
                {"b.localhost:1", "/k/l", "b", "k/l"},
                {"B.c.S3.sandbox.test", "/", "B.c", ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        arena memory = {0};
        target t = {0};
        err e = {0};
        assert_true(target_read(rows[i].host, rows[i].path, "a=1&b&c=%3d+", &memory, &t, &e));
        assert_string_equal(t.bucket, rows[i].bucket);
        assert_string_equal(t.key, rows[i].key);
        assert_string_equal(target_parameter_of(&t, "b"), "");
        assert_string_equal(target_parameter_of(&t, "c"), "= ");
        assert_null(target_parameter_of(&t, "d"));
        arena_clear(&memory);
    }
}

static void keys_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"/b/%",      "/b/%4",        "/b/%00",          "/b/%ff",
                                      "/b/%c0%80", "/b/%ed%a0%80", "/b/%f5%80%80%80", "/b/%e2%82"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        arena memory = {0};
        target t = {0};
        err e = {0};
        assert_false(target_read("", bad[i], "", &memory, &t, &e));
        arena_clear(&memory);
    }
    for (size_t more = 0; more < 2; more++) {
        arena memory = {0};
        target t = {0};
        err e = {0};
        char *path = arena_alloc(&memory, TARGET_KEY_MAX + 8);
        memcpy(path, "/b/", 3);
        memset(path + 3, 'k', TARGET_KEY_MAX + more);
        assert_int_equal(target_read("", path, "", &memory, &t, &e), more == 0);
        arena_clear(&memory);
    }
}

static void names_of_buckets_follow_the_rules(void **state)
{
    (void)state;
    static const char *const good[] = {
        "abc", "a-b.c-1", "1.2.3.four",
        "a23456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {
        "ab",   "Abc",  "-ab",
        "ab-",  ".ab",  "a..b",
        "a.-b", "a-.b", "192.168.1.1",
        "a_b",  "a b",  "a234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(target_bucket_is_good(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(target_bucket_is_good(bad[i]));
}

static void ranges_are_cut_to_the_size(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        bool is_one;
        uint64_t first, count;
    } rows[] = {{"bytes=0-0", true, 0, 1},  {"bytes=3-", true, 3, 7},
                {"bytes=-4", true, 6, 4},   {"bytes=-99", true, 0, 10},
                {"bytes=9-99", true, 9, 1}, {"bytes=10-", true, 10, 0},
                {"bytes=-0", true, 10, 0},  {"bytes=4-3", false, 0, 0},
                {"bytes=-", false, 0, 0},   {"bytes=a-b", false, 0, 0},
                {"items=0-1", false, 0, 0}, {"", false, 0, 0},
                {"bytes=", false, 0, 0},    {"bytes=0-18446744073709551615", true, 0, 10}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t first = 0;
        uint64_t count = 0;
        assert_int_equal(target_range(rows[i].range, 10, &first, &count), rows[i].is_one);
        if (!rows[i].is_one) continue;
        assert_int_equal(first, rows[i].first);
        assert_int_equal(count, rows[i].count);
    }
}

/* --- rights ---------------------------------------------------------------------------------- */

static void rights_are_what_the_list_grants(void **state)
{
    (void)state;
    buf list = buf_of(ACL_TEXT_MAX);
    err e = {0};
    assert_true(acl_header(
        "READ", "id=\"" ID "\", uri=http://acs.amazonaws.com/groups/s3/LogDelivery", &list, &e));
    assert_true(acl_header("READ_ACP", "id=" ID, &list, &e));
    assert_true(buf_u8(&list, 0));
    const char *text = (const char *)list.at;
    assert_int_equal(acl_rights(text, ID), ACL_READ | ACL_READ_ACP);
    assert_int_equal(acl_rights(text, "other"), 0);
    assert_false(acl_is_public(text));
    assert_true(acl_grants_others(text, ID));
    list.size = 0;
    assert_true(acl_canned("public-read", ID, &list, &e) && buf_u8(&list, 0));
    text = (const char *)list.at;
    assert_int_equal(acl_rights(text, ID), ACL_FULL_CONTROL);
    assert_int_equal(acl_rights(text, "anybody"), ACL_READ);
    assert_true(acl_is_public(text));
    assert_false(acl_canned("no-such", ID, &list, &e));
    static const char *const bad[] = {"id=12", "id=" ID "0", "uri=http://x", "email=a@b", "id="};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(acl_header("READ", bad[i], &list, &e));
    buf_clear(&list);
}

static void a_list_has_a_hundred_grants_at_most(void **state)
{
    (void)state;
    buf list = buf_of(ACL_TEXT_MAX);
    err e = {0};
    for (size_t i = 0; i <= ACL_GRANTS_MAX; i++)
        assert_int_equal(acl_add(&list, span_text("READ"), span_text("id=" ID), &e),
                         i < ACL_GRANTS_MAX);
    buf_clear(&list);
}

/* --- documents ------------------------------------------------------------------------------- */

static void documents_are_read_with_any_namespace(void **state)
{
    (void)state;
    arena memory = {0};
    err e = {0};
    document_delete d = {0};
    document_complete p = {0};
    buf list = buf_of(ACL_TEXT_MAX);
    const char *word = NULL;
    assert_true(document_delete_read(
        span_text("<Delete xmlns=\"urn:x\"><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key>"
                  "</Object><Quiet>true</Quiet></Delete>"),
        &memory, &d, &e));
    assert_int_equal(d.count, 2);
    assert_string_equal(d.keys[0], "a&b");
    assert_true(d.quiet);
    assert_true(document_complete_read(
        span_text("<CompleteMultipartUpload><Part><ETag>\"e\"</ETag><PartNumber>3</PartNumber>"
                  "</Part></CompleteMultipartUpload>"),
        &memory, &p, &e));
    assert_int_equal(p.parts[0].number, 3);
    assert_string_equal(p.parts[0].etag, "\"e\"");
    assert_true(document_acl_read(
        span_text(
            "<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>" ID "</ID></Grantee>"
            "<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"),
        &list, &e));
    assert_span_text(buf_span(&list), "READ id=" ID "\n");
    assert_true(document_location_read(span_text(""), &memory, &word, &e));
    assert_string_equal(word, "");
    assert_true(document_ownership_read(
        span_text("<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
                  "</OwnershipControls>"),
        &memory, &word, &e));
    assert_string_equal(word, "ObjectWriter");
    buf_clear(&list);
    arena_clear(&memory);
}

static void other_documents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "<Delete/>",
        "<Delete><Object/></Delete>",
        "<Other/>",
        "<!DOCTYPE a []><Delete/>",
        "<CompleteMultipartUpload/>",
        "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part>"
        "</CompleteMultipartUpload>",
        "<AccessControlPolicy><AccessControlList><Grant><Grantee/></Grant></AccessControlList>"
        "</AccessControlPolicy>"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        arena memory = {0};
        err e = {0};
        document_delete d = {0};
        document_complete p = {0};
        buf list = buf_of(ACL_TEXT_MAX);
        assert_false(document_delete_read(span_text(bad[i]), &memory, &d, &e));
        assert_false(document_complete_read(span_text(bad[i]), &memory, &p, &e));
        assert_false(document_acl_read(span_text(bad[i]), &list, &e));
        buf_clear(&list);
        arena_clear(&memory);
    }
}

/* --- the table ------------------------------------------------------------------------------- */

static void operations_with_a_marker_stand_before_those_without(void **state)
{
    (void)state;
    for (size_t i = 0; store_operation_at(i); i++) {
        const store_operation *a = store_operation_at(i);
        assert_non_null(a->run);
        if (a->marker || a->header) continue;
        for (size_t k = i + 1; store_operation_at(k); k++) {
            const store_operation *b = store_operation_at(k);
            if (a->level == b->level && strcmp(a->method, b->method) == 0)
                fail_msg("%s is never reached behind %s", b->name, a->name);
        }
    }
}

static void dates_of_http_are_read_as_they_are_shown(void **state)
{
    (void)state;
    int64_t back = 0;
    http_date d = http_date_show(INT64_C(1795876200123));
    assert_string_equal(d.text, "Sat, 28 Nov 2026 14:30:00 GMT");
    assert_true(http_date_read(d.text, &back));
    assert_int_equal(back, INT64_C(1795876200000));
    assert_false(http_date_read("yesterday", &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_split_at_any_byte_are_the_same),
        cmocka_unit_test(broken_chunks_are_refused),
        cmocka_unit_test(lines_and_trailers_have_limits),
        cmocka_unit_test(digests_have_their_check_values),
        cmocka_unit_test(a_bucket_is_named_in_the_path_or_in_the_host),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(names_of_buckets_follow_the_rules),
        cmocka_unit_test(ranges_are_cut_to_the_size),
        cmocka_unit_test(rights_are_what_the_list_grants),
        cmocka_unit_test(a_list_has_a_hundred_grants_at_most),
        cmocka_unit_test(documents_are_read_with_any_namespace),
        cmocka_unit_test(other_documents_are_refused),
        cmocka_unit_test(operations_with_a_marker_stand_before_those_without),
        cmocka_unit_test(dates_of_http_are_read_as_they_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
