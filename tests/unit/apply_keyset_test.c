/* Which keys a snapshot holds, on disk. */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/keyset.h"
#include "base/buf.h"
#include "base/mem.h"

typedef struct {
    char base[64];
    char dir[80];
} place;

/* One directory for all tests: making 512 files for each costs more than the tests do. */
static int place_make(void **state)
{
    place *p = mem_alloc(sizeof *p);
    (void)snprintf(p->base, sizeof p->base, "/tmp/handover-test-XXXXXX");
    if (!mkdtemp(p->base)) return 1;
    (void)snprintf(p->dir, sizeof p->dir, "%s/keys", p->base);
    *state = p;
    return 0;
}

static int place_remove(void **state)
{
    place *p = *state;
    err e = {0};
    bool gone = keyset_delete(p->dir, &e);
    (void)rmdir(p->base);
    free(p);
    return gone ? 0 : 1;
}

static keyset *set_open(const place *p, bool fresh)
{
    keyset *k = NULL;
    err e = {0};
    if (!keyset_open(p->dir, fresh, &k, &e)) fail_msg("%s", e.text);
    return k;
}

static void set_close(keyset *k)
{
    err e = {0};
    if (!keyset_flush(k, &e)) fail_msg("%s", e.text);
    keyset_free(k);
}

typedef bool add_function(keyset *k, unsigned db, span key, err *e);

/* Keys "key:<i>" of a range. */
static void range_add(keyset *k, add_function *add, unsigned db, unsigned from, unsigned end)
{
    for (unsigned i = from; i < end; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key:%u", i);
        err e = {0};
        if (!add(k, db, span_text(key), &e)) fail_msg("%s", e.text);
    }
}

typedef struct {
    size_t count;
    unsigned db;
    unsigned from, end; /* numbers that may be missing */
    uint8_t *seen;
} expected;

static bool missing_count(void *arg, unsigned db, span key, err *e)
{
    expected *x = arg;
    (void)e;
    uint64_t number = 0;
    assert_int_equal(db, x->db);
    assert_true(span_starts(key, "key:") && span_to_u64(span_tail(key, 4), &number));
    assert_true(number >= x->from && number < x->end);
    assert_int_equal(x->seen[number - x->from]++, 0); /* once each */
    x->count++;
    return true;
}

static void missing_are(keyset *k, unsigned db, unsigned from, unsigned end)
{
    expected x = {.db = db, .from = from, .end = end, .seen = mem_alloc(end - from + 1)};
    err e = {0};
    if (!keyset_compare(k, missing_count, &x, &e)) fail_msg("%s", e.text);
    assert_int_equal(x.count, end - from);
    free(x.seen);
}

/* 80,000 keys: more than every partition's write buffer takes. */
static void exactly_the_keys_that_were_not_added_are_missing(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    range_add(k, keyset_add, 0, 0, 80000);
    range_add(k, keyset_candidate, 0, 1000, 80500);
    missing_are(k, 0, 80000, 80500);
    keyset_free(k);
}

static void a_key_added_twice_is_one_key(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    for (int i = 0; i < 50; i++)
        range_add(k, keyset_add, 0, 0, 100);
    range_add(k, keyset_candidate, 0, 0, 101);
    missing_are(k, 0, 100, 101);
    keyset_free(k);
}

static void the_same_key_in_another_database_is_another_key(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    range_add(k, keyset_add, 0, 0, 100);
    range_add(k, keyset_candidate, 7, 0, 100);
    missing_are(k, 7, 0, 100);
    keyset_free(k);
}

static void nothing_added_means_all_are_missing_and_nothing_asked_none(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    missing_are(k, 0, 0, 0);
    range_add(k, keyset_candidate, 0, 0, 100);
    missing_are(k, 0, 0, 100);
    keyset_free(k);
}

static void a_set_that_goes_on_knows_what_was_flushed(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    range_add(k, keyset_add, 0, 0, 5000);
    range_add(k, keyset_candidate, 0, 900000, 900100); /* forgotten: asked anew each time */
    set_close(k);
    k = set_open(p, false);
    range_add(k, keyset_add, 0, 5000, 10000);
    set_close(k);
    k = set_open(p, false);
    range_add(k, keyset_candidate, 0, 0, 10010);
    missing_are(k, 0, 10000, 10010);
    keyset_free(k);
}

static void boot_file_write(const place *p, const char *text)
{
    char path[100];
    (void)snprintf(path, sizeof path, "%s/boot", p->dir);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}

