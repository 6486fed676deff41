#include "aws/session.h"

#include <errno.h>
#include <sys/random.h>

#include "aws/credentials.h"
#include "aws/iam_token.h"
#include "aws/partition.h"
#include "base/clock.h"
#include "base/mem.h"

struct aws_session {
    struct http *http;
    profile profile;
    char *region;
    char *endpoint_url; /* asked for; NULL: none */
    struct aws_credentials *credentials;
    unsigned attempts;
};

/* --- setting up ------------------------------------------------------------------------------ */

static bool region_find(struct aws_session *s, const char *asked, int64_t deadline_ns, err *e)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < COUNT_OF(variables) && (!asked || !*asked); i++)
        asked = secure_getenv(variables[i]);
    s->region = asked && *asked ? mem_text(span_text(asked)) : profile_text(&s->profile, "region");
    if (!s->region && !aws_instance_region(s->http, deadline_ns, &s->region)) {
        (void)err_set(e, ERR_USAGE, "no AWS region is known");
        return err_hint(e, "set AWS_REGION, or a region in the profile");
    }
    return aws_region_check(s->region, e);
}

static unsigned attempts_read(const profile *p)
{
    const char *set = secure_getenv("AWS_MAX_ATTEMPTS");
    CLEANUP(mem_free_at)
    char *text = set && *set ? mem_text(span_text(set)) : profile_text(p, "max_attempts");
    uint64_t n = 0;
    bool good = text && span_to_u64(span_text(text), &n) && n >= 1 && n <= AWS_ATTEMPTS_MAX;
    return good ? (unsigned)n : AWS_ATTEMPTS_DEFAULT;
}

bool aws_session_new(const aws_choice *c, int64_t deadline_ns, struct aws_session **ret, err *e)
{
    struct aws_session *s = mem_alloc(sizeof *s);
    s->http = http_new();
    if (c->endpoint_url) s->endpoint_url = mem_text(span_text(c->endpoint_url));
    if (!profile_load(c->profile, &s->profile, e) || !region_find(s, c->region, deadline_ns, e)) {
        aws_session_free(s);
        return false;
    }
    s->attempts = attempts_read(&s->profile);
    s->credentials = aws_credentials_new(&(aws_identity){.profile = &s->profile,
                                                         .profile_first = c->profile != NULL,
                                                         .http = s->http,
                                                         .region = s->region,
                                                         .endpoint_url = s->endpoint_url});
    *ret = s;
    return true;
}

void aws_session_free(struct aws_session *s)
{
    if (!s) return;
    aws_credentials_free(s->credentials);
    profile_clear(&s->profile);
    http_free(s->http);
    free(s->endpoint_url);
    free(s->region);
    free(s);
}

const char *aws_session_region(const struct aws_session *s)
{
    return s->region;
}

bool aws_session_is_local(const struct aws_session *s, const aws_service *service)
{
    static const char *const places[] = {"127.", "localhost", "[::1]"};
    CLEANUP(mem_free_at) char *url = NULL;
    err ignored = {0}; /* a request tells it */
    if (!aws_endpoint(service, &s->profile, s->endpoint_url, s->region, &url, &ignored))
        return false;
    const char *host = strstr(url, "://") + 3;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        size_t size = strlen(places[i]);
        bool whole = i == 0 || host[size] == ':' || host[size] == '/' || host[size] == '\0';
        if (strncmp(host, places[i], size) == 0 && whole) return true;
    }
    return false;
}

/* --- one request ----------------------------------------------------------------------------- */

/* The parts of "https://host:port/base": what is signed and what is sent. */
typedef struct {
    char *url; /* all of it, with path and query */
    span host; /* with the port, as in the header Host */
    span path; /* with the base in front */
    span query;
} target;

static void target_clear(target *t)
{
    free(t->url);
}

static bool target_make(const struct aws_session *s, const aws_request *r, target *ret, err *e)
{
    CLEANUP(mem_free_at) char *base = NULL;
    if (!aws_endpoint(r->service, &s->profile, s->endpoint_url, s->region, &base, e)) return false;
    span path = r->path.size ? r->path : span_text("/");
    int size = asprintf(&ret->url, "%s%.*s%s%.*s", base, (int)path.size, (const char *)path.at,
                        r->query.size ? "?" : "", (int)r->query.size,
                        r->query.size ? (const char *)r->query.at : "");
    assert(size > 0);
    const char *host = strstr(ret->url, "://") + 3;
    const char *at = strchr(host, '/'); /* the path begins with one */
    ret->host = span_of(host, (size_t)(at - host));
    size_t query = r->query.size ? r->query.size + 1 : 0;
    ret->path = span_of(at, strlen(at) - query);
    ret->query = r->query;
    return true;
}

typedef struct {
    arena memory;
    sigv4_header all[AWS_REQUEST_HEADERS_MAX];
    const char *lines[AWS_REQUEST_HEADERS_MAX + 1];
    size_t count;
} head;

static void head_add(head *h, const char *name, span value)
{
    assert(h->count < AWS_REQUEST_HEADERS_MAX);
    h->all[h->count] = (sigv4_header){span_text(name), value};
    h->lines[h->count] = arena_printf(&h->memory, "%s: %.*s", name, (int)value.size,
                                      value.size ? (const char *)value.at : "");
    h->count++;
}

