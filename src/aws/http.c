#include "aws/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/tls_context.h"

#define CONNECT_MS_DEFAULT 10000L
#define STALL_S 60L /* so long without a byte */

struct http {
    CURL *curl;
};

struct http *http_new(void)
{
    struct http *h = mem_alloc(sizeof *h);
    h->curl = curl_easy_init();
    assert(h->curl); /* only without memory */
    return h;
}

void http_free(struct http *h)
{
    if (!h) return;
    curl_easy_cleanup(h->curl);
    free(h);
}

void http_answer_clear(http_answer *a)
{
    buf_clear(&a->headers);
    buf_clear(&a->body);
    a->status = 0;
}

span http_header(const http_answer *a, const char *name)
{
    span rest = buf_span(&a->headers);
    span line = {0};
    while (span_cut(&rest, '\n', &line)) {
        span field = {0};
        if (memchr(line.at, ':', line.size) && span_cut(&line, ':', &field) &&
            span_is_nocase(field, name))
            return span_trim(line);
    }
    return (span){0};
}

/* One request under way. */
typedef struct {
    const http_request *request;
    http_answer *answer;
    CURL *curl;
    uint64_t sent; /* bytes of the body */
    bool failed;
    err *e;
} exchange;

static size_t on_header(char *at, size_t size, size_t count, void *context)
{
    exchange *x = context;
    size_t all = size * count; /* libcurl: size is 1 */
    if (span_starts(span_of(at, all), "HTTP/")) {
        x->answer->headers.size = 0; /* after a 100, or a proxy's own */
        return all;
    }
    if (buf_append(&x->answer->headers, span_of(at, all))) return all;
    x->failed = !err_set(x->e, ERR_LIMIT, "more than %zu bytes of headers", HTTP_HEADERS_MAX);
    return 0;
}

static size_t on_body(char *at, size_t size, size_t count, void *context)
{
    exchange *x = context;
    size_t all = size * count;
    long status = 0;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (x->request->sink && status / 100 == 2) {
        if (x->request->sink(x->request->sink_context, span_of(at, all), x->e)) return all;
        x->failed = true;
        return 0;
    }
    if (buf_append(&x->answer->body, span_of(at, all))) return all;
    x->failed = !err_set(x->e, ERR_LIMIT, "an answer of more than %zu bytes", HTTP_BODY_MAX);
    return 0;
}

static size_t on_read(char *at, size_t size, size_t count, void *context)
{
    exchange *x = context;
    const http_request *r = x->request;
    size_t room = size * count;
    if (r->file_size == 0) {
        size_t n = size_min(room, r->body.size - x->sent);
        if (n) memcpy(at, r->body.at + x->sent, n);
        x->sent += n;
        return n;
    }
    size_t n = size_min(room, r->file_size - x->sent);
    ssize_t got = n ? pread(r->file, at, n, (off_t)(r->file_at + x->sent)) : 0;
    if (got < 0 || (n && got == 0)) {
        x->failed = got < 0 ? !err_sys(x->e, errno, "read the body")
                            : !err_set(x->e, ERR_IO, "the file became shorter while it was sent");
        return CURL_READFUNC_ABORT;
    }
    x->sent += (uint64_t)got;
    return (size_t)got;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
    exchange *x = context;
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
    x->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

#define SET(option, value) (void)curl_easy_setopt(x->curl, option, value) /* all are known ones */

static void body_set(exchange *x)
{
    const http_request *r = x->request;
    uint64_t size = r->file_size ? r->file_size : r->body.size;
    bool head = strcmp(r->method, "HEAD") == 0;
    SET(CURLOPT_NOBODY, head ? 1L : 0L);
    if (size || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, x);
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, x);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    }
    if (!head) SET(CURLOPT_CUSTOMREQUEST, r->method);
}

static void options_set(exchange *x, struct curl_slist *headers, char *error)
{
    const http_request *r = x->request;
    const char *bundle = secure_getenv("AWS_CA_BUNDLE");
    curl_easy_reset(x->curl); /* the connections stay */
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_ERRORBUFFER, error);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_CONNECTTIMEOUT_MS, r->connect_ms ? (long)r->connect_ms : CONNECT_MS_DEFAULT);
    SET(CURLOPT_TIMEOUT_MS, (long)deadline_left_ms(r->deadline_ns));
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, STALL_S);
    if (!bundle || !*bundle) bundle = tls_other_bundle();
    if (bundle) SET(CURLOPT_CAINFO, bundle);
    if (r->direct) SET(CURLOPT_NOPROXY, "*");
    body_set(x);
}

static struct curl_slist *headers_make(const http_request *r)
{
    /* "Expect" would cost a turn, "Accept" would be one more thing that is not signed. */
    struct curl_slist *all = curl_slist_append(NULL, "Expect:");
    assert(all);
    for (size_t i = 0; i < r->header_count; i++) {
        struct curl_slist *more = curl_slist_append(all, r->headers[i]);
        assert(more); /* only without memory */
        all = more;
    }
    return all;
}

static bool failure(exchange *x, CURLcode code, const char *error)
{
    const char *why = *error ? error : curl_easy_strerror(code);
    const char *url = x->request->url;
    if (x->failed) return err_wrap(x->e, "%s", url);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(x->e, ERR_TIMEOUT, "%s: no answer in time: %s", url, why);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
        code == CURLE_SSL_CACERT_BADFILE) {
        (void)err_set(x->e, ERR_TLS, "%s: %s", url, why);
        return err_hint(x->e, "a certificate of your own: name its CA's file in AWS_CA_BUNDLE");
    }
    return err_set(x->e, ERR_IO, "%s: %s", url, why);
}

bool http_send(struct http *h, const http_request *r, http_answer *ret, err *e)
{
    char error[CURL_ERROR_SIZE] = {0};
    exchange x = {.request = r, .answer = ret, .curl = h->curl, .e = e};
    if (deadline_left_ms(r->deadline_ns) == 0)
        return err_set(e, ERR_TIMEOUT, "%s: no time is left for the request", r->url);
    http_answer_clear(ret);
    ret->headers = buf_of(HTTP_HEADERS_MAX);
    ret->body = buf_of(HTTP_BODY_MAX);
    struct curl_slist *headers = headers_make(r);
    options_set(&x, headers, error);
    CURLcode code = curl_easy_perform(h->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) return failure(&x, code, error);
    long status = 0;
    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (int)status;
    return true;
}
