#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "journal/journal.h"
#include "journal/journal_internal.h"

/* A directory of its own for every test, with a journal in it that the test may close. */
struct fixture {
    char base[64];
    char workdir[80];
    struct journal *j;
    arena a;
};

static err e;

#define must(call)                                                                                 \
    do {                                                                                           \
        if (!(call)) fail_msg("%s: %s", #call, e.text);                                            \
    } while (0)

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    (void)snprintf(f->base, sizeof f->base, "/tmp/journal-test-XXXXXX");
    if (!mkdtemp(f->base)) return -1;
    (void)snprintf(f->workdir, sizeof f->workdir, "%s/w1", f->base);
    e = (err){0};
    must(journal_open(f->workdir, true, &f->j, &e));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"w1/journal.db",
                                        "w1/journal.db-wal",
                                        "w1/journal.db-shm",
                                        "w1/lock",
                                        "w1",
                                        "open",
                                        "link",
                                        ""};
    journal_close(f->j);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", f->base, files[i]);
        (void)remove(path); /* what the test made */
    }
    arena_clear(&f->a);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    journal_close(f->j);
    f->j = NULL;
    must(journal_open(f->workdir, false, &f->j, &e));
}

static unsigned mode_of(const struct fixture *f, const char *name)
{
    char path[128];
    struct stat info = {0};
    (void)snprintf(path, sizeof path, "%s%s", f->workdir, name);
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

static void only_the_owner_may_look_into_the_work_directory(void **state)
{
    struct fixture *f = *state;
    must(journal_set(f->j, "a", "b", &e));
    must(journal_lock(f->j, &e));
    assert_int_equal(mode_of(f, ""), 0700);
    assert_int_equal(mode_of(f, "/journal.db"), 0600);
    assert_int_equal(mode_of(f, "/journal.db-wal"), 0600);
    assert_int_equal(mode_of(f, "/lock"), 0600);
}

static void rights_that_others_got_are_taken_back(void **state)
{
    struct fixture *f = *state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/journal.db", f->workdir);
    assert_int_equal(chmod(path, 0644), 0);
    reopen(f);
    assert_int_equal(mode_of(f, "/journal.db"), 0600);
}

static void a_directory_everybody_may_write_into_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct journal *j = NULL;
    (void)snprintf(path, sizeof path, "%s/open", f->base);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_false(journal_open(path, true, &j, &e));
    assert_int_equal(e.kind, ERR_STATE);
    assert_non_null(strstr(e.hint, "chmod 700"));
}

static void a_work_directory_behind_a_symbolic_link_opens(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct journal *j = NULL;
    (void)snprintf(path, sizeof path, "%s/link", f->base);
    assert_int_equal(symlink(f->workdir, path), 0);
    must(journal_open(path, false, &j, &e));
    journal_close(j);
}

static void a_directory_without_a_move_is_not_made_by_looking(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct journal *j = NULL;
    (void)snprintf(path, sizeof path, "%s/w2", f->base);
    assert_false(journal_open(path, false, &j, &e));
    assert_int_equal(e.kind, ERR_STATE);
    assert_int_equal(access(path, F_OK), -1);
    assert_false(journal_open(f->base, false, &j, &e));
    assert_int_equal(e.kind, ERR_STATE);
    assert_null(j);
}

static void a_parent_that_is_missing_or_a_file_is_named(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct journal *j = NULL;
    (void)snprintf(path, sizeof path, "%s/no/where", f->base);
    assert_false(journal_open(path, true, &j, &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "no/where"));
    (void)snprintf(path, sizeof path, "%s/journal.db/x", f->workdir);
    assert_false(journal_open(path, true, &j, &e));
    assert_non_null(strstr(e.text, "Not a directory"));
}

static void settings_survive_and_can_be_changed_and_removed(void **state)
{
    struct fixture *f = *state;
    const char *text = "x";
    int64_t number = 0;
    must(journal_get(f->j, "link-id", &f->a, &text, &e));
    assert_null(text);
    must(journal_set(f->j, "link-id", "l1", &e));
    must(journal_set(f->j, "link-id", "l2'; DROP TABLE setting", &e));
    must(journal_set_i64(f->j, "offset", INT64_MAX, &e));
    reopen(f);
    must(journal_get(f->j, "link-id", &f->a, &text, &e));
    assert_string_equal(text, "l2'; DROP TABLE setting");
    must(journal_get_i64(f->j, "offset", 7, &number, &e));
    assert_true(number == INT64_MAX);
    must(journal_unset(f->j, "offset", &e));
    must(journal_get_i64(f->j, "offset", 7, &number, &e));
    assert_int_equal(number, 7);
    assert_false(journal_get_i64(f->j, "link-id", 7, &number, &e));
    assert_int_equal(e.kind, ERR_FORMAT);
}

