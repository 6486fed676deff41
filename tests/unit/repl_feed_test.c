/* A file in place of a source: fed into the spool, gone on with, and another one recognised. */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "repl/receiver.h"
#include "test.h"

#define FILE_BYTES ((size_t)3 * MIB + 17)
#define WAIT_MS 10000

typedef struct {
    char dir[64];
    char path[96];
    char spool_dir[96];
    uint8_t *bytes;
    receiver_file file;
    spool *spool;
} fixture;

static void file_write(fixture *f)
{
    int fd = open(f->path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, f->bytes, FILE_BYTES), FILE_BYTES);
    err e = {0};
    assert_true(receiver_file_look(fd, &f->file, &e));
    assert_int_equal(close(fd), 0);
    f->file.path = f->path;
    f->file.bytes = FILE_BYTES;
    memset(f->file.identity, 'a', REPLID_SIZE);
    f->file.identity[REPLID_SIZE] = '\0';
}

static void spool_of(fixture *f, uint64_t bytes_max)
{
    err e = {0};
    spool_options o = {.dir = f->spool_dir, .bytes_max = bytes_max, .segment_bytes = 256 * KIB};
    if (!spool_open(&o, &f->spool, &e)) fail_msg("%s", e.text);
}

static int set_up(void **state)
{
    fixture *f = mem_alloc(sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/handover-feed-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/dump.rdb", f->dir);
    (void)snprintf(f->spool_dir, sizeof f->spool_dir, "%s/spool", f->dir);
    f->bytes = mem_alloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        f->bytes[i] = (uint8_t)(i * 2654435761U >> 13);
    file_write(f);
    *state = f;
    return 0;
}

static int entry_delete(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    spool_free(f->spool);
    (void)nftw(f->dir, entry_delete, 16, FTW_DEPTH | FTW_PHYS);
    free(f->bytes);
    free(f);
    return 0;
}

static receiver *start(fixture *f)
{
    engine_url nobody = {.host = f->path, .is_file = true};
    receiver_options o = {.source = &nobody, .file = &f->file, .spool = f->spool};
    return receiver_start(&o);
}

static receiver_status wait_end(receiver *r)
{
    int64_t deadline = deadline_in_ms(WAIT_MS);
    receiver_status s = receiver_status_get(r);
    while (s.state != RECEIVER_STREAM && !s.is_dead && deadline_left_ms(deadline) > 0) {
        (void)usleep(1000);
        s = receiver_status_get(r);
    }
    return s;
}

static void assert_spooled(fixture *f)
{
    spool_reader *reader = spool_reader_new(f->spool);
    buf all = buf_of(2 * FILE_BYTES);
    err e = {0};
    int64_t ignored_ms = 0;
    assert_true(spool_extent_get(f->spool, LANE_SNAPSHOT).complete);
    assert_true(spool_reader_seek(reader, LANE_SNAPSHOT, 0, &e));
    while (spool_reader_read(reader, &all, &ignored_ms, &e) == STEP_DONE) {
    }
    assert_true(span_equal(buf_span(&all), span_of(f->bytes, FILE_BYTES)));
    buf_clear(&all);
    spool_reader_free(reader);
}

static void every_byte_of_the_file_comes_into_the_spool(void **state)
{
    fixture *f = *state;
    spool_of(f, 64 * MIB);
    receiver *r = start(f);
    receiver_status s = wait_end(r);
    if (s.is_dead) fail_msg("%s", s.trouble.text);
    assert_int_equal(s.snapshot_total, FILE_BYTES);
    assert_int_equal(spool_origin_get(f->spool).generation, 1);
    assert_string_equal(spool_origin_get(f->spool).replid, f->file.identity);
    assert_spooled(f);
    receiver_full_sync(r); /* asked for: from the begin, as another generation */
    int64_t deadline = deadline_in_ms(WAIT_MS);
    while (spool_origin_get(f->spool).generation == 1 && deadline_left_ms(deadline) > 0)
        (void)usleep(1000);
    s = wait_end(r);
    receiver_stop(r);
    assert_int_equal(spool_origin_get(f->spool).generation, 2);
}

static void a_full_spool_is_waited_for_and_a_stop_in_it_goes_on_later(void **state)
{
    fixture *f = *state;
    spool_of(f, MIB);
    receiver *r = start(f);
    int64_t deadline = deadline_in_ms(WAIT_MS);
    while (!spool_is_full(f->spool) && deadline_left_ms(deadline) > 0)
        (void)usleep(1000);
    assert_true(spool_is_full(f->spool));
    assert_int_equal(receiver_status_get(r).trouble.kind, ERR_NONE);
    receiver_stop(r);
    assert_false(spool_extent_get(f->spool, LANE_SNAPSHOT).complete);
    spool_free(f->spool);
    f->spool = NULL;
    spool_of(f, 64 * MIB); /* another run, with more room */
    r = start(f);
    receiver_status s = wait_end(r);
    receiver_stop(r);
    if (s.is_dead) fail_msg("%s", s.trouble.text);
    assert_int_equal(spool_origin_get(f->spool).generation, 1);
    assert_spooled(f);
}

static void another_file_under_the_name_is_not_taken(void **state)
{
    fixture *f = *state;
    receiver_file checked = f->file;
    f->bytes[FILE_BYTES / 2] ^= 1;
    assert_int_equal(unlink(f->path), 0);
    file_write(f);
    const struct timespec later[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 4102444800}};
    assert_int_equal(utimensat(AT_FDCWD, f->path, later, 0), 0);
    f->file = checked;
    spool_of(f, 64 * MIB);
    receiver *r = start(f);
    receiver_status s = wait_end(r);
    receiver_stop(r);
    assert_true(s.is_dead);
    assert_int_equal(s.trouble.side, SIDE_SOURCE);
    assert_non_null(strstr(s.trouble.text, "changed"));
    assert_non_null(strstr(s.trouble.text, f->path));
    assert_false(spool_extent_get(f->spool, LANE_SNAPSHOT).complete);
}

static void a_file_that_is_gone_or_none_is_told(void **state)
{
    fixture *f = *state;
    assert_int_equal(unlink(f->path), 0);
    spool_of(f, 64 * MIB);
    receiver *r = start(f);
    receiver_status s = wait_end(r);
    receiver_stop(r);
    assert_true(s.is_dead);
    assert_non_null(strstr(s.trouble.text, "No such file"));
    int fd = open(f->dir, O_RDONLY);
    err e = {0};
    receiver_file none = {0};
    assert_false(receiver_file_look(fd, &none, &e));
    assert_int_equal(e.kind, ERR_USAGE);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_byte_of_the_file_comes_into_the_spool, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_spool_is_waited_for_and_a_stop_in_it_goes_on_later,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_file_under_the_name_is_not_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_gone_or_none_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
