#include "migrate/exporter.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <unistd.h>

#include "engine/url.h"
#include "migrate/metrics.h"
#include "migrate/status.h"

#define METRICS_SIZE_MAX ((size_t)64 * 1024)
#define CONNECTIONS_MAX 16
#define SILENCE_S 10
#define BACKLOG 16

struct exporter {
    int listener;
    struct MHD_Daemon *server;
    move *m;
};

/* One row: what stands at a path. */
static const struct page {
    const char *path;
    const char *type;
    const char *text; /* NULL: the metrics */
} pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", NULL},
    {"/", "text/html; charset=utf-8",
     "<!doctype html><title>handover</title><a href=\"/metrics\">metrics</a>\n"},
};

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned status, const char *type, const char *text, size_t size)
{
    /* The library copies the text, and does not write to it meanwhile. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result queued = MHD_queue_response(c, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    return answer(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result answer_metrics(exporter *x, struct MHD_Connection *c, const char *type)
{
    CLEANUP(buf_clear) buf out = buf_of(METRICS_SIZE_MAX);
    err e = {0};
    json_t *status = status_make(x->m);
    bool done = metrics_write(status, &out, &e);
    json_decref(status);
    if (!done) return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, e.text);
    return answer(c, MHD_HTTP_OK, type, (const char *)out.at, out.size);
}

static enum MHD_Result asked(void *context,
                             struct MHD_Connection *c,
                             const char *path,
                             const char *method,
                             const char *version,
                             const char *upload,
                             size_t *upload_size,
                             void **memory)
{
    exporter *x = context;
    (void)version;
    (void)upload;
    if (!*memory) { /* the head of the request: the answer follows its body */
        *memory = x;
        return MHD_YES;
    }
    if (*upload_size) { /* a body is read and forgotten */
        *upload_size = 0;
        return MHD_YES;
    }
    bool read = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    read = read || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!read) return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        const struct page *p = &pages[i];
        if (strcmp(path, p->path) != 0) continue;
        if (!p->text) return answer_metrics(x, c, p->type);
        return answer(c, MHD_HTTP_OK, p->type, p->text, strlen(p->text));
    }
    return answer_text(c, MHD_HTTP_NOT_FOUND, "only /metrics is here\n");
}

static int listener_try(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int problem = errno;
    (void)close(fd);
    errno = problem;
    return -1;
}

static bool listener_open(const char *address, const char *host, uint16_t port, int *ret, err *e)
{
    char service[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    (void)snprintf(service, sizeof service, "%u", port);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed) {
        err_set(e, ERR_USAGE, "'--metrics %s': %s", address, gai_strerror(failed));
        return err_hint(e, "name an address of this machine: 127.0.0.1:9400");
    }
    *ret = -1;
    for (const struct addrinfo *at = found; at && *ret < 0; at = at->ai_next)
        *ret = listener_try(at);
    int problem = errno;
    freeaddrinfo(found);
    if (*ret >= 0) return true;
    (void)err_sys(e, problem, "'--metrics %s'", address);
    return err_hint(e, "name an address of this machine and a port nobody else listens on");
}

bool exporter_open(const char *address, exporter **ret, err *e)
{
    exporter x = {.listener = -1};
    char *host = NULL;
    uint16_t port = 0;
    bool good = engine_address_parse(span_text(address), &host, &port, e);
    if (good && port == 0) good = err_set(e, ERR_USAGE, "no port");
    if (!good) {
        (void)err_wrap(e, "'--metrics %s'", span_show(span_text(address)).text);
        return err_hint(e, "HOST:PORT, as 127.0.0.1:9400 or [::1]:9400");
    }
    good = listener_open(address, host, port, &x.listener, e);
    free(host);
    if (!good) return false;
    *ret = mem_alloc(sizeof **ret);
    **ret = x;
    return true;
}

bool exporter_start(exporter *x, move *m, err *e)
{
    x->m = m;
    x->server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, asked, x,
                                 MHD_OPTION_LISTEN_SOCKET, x->listener, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)SILENCE_S, MHD_OPTION_END);
    if (x->server) return true;
    return err_set(e, ERR_LIMIT, "the server of '--metrics' does not start");
}

void exporter_close(exporter *x)
{
    if (!x) return;
    if (x->server) {
        MHD_stop_daemon(x->server); /* closes the listener too */
    } else {
        (void)close(x->listener);
    }
    free(x);
}