static void a_url_with_a_password_never_enters_the_journal(void **state)
{
    struct fixture *f = *state;
    must(journal_set(f->j, "source", "redis://app@10.0.0.1:6379/0", &e));
    must(journal_set(f->j, "source", "redis://[::1]:6379", &e));
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(1); /* the assert's line is expected */
        (void)signal(SIGABRT, SIG_DFL);                   /* cmocka catches it otherwise */
        bool stored = journal_set(f->j, "source", "redis://app:secret@10.0.0.1", &e);
        _exit(stored ? 2 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void a_password_is_cut_out_of_a_url(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown, *password;
    } rows[] = {
        {"redis://host", "redis://host", NULL},
        {"redis://user@host:1/2", "redis://user@host:1/2", NULL},
        {"redis://user:@host", "redis://user:@host", NULL},
        {"redis://[::1]:6379/0", "redis://[::1]:6379/0", NULL},
        {"redis://user:pw@host:1", "redis://user@host:1", "pw"},
        {"rediss://:p%40s%2fs@h", "rediss://h", "p@s/s"},
        {"redis://:100%@h", "redis://h", "100%"},
        {"redis://u:a@b:c/d@[::1]:7", "redis://u@[::1]:7", "a@b:c/d"},
        {"unix:///a:b@/c@d", "unix:///a:b@/c@d", NULL},
        {"unix://u:p@/w@/s?db=1", "unix://u@/s?db=1", "p@/w"},
        {"unix://:pw@/s", "unix:///s", "pw"},
        {"redis+sentinel://u:pw@h1:1,h2:2/s", "redis+sentinel://u@h1:1,h2:2/s", "pw"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char url[64];
        secret s = {0};
        (void)snprintf(url, sizeof url, "%s", rows[i].url);
        assert_int_equal(secret_in_url(url), rows[i].password != NULL);
        must(secret_cut_url(url, &s, &e));
        assert_string_equal(url, rows[i].shown);
        if (rows[i].password)
            assert_span_text(secret_span(&s), rows[i].password);
        else
            assert_null(s.at);
        secret_clear(&s);
    }
}

/* The allowed transitions, written down a second time on purpose. */
static void only_the_states_of_the_design_follow_each_other(void **state)
{
    (void)state;
    static const char *const allowed[JOURNAL_STATE_COUNT] = {
        [JOURNAL_NEW] = "checked aborted",
        [JOURNAL_CHECKED] = "checked snapshot paused aborted",
        [JOURNAL_SNAPSHOT] = "snapshot catching-up finished paused aborted",
        [JOURNAL_CATCHING_UP] = "snapshot catching-up in-sync paused aborted",
        [JOURNAL_IN_SYNC] = "snapshot catching-up in-sync verified fenced paused aborted",
        [JOURNAL_VERIFIED] = "snapshot catching-up in-sync verified fenced paused aborted",
        [JOURNAL_FENCED] = "catching-up in-sync fenced switched",
        [JOURNAL_SWITCHED] = "finished rolled-back",
        [JOURNAL_FINISHED] = "",
        [JOURNAL_PAUSED] = "snapshot catching-up in-sync aborted", /* in-sync was interrupted */
        [JOURNAL_ABORTED] = "",
        [JOURNAL_ROLLED_BACK] = "",
    };
    for (unsigned from = 0; from < JOURNAL_STATE_COUNT; from++) {
        char got[256] = "";
        size_t used = 0;
        for (unsigned to = 0; to < JOURNAL_STATE_COUNT; to++)
            if (journal_state_may_follow((journal_state)from, JOURNAL_IN_SYNC, (journal_state)to))
                used += (size_t)snprintf(got + used, sizeof got - used, "%s%s", used ? " " : "",
                                         journal_state_name((journal_state)to));
        assert_string_equal(got, allowed[from]);
        assert_int_equal(journal_state_is_final((journal_state)from), used == 0);
    }
}

static void a_pause_of_the_snapshot_does_not_end_in_sync(void **state)
{
    (void)state;
    assert_true(journal_state_may_follow(JOURNAL_PAUSED, JOURNAL_SNAPSHOT, JOURNAL_SNAPSHOT));
    assert_false(journal_state_may_follow(JOURNAL_PAUSED, JOURNAL_SNAPSHOT, JOURNAL_IN_SYNC));
    assert_false(journal_state_may_follow(JOURNAL_PAUSED, JOURNAL_CHECKED, JOURNAL_CATCHING_UP));
    assert_false(journal_state_may_follow(JOURNAL_PAUSED, JOURNAL_VERIFIED, JOURNAL_FENCED));
}

static void a_state_that_may_not_follow_is_refused_and_nothing_changes(void **state)
{
    struct fixture *f = *state;
    struct journal_state_row now = {0};
    assert_false(journal_state_enter(f->j, JOURNAL_FENCED, "too early", &e));
    assert_int_equal(e.kind, ERR_STATE);
    assert_non_null(strstr(e.text, "cannot become fenced"));
    must(journal_state_now(f->j, &now, &e));
    assert_int_equal(now.state, JOURNAL_NEW);
    must(journal_state_enter(f->j, JOURNAL_ABORTED, "changed my mind", &e));
    assert_false(journal_state_enter(f->j, JOURNAL_CHECKED, "", &e));
    assert_non_null(strstr(e.hint, "new --workdir"));
}

static void a_pause_remembers_what_it_interrupted(void **state)
{
    struct fixture *f = *state;
    struct journal_state_row now = {0};
    struct journal_state_row *rows = NULL;
    size_t count = 0;
    must(journal_state_enter(f->j, JOURNAL_CHECKED, "preflight", &e));
    must(journal_state_enter(f->j, JOURNAL_SNAPSHOT, "full sync", &e));
    must(journal_state_enter(f->j, JOURNAL_PAUSED, "the operator", &e));
    reopen(f);
    must(journal_state_now(f->j, &now, &e));
    assert_int_equal(now.state, JOURNAL_PAUSED);
    assert_int_equal(now.interrupted, JOURNAL_SNAPSHOT);
    assert_string_equal(now.reason, "the operator");
    assert_true(now.at_ms > 0 && now.at_ms <= clock_wall_ms());
    assert_false(journal_state_enter(f->j, JOURNAL_PAUSED, "again", &e));
    must(journal_state_enter(f->j, now.interrupted, "resumed", &e));
    must(journal_state_history(f->j, &f->a, &rows, &count, &e));
    assert_int_equal(count, 5);
    assert_int_equal(rows[0].state, JOURNAL_NEW);
    assert_int_equal(rows[4].state, JOURNAL_SNAPSHOT);
    assert_string_equal(rows[4].reason, "resumed");
}

static void a_long_history_lists_its_newest_rows(void **state)
{
    struct fixture *f = *state;
    struct journal_state_row *rows = NULL;
    size_t count = 0;
    must(journal_begin(f->j, &e));
    for (size_t i = 0; i < JOURNAL_PAGE_COUNT_MAX + 5; i++)
        must(journal_exec(f->j, "INSERT INTO state VALUES(NULL, 1, 'new', 'new', '')", &e));
    must(journal_commit(f->j, &e));
    must(journal_state_enter(f->j, JOURNAL_CHECKED, "the last", &e));
    must(journal_state_history(f->j, &f->a, &rows, &count, &e));
    assert_int_equal(count, JOURNAL_PAGE_COUNT_MAX);
    assert_string_equal(rows[count - 1].reason, "the last");
}

static int64_t add_change(struct fixture *f, const char *what)
{
    int64_t id = 0;
    const struct journal_change change = {.side = SIDE_TARGET,
                                          .what = what,
                                          .undo_kind = "config-set",
                                          .undo_argument = "maxmemory-policy volatile-lru"};
    must(journal_change_add(f->j, &change, &id, &e));
    return id;
}

static void changes_are_listed_for_undo_in_reverse_until_taken_back(void **state)
{
    struct fixture *f = *state;
    struct journal_change *rows = NULL;
    size_t count = 0;
    int64_t one = add_change(f, "one");
    int64_t two = add_change(f, "two");
    int64_t three = add_change(f, "three");
    int64_t four = add_change(f, "four");
    must(journal_change_done(f->j, one, &e));
    must(journal_change_done(f->j, three, &e));
    must(journal_change_undone(f->j, three, &e));
    must(journal_change_kept(f->j, four, &e));
    reopen(f);
    must(journal_changes_open(f->j, &f->a, &rows, &count, &e));
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, two);
    assert_int_equal(rows[0].status, JOURNAL_CHANGE_PLANNED);
    assert_int_equal(rows[1].id, one);
    assert_int_equal(rows[1].status, JOURNAL_CHANGE_MADE);
    assert_int_equal(rows[1].side, SIDE_TARGET);
    assert_string_equal(rows[1].what, "one");
    assert_string_equal(rows[1].undo_kind, "config-set");
    assert_string_equal(rows[1].undo_argument, "maxmemory-policy volatile-lru");
    must(journal_changes_all(f->j, &f->a, &rows, &count, &e));
    assert_int_equal(count, 4);
    assert_int_equal(rows[3].status, JOURNAL_CHANGE_KEPT);
    assert_false(journal_change_done(f->j, three, &e));
    assert_int_equal(e.kind, ERR_STATE);
    assert_false(journal_change_undone(f->j, 99, &e));
}

static void many_changes_are_all_listed(void **state)
{
    struct fixture *f = *state;
    struct journal_change *rows = NULL;
    size_t count = 0;
    must(journal_begin(f->j, &e));
    for (int i = 0; i < 100; i++)
        (void)add_change(f, "x");
    must(journal_commit(f->j, &e));
    must(journal_changes_open(f->j, &f->a, &rows, &count, &e));
    assert_int_equal(count, 100);
    assert_int_equal(rows[99].id, 1);
    assert_string_equal(rows[99].what, "x");
}

static void a_step_that_was_begun_stands_there_without_an_end(void **state)
{
    struct fixture *f = *state;
    struct journal_step *rows = NULL;
    size_t count = 0;
    int64_t cutover = 0;
    int64_t hold = 0;
    int64_t fence = 0;
    must(journal_cutover_next(f->j, &cutover, &e));
    assert_int_equal(cutover, 1);
    struct journal_step begun = {
        .cutover = cutover, .number = 2, .name = "hold", .text = "CLIENT PAUSE 5000 WRITE"};
    must(journal_step_begin(f->j, &begun, &hold, &e));
    must(journal_step_end(f->j, hold, "offset 812", &e));
    assert_false(journal_step_end(f->j, hold, "again", &e));
    begun = (struct journal_step){.cutover = cutover, .number = 4, .name = "fence"};
    must(journal_step_begin(f->j, &begun, &fence, &e));
    reopen(f);
    must(journal_steps(f->j, cutover, &f->a, &rows, &count, &e));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].name, "hold");
    assert_string_equal(rows[0].text, "CLIENT PAUSE 5000 WRITE");
    assert_string_equal(rows[0].result, "offset 812");
    assert_true(rows[0].end_ms >= rows[0].begin_ms);
    assert_int_equal(rows[1].number, 4);
    assert_int_equal(rows[1].end_ms, 0);
    must(journal_cutover_next(f->j, &cutover, &e));
    assert_int_equal(cutover, 2);
    must(journal_steps(f->j, cutover, &f->a, &rows, &count, &e));
    assert_int_equal(count, 0);
}

