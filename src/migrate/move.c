#include "migrate/move.h"

#include <errno.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "migrate/hooks.h"

static bool connect_to(move *m, const engine_url *url, err_side side, engine **at, err *e)
{
    if (*at && engine_is_usable(*at)) return true;
    engine_free(*at);
    *at = NULL;
    engine_options o = {
        .url = url, .side = side, .name = MOVE_CONTROL_NAME, .timeout_ms = CONTROL_TIMEOUT_MS};
    if (engine_open(m->loop, &o, at, e)) return true;
    err_hint(e, "is it up, and reachable from here? nothing was changed on it by this");
    return err_wrap(e, "%s '%s'", side == SIDE_SOURCE ? "source" : "target",
                    side == SIDE_SOURCE ? m->source_text : m->target_text);
}

bool move_source(move *m, err *e)
{
    return connect_to(m, &m->source_url, SIDE_SOURCE, &m->source, e);
}

bool move_target(move *m, err *e)
{
    return connect_to(m, &m->target_url, SIDE_TARGET, &m->target, e);
}

void move_drop_connections(move *m)
{
    engine_free(m->source);
    engine_free(m->target);
    m->source = m->target = NULL;
}

/* The pointer goes first: visitors read it under the lock. */
void move_link_stop(move *m)
{
    pthread_mutex_lock(&m->lock);
    sync_link *link = m->link;
    if (link) m->last = link_status_get(link);
    m->link = NULL;
    pthread_mutex_unlock(&m->lock);
    link_stop(link);
}

/* Another run may begin in another directory. */
static bool path_whole(engine_tls_part part, char **text, err *e)
{
    if (part == ENGINE_TLS_NAME) return true;
    char *whole = realpath(*text, NULL);
    if (!whole) {
        int problem = errno;
        (void)err_sys(e, problem, "open '%s'", *text);
        e->kind = ERR_USAGE;
        return err_hint(e, "give a file that exists and that you may read");
    }
    free(*text);
    *text = whole;
    return true;
}

/* What the move goes on with next time. A dry run leaves nothing behind. */
static bool note(const move *m, const char *key, const char *value, err *e)
{
    return m->options->dry_run || journal_set(m->journal, key, value, e);
}

/* What TLS needs, as given now or as the journal knows it; given again it may be another: files
 * are renewed. */
static bool tls_note(move *m, const char *name, const engine_url *given, engine_url *u, err *e)
{
    for (size_t i = 0; i < ENGINE_TLS_COUNT && u->tls; i++) {
        CLEANUP(arena_clear) arena memory = {0};
        const char *known = NULL;
        char key[32];
        (void)snprintf(key, sizeof key, "%s-%s", name, engine_tls_names[i]);
        if (!journal_get(m->journal, key, &memory, &known, e)) return false;
        const char *now = given->tls_parts[i] ? given->tls_parts[i] : known;
        if (!now) continue;
        free(u->tls_parts[i]);
        u->tls_parts[i] = mem_text(span_text(now));
        if (!path_whole((engine_tls_part)i, &u->tls_parts[i], e)) return false;
        bool same = known && strcmp(known, u->tls_parts[i]) == 0;
        if (!same && !note(m, key, u->tls_parts[i], e)) return false;
    }
    return true;
}

static bool file_whole(char **path, err *e)
{
    char *whole = realpath(*path, NULL);
    if (!whole) {
        int problem = errno;
        (void)err_sys(e, problem, "open '%s'", *path);
        (void)err_hint(e, "give an RDB file that exists and that you may read");
        return err_blame(e, SIDE_SOURCE);
    }
    free(*path);
    *path = whole;
    return true;
}

/* How it was asked for, and what a login needs to be made again without asking: see cli/cache.h. */
static bool login_note(move *m, const char *name, const engine_url *u, err *e)
{
    const struct {
        const char *key;
        const char *value;
    } rows[] = {{"asked", u->asked}, {"login", u->login ? u->login->kept : NULL}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(arena_clear) arena memory = {0};
        const char *known = NULL;
        char key[32];
        (void)snprintf(key, sizeof key, "%s-%s", name, rows[i].key);
        if (!journal_get(m->journal, key, &memory, &known, e)) return false;
        bool same = !rows[i].value || (known && strcmp(known, rows[i].value) == 0);
        if (!same && !note(m, key, rows[i].value, e)) return false;
        /* A password took its place. */
        bool over = known && i == 1 && !rows[i].value && u->password.at;
        if (over && !m->options->dry_run && !journal_unset(m->journal, key, e)) return false;
    }
    return true;
}

/* The server as given now, or as the journal knows it. A URL may be given again (it carries the
 * password) but must name the same server. */
