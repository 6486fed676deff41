#include "sandbox/http_s3.h"

#include "base/log.h"
#include "store/store.h"

#define SEND_PIECE (256 * KIB)

struct http_s3 {
    arena memory;
    auth_request head;
    auth_result who;
    store_request request;
    store_signature signature;
    struct store_call *call; /* NULL: its signature was refused */
    store_answer refusal;
    char id[40];
};

void http_request_id(char ret[40])
{
    static const char hex[] = "0123456789abcdef";
    state_random(ret, 36, hex);
    ret[8] = ret[13] = ret[18] = ret[23] = '-';
}

static enum MHD_Result
header_take(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    auth_request *a = context;
    (void)kind;
    if (a->header_count == AUTH_HEADERS_MAX) return MHD_NO;
    a->names[a->header_count] = name;
    a->values[a->header_count++] = value ? value : "";
    return MHD_YES;
}

void http_head_take(
    struct MHD_Connection *c, const char *method, const char *uri, arena *memory, auth_request *ret)
{
    size_t size = strcspn(uri, "?");
    *ret = (auth_request){.method = method,
                          .path = arena_text(memory, span_of(uri, size)),
                          .query = uri[size] ? arena_text(memory, span_text(uri + size + 1)) : ""};
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, header_take, ret); /* or cut: not signed */
}

struct http_s3 *
http_s3_new(sandbox *s, struct MHD_Connection *c, const char *method, const char *uri)
{
    struct http_s3 *x = mem_alloc(sizeof *x);
    api_error e = {0};
    http_head_take(c, method, uri, &x->memory, &x->head);
    x->head.is_s3 = auth_is_s3(&x->head);
    if (!x->head.is_s3) {
        http_s3_free(x);
        return NULL;
    }
    http_request_id(x->id);
    (void)pthread_mutex_lock(&s->lock);
    bool known = auth_check(s, &x->head, &x->memory, &x->who, &e);
    (void)pthread_mutex_unlock(&s->lock);
    if (!known) {
        store_answer_fault(&x->refusal, e.code, e.status, e.message, x->head.path, x->id);
        return x;
    }
    x->request = (store_request){.method = method,
                                 .path = x->head.path,
                                 .query = x->head.query,
                                 .names = x->head.names,
                                 .values = x->head.values,
                                 .header_count = x->head.header_count,
                                 .id = x->id};
    x->signature = (store_signature){
        .payload = x->who.payload, .scope = x->who.scope, .signature = x->who.signature};
    memcpy(x->signature.key, x->who.key, sizeof x->signature.key);
    x->call = store_call_new(s->store, &x->request, &x->signature);
    return x;
}

static bool is_over(const struct http_s3 *x)
{
    return !x->call || store_call_is_over(x->call);
}

static const char *header(const struct http_s3 *x, const char *name)
{
    for (size_t i = 0; i < x->head.header_count; i++)
        if (strcasecmp(x->head.names[i], name) == 0) return x->head.values[i];
    return NULL;
}

/* Who waits for "100 Continue", or would send a lot in vain, is told at once. Others are heard out:
 * a connection that is closed while they send would hide the answer. */
enum MHD_Result http_s3_begin(struct http_s3 *x, struct MHD_Connection *c)
{
    uint64_t length = 0;
    const char *text = header(x, "Content-Length");
    bool large = text && (!span_to_u64(span_text(text), &length) || length > HTTP_DRAIN_MAX);
    if (is_over(x) && (large || header(x, "Expect"))) return http_s3_answer(x, c);
    return MHD_YES;
}

bool http_s3_feed(struct http_s3 *x, span piece)
{
    if (is_over(x)) return false;
    store_call_feed(x->call, piece);
    return true;
}

/* --- the answer ------------------------------------------------------------------------------ */

static ssize_t reader_read(void *context, uint64_t at, char *to, size_t size)
{
    size_t got = store_reader_read(context, at, to, size);
    return got > 0 ? (ssize_t)got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void reader_free(void *context)
{
    store_reader_free(context);
}

/* Of HEAD: there is only the length. */
static ssize_t nothing_read(void *context, uint64_t at, char *to, size_t size)
{
    (void)context;
    (void)at;
    (void)to;
    (void)size;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *response_of(store_answer *a)
{
    struct store_reader *r = a->reader;
    bool has_bytes = a->body.size > 0 || a->length == 0;
    a->reader = NULL;
    if (r && a->length > 0) {
        return MHD_create_response_from_callback(a->length, SEND_PIECE, reader_read, r,
                                                 reader_free);
    }
    store_reader_free(r);
    if (!has_bytes)
        return MHD_create_response_from_callback(a->length, KIB, nothing_read, NULL, NULL);
    return MHD_create_response_from_buffer(
        a->body.size, a->body.at ? a->body.at : (void *)(uintptr_t) "", MHD_RESPMEM_MUST_COPY);
}

static void head_send(struct MHD_Response *response, const store_answer *a, const char *id)
{
    CLEANUP(arena_clear) arena memory = {0};
    span rest = buf_span(&a->head);
    span line = {0};
    while (span_cut(&rest, '\n', &line)) {
        span value = line;
        span name = {0};
        if (!span_cut(&value, ':', &name)) continue;
        /* It refuses what is no header: that line is left out. */
        (void)MHD_add_response_header(response, arena_text(&memory, name),
                                      arena_text(&memory, span_trim(value)));
    }
    (void)MHD_add_response_header(response, "x-amz-request-id", id);
    (void)MHD_add_response_header(response, "x-amz-id-2", "sandbox");
    (void)MHD_add_response_header(response, "Server", "handover");
}

enum MHD_Result http_s3_answer(struct http_s3 *x, struct MHD_Connection *c)
{
    store_answer *a = x->call ? store_call_end(x->call) : &x->refusal;
    struct MHD_Response *response = response_of(a);
    if (!response) return MHD_NO;
    head_send(response, a, x->id);
    if (a->status >= 400)
        log_debug("sandbox: s3: %s %s: %u", x->head.method, x->head.path, a->status);
    enum MHD_Result queued = MHD_queue_response(c, a->status, response);
    MHD_destroy_response(response);
    return queued;
}

void http_s3_free(struct http_s3 *x)
{
    if (!x) return;
    store_call_free(x->call);
    store_answer_clear(&x->refusal);
    arena_clear(&x->memory);
    free(x);
}
