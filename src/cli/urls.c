#include "cli/urls.h"

#include "engine/endpoint.h"
#include "journal/journal.h"

bool urls_beside(const struct cli_options *o, const char *name, engine_url *u, err *e)
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

static bool
url_read(const struct cli_options *o, const char *name, err_side side, engine_url *ret, err *e)
{
    const char *text = cli_text(o, name);
    const secret *password = cli_password(o, side);
    engine_url u = {0};
    if (text && !engine_url_parse(text, &u, e)) return err_wrap(e, "--%s", name);
    if (!urls_beside(o, name, &u, e)) {
        engine_url_clear(&u);
        return false;
    }
    if (password) secret_set(&u.password, secret_span(password));
    *ret = u;
    return true;
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
    if (!urls_beside(o, "target", &u, e)) {
        engine_url_clear(&u);
        return false;
    }
    if (password) secret_set(&u.password, secret_span(password));
    *ret = u;
    return true;
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