static bool server_note(
    move *m, const char *name, const engine_url *given, engine_url *ret, char **ret_text, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *known = NULL;
    if (!journal_get(m->journal, name, &memory, &known, e)) return false;
    if (!given->host && !known) {
        err_set(e, ERR_USAGE, "no %s is named", name);
        return err_hint(e, "give --source and --target, or a --config file that holds them");
    }
    if (given->host) {
        *ret = engine_url_copy(given);
        if (ret->is_file && !file_whole(&ret->host, e)) return false;
    } else if (!engine_url_parse(known, ret, e)) {
        return false;
    } else if (given->password.at) {
        secret_set(&ret->password, secret_span(&given->password));
    }
    if (!given->host) ret->login = engine_login_ref(given->login);
    *ret_text = engine_url_show(ret);
    if (!tls_note(m, name, given, ret, e)) return false;
    if (!known) return note(m, name, *ret_text, e) && login_note(m, name, ret, e);
    if (strcmp(known, *ret_text) == 0) return login_note(m, name, ret, e);
    err_set(e, ERR_USAGE, "this work directory moves the %s '%s', not '%s'", name, known,
            *ret_text);
    return err_hint(e, "use another work directory for another move");
}

static bool link_id_note(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *known = NULL;
    if (!journal_get(m->journal, "link_id", &memory, &known, e)) return false;
    if (known && strlen(known) == LINK_ID_SIZE) {
        memcpy(m->link_id, known, LINK_ID_SIZE + 1);
        return true;
    }
    uint8_t random[LINK_ID_SIZE / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_set(e, ERR_IO, "the kernel gives no random bytes");
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(m->link_id + 2 * i, 3, "%02x", random[i]);
    return journal_set(m->journal, "link_id", m->link_id, e);
}

/* The directory as given now, or as the journal knows it: 'finish' runs hooks too. */
static bool hooks_note(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *known = NULL;
    if (m->options->hooks) {
        if (!hooks_check(m->options->hooks, e)) return false;
        m->hooks = realpath(m->options->hooks, NULL);
        if (!m->hooks) return err_sys(e, errno, "open '%s'", m->options->hooks);
        return note(m, "hooks", m->hooks, e);
    }
    if (!journal_get(m->journal, "hooks", &memory, &known, e)) return false;
    if (!known) return true;
    m->hooks = mem_text(span_text(known));
    return hooks_check(m->hooks, e);
}

bool move_open(move *m, const migrate_options *o, bool create, err *e)
{
    *m = (move){.options = o, .eta_s = -1};
    (void)pthread_mutex_init(&m->lock, NULL); /* never fail with default attributes on Linux */
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    /* A wait must not become as long as the step of a clock that is set. */
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    m->loop = net_loop_new();
    bool done = journal_open(o->workdir, create, &m->journal, e) && journal_lock(m->journal, e);
    done = done && server_note(m, "source", &o->source, &m->source_url, &m->source_text, e) &&
           server_note(m, "target", &o->target, &m->target_url, &m->target_text, e) &&
           link_id_note(m, e) && hooks_note(m, e);
    if (done && m->target_url.is_file) {
        done = err_set(e, ERR_USAGE, "the target is a file");
        (void)err_hint(e, "only the source can be one; name a server as the target");
    }
    if (!done) move_close(m);
    return done;
}

bool move_needs_server(const move *m, const char *what, err *e)
{
    if (!m->source_url.is_file) return true;
    (void)err_set(e, ERR_STATE, "%s: the source is the file '%s'", what, m->source_url.host);
    return err_hint(e,
                    "it is loaded and nothing follows; 'migrate run' ends by itself when all of it "
                    "is on the target");
}

void move_close(move *m)
{
    move_link_stop(m);
    move_drop_connections(m);
    journal_close(m->journal);
    net_loop_free(m->loop);
    load_clear(&m->load);
    engine_url_clear(&m->source_url);
    engine_url_clear(&m->target_url);
    engine_url_clear(&m->replica_url);
    free(m->source_text);
    free(m->target_text);
    free(m->hooks);
    (void)pthread_cond_destroy(&m->changed);
    (void)pthread_mutex_destroy(&m->lock);
}

bool move_state(move *m, journal_state *ret, err *e)
{
    struct journal_state_row row;
    if (!journal_state_now(m->journal, &row, e)) return false;
    *ret = row.state;
    return true;
}

bool move_enter(move *m, journal_state state, const char *reason, err *e)
{
    journal_state now;
    if (!move_state(m, &now, e)) return false;
    if (now == state) return true;
    if (!journal_state_enter(m->journal, state, reason, e)) return false;
    log_info("%s: %s", journal_state_name(state), reason);
    return true;
}
