/* Signatures on published vectors: AWS's test suite for Signature Version 4 (docs.aws.amazon.com/
 * general/latest/gr/signature-v4-test-suite.html), the examples of S3's documentation, tokens of
 * ElastiCache's IAM authentication; and what is no signature. */
#include "test.h"

#include "aws/iam_token.h"
#include "base/mem.h"

#define KEY_ID "AKIDEXAMPLE"
#define KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define S3_KEY_ID "AKIAIOSFODNN7EXAMPLE"
#define S3_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define TOKEN_KEY "handover-test-secret-not-a-real-key"
#define TOKEN_AT_MS INT64_C(1795348800000) /* 2026-11-22T12:00:00Z */

static const struct vector {
    const char *name;
    const char *request;
    const char *signed_headers;
    const char *signature;
} suite[] = {
    {"get-header-key-duplicate",
     "GET / "
     "HTTP/"
     "1.1\nHost:example.amazonaws.com\nMy-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\nX-"
     "Amz-Date:20150830T123600Z",
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     "GET / "
     "HTTP/"
     "1.1\nHost:example.amazonaws.com\nMy-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-"
     "Header1:value2\nX-Amz-Date:20150830T123600Z",
     "host;my-header1;x-amz-date",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim",
     "GET / HTTP/1.1\nHost:example.amazonaws.com\nMy-Header1: value1\nMy-Header2: \"a   b   "
     "c\"\nX-Amz-Date:20150830T123600Z",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get-unreserved",
     "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz "
     "HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-vanilla", "GET / HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-empty-query-key",
     "GET /?Param1=value1 HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-key",
     "GET /?Param1=value2&Param1=Value1 "
     "HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {"get-vanilla-query-order-key-case",
     "GET /?Param2=value2&Param1=value1 "
     "HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value",
     "GET /?Param1=value2&Param1=value1 "
     "HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-vanilla-query-unreserved",
     "GET "
     "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~"
     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz "
     "HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query",
     "GET /?ሴ=bar HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"post-header-key-sort",
     "POST / HTTP/1.1\nHost:example.amazonaws.com\nMy-Header1:value1\nX-Amz-Date:20150830T123600Z",
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case",
     "POST / HTTP/1.1\nHost:example.amazonaws.com\nMy-Header1:VALUE1\nX-Amz-Date:20150830T123600Z",
     "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-vanilla", "POST / HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-vanilla-empty-query-value",
     "POST /?Param1=value1 HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-x-www-form-urlencoded",
     "POST / "
     "HTTP/1.1\nContent-Type:application/"
     "x-www-form-urlencoded\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\nContent-"
     "Length:13\n\nParam1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-x-www-form-urlencoded-parameters",
     "POST / HTTP/1.1\nContent-Type:application/x-www-form-urlencoded; "
     "charset=utf8\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\nContent-Length:"
     "13\n\nParam1=value1",
     "content-type;host;x-amz-date",
     "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
    {"get-relative",
     "GET /example/.. HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-relative-relative",
     "GET /example1/example2/../.. "
     "HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash", "GET // HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash-dot-slash",
     "GET /./ HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z", "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash-pointless-dot",
     "GET /./example HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-slashes",
     "GET //example// HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z",
     "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"post-sts-header-before",
     "POST / "
     "HTTP/"
     "1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\nX-Amz-Security-Token:"
     "AQoDYXdzEPT//////////"
     "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
     "x7mSEI/qkPpKPi/"
     "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHN"
     "VXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
     "scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
};

typedef struct {
    sigv4_header headers[16];
    sigv4_hex payload;
    sigv4_request r;
} wire;

/* A request of the suite: its lines end with \n, a body follows an empty one. */
static void wire_read(const char *text, wire *w)
{
    span rest = span_text(text);
    span line = {0};
    size_t question = 0;
    *w = (wire){0};
    assert_true(span_cut(&rest, '\n', &line));
    line.size -= strlen(" HTTP/1.1");
    assert_true(span_cut(&line, ' ', &w->r.method));
    w->r.path = line;
    if (span_find(line, span_text("?"), &question)) {
        w->r.path = span_of(line.at, question);
        w->r.query = span_tail(line, question + 1);
    }
    while (span_cut(&rest, '\n', &line) && line.size > 0) {
        sigv4_header *h = &w->headers[w->r.header_count++];
        assert_true(span_cut(&line, ':', &h->name));
        h->value = line;
    }
    w->payload = sigv4_sha256(rest);
    w->r.payload = span_text(w->payload.text);
    w->r.headers = w->headers;
}

static sigv4_scope scope_of(const char *id, const char *stamp, const char *service)
{
    return (sigv4_scope){.access_key_id = span_text(id),
                         .stamp = span_text(stamp),
                         .region = span_text("us-east-1"),
                         .service = span_text(service)};
}

static void vectors_check(const struct vector *list,
                          size_t count,
                          const sigv4_scope *s,
                          const char *secret_key,
                          bool path_once)
{
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_key(span_text(secret_key), s, key);
    for (size_t i = 0; i < count; i++) {
        wire w;
        sigv4_hex got;
        err e = {0};
        wire_read(list[i].request, &w);
        w.r.path_once = path_once;
        if (!sigv4_signature(&w.r, s, span_text(list[i].signed_headers), key, &got, &e))
            fail_msg("%s: %s", list[i].name, e.text);
        if (strcmp(got.text, list[i].signature) != 0)
            fail_msg("%s: wanted %s, got %s", list[i].name, list[i].signature, got.text);
    }
}

static void the_published_suite_is_signed(void **state)
{
    (void)state;
    sigv4_scope s = scope_of(KEY_ID, "20150830T123600Z", "service");
    vectors_check(suite, COUNT_OF(suite), &s, KEY, false);
}

static void a_header_over_all_headers_is_claimed_again(void **state)
{
    (void)state;
    CLEANUP(buf_clear) buf out = buf_of(MIB);
    sigv4_scope s = scope_of(KEY_ID, "20150830T123600Z", "service");
    sigv4_claim claim;
    wire w;
    err e = {0};
    wire_read("GET / HTTP/1.1\nX-Amz-Date:20150830T123600Z\nHost:example.amazonaws.com", &w);
    assert_true(sigv4_authorize(&w.r, &s, span_text(KEY), &out, &e));
    assert_span_text(buf_span(&out),
                     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                     "aws4_request, SignedHeaders=host;x-amz-date, Signature="
                     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assert_true(sigv4_claim_header(buf_span(&out), s.stamp, &claim, &e));
    assert_span_text(claim.scope.access_key_id, KEY_ID);
    assert_span_text(claim.scope.region, "us-east-1");
    assert_span_text(claim.scope.service, "service");
    assert_span_text(claim.signed_headers, "host;x-amz-date");
    assert_true(sigv4_equal(claim.signature, span_text(suite[4].signature)));
    assert_int_equal(claim.expires_s, -1);
}

/* docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and
 * sigv4-query-string-auth.html */
static void the_examples_of_s3_are_signed(void **state)
{
    (void)state;
    static const struct vector examples[] = {
        {"get object",
         "GET /test.txt HTTP/1.1\nHost:examplebucket.s3.amazonaws.com\nRange:bytes=0-9\n"
         "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
         "x-amz-date:20130524T000000Z",
         "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"put object",
         "PUT /test%24file.text HTTP/1.1\nDate:Fri, 24 May 2013 00:00:00 GMT\n"
         "Host:examplebucket.s3.amazonaws.com\nx-amz-date:20130524T000000Z\n"
         "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n"
         "x-amz-storage-class:REDUCED_REDUNDANCY\n\nWelcome to Amazon S3.",
         "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"lifecycle",
         "GET /?lifecycle HTTP/1.1\nHost:examplebucket.s3.amazonaws.com\n"
         "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
         "x-amz-date:20130524T000000Z",
         "host;x-amz-content-sha256;x-amz-date",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    };
    sigv4_scope s = scope_of(S3_KEY_ID, "20130524T000000Z", "s3");
    vectors_check(examples, COUNT_OF(examples), &s, S3_KEY, true);
}

static void a_presigned_url_of_s3_and_its_claim(void **state)
{
    (void)state;
    CLEANUP(buf_clear) buf out = buf_of(MIB);
    CLEANUP(buf_clear) buf memory = buf_of(MIB);
    sigv4_scope s = scope_of(S3_KEY_ID, "20130524T000000Z", "s3");
    sigv4_claim claim;
    wire w;
    err e = {0};
    wire_read("GET /test.txt HTTP/1.1\nHost:examplebucket.s3.amazonaws.com", &w);
    w.r.path_once = true;
    w.r.payload = span_text(SIGV4_UNSIGNED);
    assert_true(sigv4_presign(&w.r, &s, span_text(S3_KEY), (span){0}, 86400, &out, &e));
    assert_span_text(
        buf_span(&out),
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
        "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
        "X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    assert_true(sigv4_claim_query(buf_span(&out), &memory, &claim, &e));
    assert_span_text(claim.scope.access_key_id, S3_KEY_ID);
    assert_span_text(claim.scope.stamp, "20130524T000000Z");
    assert_span_text(claim.signed_headers, "host");
    assert_int_equal(claim.expires_s, 86400);
    assert_int_equal(claim.token.size, 0);
}

/* docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html */
static void chunks_of_a_streaming_upload_are_signed(void **state)
{
    (void)state;
    static const char *const signatures[] = {
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"};
    static const size_t sizes[] = {65536, 1024, 0};
    sigv4_scope s = scope_of(S3_KEY_ID, "20130524T000000Z", "s3");
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_key(span_text(S3_KEY), &s, key);
    uint8_t *body = mem_alloc(65536);
    memset(body, 'a', 65536);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        sigv4_hex hash = sigv4_sha256(span_of(body, sizes[i]));
        sigv4_hex got = sigv4_chunk(&s, key, span_text(signatures[i]), span_text(hash.text));
        assert_string_equal(got.text, signatures[i + 1]);
    }
    free(body);
}

static const struct token_row {
    const char *cache;
    const char *user;
    const char *region;
    bool serverless;
    const char *session;
    const char *signature;
    size_t size;
} tokens[] = {
    {"cache-01", "iam-user-01", "us-east-1", false, "",
     "44463fbe0ec041657f033511d16605fae27f0d9ceb21c5680e158c6522ab7e06", 307},
    {"cache-01", "iam-user-01", "us-east-1", true, "",
     "9962c82205e3dd057d9f2176433759df3abb98982ec998103f8370fcb62a2473", 336},
    {"orders-cache", "app-user", "eu-west-1", false, "FwoGZXIvYXdzEXAMPLE//token+/=",
     "7ad61c5faeb136d244d0016a1cdc9a6b17e9c42b2858861dcbd9342cd513e35c", 369},
};

static void tokens_of_iam_users_are_made_and_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        const struct token_row *row = &tokens[i];
        CLEANUP(buf_clear) buf memory = buf_of(MIB);
        CLEANUP(secret_clear) secret token = {0};
        iam_user u = {.cache = row->cache,
                      .user = row->user,
                      .region = row->region,
                      .serverless = row->serverless};
        iam_claim claim;
        bool good = false;
        err e = {0};
        assert_true(iam_token_make(&u, KEY_ID, span_text(TOKEN_KEY), span_text(row->session),
                                   TOKEN_AT_MS, &token, &e));
        assert_int_equal(secret_span(&token).size, row->size);
        assert_true(iam_token_read(secret_span(&token), &memory, &claim, &e));
        assert_span_text(claim.cache, row->cache);
        assert_span_text(claim.user, row->user);
        assert_int_equal(claim.serverless, row->serverless);
        assert_span_text(claim.claim.signature, row->signature);
        assert_span_text(claim.claim.token, row->session);
        assert_true(iam_token_is_signed(&claim, span_text(TOKEN_KEY), &good, &e) && good);
        assert_true(iam_token_is_signed(&claim, span_text("another"), &good, &e) && !good);
    }
}

static void the_first_token_is_the_published_one(void **state)
{
    (void)state;
    CLEANUP(secret_clear) secret token = {0};
    iam_user u = {.cache = "cache-01", .user = "iam-user-01", .region = "us-east-1"};
    err e = {0};
    assert_true(
        iam_token_make(&u, KEY_ID, span_text(TOKEN_KEY), (span){0}, TOKEN_AT_MS, &token, &e));
    assert_span_text(secret_span(&token),
                     "cache-01/?Action=connect&User=iam-user-01&X-Amz-Algorithm=AWS4-HMAC-SHA256&"
                     "X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Fus-east-1%2Felasticache%2F"
                     "aws4_request&X-Amz-Date=20261122T120000Z&X-Amz-Expires=900&"
                     "X-Amz-SignedHeaders=host&X-Amz-Signature="
                     "44463fbe0ec041657f033511d16605fae27f0d9ceb21c5680e158c6522ab7e06");
}

static void what_is_no_signature_is_told(void **state)
{
    (void)state;
#define SCOPE "Credential=A/20150830/r/s/aws4_request"
#define SIGNATURE "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    static const struct {
        const char *header;
        const char *stamp;
        const char *says;
    } rows[] = {
        {"", "20150830T123600Z", "not signed"},
        {"Basic dXNlcg==", "20150830T123600Z", "not signed"},
        {"AWS4-HMAC-SHA256", "20150830T123600Z", "not of the form KEY/DATE"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830/r/s, SignedHeaders=host, " SIGNATURE,
         "20150830T123600Z", "not of the form KEY/DATE"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request/x, "
         "SignedHeaders=host, " SIGNATURE,
         "20150830T123600Z", "not of the form KEY/DATE"},
        {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host, " SIGNATURE, "20150831T123600Z",
         "another day"},
        {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host, " SIGNATURE, "20150830T1236",
         "not a date"},
        {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host, " SIGNATURE, "20150830T253600Z",
         "not a date"},
        {"AWS4-HMAC-SHA256 " SCOPE ", " SIGNATURE, "20150830T123600Z", "missing"},
        {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host, Signature=12", "20150830T123600Z",
         "missing"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        sigv4_claim claim;
        err e = {0};
        assert_false(
            sigv4_claim_header(span_text(rows[i].header), span_text(rows[i].stamp), &claim, &e));
        if (!strstr(e.text, rows[i].says)) fail_msg("'%s': %s", rows[i].header, e.text);
        assert_int_equal(e.kind, ERR_FORMAT);
    }
}

static void what_is_no_token_is_told(void **state)
{
    (void)state;
#define QUERY                                                                                      \
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261122%2Fr%2Felasticache%2F"         \
    "aws4_request&X-Amz-Date=20261122T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature="           \
    "44463fbe0ec041657f033511d16605fae27f0d9ceb21c5680e158c6522ab7e06"
    static const struct {
        const char *token;
        const char *says;
    } rows[] = {
        {"secret", "not of the form"},
        {"cache/?User=u" QUERY "&X-Amz-Expires=900", "not 'connect'"},
        {"cache/?Action=connect" QUERY "&X-Amz-Expires=900", "names no User"},
        {"cache/?Action=connect&User=u" QUERY, "X-Amz-Expires"},
        {"cache/?Action=connect&User=u" QUERY "&X-Amz-Expires=901", "above 900"},
        {"cache/?Action=connect&User=u" QUERY "&X-Amz-Expires=-1", "X-Amz-Expires"},
        {"cache/?Action=connect&User=u&X-Amz-Expires=900", "not signed"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(buf_clear) buf memory = buf_of(MIB);
        iam_claim claim;
        err e = {0};
        assert_false(iam_token_read(span_text(rows[i].token), &memory, &claim, &e));
        if (!strstr(e.text, rows[i].says)) fail_msg("'%s': %s", rows[i].token, e.text);
    }
}

static void a_signed_header_that_is_not_there_is_told(void **state)
{
    (void)state;
    CLEANUP(buf_clear) buf out = buf_of(MIB);
    wire w;
    err e = {0};
    wire_read("GET / HTTP/1.1\nHost:a", &w);
    assert_false(sigv4_canonical(&w.r, span_text("host;x-amz-date"), &out, &e));
    assert_non_null(strstr(e.text, "'x-amz-date' is not there"));
}

static void stamps_are_read_as_they_are_shown(void **state)
{
    (void)state;
    static const int64_t times[] = {0, TOKEN_AT_MS, INT64_C(4102444799000)};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        int64_t got = -1;
        err e = {0};
        sigv4_stamp stamp = sigv4_stamp_show(times[i]);
        assert_true(sigv4_stamp_read(span_text(stamp.text), &got, &e));
        assert_int_equal(got, times[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_suite_is_signed),
        cmocka_unit_test(a_header_over_all_headers_is_claimed_again),
        cmocka_unit_test(the_examples_of_s3_are_signed),
        cmocka_unit_test(a_presigned_url_of_s3_and_its_claim),
        cmocka_unit_test(chunks_of_a_streaming_upload_are_signed),
        cmocka_unit_test(tokens_of_iam_users_are_made_and_checked),
        cmocka_unit_test(the_first_token_is_the_published_one),
        cmocka_unit_test(what_is_no_signature_is_told),
        cmocka_unit_test(what_is_no_token_is_told),
        cmocka_unit_test(a_signed_header_that_is_not_there_is_told),
        cmocka_unit_test(stamps_are_read_as_they_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
