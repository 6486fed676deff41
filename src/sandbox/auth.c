#include "sandbox/auth.h"

#define SKEW_MS INT64_C(900000)       /* 15 minutes either way */
#define EXPIRES_S_MAX INT64_C(604800) /* of a presigned URL: a week */
#define PAYLOAD "X-Amz-Content-Sha256"

/* Why a call is not taken, and what the query protocol and S3 call that. */
typedef enum { NOBODY, BAD_FORM, UNKNOWN_KEY, OTHER_REGION, OTHER_TIME, OVER, WRONG } refusal;
static const struct {
    const char *code;
    unsigned status;
} refusals[][2] = {
    [NOBODY] = {{"MissingAuthenticationToken", 400}, {"AccessDenied", 403}},
    [BAD_FORM] = {{"IncompleteSignature", 400}, {"AuthorizationHeaderMalformed", 400}},
    [UNKNOWN_KEY] = {{"InvalidClientTokenId", 403}, {"InvalidAccessKeyId", 403}},
    [OTHER_REGION] = {{"SignatureDoesNotMatch", 403}, {"AuthorizationHeaderMalformed", 400}},
    [OTHER_TIME] = {{"SignatureDoesNotMatch", 403}, {"RequestTimeTooSkewed", 403}},
    [OVER] = {{"SignatureDoesNotMatch", 403}, {"AccessDenied", 403}},
    [WRONG] = {{"SignatureDoesNotMatch", 403}, {"SignatureDoesNotMatch", 403}},
};

static bool refuse(const auth_request *r, refusal why, const char *text, api_error *e)
{
    (void)api_fail(e, refusals[why][r->is_s3].code, "%s", text);
    e->status = refusals[why][r->is_s3].status;
    return false;
}

static const char *header(const auth_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->names[i], name) == 0) return r->values[i];
    return NULL;
}

static bool is_presigned(const auth_request *r)
{
    return strstr(r->query, "X-Amz-Signature=") != NULL;
}

bool auth_is_s3(const auth_request *r)
{
    const char *said = header(r, "Authorization");
    if (said) return strstr(said, "/s3/aws4_request") != NULL;
    if (is_presigned(r)) {
        return strstr(r->query, "%2Fs3%2Faws4_request") || strstr(r->query, "/s3/aws4_request");
    }
    return strcmp(r->method, "POST") != 0 || strcmp(r->path, "/") != 0;
}

static bool claim_read(const auth_request *r, buf *memory, sigv4_claim *ret, api_error *e)
{
    err why = {0};
    const char *said = header(r, "Authorization");
    const char *stamp = header(r, "X-Amz-Date");
    if (!said && !is_presigned(r)) {
        return refuse(r, NOBODY,
                      r->is_s3 ? "Access Denied" : "Request is missing Authentication Token", e);
    }
    bool done = said ? sigv4_claim_header(span_text(said), span_text(stamp ? stamp : ""), ret, &why)
                     : sigv4_claim_query(span_text(r->query), memory, ret, &why);
    return done || refuse(r, BAD_FORM, why.text, e);
}

/* Too old, too new, or a presigned one that is over. */
static bool time_check(const auth_request *r, const sigv4_claim *c, api_error *e)
{
    err why = {0};
    char text[160];
    int64_t stamp = 0;
    int64_t now = clock_wall_ms();
    if (!sigv4_stamp_read(c->scope.stamp, &stamp, &why)) return refuse(r, BAD_FORM, why.text, e);
    bool over = c->expires_s >= 0 && now > stamp + c->expires_s * 1000;
    bool old = c->expires_s < 0 && now > stamp + SKEW_MS;
    if (stamp <= now + SKEW_MS && !over && !old && c->expires_s <= EXPIRES_S_MAX) return true;
    sigv4_stamp current = sigv4_stamp_show(now);
    (void)snprintf(text, sizeof text, "Signature %s: %.*s is not within the time of %s",
                   old || over ? "expired" : "not yet current", (int)c->scope.stamp.size,
                   (const char *)c->scope.stamp.at, current.text);
    if (over && r->is_s3) return refuse(r, OVER, "Request has expired", e);
    return refuse(r, OTHER_TIME, text, e);
}

