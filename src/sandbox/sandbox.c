/* up, status, down, engines. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "knowledge/knowledge.h"
#include "sandbox/certificate.h"
#include "sandbox/dns.h"
#include "sandbox/http.h"
#include "sandbox/keeper.h"
#include "sandbox/meter.h"
#include "sandbox/parameters.h"
#include "sandbox/programs.h"
#include "store/store.h"
#include "watch/watch.h"

#include <sys/stat.h>

#define TURN_MS 20
#define POLL_US 20000

static volatile sig_atomic_t asked_to_end;

static void end_asked(int number)
{
    (void)number;
    asked_to_end = 1;
}

static void signals_take(void)
{
    struct sigaction action = {.sa_handler = end_asked};
    asked_to_end = 0;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

/* --- what is told ---------------------------------------------------------------------------- */

static json_t *node_tell(sandbox *s, const char *id, json_t *g, json_t *node)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "id", text_of(node, "id"), "role",
                     flag_of(node, "is_primary") ? "primary" : "replica", "status",
                     text_of(node, "status"), "name",
                     group_name_of(s, id, g, NAME_NODE, text_of(node, "id")).text, "address",
                     text_of(node, "host"), "port", (json_int_t)number_of(g, "port"));
}

static json_t *group_tell(sandbox *s, const char *id, json_t *g)
{
    json_t *nodes = json_array();
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        (void)json_array_append_new(nodes, node_tell(s, id, g, node));
    }
    json_int_t port = (json_int_t)number_of(g, "port");
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:{s:s,s:s,s:I},s:{s:s,s:s,s:I},s:o}", "id", id,
                     "status", text_of(g, "status"), "engine", text_of(g, "engine"), "version",
                     text_of(g, "version"), "tls", flag_of(g, "tls"), "primary", "name",
                     group_name_of(s, id, g, NAME_PRIMARY, "").text, "address",
                     text_of(g, "primary_host"), "port", port, "reader", "name",
                     group_name_of(s, id, g, NAME_READER, "").text, "address",
                     text_of(g, "reader_host"), "port", port, "nodes", nodes);
}

static json_t *sandbox_tell(sandbox *s, bool running)
{
    char endpoint[64];
    char names[64];
    char ca[PATH_SIZE + 16];
    const char *id = NULL;
    json_t *g = NULL;
    json_t *clusters = json_array();
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d",
                   (int)number_of(s->root, "port"));
    (void)snprintf(names, sizeof names, "127.0.0.1:%d", (int)number_of(s->root, "dns_port"));
    (void)snprintf(ca, sizeof ca, "%s/ca.crt", s->workdir);
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        (void)json_array_append_new(clusters, group_tell(s, id, g));
    }
    return json_pack("{s:b,s:s,s:s,s:{s:s,s:s},s:s,s:s,s:o}", "running", running, "endpoint",
                     endpoint, "region", state_text(s, "region"), "credentials", "access_key_id",
                     state_text(s, "access_key_id"), "secret_access_key",
                     state_text(s, "secret_access_key"), "dns", names, "ca_file", ca, "clusters",
                     clusters);
}

static void address_print(const char *label, json_t *of, json_t *port, const char *name, FILE *out)
{
    (void)fprintf(out, "  %-8s  %s:%d  %s\n", label, text_of(of, "address"),
                  (int)json_integer_value(port), name);
}

static void clusters_print(json_t *clusters, FILE *out)
{
    static const struct {
        const char *label, *key;
    } leads[] = {{"endpoint", "primary"}, {"reader", "reader"}};
    size_t at = 0;
    json_t *g = NULL;
    json_array_foreach(clusters, at, g)
    {
        size_t n = 0;
        json_t *node = NULL;
        (void)fprintf(out, "\n%s  %s %s, %s%s\n", text_of(g, "id"), text_of(g, "engine"),
                      text_of(g, "version"), text_of(g, "status"),
                      flag_of(g, "tls") ? ", TLS" : "");
        for (size_t i = 0; i < COUNT_OF(leads); i++) {
            json_t *one = json_object_get(g, leads[i].key);
            address_print(leads[i].label, one, json_object_get(one, "port"), text_of(one, "name"),
                          out);
        }
        json_array_foreach(json_object_get(g, "nodes"), n, node)
        {
            address_print(text_of(node, "role"), node, json_object_get(node, "port"),
                          text_of(node, "id"), out);
        }
    }
}

