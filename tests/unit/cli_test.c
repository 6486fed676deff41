#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cache.h"
#include "cli/cli_internal.h"

static err e;
static struct cli_options o;
static const struct cli_environment no_environment;
static char directory[64];
static char root[512]; /* of the source tree */

static int setup(void **state)
{
    (void)state;
    e = (err){0};
    (void)snprintf(directory, sizeof directory, "/tmp/cli-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"c.yaml", "password", "out", "err", ""};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        (void)remove(path); /* what the test made */
    }
    options_clear(&o);
    return 0;
}

static const char *write_file(const char *name, const char *text, unsigned mode)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

/* Cuts a line into words at blanks and parses it for a command. */
static bool parse_with(const struct cli_environment *env, enum command_id id, const char *text)
{
    static char copy[1024];
    char *words[32];
    int count = 0;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; *at;) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at) *at++ = '\0';
    }
    options_clear(&o);
    e = (err){0};
    return options_parse(count, words, &cli_commands[id], env, &o, &e);
}

static bool parse(enum command_id id, const char *text)
{
    return parse_with(&no_environment, id, text);
}

static void must_parse(enum command_id id, const char *text)
{
    if (!parse(id, text)) fail_msg("'%s': %s", text, e.text);
}

static void must_say(const char *text, const char *wanted)
{
    if (!strstr(text, wanted)) fail_msg("wanted '%s' in '%s'", wanted, text);
}

static void options_of_every_kind_are_read(void **state)
{
    (void)state;
    const char *const *list = NULL;
    must_parse(CMD_RUN, "--workdir w1 --source=redis://app@10.0.0.1:6380/2 --target redis://t "
                        "--cutover auto --dry-run --accept a1 --accept=b2 --spool-max 2G "
                        "--cutover-deadline 250ms --hold-horizon 2d");
    assert_string_equal(cli_text(&o, "workdir"), "w1");
    assert_string_equal(cli_text(&o, "source"), "redis://app@10.0.0.1:6380/2");
    assert_true(cli_is(&o, "cutover", "auto"));
    assert_false(cli_is(&o, "cutover", "manual"));
    assert_true(cli_flag(&o, "dry-run"));
    assert_false(cli_flag(&o, "quiet"));
    assert_int_equal(cli_list(&o, "accept", &list), 2);
    assert_string_equal(list[0], "a1");
    assert_string_equal(list[1], "b2");
    assert_true(cli_size(&o, "spool-max") == UINT64_C(2) << 30);
    assert_int_equal(cli_duration_ms(&o, "cutover-deadline"), 250);
    assert_int_equal(cli_duration_ms(&o, "hold-horizon"), 2 * 86400 * 1000);
    assert_null(cli_password(&o, SIDE_SOURCE));
    must_parse(CMD_VERIFY, "--rounds 7");
    assert_int_equal(cli_count(&o, "rounds"), 7);
}

static void what_is_not_given_has_its_default(void **state)
{
    (void)state;
    const char *const *list = NULL;
    must_parse(CMD_RUN, "--workdir w1");
    assert_null(cli_text(&o, "source"));
    assert_null(cli_text(&o, "switch-hook"));
    assert_true(cli_is(&o, "cutover", "manual"));
    assert_true(cli_is(&o, "target-policy", "empty"));
    assert_true(cli_is(&o, "flush-policy", "stop"));
    assert_true(cli_is(&o, "verify", "yes"));
    assert_true(cli_size(&o, "spool-max") == UINT64_C(16) << 30);
    assert_true(cli_size(&o, "spool-segment") == 64 * MIB);
    assert_int_equal(cli_duration_ms(&o, "cutover-deadline"), 5000);
    assert_int_equal(cli_duration_ms(&o, "hold-horizon"), 86400 * 1000);
    assert_int_equal(cli_list(&o, "accept", &list), 0);
    assert_false(cli_given(&o, "cutover"));
    assert_true(cli_given(&o, "workdir"));
}

