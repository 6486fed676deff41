#include "engine/endpoint.h"
#include "engine/info.h"
#include "selftest/selftest_internal.h"

static bool open_again(selftest *t, err *e)
{
    engine_options options = {.url = t->o->target,
                              .side = SIDE_TARGET,
                              .name = "handover-selftest",
                              .timeout_ms = t->o->timeout_ms,
                              .select_db = false};
    return engine_open(t->loop, &options, &t->server, e);
}

bool selftest_ask(
    selftest *t, arena *memory, const reply **ret, err *e, size_t count, const span *args)
{
    err second = {0};
    if (!t->server && !open_again(t, e)) return false;
    if (engine_try_spans(t->server, memory, ret, e, count, args)) return true;
    engine_free(t->server);
    t->server = NULL;
    if (!open_again(t, &second)) t->server = NULL;
    return false;
}

const char *selftest_words(selftest *t, span text, size_t max)
{
    size_t at = 0;
    size_t size = strlen(t->user);
    bool names =
        size > 0 && strcmp(t->user, "default") != 0 && span_find(text, span_text(t->user), &at);
    if (!names) return report_shown(t->r, text.at, text.size, max);
    span rest = span_tail(text, at + size);
    return report_printf(t->r, "%s<user>%s", report_shown(t->r, text.at, at, max),
                         report_shown(t->r, rest.at, rest.size, max));
}

static bool kind_find(selftest *t, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info = {0};
    uint64_t cluster = 0;
    span version = {0};
    if (!engine_info(t->server, &memory, NULL, &info, e)) return false;
    (void)info_u64(info, "cluster_enabled", &cluster);
    bool serverless = endpoint_read(t->o->target->host).kind == ENDPOINT_SERVERLESS;
    t->kind = serverless ? DEPLOYMENT_SERVERLESS
              : cluster  ? DEPLOYMENT_NODE_ENABLED
                         : DEPLOYMENT_NODE_DISABLED;
    report_add_fact(t->r, "Kind", "%s",
                    serverless ? "serverless"
                    : cluster  ? "node-based, cluster mode enabled"
                               : "node-based, cluster mode disabled");
    if (info_text(info, "valkey_version", &version) || info_text(info, "redis_version", &version)) {
        report_add_fact(t->r, "Engine", "%s", report_shown(t->r, version.at, version.size, 64));
    }
    err unknown = {0};
    if (!engine_version_read(info, &t->version, &unknown)) t->version = (engine_version){0};
    report_add_fact(t->r, "Tables", "of %s", knowledge_date());
    return true;
}

static bool user_find(selftest *t, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    const span args[] = {span_text("ACL"), span_text("WHOAMI")};
    t->user = "";
    if (!selftest_ask(t, &memory, &r, e, COUNT_OF(args), args)) return false;
    if (r->kind == REPLY_BULK || r->kind == REPLY_STATUS)
        t->user = arena_text(&t->r->memory, r->text);
    return true;
}

static void conclude(const selftest *t)
{
    report_set_verdict(
        t->r,
        "%zu answers: %zu as the tables say, %zu differ, %zu tell what the tables did "
        "not know, %zu cannot be told",
        t->asked, t->as_said, t->differ, t->learned, t->unclear);
}

bool selftest_run(const selftest_options *o, report **ret, err *e)
{
    selftest t = {.o = o, .r = report_new("selftest", "Where this cache differs from the tables")};
    t.loop = net_loop_new();
    bool good = open_again(&t, e) && kind_find(&t, e) && user_find(&t, e) &&
                selftest_commands(&t, e) && selftest_moves(&t, e);
    engine_free(t.server);
    net_loop_free(t.loop);
    if (!good) {
        report_free(t.r);
        return err_blame(e, SIDE_TARGET);
    }
    conclude(&t);
    report_sort(t.r);
    *ret = t.r;
    return true;
}