/* The digest of the body that goes into the signature: that of the header when it is right. Of S3
 * what the header says, whatever the body will be. */
static bool payload_of(const auth_request *r, arena *memory, const char **ret, api_error *e)
{
    const char *said = header(r, PAYLOAD);
    *ret = said;
    if (r->is_s3) {
        if (!said && is_presigned(r)) *ret = SIGV4_UNSIGNED;
        if (*ret) return true;
        return api_fail(e, "InvalidRequest",
                        "Missing required header for this request: x-amz-content-sha256");
    }
    sigv4_hex digest = sigv4_sha256(r->body);
    *ret = arena_text(memory, span_text(digest.text));
    if (!said || strcmp(said, *ret) == 0) return true;
    return refuse(r, WRONG, PAYLOAD " is not the digest of the body.", e);
}

static bool signature_check(
    sandbox *s, const auth_request *r, span signed_headers, auth_result *ret, api_error *e)
{
    err why = {0};
    sigv4_header headers[AUTH_HEADERS_MAX];
    for (size_t i = 0; i < r->header_count; i++)
        headers[i] = (sigv4_header){span_text(r->names[i]), span_text(r->values[i])};
    sigv4_request q = {.method = span_text(r->method),
                       .path = span_text(r->path),
                       .query = span_text(r->query),
                       .headers = headers,
                       .header_count = r->header_count,
                       .payload = span_text(ret->payload),
                       .path_once = r->is_s3};
    sigv4_hex wanted;
    sigv4_key(span_text(state_text(s, "secret_access_key")), &ret->scope, ret->key);
    if (!sigv4_signature(&q, &ret->scope, signed_headers, ret->key, &wanted, &why))
        return refuse(r, BAD_FORM, why.text, e);
    if (sigv4_equal(span_text(ret->signature.text), span_text(wanted.text))) return true;
    return refuse(r, WRONG,
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your AWS Secret Access Key and signing method. Consult the service "
                  "documentation for details.",
                  e);
}

static bool who_check(sandbox *s, const auth_request *r, const sigv4_scope *scope, api_error *e)
{
    char text[160];
    if (!span_is(scope->access_key_id, state_text(s, "access_key_id"))) {
        return refuse(r, UNKNOWN_KEY,
                      r->is_s3 ? "The AWS Access Key Id you provided does not exist in our records."
                               : "The security token included in the request is invalid.",
                      e);
    }
    if (span_is(scope->region, state_text(s, "region"))) return true;
    (void)snprintf(text, sizeof text,
                   "Credential should be scoped to a valid region: the sandbox is in '%s'.",
                   state_text(s, "region"));
    return refuse(r, OTHER_REGION, text, e);
}

static sigv4_scope scope_copy(arena *memory, const sigv4_scope *s)
{
    return (sigv4_scope){.access_key_id = arena_copy(memory, s->access_key_id),
                         .stamp = arena_copy(memory, s->stamp),
                         .region = arena_copy(memory, s->region),
                         .service = arena_copy(memory, s->service)};
}

bool auth_check(sandbox *s, const auth_request *r, arena *memory, auth_result *ret, api_error *e)
{
    CLEANUP(buf_clear) buf decoded = buf_of(64 * KIB);
    sigv4_claim c = {0};
    if (!claim_read(r, &decoded, &c, e) || !who_check(s, r, &c.scope, e) || !time_check(r, &c, e) ||
        !payload_of(r, memory, &ret->payload, e))
        return false;
    ret->scope = scope_copy(memory, &c.scope);
    ret->service = arena_text(memory, c.scope.service);
    (void)snprintf(ret->signature.text, sizeof ret->signature.text, "%.*s", (int)c.signature.size,
                   (const char *)c.signature.at);
    return signature_check(s, r, c.signed_headers, ret, e);
}