static void a_key_is_quarantined_once_and_stays_accepted_for_the_same_reason(void **state)
{
    struct fixture *f = *state;
    struct journal_quarantine_count counts = {0};
    struct journal_quarantine *got = NULL;
    size_t count = 0;
    struct journal_quarantine rows[] = {
        {.db = 0, .key = span_of("a\0b", 3), .type = "module", .reason = "no such module"},
        {.db = 1, .key = span_of("a\0b", 3), .type = "module", .reason = "no such module"},
        {.db = 1, .key = span_of("", 0), .type = "hash", .reason = "too large", .offset = 77},
    };
    int64_t begun_ms = clock_wall_ms();
    must(journal_quarantine_add(f->j, rows, 3, &e));
    must(journal_quarantine_page(f->j, 0, &f->a, &got, &count, &e));
    assert_int_equal(count, 3);
    assert_true(span_equal(got[0].key, rows[0].key));
    assert_int_equal(got[2].key_size, 0);
    assert_int_equal(got[2].offset, 77);
    must(journal_quarantine_accept(f->j, got[0].id, &e));
    must(journal_quarantine_accept(f->j, got[1].id, &e));
    assert_false(journal_quarantine_accept(f->j, 99, &e));
    rows[1].reason = "another reason";
    must(journal_quarantine_add(f->j, rows, 3, &e));
    must(journal_quarantine_count(f->j, &counts, &e));
    assert_int_equal(counts.all, 3);
    assert_int_equal(counts.accepted, 1);
    must(journal_quarantine_remove(f->j, 1, rows[2].key, &e));
    must(journal_quarantine_remove(f->j, 9, rows[2].key, &e));
    must(journal_quarantine_count(f->j, &counts, &e));
    assert_int_equal(counts.all, 2);
    must(journal_quarantine_clear(f->j, begun_ms, &e)); /* noted since: they stay */
    must(journal_quarantine_count(f->j, &counts, &e));
    assert_int_equal(counts.all, 2);
    must(journal_quarantine_clear(f->j, clock_wall_ms() + 1, &e));
    must(journal_quarantine_count(f->j, &counts, &e));
    assert_int_equal(counts.all, 0);
}

