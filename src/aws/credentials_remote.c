/* The sources that are asked over HTTP: STS, the container's server, the instance's. */
#include <errno.h>

#include "aws/credentials_internal.h"
#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/sigv4.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/mem.h"

#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST "http://169.254.169.254"
#define INSTANCE_HOST_6 "http://[fd00:ec2::254]"
#define INSTANCE_MS_MAX 1000 /* on an instance it answers within a few */
#define REMOTE_MS_MAX 20000
#define ATTEMPTS 3

static const char *variable(const char *name)
{
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}

static int64_t earlier(int64_t deadline_ns, int64_t ms)
{
    int64_t own = deadline_in_ms(ms);
    return own < deadline_ns ? own : deadline_ns;
}

static void wipe(http_answer *a)
{
    buf_wipe(&a->body);
    http_answer_clear(a);
}

/* With status 200; again after what passes by itself. */
static bool fetch(struct http *h, http_request *r, int64_t deadline_ns, http_answer *ret, err *e)
{
    int64_t each_ms = r->connect_ms ? r->connect_ms : REMOTE_MS_MAX;
    for (unsigned attempt = 1;; attempt++) {
        r->deadline_ns = earlier(deadline_ns, each_ms);
        bool answered = http_send(h, r, ret, e);
        if (answered && ret->status == 200) return true;
        int status = answered ? ret->status : 0;
        bool again = aws_retry_judge(status, "") != AWS_FINAL && attempt < ATTEMPTS;
        if (!again || deadline_left_ms(deadline_ns) == 0) {
            aws_fault f = aws_fault_read(status, answered ? buf_span(&ret->body) : (span){0});
            return answered ? aws_fault_err(&f, r->url, e) : false;
        }
    }
}

bool token_file_read(const char *path, secret *ret, err *e)
{
    char text[SECRET_SIZE_MAX + 1];
    FILE *f = fopen(path, "rbe");
    if (!f) return err_sys(e, errno, "open '%s'", path);
    size_t size = fread(text, 1, sizeof text, f);
    (void)fclose(f); /* it was only read */
    span s = span_trim(span_of(text, size));
    bool fits = s.size > 0 && s.size <= SECRET_SIZE_MAX && !memchr(s.at, '\n', s.size) &&
                !memchr(s.at, '\r', s.size);
    if (fits) secret_set(ret, s);
    explicit_bzero(text, sizeof text);
    return fits || err_set(e, ERR_FORMAT, "'%s' does not hold one token", path);
}

/* --- web identity ---------------------------------------------------------------------------- */

static char *setting(const profile *p, const char *environment, const char *name)
{
    const char *value = environment ? variable(environment) : NULL;
    return value ? mem_text(span_text(value)) : profile_text(p, name);
}

static bool form_add(buf *form, const char *name, span value)
{
    return buf_text(form, name) && sigv4_encode(value, false, form);
}

static bool assumed_read(span body, aws_keys *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const xml_node *root = NULL;
    if (!xml_read(body, &memory, &root, e)) return false;
    const xml_node *c = xml_at(root, "AssumeRoleWithWebIdentityResult/Credentials");
    return aws_keys_make(
        span_text(xml_text(c, "AccessKeyId")), span_text(xml_text(c, "SecretAccessKey")),
        span_text(xml_text(c, "SessionToken")), span_text(xml_text(c, "Expiration")), ret, e);
}

static bool assume(const aws_identity *i,
                   span role,
                   span session,
                   const char *file,
                   int64_t deadline_ns,
                   aws_keys *ret,
                   err *e)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded"};
    CLEANUP(secret_clear) secret token = {0};
    CLEANUP(mem_free_at) char *url = NULL;
    CLEANUP(buf_wipe) buf form = buf_of(64 * KIB);
    CLEANUP(wipe) http_answer answer = {0};
    if (!token_file_read(file, &token, e)) return false;
    if (!aws_endpoint(&aws_sts, i->profile, i->endpoint_url, i->region ? i->region : "us-east-1",
                      &url, e))
        return false;
    bool fits = buf_text(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15") &&
                form_add(&form, "&RoleArn=", role) &&
                form_add(&form, "&RoleSessionName=", session) &&
                form_add(&form, "&WebIdentityToken=", secret_span(&token));
    if (!fits) return err_set(e, ERR_LIMIT, "role and token are too long");
    http_request r = {.method = "POST",
                      .url = url,
                      .headers = headers,
                      .header_count = COUNT_OF(headers),
                      .body = buf_span(&form)};
    return fetch(i->http, &r, deadline_ns, &answer, e) &&
           assumed_read(buf_span(&answer.body), ret, e);
}

