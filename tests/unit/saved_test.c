/* The file of an interrupted verification: what was saved is read again, and nothing else is. */
#include "test.h"

#include "base/crc64.h"
#include "verify/saved.h"

typedef struct {
    verify_result result;
    saved_state state;
} one;

static void one_make(one *o)
{
    *o = (one){0};
    o->state.result = &o->result;
    o->state.open = suspects_new(NULL);
    o->state.tally = tally_new();
}

static void one_free(one *o)
{
    suspects_free(o->state.open);
    tally_free(o->state.tally);
    verify_result_clear(&o->result);
}

/* A state with something of everything. */
static void one_fill(one *o)
{
    err e;
    saved_state *s = &o->state;
    verify_result *r = &o->result;
    (void)snprintf(s->source_id, sizeof s->source_id, "aaaa0000");
    (void)snprintf(s->target_id, sizeof s->target_id, "bbbb1111");
    s->ttl_tolerance_ms = 1000;
    s->began_ms = INT64_C(1795384000000);
    s->spent_ms = 4711;
    s->times = 3;
    r->compared = 1000000;
    r->held = 7;
    r->bytes = UINT64_MAX;
    r->bookkeeping = 1;
    r->large = 2;
    r->rechecked = 3;
    r->counts[VERIFY_MISSING] = 5;
    *verify_db_add(r, 0) = (verify_db){.db = 0, .compared = 10, .on_target = 11};
    *verify_db_add(r, 12) = (verify_db){.db = 12, .compared = 20};
    s->place = (verify_place){
        .db_index = 1, .stage = PLACE_REVERSE, .position = UINT64_C(1) << 63, .expires = 4};
    assert_true(tally_know(s->tally, 77));
    assert_true(tally_know(s->tally, UINT64_MAX));
    tally_example(s->tally, r, VERIFY_MISSING, 0, span_of("a\0b\n", 4), "string on the source");
    tally_example(s->tally, r, VERIFY_EXTRA, -1, span_text(""), "");
    suspect x = {.db = 12, .large = true, .class = VERIFY_UNSETTLED};
    assert_true(suspects_add(s->open, &x, span_of("\xff key", 5), &e));
    assert_true(suspects_add(s->open, &(suspect){.class = VERIFY_EXTRA}, span_text(""), &e));
}

static buf written(const saved_state *s)
{
    char *text = NULL;
    size_t size = 0;
    err e;
    buf out = buf_of(MIB);
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_true(saved_write(to, s, &e));
    assert_int_equal(fclose(to), 0);
    assert_true(buf_append(&out, span_of(text, size)));
    free(text);
    return out;
}

static bool is_read(span text, one *ret, err *e)
{
    one_make(ret);
    FILE *from = fmemopen((void *)(uintptr_t)text.at, text.size, "rb");
    assert_non_null(from);
    bool good = saved_read(from, &ret->state, e);
    assert_int_equal(fclose(from), 0);
    return good;
}

static void what_was_saved_is_read_again(void **state)
{
    (void)state;
    one first;
    one second;
    err e = {0};
    one_make(&first);
    one_fill(&first);
    buf text = written(&first.state);
    if (!is_read(buf_span(&text), &second, &e)) fail_msg("%s", e.text);
    assert_string_equal(second.state.target_id, "bbbb1111");
    assert_int_equal(second.result.compared, 1000000);
    assert_true(second.result.bytes == UINT64_MAX);
    assert_int_equal(second.result.dbs[1].db, 12);
    assert_true(second.state.place.position == UINT64_C(1) << 63);
    assert_false(tally_know(second.state.tally, 77));
    assert_true(span_equal(second.result.examples[0].key, span_of("a\0b\n", 4)));
    assert_int_equal(suspects_count(second.state.open), 2);
    buf again = written(&second.state);
    assert_true(span_equal(buf_span(&text), buf_span(&again)));
    buf_clear(&text);
    buf_clear(&again);
    one_free(&first);
    one_free(&second);
}

static void a_file_cut_or_changed_anywhere_is_refused(void **state)
{
    (void)state;
    one first;
    one_make(&first);
    one_fill(&first);
    buf text = written(&first.state);
    for (size_t i = 1; i < text.size; i++) { /* one byte less: fmemopen takes no empty one */
        one cut;
        err e = {0};
        if (is_read(span_of(text.at, i), &cut, &e)) fail_msg("cut at %zu was read", i);
        assert_int_equal(e.kind, ERR_FORMAT);
        one_free(&cut);
    }
    for (size_t i = 0; i < text.size; i++) {
        one changed;
        err e = {0};
        text.at[i] ^= 4;
        if (is_read(buf_span(&text), &changed, &e)) fail_msg("a changed byte %zu was read", i);
        text.at[i] ^= 4;
        one_free(&changed);
    }
    buf_clear(&text);
    one_free(&first);
}

static void a_line_that_says_nothing_known_is_named(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "source ",
        "source a b\ntolerance -1",
        "count compare 1",
        "count compared -1",
        "class 99 1",
        "db 1 2",
        "db -1 2 3",
        "db 1 2 3\ndb 1 2 3",
        "place 1 0 0 0",
        "place 0 2 0 0",
        "known 0",
        "suspect 1 2 0 00",
        "suspect 1 0 99 00",
        "suspect 1 0 0 0",
        "suspect 1 0 0 0G",
        "suspect 1 0 0 ",
        "example 0 0 00",
        "example 0 0 00 00",
        "else",
        "",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[256];
        one o;
        err e = {0};
        int size = snprintf(text, sizeof text, "handover-verify 1\n%s\n", bad[i]);
        if (is_read(span_of(text, (size_t)size), &o, &e)) fail_msg("'%s' was read", bad[i]);
        if (!strstr(e.text, "line ")) fail_msg("'%s': %s", bad[i], e.text);
        one_free(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_read_again),
        cmocka_unit_test(a_file_cut_or_changed_anywhere_is_refused),
        cmocka_unit_test(a_line_that_says_nothing_known_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