static void a_wrong_command_line_is_refused_with_what_to_do(void **state)
{
    (void)state;
    static const struct {
        enum command_id id;
        const char *line, *text, *hint;
    } rows[] = {
        {CMD_RUN, "", "'--workdir' is missing", "usage: handover migrate run"},
        {CMD_RUN, "--workdir", "'--workdir' needs a value", "--workdir DIR"},
        {CMD_RUN, "--workdir --dry-run", "'--workdir' needs a value", "--workdir DIR"},
        {CMD_RUN, "--workdir=", "'' is not a value for 'workdir'", "empty"},
        {CMD_RUN, "--workdir w --workdir w", "'workdir' is given twice", "once"},
        {CMD_RUN, "--workdir w --quiet --quiet", "'quiet' is given twice", "once"},
        {CMD_RUN, "--workdir w --cutover atuo", "'atuo' is not a value", "auto, manual"},
        {CMD_RUN, "--workdir w --cutover auto|manual", "is not a value", "auto, manual"},
        {CMD_RUN, "--workdir w --spool-max 16X", "'16X' is not a value", "64M"},
        {CMD_RUN, "--workdir w --spool-max -1", "'-1' is not a value", "64M"},
        {CMD_RUN, "--workdir w --spool-max 99999999999T", "is not a value", "64M"},
        {CMD_RUN, "--workdir w --spool-max 1M", "outside the limits", "from 16M to 16T"},
        {CMD_RUN, "--workdir w --cutover-deadline 5", "'5' is not a value", "5s"},
        {CMD_RUN, "--workdir w --cutover-deadline 11m", "outside the limits", "from 100ms to 600s"},
        {CMD_VERIFY, "--rounds 0", "outside the limits", "from 1 to 100"},
        {CMD_VERIFY, "--rounds many", "'many' is not a value", "whole number"},
        {CMD_RUN, "--workdir w --dry-run=no", "takes no value", "leave it out"},
        {CMD_RUN, "--sorce x", "no option '--sorce'", "did you mean '--source'?"},
        {CMD_RUN, "--zzzzzz x", "no option '--zzzzzz'", "--help"},
        {CMD_RUN, "--json", "'migrate run' takes no option '--json'", "--help"},
        {CMD_STATUS, "w1", "'w1' is not expected here", "usage: handover migrate status"},
        {CMD_STATUS, "-v", "'-v' is not expected here", "usage:"},
        {CMD_STATUS, "--", "'--' is not expected here", "usage:"},
        {CMD_RUN, "redis://u:hunter2@h", "'a URL' is not expected here", "usage:"},
        {CMD_RUN, "--workdir w --config /no/such", "'/no/such'", "exists"},
        {CMD_RUN, "--workdir w --source-password-file /no/such", "'/no/such'", "exists"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (parse(rows[i].id, rows[i].line)) fail_msg("'%s' was taken", rows[i].line);
        must_say(e.text, rows[i].text);
        must_say(e.hint, rows[i].hint);
        assert_null(strstr(e.text, "hunter2"));
        assert_int_equal(exit_code(&e), 2);
    }
}

static void sizes_durations_and_counts_are_read_exactly(void **state)
{
    (void)state;
    uint64_t v = 0;
    assert_true(value_size("0", &v) && v == 0);
    assert_true(value_size("1k", &v) && v == 1024);
    assert_true(value_size("16777215T", &v) && v == UINT64_C(16777215) << 40);
    assert_false(value_size("16777216T", &v)); /* 2^64 */
    assert_false(value_size("K", &v));
    assert_false(value_size("1KB", &v));
    assert_false(value_size(" 1K", &v));
    assert_false(value_size("1.5G", &v));
    assert_true(value_duration_ms("0", &v) && v == 0);
    assert_true(value_duration_ms("90m", &v) && v == 5400000);
    assert_false(value_duration_ms("ms", &v));
    assert_false(value_duration_ms("1 s", &v));
    assert_false(value_duration_ms("", &v));
    assert_false(value_count("+1", &v));
}

static void a_password_on_the_command_line_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const ways[] = {"HANDOVER_SOURCE_PASSWORD", "--source-password-file",
                                       "HANDOVER_SOURCE ", "--config", "0600"};
    static const char *const lines[] = {
        "--workdir w --source redis://app:hunter2@h", "--workdir w --source=redis://:hunter2@h",
        "--workdir w --source rediss://app:hunter2/x@h", "--source redis://x:hunter2@h --bad"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_false(parse(CMD_RUN, lines[i]));
        assert_int_equal(exit_code(&e), 2);
        must_say(e.text, "holds a password");
        assert_null(strstr(e.text, "hunter2"));
        assert_null(strstr(e.hint, "hunter2"));
        for (size_t k = 0; k < COUNT_OF(ways); k++)
            must_say(e.hint, ways[k]);
    }
}

