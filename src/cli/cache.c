#include "cli/cache.h"

#include <pthread.h>

#include "aws/elasticache.h"
#include "aws/iam_token.h"
#include "base/clock.h"
#include "cli/cli_internal.h"
#include "engine/endpoint.h"

#define SCHEME "elasticache://"
#define FORM SCHEME "[user@]ID[/db]"
#define ASK_MS 30000

bool cache_is_named(const char *text)
{
    return strncmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static const char *option(const struct cli_options *o, const char *name)
{
    const struct option_row *row = option_find(name, o->command);
    return row && option_taken_by(row, o->command) ? cli_text(o, name) : NULL;
}

static bool
session_new(const struct cli_options *o, const cache_kept *kept, struct aws_session **ret, err *e)
{
    aws_choice c = {.region = option(o, "region"),
                    .profile = option(o, "profile"),
                    .endpoint_url = option(o, "endpoint-url")};
    if (kept && !c.region) c.region = kept->region;
    if (kept && !c.profile && *kept->profile) c.profile = kept->profile;
    return aws_session_new(&c, deadline_in_ms(ASK_MS), ret, e);
}

/* --- elasticache://ID ------------------------------------------------------------------------ */

/* Lower case, as the service keeps it, and as a signature needs it. */
static bool id_check(char *id, err *e)
{
    bool good = *id && strlen(id) <= CACHE_ID_MAX;
    for (char *at = id; *at && good; at++) {
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
        good = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '-';
    }
    return good ||
           err_set(e, ERR_USAGE, "an id has 1 to %d letters, digits and hyphens", CACHE_ID_MAX);
}

/* The parts of a URL, but the host is an id and there is no port. */
static bool name_parse(const char *text, engine_url *ret, err *e)
{
    const char *rest = text + strlen(SCHEME);
    const char *at = strrchr(rest, '@');
    char *whole = NULL;
    if (strchr(at ? at : rest, ':')) {
        (void)err_set(e, ERR_USAGE, "no port may stand behind the id: the group tells its own");
        return err_hint(e, "write it as " FORM);
    }
    int size = asprintf(&whole, "redis://%s", rest);
    assert(size > 0);
    bool good = engine_url_parse(whole, ret, e);
    free(whole);
    if (!good) {
        (void)snprintf(e->hint, sizeof e->hint, "write it as " FORM);
        return false;
    }
    if (id_check(ret->host, e)) return true;
    engine_url_clear(ret);
    return err_hint(e, "write it as " FORM);
}

bool cache_id(const char *text, char ret[CACHE_ID_MAX + 1], err *e)
{
    engine_url named = {0};
    if (!name_parse(text, &named, e)) return false;
    (void)snprintf(ret, CACHE_ID_MAX + 1, "%s", named.host);
    engine_url_clear(&named);
    return true;
}

static bool group_check(const aws_group *g, err *e)
{
    static const char *const serves[] = {"available", "modifying", "snapshotting"};
    bool served = false;
    for (size_t i = 0; i < COUNT_OF(serves); i++)
        served |= strcmp(g->status, serves[i]) == 0;
    if (!served) {
        (void)err_set(e, ERR_AWS, "replication group '%s' is not available: it is '%s'", g->id,
                      g->status);
        return err_hint(e,
                        "wait for it: aws elasticache wait replication-group-available "
                        "--replication-group-id %s",
                        g->id);
    }
    if (g->cluster_mode) {
        (void)err_set(e, ERR_AWS, "replication group '%s' runs in cluster mode (%zu shards)", g->id,
                      g->shard_count);
        return err_hint(e, "name a group with cluster mode disabled: clusters are not there yet");
    }
    if (!*g->primary.host || !g->primary.port) {
        (void)err_set(e, ERR_AWS, "replication group '%s' tells no primary endpoint", g->id);
        return err_hint(e, "is it still being made? 'aws elasticache describe-replication-groups' "
                           "shows it");
    }
    return true;
}

static bool group_ask(const struct cli_options *o, engine_url *u, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct aws_session *s = NULL;
    aws_group g = {0};
    aws_fault fault;
    if (!session_new(o, NULL, &s, e)) return false;
    bool good = aws_group_find(s, u->host, deadline_in_ms(ASK_MS), &memory, &g, &fault, e) &&
                group_check(&g, e);
    aws_session_free(s);
    if (!good) return false;
    free(u->host);
    u->host = mem_text(span_text(g.primary.host));
    u->port = g.primary.port;
    u->tls = g.tls;
    return true;
}

bool cache_resolve(const struct cli_options *o, const char *text, engine_url *ret, err *e)
{
    engine_url u = {0};
    if (!name_parse(text, &u, e)) return false;
    u.asked = mem_text(span_text(text));
    if (group_ask(o, &u, e)) {
        *ret = u;
        return true;
    }
    engine_url_clear(&u);
    return false;
}

/* --- logins ---------------------------------------------------------------------------------- */

typedef struct {
    engine_login face; /* first, so that one is the other */
    pthread_mutex_t lock;
    struct aws_session *session; /* one thread at a time */
    cache_kept kept;
    char *kept_text;
} iam_login;

static bool iam_make(engine_login *l, const char *user, int64_t deadline_ns, secret *ret, err *e)
{
    iam_login *i = (iam_login *)l;
    (void)pthread_mutex_lock(&i->lock);
    bool done = aws_session_iam_token(i->session, i->kept.cache, i->kept.serverless, user,
                                      deadline_ns, ret, e);
    (void)pthread_mutex_unlock(&i->lock);
    if (done) return true;
    e->kind = ERR_AWS; /* whatever it was: nobody else's */
    return err_wrap(e, "an IAM token for user '%s' of cache '%s'", user, i->kept.cache);
}

static void iam_end(engine_login *l)
{
    iam_login *i = (iam_login *)l;
    aws_session_free(i->session);
    (void)pthread_mutex_destroy(&i->lock);
    free(i->kept_text);
    free(i);
}

/* The session is the login's, also when it fails. */
static engine_login *
login_new(const struct cli_options *o, struct aws_session *s, const cache_kept *kept)
{
    iam_login *i = mem_alloc(sizeof *i);
    i->session = s;
    i->kept = *kept;
    i->kept_text = cache_kept_show(kept);
    (void)pthread_mutex_init(&i->lock, NULL); /* never fails with default attributes on Linux */
    i->face.make = iam_make;
    i->face.end = iam_end;
    i->face.renew_ms = cli_duration_ms(o, "login-renew");
    i->face.kept = i->kept_text;
    i->face.advice = "has the user authentication mode iam, and is it in the cache's user group? "
                     "may this identity elasticache:Connect to the cache and as the user? is the "
                     "region the cache's, and this clock right? 'handover audit network' tells";
    i->face.holders = 1;
    return &i->face;
}

bool cache_login_again(const struct cli_options *o, const char *text, engine_login **ret, err *e)
{
    struct aws_session *s = NULL;
    cache_kept kept = {0};
    if (!cache_kept_read(text, &kept, e) || !session_new(o, &kept, &s, e)) return false;
    *ret = login_new(o, s, &kept);
    return true;
}

/* The name that tokens are made for: the id, or what the endpoint's name says. */
static bool cache_of(const engine_url *u, cache_kept *ret, err *e)
{
    if (u->asked && cache_is_named(u->asked)) return cache_id(u->asked, ret->cache, e);
    endpoint p = endpoint_read(u->host);
    ret->serverless = p.kind == ENDPOINT_SERVERLESS;
    span name;
    if (endpoint_cache(u->host, &name) && name.size < sizeof ret->cache) {
        (void)snprintf(ret->cache, sizeof ret->cache, "%.*s", (int)name.size,
                       (const char *)name.at);
        return true;
    }
    (void)err_set(e, ERR_USAGE, "'%s' does not say which cache an IAM token is to be for", u->host);
    return err_hint(e, "name the cache: " SCHEME "user@ID");
}

bool cache_login(const struct cli_options *o, const char *side, engine_url *u, err *e)
{
    char name[32];
    struct aws_session *s = NULL;
    cache_kept kept = {0};
    (void)snprintf(name, sizeof name, "%s-auth", side);
    const char *how = option(o, name);
    if (!how || strcmp(how, "iam") != 0) return true;
    if (!u->user) {
        (void)err_set(e, ERR_USAGE, "--%s iam needs the user", name);
        return err_hint(e, "write it in front: " SCHEME "user@ID");
    }
    if (!u->tls) {
        (void)err_set(e, ERR_USAGE, "an IAM user needs TLS, and the %s is without", side);
        return err_hint(e, "the cache needs in-transit encryption; a URL is then rediss://");
    }
    if (!cache_of(u, &kept, e) || !session_new(o, NULL, &s, e)) return false;
    (void)snprintf(kept.region, sizeof kept.region, "%s", aws_session_region(s));
    const char *named = option(o, "profile");
    (void)snprintf(kept.profile, sizeof kept.profile, "%s", named ? named : "");
    u->login = login_new(o, s, &kept);
    return true;
}

char *cache_kept_show(const cache_kept *k)
{
    char *text = NULL;
    int size =
        asprintf(&text, "iam %s %s %s%s%s", k->region, k->serverless ? "serverless" : "group",
                 k->cache, *k->profile ? " " : "", k->profile);
    assert(size > 0);
    return text;
}

static bool word_take(span *rest, char *ret, size_t size)
{
    span word;
    if (!span_cut(rest, ' ', &word) || word.size == 0 || word.size >= size) return false;
    memcpy(ret, word.at, word.size);
    ret[word.size] = '\0';
    return true;
}

bool cache_kept_read(const char *text, cache_kept *ret, err *e)
{
    char how[16];
    char kind[16];
    span rest = span_text(text);
    cache_kept k = {0};
    bool good = word_take(&rest, how, sizeof how) && strcmp(how, "iam") == 0 &&
                word_take(&rest, k.region, sizeof k.region) &&
                word_take(&rest, kind, sizeof kind) && word_take(&rest, k.cache, sizeof k.cache) &&
                rest.size < sizeof k.profile;
    if (good) k.serverless = strcmp(kind, "serverless") == 0;
    if (good && !k.serverless) good = strcmp(kind, "group") == 0;
    if (!good) {
        (void)err_set(e, ERR_FORMAT, "the login that the work directory keeps is not understood");
        return err_hint(e, "give --source-auth or --target-auth again");
    }
    if (rest.size) memcpy(k.profile, rest.at, rest.size); /* may hold blanks */
    *ret = k;
    return true;
}