static void quarantine_is_read_in_pages_and_long_keys_are_cut(void **state)
{
    struct fixture *f = *state;
    enum { ROWS = 1500 };
    static struct journal_quarantine rows[ROWS];
    static uint8_t keys[ROWS][2];
    static uint8_t huge[JOURNAL_KEY_SIZE_MAX + 10];
    for (unsigned i = 0; i < ROWS; i++) {
        keys[i][0] = (uint8_t)(i >> 8);
        keys[i][1] = (uint8_t)i;
        rows[i] = (struct journal_quarantine){
            .key = span_of(keys[i], 2), .type = "t", .reason = "r", .offset = (int64_t)i};
    }
    rows[0].key = span_of(huge, sizeof huge);
    must(journal_quarantine_add(f->j, rows, ROWS, &e));
    size_t all = 0;
    int64_t last = 0;
    for (;;) {
        struct journal_quarantine *got = NULL;
        size_t count = 0;
        must(journal_quarantine_page(f->j, last, &f->a, &got, &count, &e));
        if (count == 0) break;
        assert_true(count <= JOURNAL_PAGE_COUNT_MAX);
        if (all == 0) assert_int_equal(got[0].key.size, JOURNAL_KEY_SIZE_MAX);
        if (all == 0) assert_int_equal(got[0].key_size, sizeof huge);
        all += count;
        last = got[count - 1].id;
    }
    assert_int_equal(all, ROWS);
}

