#include "sandbox/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "sandbox/http_s3.h"
#include "sandbox/http_watch.h"
#include "sandbox/xml.h"

#define NAMESPACE "http://elasticache.amazonaws.com/doc/2015-02-02/"
#define NAMESPACE_STS "https://sts.amazonaws.com/doc/2011-06-15/"
#define HEADERS_MEMORY (256 * KIB)
#define BODY_GIVE_UP (8 * HTTP_BODY_MAX) /* what is read and dropped of a body without a length */

struct http_server {
    sandbox *s;
    struct MHD_Daemon *daemon;
};

/* One request while it arrives. */
typedef struct {
    char *uri;
    buf body;
    size_t dropped;
    bool refused;
    struct http_s3 *s3; /* NULL: a call of the query protocol */
    bool is_known;      /* its head was seen */
} http_request;

static void *uri_taken(void *context, const char *uri, struct MHD_Connection *c)
{
    (void)context;
    (void)c;
    http_request *r = mem_alloc(sizeof *r);
    r->uri = mem_text(span_text(uri));
    r->body = buf_of(HTTP_BODY_MAX);
    return r;
}

static void request_done(void *context,
                         struct MHD_Connection *c,
                         void **state,
                         enum MHD_RequestTerminationCode how)
{
    (void)context;
    (void)c;
    (void)how;
    http_request *r = *state;
    if (!r) return;
    free(r->uri);
    buf_clear(&r->body);
    http_s3_free(r->s3);
    free(r);
    *state = NULL;
}

static enum MHD_Result
send_buf(struct MHD_Connection *c, unsigned status, const buf *b, const char *id)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        b->size, b->at ? b->at : (void *)(uintptr_t) "", MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", "text/xml");
    (void)MHD_add_response_header(response, "x-amzn-RequestId", id);
    if (status == MHD_HTTP_CONTENT_TOO_LARGE)
        (void)MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(c, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer(struct MHD_Connection *c,
                              const char *service,
                              const char *operation,
                              json_t *result,
                              const api_error *error)
{
    char id[40];
    buf out = buf_of(XML_ANSWER_MAX);
    http_request_id(id);
    xml_frame f = {.namespace_uri = strcmp(service, "sts") == 0 ? NAMESPACE_STS : NAMESPACE,
                   .operation = operation,
                   .request_id = id};
    bool done = error->code ? xml_error(&out, &f, error->status < 500, error->code, error->message)
                            : xml_answer(&out, &f, result);
    enum MHD_Result sent =
        done ? send_buf(c, error->code ? error->status : MHD_HTTP_OK, &out, id) : MHD_NO;
    buf_clear(&out);
    return sent;
}

static enum MHD_Result too_large(struct MHD_Connection *c)
{
    api_error e;
    (void)api_fail(&e, "RequestEntityTooLarge", "The request is larger than %zu bytes.",
                   HTTP_BODY_MAX);
    e.status = MHD_HTTP_CONTENT_TOO_LARGE;
    return answer(c, "", "", NULL, &e);
}

static bool caller_check(
    sandbox *s, const auth_request *a, arena *memory, const char **service, api_error *error)
{
    auth_result who = {0};
    (void)pthread_mutex_lock(&s->lock);
    bool known = auth_check(s, a, memory, &who, error);
    (void)pthread_mutex_unlock(&s->lock);
    if (known) *service = who.service;
    return known;
}

static bool only_reads(const char *operation)
{
    static const char *const verbs[] = {"Describe", "List", "Get"};
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strncmp(operation, verbs[i], strlen(verbs[i])) == 0) return true;
    return false;
}

/* A call of the query protocol: form, operation. */
static bool call_run(sandbox *s,
                     const auth_request *a,
                     const char *service,
                     const char **operation,
                     arena *memory,
                     json_t **ret,
                     api_error *error)
{
    form q = {0};
    err e = {0};
    span fields = strcmp(a->method, "POST") == 0 ? a->body : span_text(a->query);
    if (!form_parse(fields, memory, &q, &e))
        return api_fail(error, "MalformedQueryString", "%s", e.text);
    (void)pthread_mutex_lock(&s->lock);
    bool done = api_run(s, service, &q, operation, ret, error);
    /* What was answered is kept, whatever happens to us then. */
    if (done && !only_reads(*operation) && !state_save(s, &e))
        done = api_fail(error, "InternalFailure", "%s", e.text);
    (void)pthread_mutex_unlock(&s->lock);
    return done;
}