static void env_print(json_t *t, const char *indent, FILE *out)
{
    json_t *c = json_object_get(t, "credentials");
    const struct {
        const char *name;
        const char *value;
    } rows[] = {{"ENDPOINT_URL", text_of(t, "endpoint")},
                {"ACCESS_KEY_ID", text_of(c, "access_key_id")},
                {"SECRET_ACCESS_KEY", text_of(c, "secret_access_key")},
                {"DEFAULT_REGION", text_of(t, "region")}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        (void)fprintf(out, "%sexport AWS_%s=%s\n", indent, rows[i].name, rows[i].value);
}

static void tell_print(json_t *t, FILE *out)
{
    (void)fprintf(out, "%s\n",
                  flag_of(t, "running") ? "The sandbox runs. For any AWS client:"
                                        : "The sandbox does not run; it was:");
    env_print(t, "  ", out);
    (void)fprintf(out, "names of caches: ask %s; with TLS trust %s\n", text_of(t, "dns"),
                  text_of(t, "ca_file"));
    clusters_print(json_object_get(t, "clusters"), out);
    (void)fflush(out);
}

/* --- up -------------------------------------------------------------------------------------- */

typedef struct {
    http_server *http;
    dns_server *dns;
} servers;

/* The port asked for, else the one before; when that one is taken meanwhile, a free one. */
static bool servers_start(sandbox *s, const sandbox_options *o, servers *ret, err *e)
{
    uint16_t port = o->port ? o->port : (uint16_t)number_of(s->root, "port");
    uint16_t dns_port = o->dns_port ? o->dns_port : (uint16_t)number_of(s->root, "dns_port");
    bool done = http_server_start(s, &port, &ret->http, e);
    if (!done && !o->port && port) {
        port = 0;
        done = http_server_start(s, &port, &ret->http, e);
    }
    if (!done) return false;
    done = dns_server_start(s, &dns_port, &ret->dns, e);
    if (!done && !o->dns_port && dns_port) {
        dns_port = 0;
        done = dns_server_start(s, &dns_port, &ret->dns, e);
    }
    (void)json_object_set_new(s->root, "port", json_integer(port));
    (void)json_object_set_new(s->root, "dns_port", json_integer(dns_port));
    s->dirty = true;
    return done;
}

static void servers_stop(servers *v)
{
    http_server_stop(v->http);
    dns_server_stop(v->dns);
}

static bool saved_when_changed(sandbox *s, err *e)
{
    return !s->dirty || state_save(s, e);
}

static bool keep(keeper *k, err *e)
{
    sandbox *s = k->s;
    bool done = true;
    while (!asked_to_end && done) {
        (void)pthread_mutex_lock(&s->lock);
        keeper_turn(k);
        done = saved_when_changed(s, e);
        (void)pthread_mutex_unlock(&s->lock);
        (void)poll(NULL, 0, TURN_MS); /* a signal ends it early */
    }
    return done;
}

/* CloudWatch: its alarms are a part of the state. */
static bool watch_start(sandbox *s, err *e)
{
    watch_options o = {.region = state_text(s, "region"),
                       .account = state_text(s, "account"),
                       .minute_ms = meter_minute_ms(s),
                       .alarms = state_part(s, "alarms")};
    return watch_new(&o, &s->watch, e);
}

static bool up_run(sandbox *s, const sandbox_options *o, FILE *out, err *e)
{
    keeper *k = mem_alloc(sizeof *k);
    servers v = {0};
    keeper_init(k, s);
    (void)mkdir("nodes", 0700); /* or is there */
    (void)mkdir("snapshots", 0700);
    store_identity who = {.region = state_text(s, "region"), .account = state_text(s, "account")};
    bool done = certificate_authority(s, e) && store_open("s3", &who, &s->store, e) &&
                watch_start(s, e) && servers_start(s, o, &v, e) && state_save(s, e);
    if (done) {
        (void)pthread_mutex_lock(&s->lock);
        done = keeper_begin(k, e);
        json_t *t = sandbox_tell(s, true);
        (void)pthread_mutex_unlock(&s->lock);
        tell_print(t, out);
        json_decref(t);
        done = done && keep(k, e);
    }
    servers_stop(&v);
    keeper_end(k);
    store_close(s->store);
    watch_free(s->watch);
    err late = {0};
    if (!saved_when_changed(s, &late)) log_warn("sandbox: %s", late.text);
    free(k);
    return done;
}

bool sandbox_up(const sandbox_options *o, FILE *out, err *e)
{
    sandbox s = {.compress = o->compress, .style = o->style, .plain_endpoints = o->plain_endpoints};
    int lock = -1;
    assert(o->compress > 0);
    programs_find(o->engines, &s.programs);
    bool done = s.programs.count > 0;
    if (!done) {
        (void)err_set(e, ERR_STATE, "no valkey-server or redis-server of 7.0 or newer was found");
        (void)err_hint(e,
                       "install one, or name a folder with --engines ('make engines' fills one)");
    }
    done = done && state_claim(o->workdir, &lock, e) && state_open(&s, o->workdir, e);
    if (done && chdir(s.workdir) != 0) done = err_sys(e, errno, "enter '%s'", s.workdir);
    if (done) {
        signals_take();
        done = up_run(&s, o, out, e);
    }
    state_close(&s);
    programs_clear(&s.programs);
    if (lock >= 0) (void)close(lock);
    return done;
}

/* --- status, down, engines ------------------------------------------------------------------- */

bool sandbox_status(const char *workdir, sandbox_print as, FILE *out, bool *ret_running, err *e)
{
    sandbox s = {0};
    int64_t pid = 0;
    if (access(workdir, F_OK) != 0) {
        (void)err_sys(e, errno, "the work directory '%s'", workdir);
        return err_hint(e, "'handover sandbox up' makes one; --workdir names another");
    }
    if (!realpath(workdir, s.workdir)) return err_sys(e, errno, "open '%s'", workdir);
    if (!state_holder(workdir, &pid, e) || !state_read(workdir, &s.root, e)) return false;
    *ret_running = pid > 0;
    json_t *t = sandbox_tell(&s, pid > 0);
    switch (as) {
    case SANDBOX_AS_TEXT:
        tell_print(t, out);
        break;
    case SANDBOX_AS_JSON:
        (void)json_dumpf(t, out, JSON_INDENT(2)); /* a broken pipe is the reader's wish */
        (void)fputc('\n', out);
        break;
    case SANDBOX_AS_ENV:
        if (pid > 0) env_print(t, "", out);
        break;
    }
    json_decref(t);
    state_close(&s);
    return true;
}

bool sandbox_down(const char *workdir, int64_t timeout_ms, err *e)
{
    int64_t pid = 0;
    int64_t deadline = deadline_in_ms(timeout_ms);
    if (!state_holder(workdir, &pid, e)) return false;
    if (pid == 0) return true;
    if (kill((pid_t)pid, SIGTERM) != 0) return err_sys(e, errno, "end process %d", (int)pid);
    while (deadline_left_ms(deadline) > 0) {
        if (!state_holder(workdir, &pid, e)) return false;
        if (pid == 0) return true;
        (void)usleep(POLL_US);
    }
    return err_set(e, ERR_TIMEOUT, "the sandbox (process %d) did not end", (int)pid);
}

static json_t *engines_tell(const engine_programs *p)
{
    json_t *all = json_array();
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    for (size_t i = 0; i < p->count; i++) {
        json_t *stands = json_array();
        for (size_t row = 0; row < t->row_count; row++) {
            const char *product = knowledge_cell(t, row, "engine");
            char version[32];
            (void)snprintf(version, sizeof version, "%.*s",
                           (int)strcspn(knowledge_cell(t, row, "version"), " "),
                           knowledge_cell(t, row, "version"));
            if (parameters_family_of(product, version) &&
                programs_choose(p, product, version) == &p->rows[i])
                (void)json_array_append_new(stands, json_string(version));
        }
        (void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:o}", "engine", p->rows[i].engine,
                                                   "version", p->rows[i].version, "program",
                                                   p->rows[i].path, "stands_for", stands));
    }
    return all;
}

