/* What clients send through the relay, and whose tokens are taken. */
#include "test.h"

#include "aws/iam_token.h"
#include "base/mem.h"
#include "base/secret.h"
#include "sandbox/iam.h"
#include "sandbox/wire.h"

static span answer_with_own(void *context, span user, span password)
{
    unsigned *asked = context;
    (*asked)++;
    if (!span_is(user, "iam")) return password;
    return span_text("engine-word");
}

static void goes_as(const char *in, const char *out, unsigned asked_wanted)
{
    size_t size = strlen(in);
    for (size_t cut = 0; cut <= size; cut++) {
        unsigned asked = 0;
        wire w;
        buf got = buf_of(MIB);
        wire_init(&w);
        assert_true(wire_feed(&w, span_of(in, cut), answer_with_own, &asked, &got));
        assert_true(wire_feed(&w, span_of(in + cut, size - cut), answer_with_own, &asked, &got));
        if (!span_is(buf_span(&got), out))
            fail_msg("cut at %zu of '%s': '%.*s'", cut, in, (int)got.size, (const char *)got.at);
        assert_int_equal(asked, asked_wanted);
        wire_clear(&w);
        buf_clear(&got);
    }
}

#define AUTH_IN "*3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n$5\r\ntoken\r\n"
#define AUTH_OUT "*3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n$11\r\nengine-word\r\n"

static void passwords_of_logins_are_exchanged_wherever_the_bytes_are_cut(void **state)
{
    (void)state;
    goes_as(AUTH_IN, AUTH_OUT, 1);
    goes_as("*1\r\n$4\r\nPING\r\n" AUTH_IN "*1\r\n$4\r\nPING\r\n",
            "*1\r\n$4\r\nPING\r\n" AUTH_OUT "*1\r\n$4\r\nPING\r\n", 1);
    goes_as("*3\r\n$4\r\nauth\r\n$3\r\niam\r\n$0\r\n\r\n",
            "*3\r\n$4\r\nauth\r\n$3\r\niam\r\n$11\r\nengine-word\r\n", 1);
    goes_as(
        "*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n$1\r\nn\r\n$4\r\nAUTH\r\n$3\r\niam\r\n"
        "$5\r\ntoken\r\n",
        "*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n$1\r\nn\r\n$4\r\nAUTH\r\n$3\r\niam\r\n"
        "$11\r\nengine-word\r\n",
        1);
    goes_as("AUTH iam token\r\n", AUTH_OUT, 1);
    goes_as("  AUTH   iam  token \n", AUTH_OUT, 1);
}

static void all_else_goes_on_byte_for_byte(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        unsigned asked;
    } rows[] = {
        {"*3\r\n$4\r\nAUTH\r\n$5\r\nother\r\n$4\r\nword\r\n", 1},
        {"*2\r\n$4\r\nAUTH\r\n$4\r\nword\r\n", 1}, /* of "default" */
        {"*1\r\n$4\r\nAUTH\r\n", 0},
        {"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", 0},
        {"*4\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n", 0},
        {"*3\r\n$3\r\nSET\r\n$4\r\nAUTH\r\n$3\r\niam\r\n", 0},
        {"*2\r\n$4\r\nECHO\r\n$33\r\n*3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n$1\r\nx\r\n\r\n", 0},
        {"*0\r\n*1\r\n$4\r\nPING\r\n*-1\r\nPING\r\n\r\nECHO \"a b\"\r\n", 0},
        {"*13\r\n$4\r\nAUTH\r\n", 0}, /* more than any login has */
        {"*2\r\nnonsense\r\n*3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n$1\r\nx\r\n", 0},
        {"*many\r\n*3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n$1\r\nx\r\n", 0},
        {"*2\r\n$99999999999999999999\r\nAUTH", 0},
        {"AUTH iam\r\nGET AUTH iam x\r\n", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        goes_as(rows[i].bytes, rows[i].bytes, rows[i].asked);
}

static void what_is_larger_than_a_login_is_not_held(void **state)
{
    (void)state;
    unsigned asked = 0;
    wire w;
    buf got = buf_of(MIB);
    buf in = buf_of(MIB);
    wire_init(&w);
    assert_true(buf_printf(&in, "*3\r\n$4\r\nAUTH\r\n$3\r\niam\r\n$%zu\r\n", WIRE_LOGIN_MAX));
    for (size_t i = 0; i < WIRE_LOGIN_MAX; i++)
        assert_true(buf_u8(&in, 'x'));
    assert_true(buf_text(&in, "\r\n" AUTH_IN));
    assert_true(wire_feed(&w, buf_span(&in), answer_with_own, &asked, &got));
    assert_int_equal(asked, 1); /* the small one behind it */
    assert_int_equal(got.size, in.size - strlen(AUTH_IN) + strlen(AUTH_OUT));
    wire_clear(&w);
    buf_clear(&got);
    /* A line without an end. */
    buf_clear(&in);
    wire_init(&w);
    for (size_t i = 0; i < WIRE_LINE_MAX + 100; i++)
        assert_true(buf_u8(&in, 'y'));
    assert_true(wire_feed(&w, buf_span(&in), answer_with_own, &asked, &got));
    assert_int_equal(got.size, in.size);
    wire_clear(&w);
    buf_clear(&got);
    buf_clear(&in);
}

#define NOW INT64_C(1795737600000)

static void a_token_is_of_one_user_for_one_cache_for_a_quarter_of_an_hour(void **state)
{
    (void)state;
    const iam_keys keys = {"AKIDEXAMPLE", "a secret", "us-east-1", "cart"};
    static const struct {
        const char *cache, *user, *region, *key_id, *secret_key;
        bool serverless;
        int64_t age_ms;
        bool good;
    } rows[] = {
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "a secret", false, 0, true},
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "a secret", false, 900000, true},
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "a secret", false, 901000, false},
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "a secret", false, -300000, true},
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "a secret", false, -301000, false},
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "a secret", true, 0, false},
        {"cart2", "app", "us-east-1", "AKIDEXAMPLE", "a secret", false, 0, false},
        {"cart", "ap", "us-east-1", "AKIDEXAMPLE", "a secret", false, 0, false},
        {"cart", "app", "eu-west-1", "AKIDEXAMPLE", "a secret", false, 0, false},
        {"cart", "app", "us-east-1", "AKIDOTHER", "a secret", false, 0, false},
        {"cart", "app", "us-east-1", "AKIDEXAMPLE", "another", false, 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        err e = {0};
        secret token = {0};
        iam_user u = {rows[i].cache, rows[i].serverless, rows[i].user, rows[i].region};
        assert_true(iam_token_make(&u, rows[i].key_id, span_text(rows[i].secret_key), (span){0},
                                   NOW - rows[i].age_ms, &token, &e));
        bool taken = iam_check(&keys, span_text("app"), secret_span(&token), NOW, &e);
        if (taken != rows[i].good) fail_msg("row %zu: %d, %s", i, taken, e.text);
        if (!taken) assert_int_equal(e.kind, ERR_AUTH);
        span bytes = secret_span(&token);
        for (size_t cut = 0; cut < bytes.size && rows[i].good; cut += 7)
            assert_false(iam_check(&keys, span_text("app"), span_of(bytes.at, cut), NOW, &e));
        secret_clear(&token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_of_logins_are_exchanged_wherever_the_bytes_are_cut),
        cmocka_unit_test(all_else_goes_on_byte_for_byte),
        cmocka_unit_test(what_is_larger_than_a_login_is_not_held),
        cmocka_unit_test(a_token_is_of_one_user_for_one_cache_for_a_quarter_of_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
