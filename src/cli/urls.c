#include "cli/urls.h"

#include <unistd.h>

#include "base/log.h"
#include "cli/cache.h"
#include "cli/cli_internal.h"
#include "engine/endpoint.h"
#include "engine/sentinel.h"
#include "journal/journal.h"

/* The parts of TLS that stand beside the URL. */
static bool tls_read(const struct cli_options *o, const char *name, engine_url *u, err *e)
{
    for (size_t i = 0; i < ENGINE_TLS_COUNT; i++) {
        char option[32];
        (void)snprintf(option, sizeof option, "%s-%s", name, engine_tls_names[i]);
        const char *text = cli_text(o, option);
        if (!text) continue;
        if (u->host && !u->tls) {
            (void)err_set(e, ERR_USAGE, "--%s is given, but the URL of --%s is without TLS", option,
                          name);
            return err_hint(e, "write it as rediss://");
        }
        u->tls_parts[i] = mem_text(span_text(text));
    }
    return true;
}

static bool move_is_there(const char *workdir)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%s/journal.db", workdir);
    return size > 0 && (size_t)size < sizeof path && access(path, F_OK) == 0;
}

/* What the work directory of a move that was begun keeps of a side: "target-login". */
static bool kept_get(const struct cli_options *o,
                     const char *side,
                     const char *what,
                     arena *memory,
                     const char **ret,
                     err *e)
{
    char key[32];
    struct journal *j = NULL;
    const struct option_row *row = option_find("workdir", o->command);
    const char *workdir = row && option_taken_by(row, o->command) ? cli_text(o, "workdir") : NULL;
    *ret = NULL;
    if (!workdir || !move_is_there(workdir)) return true;
    (void)snprintf(key, sizeof key, "%s%s%s", side, *what ? "-" : "", what);
    bool done = journal_open(workdir, false, &j, e) && journal_get(j, key, memory, ret, e);
    journal_close(j);
    return done;
}

/* What a move began with by that name: nobody is asked again. ret->host stays NULL: it did not. */
static bool
known_read(const struct cli_options *o, const char *name, const char *text, engine_url *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *asked = NULL;
    const char *url = NULL;
    if (!kept_get(o, name, "asked", &memory, &asked, e) || !kept_get(o, name, "", &memory, &url, e))
        return false;
    if (!asked || !url || strcmp(asked, text) != 0) return true;
    if (!engine_url_parse(url, ret, e)) return false;
    ret->asked = mem_text(span_text(text));
    return true;
}

/* A cache by its id. */
static bool
cache_read(const struct cli_options *o, const char *name, const char *text, engine_url *ret, err *e)
{
    return known_read(o, name, text, ret, e) && (ret->host || cache_resolve(o, text, ret, e));
}

/* The primary that the Sentinels name. The login and the files of TLS come along: it is asked too.
 */
static bool service_ask(const struct cli_options *o, sentinel_url *u, engine_url *ret, err *e)
{
    const secret *password = cli_password(o, SIDE_SOURCE);
    sentinel_login login = {.user = cli_text(o, "sentinel-user"),
                            .password = cli_sentinel_password(o)};
    if (login.user && !login.password) {
        (void)err_set(e, ERR_USAGE, "--sentinel-user is given without a password of the Sentinels");
        return err_hint(e,
                        "give it in HANDOVER_SENTINEL_PASSWORD or with --sentinel-password-file");
    }
    if (password) secret_set(&u->server.password, secret_span(password));
    if (!tls_read(o, "source", &u->server, e)) return false;
    net_loop *l = net_loop_new();
    bool found = sentinel_find(l, u, &login, ret, e);
    net_loop_free(l);
    for (size_t i = 0; i < ENGINE_TLS_COUNT && found; i++) { /* url_read puts them in again */
        free(ret->tls_parts[i]);
        ret->tls_parts[i] = NULL;
    }
    return found;
}

static bool service_read(
    const struct cli_options *o, const char *name, const char *text, engine_url *ret, err *e)
{
    CLEANUP(sentinel_url_clear) sentinel_url u = {0};
    if (strcmp(name, "source") != 0) {
        (void)err_set(e, ERR_USAGE, "the %s cannot be named by Sentinels", name);
        return err_hint(e, "ElastiCache has none: name its endpoint, or elasticache://ID");
    }
    if (!sentinel_url_parse(text, &u, e)) return false;
    char *asked = sentinel_url_show(&u);
    bool done = known_read(o, name, asked, ret, e);
    if (done && !ret->host) {
        done = service_ask(o, &u, ret, e);
        if (done) ret->asked = mem_text(span_text(asked));
        char *place = done ? engine_url_place(ret) : NULL;
        if (done) log_info("the primary of '%s' is '%s', say its Sentinels", u.service, place);
        free(place);
    }
    free(asked);
    return done;
}