source_answer source_web_identity(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e)
{
    const char *environment = i->profile_first ? NULL : "AWS_WEB_IDENTITY_TOKEN_FILE";
    CLEANUP(mem_free_at)
    char *file = setting(i->profile, environment, "web_identity_token_file");
    CLEANUP(mem_free_at)
    char *role = setting(i->profile, environment ? "AWS_ROLE_ARN" : NULL, "role_arn");
    CLEANUP(mem_free_at)
    char *session =
        setting(i->profile, environment ? "AWS_ROLE_SESSION_NAME" : NULL, "role_session_name");
    if (!file) return SOURCE_ABSENT;
    if (!role) {
        (void)err_set(e, ERR_USAGE, "a web identity without a role");
        (void)err_hint(e, "set AWS_ROLE_ARN");
        return SOURCE_BAD;
    }
    span name = span_text(session ? session : "handover");
    return assume(i, span_text(role), name, file, deadline_ns, ret, e) ? SOURCE_FOUND : SOURCE_BAD;
}

/* --- container ------------------------------------------------------------------------------- */

/* A token goes there, so without TLS only to this machine or the addresses of ECS and EKS. */
static bool container_host_check(const char *url, err *e)
{
    static const char *const hosts[] = {"localhost",     "127.",           "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    if (strncmp(url, "https://", 8) == 0) return true;
    span host = span_text(url);
    bool good = span_starts(host, "http://");
    host = span_tail(host, 7);
    size_t size = 0;
    if (host.size && host.at[0] == '[') {
        size = span_find(host, span_text("]"), &size) ? size + 1 : 0;
    } else {
        size = strcspn((const char *)host.at, ":/?#");
    }
    bool known = memchr(host.at, '@', host.size) == NULL;
    host.size = size;
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        bool numbers = strspn((const char *)host.at, "0123456789.") >= host.size;
        found = found || (strcmp(hosts[i], "127.") == 0 ? numbers && span_starts(host, "127.")
                                                        : span_is(host, hosts[i]));
    }
    if (good && known && found) return true;
    (void)err_set(e, ERR_USAGE,
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that no container "
                  "is given credentials by");
    return err_hint(e, "use https, this machine's own address, 169.254.170.2 or 169.254.170.23");
}

static bool container_token(secret *ret, err *e)
{
    const char *file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *plain = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (file) return token_file_read(file, ret, e);
    if (!plain) return true;
    if (strpbrk(plain, "\r\n") || strlen(plain) > SECRET_SIZE_MAX)
        return err_set(e, ERR_FORMAT, "AWS_CONTAINER_AUTHORIZATION_TOKEN is no token");
    secret_set(ret, span_text(plain));
    return true;
}

static bool
container_fetch(const aws_identity *i, const char *url, int64_t deadline_ns, aws_keys *ret, err *e)
{
    CLEANUP(secret_clear) secret token = {0};
    CLEANUP(wipe) http_answer answer = {0};
    char header[32 + SECRET_SIZE_MAX] = "Accept: application/json";
    if (!container_token(&token, e)) return false;
    if (token.size) {
        (void)snprintf(header, sizeof header, "Authorization: %.*s", (int)token.size,
                       (const char *)token.at);
    }
    const char *headers[] = {header};
    http_request r = {
        .method = "GET", .url = url, .headers = headers, .header_count = 1, .direct = true};
    bool good = fetch(i->http, &r, deadline_ns, &answer, e) &&
                aws_keys_read_json(buf_span(&answer.body), false, ret, e);
    explicit_bzero(header, sizeof header);
    return good;
}