static enum MHD_Result watch_answer(struct MHD_Connection *c, watch_reply *r, const char *id)
{
    const char *const rpc = "rpc-v2-cbor";
    struct MHD_Response *response = MHD_create_response_from_buffer(
        r->body.size, r->body.at ? r->body.at : (void *)(uintptr_t) "", MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", r->content_type);
    (void)MHD_add_response_header(response, "x-amzn-RequestId", id);
    if (r->fault[0]) (void)MHD_add_response_header(response, "x-amzn-query-error", r->fault);
    if (strstr(r->content_type, "cbor"))
        (void)MHD_add_response_header(response, "smithy-protocol", rpc);
    enum MHD_Result queued = MHD_queue_response(c, r->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* A call of CloudWatch; `error`: its caller was refused. */
static enum MHD_Result watch_run(http_server *h,
                                 struct MHD_Connection *c,
                                 const auth_request *a,
                                 arena *memory,
                                 const api_error *error)
{
    char id[40];
    watch_reply reply = {0};
    http_request_id(id);
    if (error->code) {
        http_watch_refuse(http_watch_wire(a), error, id, &reply);
    } else {
        http_watch_run(h->s, a, id, memory, &reply);
    }
    enum MHD_Result sent = watch_answer(c, &reply, id);
    watch_reply_clear(&reply);
    return sent;
}

static enum MHD_Result
run(http_server *h, struct MHD_Connection *c, http_request *r, const char *method)
{
    CLEANUP(arena_clear) arena memory = {0};
    auth_request a = {0};
    api_error error = {0};
    json_t *result = NULL;
    const char *service = "";
    const char *operation = "";
    http_head_take(c, method, r->uri, &memory, &a);
    a.body = buf_span(&r->body);
    bool known = caller_check(h->s, &a, &memory, &service, &error);
    bool reads_xml = http_watch_wire(&a) == WIRE_QUERY;
    if (known ? strcmp(service, "monitoring") == 0 : !reads_xml)
        return watch_run(h, c, &a, &memory, &error);
    if (!known || !call_run(h->s, &a, service, &operation, &memory, &result, &error))
        log_debug("sandbox: %s %s: %s", operation, error.code, error.message);
    enum MHD_Result sent = answer(c, service, operation, result, &error);
    json_decref(result);
    return sent;
}

/* The head alone, for the first time: whose call is it, and will its body fit? */
static enum MHD_Result
head_seen(http_server *h, struct MHD_Connection *c, http_request *r, const char *method)
{
    uint64_t length = 0;
    const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    r->is_known = true;
    r->s3 = http_s3_new(h->s, c, method, r->uri);
    if (r->s3) return http_s3_begin(r->s3, c);
    if (!text) return MHD_YES;
    bool fits = span_to_u64(span_text(text), &length) && length <= HTTP_BODY_MAX;
    return fits ? MHD_YES : too_large(c);
}

static enum MHD_Result asked(void *context,
                             struct MHD_Connection *c,
                             const char *url,
                             const char *method,
                             const char *version,
                             const char *data,
                             size_t *size,
                             void **state)
{
    (void)url;
    (void)version;
    http_request *r = *state;
    if (!r->is_known) return head_seen(context, c, r, method);
    if (*size == 0) {
        if (r->s3) return http_s3_answer(r->s3, c);
        return r->refused ? too_large(c) : run(context, c, r, method);
    }
    span piece = span_of(data, *size);
    bool fits = r->s3 ? http_s3_feed(r->s3, piece) : !r->refused && buf_append(&r->body, piece);
    r->refused = !fits;
    r->dropped += fits ? 0 : *size;
    *size = 0;
    return r->dropped > BODY_GIVE_UP ? MHD_NO : MHD_YES;
}

static int listener_open(uint16_t *port, err *e)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&here, sizeof here) == 0 &&
        listen(fd, HTTP_CONNECTIONS_MAX) == 0 &&
        getsockname(fd, (struct sockaddr *)&here, &size) == 0) {
        *port = ntohs(here.sin_port);
        return fd;
    }
    (void)err_sys(e, errno, "listen on 127.0.0.1:%u", *port);
    (void)err_hint(e, "--port names another");
    if (fd >= 0) (void)close(fd);
    return -1;
}

bool http_server_start(sandbox *s, uint16_t *port, http_server **ret, err *e)
{
    int fd = listener_open(port, e);
    if (fd < 0) return false;
    http_server *h = mem_alloc(sizeof *h);
    h->s = s;
    h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, asked, h,
                                 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)HTTP_SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 HEADERS_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, uri_taken, NULL,
                                 MHD_OPTION_NOTIFY_COMPLETED, request_done, NULL, MHD_OPTION_END);
    if (!h->daemon) {
        (void)close(fd);
        free(h);
        return err_set(e, ERR_IO, "the API's server could not be started");
    }
    *ret = h;
    return true;
}

void http_server_stop(http_server *h)
{
    if (!h) return;
    MHD_stop_daemon(h->daemon); /* closes the listener too */
    free(h);
}
