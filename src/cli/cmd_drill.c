#include "base/clock.h"
#include "cli/cache.h"
#include "cli/cli_internal.h"
#include "cli/stop.h"
#include "cli/urls.h"
#include "drill/drill.h"

#define EXEC "exec:"
#define FIND_MS 20000

/* "exec:CMD" without its head. */
static bool commands_read(const struct cli_options *o, const char **ret, size_t *ret_count, err *e)
{
    const char *const *list = NULL;
    size_t count = cli_list(o, "clients", &list);
    if (count > DRILL_COMMANDS_MAX)
        return err_set(e, ERR_USAGE, "more than %zu clients", DRILL_COMMANDS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(list[i], EXEC, strlen(EXEC)) != 0 || !list[i][strlen(EXEC)]) {
            (void)err_set(e, ERR_USAGE, "--clients '%s'", span_show(span_text(list[i])).text);
            return err_hint(e, "a command for the shell: --clients 'exec:./my-client --fast'");
        }
        ret[i] = list[i] + strlen(EXEC);
    }
    *ret_count = count;
    return true;
}

static bool group_find(struct aws_session *s, const char *id, arena *memory, aws_group *ret, err *e)
{
    aws_fault fault;
    return aws_group_find(s, id, deadline_in_ms(FIND_MS), memory, ret, &fault, e) &&
           drill_group_check(ret, e);
}

/* A failover of a real cache is felt by everybody who uses it. */
static bool confirm(const struct cli_options *o, const aws_group *g, bool is_near, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    if (is_near || cli_flag(o, "yes")) return true;
    const char *question = arena_printf(
        &memory,
        "This fails over the primary of replication group '%s' (%zu nodes, Multi-AZ %s) for real:\n"
        "its connections end, writes fail for some seconds, and what was not replicated is lost.\n"
        "The account may do so 15 times in 24 hours.",
        g->id, g->node_count, g->multi_az ? "enabled" : "disabled");
    return prompt_word(question, g->id, "--yes", e);
}

static bool show(const struct cli_options *o, const drill_result *r, err *e)
{
    if (cli_flag(o, "json")) {
        CLEANUP(mem_free_at) char *text = drill_json(r);
        return puts(text) >= 0 || err_set(e, ERR_IO, "the result could not be written");
    }
    report *told = drill_report(r);
    bool done = report_show(o, told, e);
    report_free(told);
    return done;
}

static bool
drill(const struct cli_options *o, drill_options *options, engine_url *url, int *ret_exit, err *e)
{
    drill_result result = {0};
    options->url = url;
    options->stop = stop_flag();
    options->duration_ms = cli_duration_ms(o, "duration");
    stop_signals_take();
    bool done = drill_run(options, &result, e) && show(o, &result, e);
    if (done && drill_left_behind(&result) > 0) *ret_exit = 1;
    drill_result_clear(&result);
    return done;
}

bool cmd_drill(const struct cli_options *o, int *ret_exit, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *commands[DRILL_COMMANDS_MAX] = {0};
    char id[CACHE_ID_MAX + 1];
    drill_options options = {.commands = commands, .group = cli_text(o, "group")};
    aws_choice choice = {.region = cli_text(o, "region"),
                         .profile = cli_text(o, "profile"),
                         .endpoint_url = cli_text(o, "endpoint-url")};
    engine_url url = {0};
    aws_group g = {0};
    if (!commands_read(o, commands, &options.command_count, e)) return false;
    if (!urls_target(o, &url, e)) return false;
    bool good = !url.asked || cache_id(url.asked, id, e);
    if (good && url.asked) options.group = id;
    if (good && options.group) {
        good = aws_session_new(&choice, deadline_in_ms(FIND_MS), &options.session, e) &&
               group_find(options.session, options.group, &memory, &g, e);
        options.is_near = good && aws_session_is_local(options.session, &aws_elasticache);
        good = good && confirm(o, &g, options.is_near, e);
    }
    good = good && drill(o, &options, &url, ret_exit, e);
    engine_url_clear(&url);
    aws_session_free(options.session);
    return good;
}