static void the_last_verification_and_the_last_status_are_read_back(void **state)
{
    struct fixture *f = *state;
    struct journal_verification v = {0};
    struct journal_status s = {0};
    must(journal_verification_last(f->j, &f->a, &v, &e));
    assert_int_equal(v.at_ms, 0);
    must(journal_status_read(f->j, &f->a, &s, &e));
    assert_int_equal(s.at_ms, 0);
    struct journal_verification add = {.result = "different", .keys = 5, .differences = 2};
    must(journal_verification_add(f->j, &add, &e));
    add = (struct journal_verification){
        .at_ms = 1234, .result = "equal", .keys = 7, .seconds = 1.5, .detail = "{\"a\":1}"};
    must(journal_verification_add(f->j, &add, &e));
    must(journal_status_write(f->j, "{\"n\":1}", &e));
    must(journal_status_write(f->j, "{\"n\":2}", &e));
    reopen(f);
    must(journal_verification_last(f->j, &f->a, &v, &e));
    assert_int_equal(v.at_ms, 1234);
    assert_string_equal(v.result, "equal");
    assert_int_equal(v.keys, 7);
    assert_true(v.seconds > 1.4 && v.seconds < 1.6);
    assert_string_equal(v.detail, "{\"a\":1}");
    must(journal_status_read(f->j, &f->a, &s, &e));
    assert_string_equal(s.json, "{\"n\":2}");
    assert_int_equal(s.pid, getpid());
}