static void engines_print(json_t *all, FILE *out)
{
    size_t at = 0;
    json_t *one = NULL;
    json_array_foreach(all, at, one)
    {
        size_t n = 0;
        json_t *version = NULL;
        (void)fprintf(out, "%-7s %-8s %s\n        stands for", text_of(one, "engine"),
                      text_of(one, "version"), text_of(one, "program"));
        json_array_foreach(json_object_get(one, "stands_for"), n, version)
        {
            (void)fprintf(out, " %s", json_string_value(version));
        }
        (void)fprintf(out, "%s\n", n == 0 ? " no version of ElastiCache" : "");
    }
}

bool sandbox_engines(const char *folder, bool as_json, FILE *out, err *e)
{
    engine_programs p = {0};
    programs_find(folder, &p);
    json_t *all = engines_tell(&p);
    bool found = p.count > 0;
    if (as_json) {
        (void)json_dumpf(all, out, JSON_INDENT(2));
        (void)fputc('\n', out);
    } else {
        engines_print(all, out);
    }
    json_decref(all);
    programs_clear(&p);
    if (found) return true;
    (void)err_set(e, ERR_STATE, "no valkey-server or redis-server of 7.0 or newer was found");
    return err_hint(e, "install one, or name a folder with --engines ('make engines' fills one)");
}