static void passwords_come_from_the_strongest_place(void **state)
{
    (void)state;
    struct cli_environment env = {0};
    char line[256];
    secret_set(&env.urls[SIDE_SOURCE], span_text("redis://app:from-url@env"));
    must_parse(CMD_RUN, "--workdir w");
    assert_true(parse_with(&env, CMD_RUN, "--workdir w"));
    assert_string_equal(cli_text(&o, "source"), "redis://app@env");
    assert_span_text(secret_span(cli_password(&o, SIDE_SOURCE)), "from-url");
    assert_null(cli_password(&o, SIDE_TARGET));
    /* the password of a URL that is not used goes nowhere */
    assert_true(parse_with(&env, CMD_RUN, "--workdir w --source redis://app@other"));
    assert_string_equal(cli_text(&o, "source"), "redis://app@other");
    assert_null(cli_password(&o, SIDE_SOURCE));
    secret_set(&env.passwords[SIDE_SOURCE], span_text("from-variable"));
    assert_true(parse_with(&env, CMD_RUN, "--workdir w"));
    assert_span_text(secret_span(cli_password(&o, SIDE_SOURCE)), "from-variable");
    (void)snprintf(line, sizeof line, "--workdir w --source-password-file %s",
                   write_file("password", "from file\r\n", 0600));
    assert_true(parse_with(&env, CMD_RUN, line));
    assert_span_text(secret_span(cli_password(&o, SIDE_SOURCE)), "from file");
    secrets_clear_environment(&env);
}

static void a_password_file_that_others_may_read_or_is_empty_is_refused(void **state)
{
    (void)state;
    char line[256];
    (void)snprintf(line, sizeof line, "--workdir w --target-password-file %s",
                   write_file("password", "hunter2\n", 0640));
    assert_false(parse(CMD_RUN, line));
    must_say(e.text, "others may read");
    must_say(e.hint, "chmod 600");
    (void)write_file("password", "\n", 0600);
    assert_false(parse(CMD_RUN, line));
    must_say(e.text, "holds no password");
    char huge[SECRET_SIZE_MAX + 10];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    (void)write_file("password", huge, 0600);
    assert_false(parse(CMD_RUN, line));
    must_say(e.text, "longer than");
    huge[SECRET_SIZE_MAX] = '\0';
    (void)write_file("password", huge, 0600);
    must_parse(CMD_RUN, line);
    assert_int_equal(secret_span(cli_password(&o, SIDE_TARGET)).size, SECRET_SIZE_MAX);
}

static bool parse_config(const char *yaml, unsigned mode, const char *more)
{
    char line[256];
    (void)snprintf(line, sizeof line, "--config %s%s", write_file("c.yaml", yaml, mode), more);
    return parse(CMD_RUN, line);
}