/* A child writes, and says through the pipe which number is safe; then it is killed. */
static void write_until_killed(struct fixture *f, int out)
{
    struct journal *j = NULL;
    err mine = {0};
    if (!journal_open(f->workdir, false, &j, &mine)) _exit(1);
    if (!journal_lock(j, &mine)) _exit(2);
    for (int64_t i = 1;; i++) {
        const struct journal_change change = {
            .side = SIDE_SOURCE, .what = "w", .undo_kind = "u", .undo_argument = "a"};
        int64_t id = 0;
        if (!journal_change_add(j, &change, &id, &mine)) _exit(3);
        if (!journal_set_i64(j, "n", i, &mine)) _exit(4);
        if (!journal_status_write(j, "{}", &mine)) _exit(5);
        if (write(out, &i, sizeof i) != sizeof i) _exit(6);
    }
}

static void what_was_answered_is_there_after_a_kill_in_the_middle(void **state)
{
    struct fixture *f = *state;
    journal_close(f->j); /* SQLite handles do not live across fork */
    f->j = NULL;
    int64_t rounds[] = {1, 2, 17, 60};
    int64_t before = 0;
    for (size_t i = 0; i < COUNT_OF(rounds); i++) {
        int pipe_fd[2];
        assert_int_equal(pipe(pipe_fd), 0);
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) write_until_killed(f, pipe_fd[1]);
        (void)close(pipe_fd[1]);
        int64_t safe = 0;
        while (safe < rounds[i])
            assert_int_equal(read(pipe_fd[0], &safe, sizeof safe), sizeof safe);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipe_fd[0], &safe, sizeof safe) == sizeof safe)
            continue;
        (void)close(pipe_fd[0]);
        struct journal_change *rows = NULL;
        size_t count = 0;
        int64_t n = 0;
        must(journal_open(f->workdir, false, &f->j, &e));
        must(journal_lock(f->j, &e)); /* the lock died with its holder */
        must(journal_get_i64(f->j, "n", 0, &n, &e));
        must(journal_changes_open(f->j, &f->a, &rows, &count, &e));
        assert_true(n == safe || n == safe + 1);
        assert_true((int64_t)count - before == n || (int64_t)count - before == n + 1);
        before = (int64_t)count;
        journal_close(f->j);
        f->j = NULL;
    }
}

static void a_second_run_is_refused_with_the_pid_of_the_first(void **state)
{
    struct fixture *f = *state;
    struct journal *second = NULL;
    int64_t pid = -1;
    char number[32];
    must(journal_lock_holder(f->workdir, &pid, &e));
    assert_int_equal(pid, 0);
    must(journal_lock(f->j, &e));
    must(journal_lock_holder(f->workdir, &pid, &e));
    assert_int_equal(pid, getpid());
    must(journal_open(f->workdir, false, &second, &e)); /* reading is allowed */
    assert_false(journal_lock(second, &e));
    assert_int_equal(e.kind, ERR_STATE);
    (void)snprintf(number, sizeof number, "process %d", getpid());
    assert_non_null(strstr(e.text, number));
    journal_close(f->j);
    f->j = second;
    must(journal_lock_holder(f->workdir, &pid, &e));
    assert_int_equal(pid, 0); /* the number is still in the file, but nobody holds it */
    must(journal_lock(second, &e));
}

static void a_journal_of_a_newer_handover_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct journal *j = NULL;
    must(journal_exec(f->j, "UPDATE meta SET schema = 2", &e));
    assert_false(journal_open(f->workdir, true, &j, &e));
    assert_int_equal(e.kind, ERR_STATE);
    assert_non_null(strstr(e.text, "schema 2"));
    assert_non_null(strstr(e.hint, "newer"));
    assert_null(j);
}

