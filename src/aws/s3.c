#include "aws/s3_internal.h"

#define GET_RESUMES_MAX 10
#define PATH_MAX_SIZE (8 * KIB) /* a key has up to 1,024 bytes, each up to three when encoded */

bool s3_path(const s3_object *o, buf *ret, err *e)
{
    bool fits = buf_u8(ret, '/') && sigv4_encode(span_text(o->bucket), false, ret) &&
                (!*o->key || buf_u8(ret, '/')) && sigv4_encode(span_text(o->key), true, ret);
    return fits || err_set(e, ERR_LIMIT, "the name of an object is too long");
}

bool s3_send(struct aws_session *s,
             const s3_object *o,
             aws_request r,
             int64_t deadline_ns,
             http_answer *ret,
             aws_fault *ret_fault,
             err *e)
{
    CLEANUP(buf_clear) buf path = buf_of(PATH_MAX_SIZE);
    if (!s3_path(o, &path, e)) return false;
    r.service = &aws_s3;
    r.path = buf_span(&path);
    *ret_fault = (aws_fault){0};
    return aws_send(s, &r, deadline_ns, ret, ret_fault, e) ||
           err_wrap(e, "%s s3://%s/%s", r.method, o->bucket, o->key);
}

bool s3_head_read(struct aws_session *s,
                  const s3_object *o,
                  int64_t deadline_ns,
                  s3_head *ret,
                  aws_fault *ret_fault,
                  err *e)
{
    CLEANUP(http_answer_clear) http_answer answer = {0};
    aws_request r = {.method = "HEAD"};
    s3_head h = {0};
    if (!s3_send(s, o, r, deadline_ns, &answer, ret_fault, e)) return false;
    span etag = http_header(&answer, "ETag");
    if (!span_to_u64(http_header(&answer, "Content-Length"), &h.size) || etag.size >= sizeof h.etag)
        return err_set(e, ERR_AWS, "s3://%s/%s: an answer without a size", o->bucket, o->key);
    if (etag.size) memcpy(h.etag, etag.at, etag.size);
    *ret = h;
    return true;
}

bool s3_put(struct aws_session *s,
            const s3_object *o,
            span body,
            int64_t deadline_ns,
            aws_fault *ret_fault,
            err *e)
{
    CLEANUP(http_answer_clear) http_answer answer = {0};
    aws_request r = {.method = "PUT", .body = body};
    return s3_send(s, o, r, deadline_ns, &answer, ret_fault, e);
}

bool s3_delete(
    struct aws_session *s, const s3_object *o, int64_t deadline_ns, aws_fault *ret_fault, err *e)
{
    CLEANUP(http_answer_clear) http_answer answer = {0};
    aws_request r = {.method = "DELETE"};
    return s3_send(s, o, r, deadline_ns, &answer, ret_fault, e);
}

/* --- get ------------------------------------------------------------------------------------- */

typedef struct {
    http_sink *sink;
    void *context;
    uint64_t received;
    bool refused; /* the sink's own error: final */
} getting;

static bool get_piece(void *context, span piece, err *e)
{
    getting *g = context;
    if (!g->sink(g->context, piece, e)) {
        g->refused = true;
        return false;
    }
    g->received += piece.size;
    return true;
}

bool s3_get(struct aws_session *s,
            const s3_object *o,
            http_sink *sink,
            void *context,
            int64_t deadline_ns,
            aws_fault *ret_fault,
            err *e)
{
    getting g = {.sink = sink, .context = context};
    s3_head h = {0};
    if (!s3_head_read(s, o, deadline_ns, &h, ret_fault, e)) return false;
    if (h.size == 0) return true; /* a range of it would be refused */
    for (unsigned resumes = 0;; resumes++) {
        CLEANUP(http_answer_clear) http_answer answer = {0};
        char range[64];
        (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, g.received, h.size - 1);
        const sigv4_header headers[] = {{span_text("Range"), span_text(range)},
                                        {span_text("If-Match"), span_text(h.etag)}};
        aws_request r = {.method = "GET",
                         .headers = headers,
                         .header_count = *h.etag ? 2 : 1,
                         .sink = get_piece,
                         .sink_context = &g};
        uint64_t before = g.received;
        bool good = s3_send(s, o, r, deadline_ns, &answer, ret_fault, e);
        if (good && g.received == h.size) return true;
        if (good) {
            return err_set(e, ERR_AWS, "s3://%s/%s: %" PRIu64 " bytes came of %" PRIu64, o->bucket,
                           o->key, g.received, h.size);
        }
        if (g.refused || ret_fault->status || g.received == before || resumes == GET_RESUMES_MAX)
            return false;
    }
}

/* --- list ------------------------------------------------------------------------------------ */

static bool query_add(buf *query, const char *name, const char *value, err *e)
{
    bool fits = buf_text(query, name) && sigv4_encode(span_text(value), false, query);
    return fits || err_set(e, ERR_LIMIT, "the name of an object is too long");
}

static bool list_page(const xml_node *root, s3_listed *each, void *context, err *e)
{
    for (const xml_node *c = xml_at(root, "Contents"); c; c = xml_next(c)) {
        uint64_t size = 0;
        if (!span_to_u64(span_text(xml_text(c, "Size")), &size))
            return err_set(e, ERR_AWS, "a list of S3 holds an object without a size");
        if (!each(context, xml_text(c, "Key"), size, e)) return false;
    }
    return true;
}

bool s3_list(struct aws_session *s,
             const s3_object *prefix,
             s3_listed *each,
             void *context,
             int64_t deadline_ns,
             aws_fault *ret_fault,
             err *e)
{
    const s3_object bucket = {prefix->bucket, ""};
    CLEANUP(buf_clear) buf query = buf_of(PATH_MAX_SIZE);
    CLEANUP(buf_clear) buf next = buf_of(PATH_MAX_SIZE);
    for (unsigned pages = 0; pages < AWS_PAGES_MAX; pages++) {
        CLEANUP(arena_clear) arena memory = {0};
        CLEANUP(http_answer_clear) http_answer answer = {0};
        const xml_node *root = NULL;
        query.size = 0;
        if (!query_add(&query, "list-type=2&prefix=", prefix->key, e)) return false;
        if (next.size && !buf_append(&query, buf_span(&next)))
            return err_set(e, ERR_LIMIT, "a token of a list is too long");
        aws_request r = {.method = "GET", .query = buf_span(&query)};
        if (!s3_send(s, &bucket, r, deadline_ns, &answer, ret_fault, e) ||
            !xml_read(buf_span(&answer.body), &memory, &root, e) ||
            !list_page(root, each, context, e))
            return false;
        if (strcmp(xml_text(root, "IsTruncated"), "true") != 0) return true;
        next.size = 0;
        if (!query_add(&next, "&continuation-token=", xml_text(root, "NextContinuationToken"), e))
            return false;
    }
    return err_set(e, ERR_AWS, "the pages of a list of S3 have no end");
}