static void a_configuration_file_gives_options_and_the_command_line_wins(void **state)
{
    (void)state;
    const char *const *list = NULL;
    const char *yaml = "# a move\n"
                       "workdir: w1\n"
                       "source: \"redis://app:p%40ss@10.0.0.1\"\n"
                       "target: redis://10.0.0.2\n"
                       "accept: [a, b]\n"
                       "dry-run: yes\n"
                       "allow-target-config: false\n"
                       "spool-max: 1G\n"
                       "rounds: 5\n"; /* of another command: checked, not used */
    if (!parse_config(yaml, 0600, " --spool-max 2G --accept c")) fail_msg("%s", e.text);
    assert_string_equal(cli_text(&o, "workdir"), "w1");
    assert_string_equal(cli_text(&o, "source"), "redis://app@10.0.0.1");
    assert_span_text(secret_span(cli_password(&o, SIDE_SOURCE)), "p@ss");
    assert_true(cli_flag(&o, "dry-run"));
    assert_false(cli_flag(&o, "allow-target-config"));
    assert_true(cli_size(&o, "spool-max") == UINT64_C(2) << 30);
    assert_int_equal(cli_list(&o, "accept", &list), 1);
    assert_string_equal(list[0], "c");
    assert_true(parse_config(yaml, 0600, ""));
    assert_int_equal(cli_list(&o, "accept", &list), 2);
    assert_true(parse_config("", 0644, " --workdir w"));
}

static void a_configuration_file_with_a_password_that_others_may_read_is_refused(void **state)
{
    (void)state;
    assert_true(parse_config("workdir: w\nsource: redis://h\n", 0644, ""));
    assert_false(parse_config("workdir: w\nsource: redis://:hunter2@h\n", 0644, ""));
    must_say(e.text, "others may read");
    must_say(e.hint, "chmod 600");
    assert_int_equal(exit_code(&e), 2);
    /* also when the URL is not the one that is used */
    assert_false(
        parse_config("workdir: w\nsource: redis://:hunter2@h\n", 0604, " --source redis://h"));
}

static void a_wrong_configuration_file_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *text, *hint;
    } rows[] = {
        {"workdir: w\nsorce: x\n", "line 2: there is no option 'sorce'", "did you mean 'source'?"},
        {"\n\nspool-max: 5X\n", "line 3: '5X' is not a value for 'spool-max'", "64M"},
        {"rounds: 0\n", "line 1: '0' is outside the limits of 'rounds'", "from 1 to 100"},
        {"source:\n  host: x\n", "'source' takes no nested value", "name: value"},
        {"workdir: w\nsource: [a, b]\n", "line 2: 'source' takes no nested value", ""},
        {"accept:\n  - [a]\n", "line 2: 'accept' takes no nested value", ""},
        {"- a\n", "line 1: the file is not a list of", ""},
        {"text\n", "line 1: the file is not a list of", ""},
        {"workdir: w\nworkdir: v\n", "line 2: 'workdir' is given twice", "one of the lines"},
        {"workdir:\n", "'' is not a value for 'workdir'", ""},
        {"dry-run: perhaps\n", "line 1: 'perhaps' is not a value for 'dry-run'", "yes or no"},
        {"force: yes\n", "line 1: 'force' cannot stand in a configuration file", "--force"},
        {"config: x\n", "line 1: 'config' cannot stand", "command line"},
        {"a: &x b\n", "there is no option 'a'", ""},
        {"workdir: &x w\nsource: *x\n", "line 2: anchors and aliases are not read", ""},
        {"workdir: w\n---\nsource: x\n", "line 2: a second document", ""},
        {"workdir: \"w\\0x\"\n", "NUL byte", ""},
        {"workdir: w\n\tsource: x\n", "not YAML", "name: value"},
        {"workdir: \"w\n", "not YAML", ""},
        {"workdir: w\nsource: \xff\n", "not YAML", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (parse_config(rows[i].yaml, 0600, "")) fail_msg("taken: %s", rows[i].yaml);
        must_say(e.text, rows[i].text);
        must_say(e.hint, rows[i].hint);
        must_say(e.text, "c.yaml");
        assert_int_equal(exit_code(&e), 2);
    }
}