static void a_file_that_is_no_journal_is_named(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct journal *j = NULL;
    journal_close(f->j);
    f->j = NULL;
    (void)snprintf(path, sizeof path, "%s/journal.db", f->workdir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("this is a text\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_false(journal_open(f->workdir, true, &j, &e));
    assert_int_equal(e.kind, ERR_FORMAT);
    assert_non_null(strstr(e.text, "not a journal"));
}

static void a_full_disk_is_named_and_nothing_half_is_left(void **state)
{
    struct fixture *f = *state;
    struct journal_quarantine_count counts = {0};
    static uint8_t key[30000];
    struct journal_quarantine rows[20];
    for (uint32_t i = 0; i < COUNT_OF(rows); i++)
        rows[i] = (struct journal_quarantine){
            .db = i, .key = span_of(key, sizeof key), .type = "t", .reason = "r"};
    must(journal_exec(f->j, "PRAGMA max_page_count = 50", &e)); /* SQLite's own answer to ENOSPC */
    assert_false(journal_quarantine_add(f->j, rows, COUNT_OF(rows), &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "disk is full"));
    assert_non_null(strstr(e.text, f->workdir));
    assert_non_null(strstr(e.hint, "make room"));
    must(journal_quarantine_count(f->j, &counts, &e));
    assert_int_equal(counts.all, 0);
    must(journal_set(f->j, "still", "usable", &e));
}

static void a_journal_that_may_not_be_written_is_named(void **state)
{
    struct fixture *f = *state;
    struct journal *j = NULL;
    journal_close(f->j);
    f->j = NULL;
    bool root = geteuid() == 0;
    if (root) {
        /* root may write everywhere: let the directory be somebody's and become nobody */
        assert_int_equal(chmod(f->base, 0755), 0);
        assert_int_equal(chmod(f->workdir, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
    } else {
        assert_int_equal(chmod(f->workdir, 0500), 0);
    }
    bool opened = journal_open(f->workdir, false, &j, &e);
    if (root) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(f->workdir, 0700), 0);
    assert_false(opened);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, f->workdir));
    assert_non_null(strstr(e.hint, "rights"));
}

static void *read_many(void *context)
{
    struct fixture *f = context;
    for (int i = 0; i < 200; i++) {
        arena a = {0};
        err mine = {0};
        struct journal_state_row row = {0};
        struct journal_status s = {0};
        if (!journal_state_now(f->j, &row, &mine)) return f;
        if (!journal_status_read(f->j, &a, &s, &mine)) return f;
        arena_clear(&a);
    }
    return NULL;
}

static void one_thread_writes_while_others_read(void **state)
{
    struct fixture *f = *state;
    pthread_t readers[3];
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_many, f), 0);
    for (int i = 0; i < 100; i++) {
        must(journal_state_enter(f->j, JOURNAL_CHECKED, "again", &e));
        must(journal_status_write(f->j, "{}", &e));
    }
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        void *failed = f;
        assert_int_equal(pthread_join(readers[i], &failed), 0);
        assert_null(failed);
    }
}

#define with_journal(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_journal(only_the_owner_may_look_into_the_work_directory),
        with_journal(rights_that_others_got_are_taken_back),
        with_journal(a_directory_everybody_may_write_into_is_refused),
        with_journal(a_work_directory_behind_a_symbolic_link_opens),
        with_journal(a_directory_without_a_move_is_not_made_by_looking),
        with_journal(a_parent_that_is_missing_or_a_file_is_named),
        with_journal(settings_survive_and_can_be_changed_and_removed),
        with_journal(a_url_with_a_password_never_enters_the_journal),
        cmocka_unit_test(a_password_is_cut_out_of_a_url),
        cmocka_unit_test(only_the_states_of_the_design_follow_each_other),
        cmocka_unit_test(a_pause_of_the_snapshot_does_not_end_in_sync),
        with_journal(a_state_that_may_not_follow_is_refused_and_nothing_changes),
        with_journal(a_pause_remembers_what_it_interrupted),
        with_journal(a_long_history_lists_its_newest_rows),
        with_journal(changes_are_listed_for_undo_in_reverse_until_taken_back),
        with_journal(many_changes_are_all_listed),
        with_journal(a_step_that_was_begun_stands_there_without_an_end),
        with_journal(a_key_is_quarantined_once_and_stays_accepted_for_the_same_reason),
        with_journal(quarantine_is_read_in_pages_and_long_keys_are_cut),
        with_journal(the_last_verification_and_the_last_status_are_read_back),
        with_journal(what_was_answered_is_there_after_a_kill_in_the_middle),
        with_journal(a_second_run_is_refused_with_the_pid_of_the_first),
        with_journal(a_journal_of_a_newer_handover_is_refused_and_left_alone),
        with_journal(a_file_that_is_no_journal_is_named),
        with_journal(a_full_disk_is_named_and_nothing_half_is_left),
        with_journal(a_journal_that_may_not_be_written_is_named),
        with_journal(one_thread_writes_while_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