source_answer source_container(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e)
{
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    char *url = NULL;
    if (!relative && !full) return SOURCE_ABSENT;
    if (!relative && !container_host_check(full, e)) return SOURCE_BAD;
    int size = asprintf(&url, "%s%s", relative ? CONTAINER_HOST : "", relative ? relative : full);
    assert(size > 0);
    bool good = container_fetch(i, url, deadline_ns, ret, e);
    free(url);
    return good ? SOURCE_FOUND : SOURCE_BAD;
}

/* --- instance -------------------------------------------------------------------------------- */

/* IMDSv2 alone: a token first, then what it is for. Never through a proxy. */
typedef struct {
    struct http *http;
    char host[256]; /* without a slash at the end */
    int64_t deadline_ns;
    char header[512];
} instance;

static bool instance_get(instance *n, const char *path, http_answer *ret, err *e)
{
    char url[sizeof n->host + 256];
    const char *headers[] = {n->header};
    (void)snprintf(url, sizeof url, "%s%s", n->host, path);
    http_request r = {.method = "GET",
                      .url = url,
                      .headers = headers,
                      .header_count = 1,
                      .direct = true,
                      .connect_ms = INSTANCE_MS_MAX};
    return fetch(n->http, &r, n->deadline_ns, ret, e);
}

/* False: there is no instance here, or it is switched off. One attempt: elsewhere it only costs. */
static bool instance_find(struct http *h, int64_t deadline_ns, instance *ret)
{
    static const char *const headers[] = {"X-aws-ec2-metadata-token-ttl-seconds: 21600"};
    CLEANUP(wipe) http_answer answer = {0};
    const char *off = variable("AWS_EC2_METADATA_DISABLED");
    const char *mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    const char *host = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    char url[512];
    err ignored = {0};
    if (off && strcasecmp(off, "true") == 0) return false;
    if (!host) host = mode && strcasecmp(mode, "ipv6") == 0 ? INSTANCE_HOST_6 : INSTANCE_HOST;
    instance n = {.http = h, .deadline_ns = deadline_ns};
    (void)snprintf(n.host, sizeof n.host, "%s", host);
    size_t size = strlen(n.host);
    if (size && n.host[size - 1] == '/') n.host[size - 1] = '\0';
    (void)snprintf(url, sizeof url, "%s/latest/api/token", n.host);
    http_request r = {.method = "PUT",
                      .url = url,
                      .headers = headers,
                      .header_count = 1,
                      .direct = true,
                      .connect_ms = INSTANCE_MS_MAX,
                      .deadline_ns = earlier(deadline_ns, INSTANCE_MS_MAX)};
    if (!http_send(h, &r, &answer, &ignored) || answer.status != 200) return false;
    int wrote =
        snprintf(n.header, sizeof n.header, "X-aws-ec2-metadata-token: %.*s", (int)answer.body.size,
                 answer.body.size ? (const char *)answer.body.at : "");
    *ret = n;
    return wrote > 0 && (size_t)wrote < sizeof n.header;
}

#define ROLES "/latest/meta-data/iam/security-credentials/"

source_answer source_instance(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e)
{
    CLEANUP(wipe) http_answer answer = {0};
    instance n = {0};
    char path[sizeof ROLES + 128];
    if (!instance_find(i->http, deadline_ns, &n)) return SOURCE_ABSENT;
    bool good = instance_get(&n, ROLES, &answer, e);
    if (!good && answer.status == 404) return SOURCE_ABSENT; /* it has no role */
    span rest = buf_span(&answer.body);
    span role = {0};
    if (good && (!span_cut(&rest, '\n', &role) || role.size == 0)) return SOURCE_ABSENT;
    (void)snprintf(path, sizeof path, ROLES "%.*s", (int)size_min(role.size, 128),
                   role.size ? (const char *)role.at : "");
    good = good && instance_get(&n, path, &answer, e) &&
           aws_keys_read_json(buf_span(&answer.body), false, ret, e);
    return good ? SOURCE_FOUND : SOURCE_BAD;
}

bool aws_instance_region(struct http *h, int64_t deadline_ns, char **ret)
{
    CLEANUP(wipe) http_answer answer = {0};
    instance n = {0};
    err ignored = {0};
    if (!instance_find(h, deadline_ns, &n) ||
        !instance_get(&n, "/latest/meta-data/placement/region", &answer, &ignored))
        return false;
    *ret = mem_text(buf_span(&answer.body));
    return true;
}