static void a_configuration_file_larger_than_its_limit_is_refused(void **state)
{
    (void)state;
    char *text = mem_alloc(64 * KIB + 2);
    memset(text, '#', 64 * KIB + 1);
    assert_false(parse_config(text, 0600, ""));
    must_say(e.text, "larger than 65536 bytes");
    text[64 * KIB] = '\0';
    assert_true(parse_config(text, 0600, " --workdir w"));
    free(text);
}

/* Runs in a program of its own, started with passwords in its environment. */
static int environment_child(void)
{
    struct cli_environment env = {0};
    char block[8192];
    for (int round = 0; round < 2; round++) {
        int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, block, sizeof block);
        (void)close(fd);
        if (size <= 0) return 1;
        bool seen = memmem(block, (size_t)size, "hunter2", 7) != NULL;
        if (seen != (round == 0)) return 2 + round;
        secrets_take_environment(&env);
    }
    if (!span_is(secret_span(&env.passwords[SIDE_SOURCE]), "hunter2")) return 4;
    if (!span_is(secret_span(&env.urls[SIDE_TARGET]), "redis://u:hunter2@h")) return 5;
    if (getenv("HANDOVER_SOURCE_PASSWORD") || getenv("HANDOVER_TARGET")) return 6;
    secrets_clear_environment(&env);
    secrets_no_core();
    struct rlimit core = {.rlim_cur = 1};
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0) return 7;
    return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 8;
}

static void secrets_are_gone_from_the_environment_after_the_start(void **state)
{
    (void)state;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static char name[] = "cli_test";
        static char role[] = "CLI_TEST_CHILD=1";
        static char password[] = "HANDOVER_SOURCE_PASSWORD=hunter2";
        static char url[] = "HANDOVER_TARGET=redis://u:hunter2@h";
        char *const argv[] = {name, NULL};
        char *const envp[] = {role, password, url, NULL};
        (void)execve("/proc/self/exe", argv, envp);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *f = fopen(path, "re");
    if (!f) return NULL;
    char *text = mem_alloc(MIB);
    *ret_size = fread(text, 1, MIB - 1, f);
    (void)fclose(f);
    return text;
}