/* The login as it is asked for now; else, without a password, as the move had it. */
static bool login_read(const struct cli_options *o, const char *name, engine_url *u, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char auth[32];
    const char *kept = NULL;
    (void)snprintf(auth, sizeof auth, "%s-auth", name);
    if (u->host && !cache_login(o, name, u, e)) return false;
    if (u->login && u->password.at) {
        (void)err_set(e, ERR_USAGE, "a password of the %s is given, and --%s iam makes one", name,
                      auth);
        return err_hint(e, "give one of the two");
    }
    if (u->login || u->password.at || (u->host && cli_given(o, auth))) return true;
    return kept_get(o, name, "login", &memory, &kept, e) &&
           (!kept || cache_login_again(o, kept, &u->login, e));
}

static bool
url_read(const struct cli_options *o, const char *name, err_side side, engine_url *ret, err *e)
{
    const char *text = cli_text(o, name);
    const secret *password = cli_password(o, side);
    engine_url u = {0};
    bool read = !text                     ? true
                : cache_is_named(text)    ? cache_read(o, name, text, &u, e)
                : sentinel_is_named(text) ? service_read(o, name, text, &u, e)
                                          : engine_url_parse(text, &u, e);
    if (!read) return err_wrap(e, "--%s", name);
    if (password) secret_set(&u.password, secret_span(password));
    if (tls_read(o, name, &u, e) && login_read(o, name, &u, e)) {
        *ret = u;
        return true;
    }
    engine_url_clear(&u);
    return false;
}

bool urls_source(const struct cli_options *o, engine_url *ret, err *e)
{
    return url_read(o, "source", SIDE_SOURCE, ret, e);
}

bool urls_read(const struct cli_options *o, engine_url *ret_source, engine_url *ret_target, err *e)
{
    if (!url_read(o, "source", SIDE_SOURCE, ret_source, e)) return false;
    if (url_read(o, "target", SIDE_TARGET, ret_target, e)) return true;
    engine_url_clear(ret_source);
    return false;
}

bool urls_target(const struct cli_options *o, engine_url *ret, err *e)
{
    const char *text = cli_text(o, "target");
    const secret *password = cli_password(o, SIDE_TARGET);
    if (strstr(text, "://")) return url_read(o, "target", SIDE_TARGET, ret, e);
    char *whole = NULL;
    int size = asprintf(&whole, "redis://%s", text);
    assert(size > 0);
    engine_url u = {0};
    bool good = engine_url_parse(whole, &u, e);
    free(whole);
    if (!good) return err_wrap(e, "--target");
    u.tls = endpoint_read(u.host).tls;
    for (size_t i = 0; i < ENGINE_TLS_COUNT; i++) {
        char option[32];
        (void)snprintf(option, sizeof option, "target-%s", engine_tls_names[i]);
        if (cli_given(o, option)) u.tls = true;
    }
    if (!tls_read(o, "target", &u, e)) {
        engine_url_clear(&u);
        return false;
    }
    if (password) secret_set(&u.password, secret_span(password));
    if (login_read(o, "target", &u, e)) {
        *ret = u;
        return true;
    }
    engine_url_clear(&u);
    return false;
}

/* A URL that was not given, from the journal of the move. */
static bool url_complete(struct journal *j, const char *name, engine_url *url, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *known = NULL;
    engine_url from_journal = {0};
    if (url->host) return true;
    if (j && !journal_get(j, name, &memory, &known, e)) return false;
    if (!known) {
        err_set(e, ERR_USAGE, "no %s is named", name);
        return err_hint(e, "give --%s, or --workdir of a move that knows it", name);
    }
    if (!engine_url_parse(known, &from_journal, e)) return false;
    if (url->password.at) secret_set(&from_journal.password, secret_span(&url->password));
    for (size_t i = 0; i < ENGINE_TLS_COUNT; i++) {
        char key[32];
        const char *part = url->tls_parts[i];
        (void)snprintf(key, sizeof key, "%s-%s", name, engine_tls_names[i]);
        if (!part && !journal_get(j, key, &memory, &part, e)) {
            engine_url_clear(&from_journal);
            return false;
        }
        if (part) from_journal.tls_parts[i] = mem_text(span_text(part));
    }
    from_journal.login = engine_login_ref(url->login);
    engine_url_clear(url);
    *url = from_journal;
    return true;
}

bool urls_need(const struct cli_options *o, engine_url *ret_source, engine_url *ret_target, err *e)
{
    struct journal *j = NULL;
    const char *workdir = cli_text(o, "workdir");
    if (!urls_read(o, ret_source, ret_target, e)) return false;
    bool wanted = workdir && (!ret_source->host || !ret_target->host);
    bool good = (!wanted || journal_open(workdir, false, &j, e)) &&
                url_complete(j, "source", ret_source, e) &&
                url_complete(j, "target", ret_target, e);
    journal_close(j);
    if (good) return true;
    engine_url_clear(ret_source);
    engine_url_clear(ret_target);
    return false;
}