static void a_set_of_another_start_of_the_machine_or_that_is_gone_is_not_added_to(void **state)
{
    const place *p = *state;
    set_close(set_open(p, true));
    set_close(set_open(p, false));
    boot_file_write(p, "5d1cd1a5-0000-0000-0000-000000000000\n");
    for (int gone = 0; gone < 2; gone++) {
        keyset *k = NULL;
        err e = {0};
        if (gone) assert_true(keyset_delete(p->dir, &e));
        assert_false(keyset_open(p->dir, false, &k, &e));
        assert_int_equal(e.kind, ERR_STATE); /* the link asks for a full sync then */
        assert_null(k);
    }
}

static void a_fresh_set_knows_nothing_of_the_one_before(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    range_add(k, keyset_add, 0, 0, 5000);
    set_close(k);
    k = set_open(p, true);
    range_add(k, keyset_candidate, 0, 0, 10);
    missing_are(k, 0, 0, 10);
    keyset_free(k);
}

/* Half a hash at the end of each file, as a killed process leaves it. */
static void a_torn_tail_is_cut_off_and_the_set_goes_on(void **state)
{
    const place *p = *state;
    for (size_t torn = 1; torn < 16; torn += 7) {
        keyset *k = set_open(p, true);
        range_add(k, keyset_add, 0, 0, 2000);
        set_close(k);
        for (unsigned i = 0; i < KEYSET_PARTITIONS; i++) {
            char path[120];
            (void)snprintf(path, sizeof path, "%s/known-%02x", p->dir, i);
            int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
            assert_true(fd >= 0 && write(fd, "torntorntorntorn", torn) == (ssize_t)torn);
            (void)close(fd);
        }
        k = set_open(p, false);
        range_add(k, keyset_add, 0, 2000, 4000);
        range_add(k, keyset_candidate, 0, 0, 4003);
        missing_are(k, 0, 4000, 4003);
        keyset_free(k);
    }
}

static bool missing_is_large(void *arg, unsigned db, span key, err *e)
{
    size_t *sizes = arg;
    (void)e;
    assert_int_equal(db, 3);
    for (size_t i = 0; i < key.size; i++)
        assert_int_equal(key.at[i], (uint8_t)(i * 7 + key.size));
    *sizes += key.size;
    return true;
}

/* Names of any bytes and sizes: none, larger than the write buffer, larger still. */
static void candidates_keep_their_names_of_any_size(void **state)
{
    const place *p = *state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000, MIB};
    keyset *k = set_open(p, true);
    err e = {0};
    size_t total = 0;
    uint8_t *key = mem_alloc(MIB);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t b = 0; b < sizes[i]; b++)
            key[b] = (uint8_t)(b * 7 + sizes[i]);
        assert_true(keyset_candidate(k, 3, span_of(key, sizes[i]), &e));
        total += sizes[i];
    }
    free(key);
    size_t got = 0;
    if (!keyset_compare(k, missing_is_large, &got, &e)) fail_msg("%s", e.text);
    assert_int_equal(got, total);
    keyset_free(k);
}

static bool missing_refuse(void *arg, unsigned db, span key, err *e)
{
    size_t *count = arg;
    (void)db;
    (void)key;
    (*count)++;
    return err_set(e, ERR_STATE, "enough");
}

static void the_walk_ends_when_the_callback_says_so(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    range_add(k, keyset_candidate, 0, 0, 1000);
    size_t count = 0;
    err e = {0};
    assert_false(keyset_compare(k, missing_refuse, &count, &e));
    assert_int_equal(count, 1);
    assert_string_equal(e.text, "enough");
    keyset_free(k);
}

static void deleting_leaves_nothing_and_may_be_repeated(void **state)
{
    const place *p = *state;
    keyset *k = set_open(p, true);
    range_add(k, keyset_add, 0, 0, 1000);
    set_close(k);
    err e = {0};
    for (int i = 0; i < 2; i++)
        assert_true(keyset_delete(p->dir, &e));
    struct stat st;
    assert_int_equal(stat(p->dir, &st), -1);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    keyset *k = NULL;
    err e = {0};
    assert_false(keyset_open("/nonexistent/keys", true, &k, &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "/nonexistent/keys"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_keys_that_were_not_added_are_missing),
        cmocka_unit_test(a_key_added_twice_is_one_key),
        cmocka_unit_test(the_same_key_in_another_database_is_another_key),
        cmocka_unit_test(nothing_added_means_all_are_missing_and_nothing_asked_none),
        cmocka_unit_test(a_set_that_goes_on_knows_what_was_flushed),
        cmocka_unit_test(a_set_of_another_start_of_the_machine_or_that_is_gone_is_not_added_to),
        cmocka_unit_test(a_fresh_set_knows_nothing_of_the_one_before),
        cmocka_unit_test(a_torn_tail_is_cut_off_and_the_set_goes_on),
        cmocka_unit_test(candidates_keep_their_names_of_any_size),
        cmocka_unit_test(the_walk_ends_when_the_callback_says_so),
        cmocka_unit_test(deleting_leaves_nothing_and_may_be_repeated),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