/* Runs the whole program in a child: its exit code, and what it wrote. */
static int run_program(const char *line, char *out, char *errors, size_t size)
{
    char paths[2][128];
    static const char *const names[] = {"out", "err"};
    char *texts[] = {out, errors};
    for (int i = 0; i < 2; i++)
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", directory, names[i]);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char copy[1024];
        char *words[32] = {copy};
        int count = 0;
        (void)snprintf(copy, sizeof copy, "handover %s", line);
        for (char *at = copy; *at;) {
            words[count++] = at;
            at += strcspn(at, " ");
            if (*at) *at++ = '\0';
        }
        if (!freopen(paths[0], "we", stdout)) _exit(126);
        if (!freopen(paths[1], "we", stderr)) _exit(126);
        int code = cli_main(count, words);
        (void)fflush(NULL);
        _exit(code);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    for (int i = 0; i < 2; i++) {
        size_t got = 0;
        char *text = read_file(paths[i], &got);
        assert_non_null(text);
        (void)snprintf(texts[i], size, "%s", text);
        free(text);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_program_answers_with_the_right_exit_code_and_stream(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int code;
        const char *out, *errors;
    } rows[] = {
        {"", 2, NULL, "usage: handover COMMAND"},
        {"--help", 0, "usage: handover COMMAND", NULL},
        {"help", 0, "usage: handover COMMAND", NULL},
        {"--version", 0, "Licence: Apache License 2.0", NULL},
        {"--version", 0, "  engine-directives         20", NULL},
        {"version", 0, "handover 0.", NULL},
        {"man", 0, ".TH HANDOVER 1", NULL},
        {"migrate", 2, NULL, "usage: handover migrate COMMAND"},
        {"migrate --help", 0, "usage: handover migrate COMMAND", NULL},
        {"help migrate", 0, "usage: handover migrate COMMAND", NULL},
        {"help migrate run", 0, "usage: handover migrate run", NULL},
        {"migrate run --help", 0, "usage: handover migrate run", NULL},
        {"migrate run --workdir w -h", 0, "usage: handover migrate run", NULL},
        {"migrate rnu", 2, NULL, "did you mean 'handover migrate run'?"},
        {"status", 2, NULL, "did you mean 'handover migrate status'?"},
        {"verfiy", 2, NULL, "did you mean 'handover verify'?"},
        {"man run", 2, NULL, "'run' is not expected here"},
        {"elephants", 2, NULL, "'handover --help' lists the commands"},
        {"--workdir w", 2, NULL, "a command comes first"},
        {"migrate run", 2, NULL, "  where: migrate run\n"},
        {"version --quiet", 0, "handover 0.", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[16384];
        char errors[4096];
        int code = run_program(rows[i].line, out, errors, sizeof errors);
        if (code != rows[i].code) fail_msg("'%s': exit %d, %s", rows[i].line, code, errors);
        if (rows[i].out)
            must_say(out, rows[i].out);
        else
            assert_string_equal(out, "");
        if (rows[i].errors)
            must_say(errors, rows[i].errors);
        else
            assert_string_equal(errors, "");
    }
}

static void every_kind_and_side_of_an_error_has_its_exit_code(void **state)
{
    (void)state;
    static const struct {
        err_kind kind;
        err_side side;
        int code;
    } rows[] = {
        {ERR_USAGE, SIDE_NONE, 2},     {ERR_USAGE, SIDE_SOURCE, 2},  {ERR_AWS, SIDE_TARGET, 5},
        {ERR_STOPPED, SIDE_SOURCE, 6}, {ERR_STOPPED, SIDE_NONE, 6},  {ERR_IO, SIDE_SOURCE, 3},
        {ERR_AUTH, SIDE_SOURCE, 3},    {ERR_TLS, SIDE_TARGET, 4},    {ERR_REFUSED, SIDE_TARGET, 4},
        {ERR_STATE, SIDE_SOURCE, 3},   {ERR_STATE, SIDE_NONE, 2},    {ERR_IO, SIDE_NONE, 6},
        {ERR_LIMIT, SIDE_NONE, 6},     {ERR_TIMEOUT, SIDE_NONE, 6},  {ERR_FORMAT, SIDE_SOURCE, 3},
        {ERR_FORMAT, SIDE_NONE, 70},   {ERR_REFUSED, SIDE_NONE, 70}, {ERR_NONE, SIDE_NONE, 70},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        err one = {.kind = rows[i].kind, .side = rows[i].side};
        assert_int_equal(exit_code(&one), rows[i].code);
    }
}

static void an_error_says_what_where_and_what_to_do(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    must_parse(CMD_RUN, "--workdir w --source redis://app@10.0.0.1:6379");
    err one = {.kind = ERR_AUTH, .side = SIDE_SOURCE, .text = "WRONGPASS"};
    FILE *out = open_memstream(&text, &size);
    error_print(out, &one, &o);
    (void)err_hint(&one, "ask the owner");
    error_print(out, &one, NULL);
    one = (err){0};
    error_print(out, &one, NULL);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(
        text, "error: WRONGPASS\n"
              "  where: migrate run, source 'redis://app@10.0.0.1:6379'\n"
              "  do:    look at the source, then run the same command again\n"
              "error: WRONGPASS\n"
              "  where: handover, source\n"
              "  do:    ask the owner\n"
              "error: it failed without saying why\n"
              "  where: handover\n"
              "  do:    this should not happen: please report it with this text and the output of "
              "'handover version'\n");
    free(text);
}

static void the_nearest_word_is_found_or_none(void **state)
{
    (void)state;
    static const char *const words[] = {"source", "target", "spool-max", "spool-segment"};
    static const struct {
        const char *word, *near;
    } rows[] = {
        {"sorce", "source"},
        {"soruce", "source"},
        {"Source", "source"},
        {"spool", "spool-max"},
        {"taget", "target"},
        {"xyz", NULL},
        {"", NULL},
        {"so", NULL},
        {"sourcesource", NULL},
        {"spool-sgement", "spool-segment"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *got = nearest(rows[i].word, words, COUNT_OF(words));
        if (!rows[i].near)
            assert_null(got);
        else if (!got)
            fail_msg("nothing near '%s'", rows[i].word);
        else
            assert_string_equal(got, rows[i].near);
    }
    char huge[200];
    memset(huge, 's', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(nearest(huge, words, COUNT_OF(words)));
}

static void the_tables_hold_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        assert_non_null(row->name);
        assert_non_null(row->help);
        assert_true((row->kind == OPTION_FLAG) == (row->argument == NULL));
        assert_true((row->kind == OPTION_CHOICE) == (row->choices != NULL));
        assert_true(row->kind != OPTION_URL || row->side != SIDE_NONE);
        for (size_t k = 0; k < i; k++)
            if (strcmp(cli_option_rows[k].name, row->name) == 0)
                assert_int_equal(cli_option_rows[k].commands & row->commands, 0);
    }
    for (size_t i = 0; i < CMD_COUNT; i++) {
        assert_non_null(cli_commands[i].path);
        assert_non_null(cli_commands[i].run);
        /* parsing gives every default, or names what is needed: no row trips over its own limits */
        const char *operand = cli_commands[i].operand ? "FILE" : "";
        bool taken = parse((enum command_id)i, operand);
        bool target = !taken && strstr(e.text, "'--target' is missing");
        bool plan = !taken && strstr(e.text, "'--plan' is missing");
        assert_true(taken || target || plan || strstr(e.text, "'--workdir' is missing"));
        bool both = cli_commands[i].operand != NULL;
        const char *needs = target ? "--target a:1"
                            : plan ? "--plan p"
                            : both ? "FILE --workdir w"
                                   : "--workdir w";
        if (!taken) must_parse((enum command_id)i, needs);
        if (!cli_commands[i].operand) continue;
        assert_false(parse((enum command_id)i, "")); /* one is needed */
        assert_non_null(strstr(e.text, "is missing"));
    }
}

/* Compares with a file of the tree; ACCEPT=1 writes it instead. */
static void compare_golden(const char *path, const char *got)
{
    char full[1024];
    size_t size = 0;
    (void)snprintf(full, sizeof full, "%s/%s", root, path);
    const char *accept = getenv("ACCEPT");
    if (accept && strcmp(accept, "1") == 0) {
        FILE *f = fopen(full, "we");
        assert_non_null(f);
        assert_true(fputs(got, f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
    char *want = read_file(full, &size);
    if (!want) fail_msg("%s is missing: run with ACCEPT=1 to make it", full);
    if (strcmp(want, got) != 0)
        fail_msg("%s is not fresh; run with ACCEPT=1 and look at the diff. Got:\n%s", path, got);
    free(want);
}

static void assert_fits_a_screen(const char *name, const char *text)
{
    span rest = span_text(text);
    span line = {0};
    size_t lines = 0;
    for (; span_cut(&rest, '\n', &line); lines++)
        if (line.size > HELP_COLUMNS) fail_msg("%s: '%.*s'", name, (int)line.size, line.at);
    if (lines > HELP_LINES_MAX) fail_msg("%s: %zu lines", name, lines);
}

static void golden_help(const char *name, const struct command *c, const char *group)
{
    char *text = NULL;
    char path[256];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (c)
        help_command(out, c);
    else if (group)
        help_group(out, group);
    else
        help_overview(out);
    assert_int_equal(fclose(out), 0);
    (void)snprintf(path, sizeof path, "tests/golden/help/%s.txt", name);
    for (char *at = path; *at; at++)
        if (*at == ' ') *at = '-';
    assert_fits_a_screen(name, text);
    compare_golden(path, text);
    free(text);
}

static void every_help_is_the_reviewed_one_and_fits_a_screen(void **state)
{
    (void)state;
    golden_help("handover", NULL, NULL);
    golden_help("migrate", NULL, "migrate");
    for (size_t i = 0; i < CMD_COUNT; i++)
        if (!cli_commands[i].hidden) golden_help(cli_commands[i].path, &cli_commands[i], NULL);
}

static void the_manual_page_is_fresh(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    man_page(out);
    assert_int_equal(fclose(out), 0);
    compare_golden("docs/handover.1", text);
    free(text);
}

/* The tree that this test was built from: above the program, or named by HANDOVER_ROOT. */
static bool find_root(void)
{
    const char *given = getenv("HANDOVER_ROOT");
    ssize_t size = readlink("/proc/self/exe", root, sizeof root - 1);
    if (given) return snprintf(root, sizeof root, "%s", given) < (int)sizeof root;
    if (size <= 0) return false;
    root[size] = '\0';
    for (char *slash = strrchr(root, '/'); slash; slash = strrchr(root, '/')) {
        char probe[600];
        *slash = '\0';
        (void)snprintf(probe, sizeof probe, "%s/tests/golden/help", root);
        if (access(probe, F_OK) == 0) return true;
    }
    return false;
}

#define with_directory(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void what_is_kept_of_a_login_reads_back(void **state)
{
    (void)state;
    static const cache_kept rows[] = {
        {"us-east-1", "cart", false, ""},
        {"eu-west-1", "my-cart", true, ""},
        {"cn-north-1", "cart", false, "two words"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        cache_kept got = {0};
        char *text = cache_kept_show(&rows[i]);
        if (!cache_kept_read(text, &got, &e)) fail_msg("'%s': %s", text, e.text);
        assert_string_equal(got.region, rows[i].region);
        assert_string_equal(got.cache, rows[i].cache);
        assert_string_equal(got.profile, rows[i].profile);
        assert_int_equal(got.serverless, rows[i].serverless);
        free(text);
    }
    static const char *const wrong[] = {"",
                                        "iam",
                                        "iam us-east-1",
                                        "iam us-east-1 group",
                                        "iam us-east-1 group ",
                                        "ldap us-east-1 group cart",
                                        "iam us-east-1 table cart"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        cache_kept got = {0};
        if (cache_kept_read(wrong[i], &got, &e)) fail_msg("'%s'", wrong[i]);
    }
}

int main(void)
{
    if (getenv("CLI_TEST_CHILD")) return environment_child();
    if (!find_root()) return 1;
    const struct CMUnitTest tests[] = {
        with_directory(what_is_kept_of_a_login_reads_back),
        with_directory(options_of_every_kind_are_read),
        with_directory(what_is_not_given_has_its_default),
        with_directory(a_wrong_command_line_is_refused_with_what_to_do),
        with_directory(sizes_durations_and_counts_are_read_exactly),
        with_directory(a_password_on_the_command_line_is_refused_and_not_repeated),
        with_directory(passwords_come_from_the_strongest_place),
        with_directory(a_password_file_that_others_may_read_or_is_empty_is_refused),
        with_directory(a_configuration_file_gives_options_and_the_command_line_wins),
        with_directory(a_configuration_file_with_a_password_that_others_may_read_is_refused),
        with_directory(a_wrong_configuration_file_is_refused_with_its_line),
        with_directory(a_configuration_file_larger_than_its_limit_is_refused),
        with_directory(secrets_are_gone_from_the_environment_after_the_start),
        with_directory(the_program_answers_with_the_right_exit_code_and_stream),
        with_directory(every_kind_and_side_of_an_error_has_its_exit_code),
        with_directory(an_error_says_what_where_and_what_to_do),
        with_directory(the_nearest_word_is_found_or_none),
        with_directory(the_tables_hold_together),
        with_directory(every_help_is_the_reviewed_one_and_fits_a_screen),
        with_directory(the_manual_page_is_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