static bool head_make(const struct aws_session *s,
                      const aws_request *r,
                      const target *t,
                      const aws_keys *k,
                      head *h,
                      err *e)
{
    CLEANUP(buf_clear) buf authorization = buf_of(SIGV4_CANONICAL_MAX);
    sigv4_stamp stamp = sigv4_stamp_show(clock_wall_ms());
    sigv4_hex hash = sigv4_sha256(r->body);
    bool s3 = r->service == &aws_s3;
    span payload = r->payload.size ? r->payload : span_text(hash.text);
    head_add(h, "Host", t->host);
    head_add(h, "X-Amz-Date", span_text(stamp.text));
    if (s3) head_add(h, "X-Amz-Content-Sha256", payload);
    if (k->token.size) head_add(h, "X-Amz-Security-Token", secret_span(&k->token));
    for (size_t i = 0; i < r->header_count; i++)
        head_add(h, arena_text(&h->memory, r->headers[i].name), r->headers[i].value);
    sigv4_request signed_request = {.method = span_text(r->method),
                                    .path = t->path,
                                    .query = t->query,
                                    .headers = h->all,
                                    .header_count = h->count,
                                    .payload = payload,
                                    .path_once = s3};
    sigv4_scope scope = {span_text(k->id), span_text(stamp.text), span_text(s->region),
                         span_text(r->service->name)};
    if (!sigv4_authorize(&signed_request, &scope, secret_span(&k->key), &authorization, e))
        return false;
    h->lines[h->count] = arena_printf(&h->memory, "Authorization: %.*s", (int)authorization.size,
                                      (const char *)authorization.at);
    return true;
}

/* What is kept over the attempts. */
typedef struct {
    const aws_request *request;
    uint64_t received; /* by the sink */
} attempt;

static bool sink_count(void *context, span piece, err *e)
{
    attempt *a = context;
    a->received += piece.size;
    return a->request->sink(a->request->sink_context, piece, e);
}

static bool
send_once(struct aws_session *s, attempt *a, int64_t deadline_ns, http_answer *ret, err *e)
{
    const aws_request *r = a->request;
    const aws_keys *keys = NULL;
    CLEANUP(target_clear) target t = {0};
    head h = {0};
    if (!aws_credentials_get(s->credentials, deadline_ns, &keys, e) || !target_make(s, r, &t, e))
        return false;
    bool good = head_make(s, r, &t, keys, &h, e);
    http_request request = {.method = r->method,
                            .url = t.url,
                            .headers = h.lines,
                            .header_count = h.count + 1,
                            .body = r->body,
                            .file = r->file,
                            .file_at = r->file_at,
                            .file_size = r->file_size,
                            .deadline_ns = deadline_ns,
                            .sink = r->sink ? sink_count : NULL,
                            .sink_context = a};
    good = good && http_send(s->http, &request, ret, e);
    arena_clear(&h.memory);
    return good;
}

/* --- attempts -------------------------------------------------------------------------------- */

static double chance(void)
{
    uint32_t n = 0;
    if (getrandom(&n, sizeof n, 0) != sizeof n) return 1; /* early at boot: wait the whole time */
    return (double)n / (double)UINT32_MAX;
}

static void sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static bool is_expired(const aws_fault *f)
{
    return aws_fault_is(f, "ExpiredToken") || aws_fault_is(f, "ExpiredTokenException");
}

/* False: the answer is final. Waits as long as it takes before the next one. */
static bool pause_before(struct aws_session *s,
                         const attempt *a,
                         unsigned next,
                         const http_answer *answer,
                         const aws_fault *f,
                         int64_t deadline_ns)
{
    if (next > s->attempts || a->request->once || a->received) return false;
    if (is_expired(f)) return next == 2 && aws_credentials_expire(s->credentials);
    if (aws_retry_judge(f->status, f->code) == AWS_FINAL) return false;
    int64_t ms = aws_retry_delay_ms(next, chance(), http_header(answer, "Retry-After"));
    if (ms >= deadline_left_ms(deadline_ns)) return false;
    sleep_ms(ms);
    return true;
}

bool aws_send(struct aws_session *s,
              const aws_request *r,
              int64_t deadline_ns,
              http_answer *ret,
              aws_fault *ret_fault,
              err *e)
{
    attempt a = {.request = r};
    for (unsigned next = 2;; next++) {
        bool answered = send_once(s, &a, deadline_ns, ret, e);
        bool network = !answered && (e->kind == ERR_IO || e->kind == ERR_TIMEOUT);
        *ret_fault = (aws_fault){0};
        if (answered && ret->status / 100 == 2) return true;
        if (answered) {
            *ret_fault = aws_fault_read(ret->status, buf_span(&ret->body));
            (void)aws_fault_err(ret_fault, r->service->name, e);
        } else if (!network) {
            return false; /* not of the request's making: keys, certificates, limits */
        }
        if (pause_before(s, &a, next, ret, ret_fault, deadline_ns)) continue;
        e->kind = ERR_AWS;
        return next == 2 ? false : err_wrap(e, "after %u attempts", next - 1);
    }
}

bool aws_session_iam_token(struct aws_session *s,
                           const char *cache,
                           bool serverless,
                           const char *user,
                           int64_t deadline_ns,
                           secret *ret,
                           err *e)
{
    const aws_keys *k = NULL;
    iam_user u = {.cache = cache, .serverless = serverless, .user = user, .region = s->region};
    return aws_credentials_get(s->credentials, deadline_ns, &k, e) &&
           iam_token_make(&u, k->id, secret_span(&k->key), secret_span(&k->token), clock_wall_ms(),
                          ret, e);
}
