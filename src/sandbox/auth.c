#include "sandbox/auth.h"

#include "aws/sigv4.h"

#define SKEW_MS INT64_C(900000)       /* 15 minutes either way */
#define EXPIRES_S_MAX INT64_C(604800) /* of a presigned URL: a week */
#define INCOMPLETE "IncompleteSignature"

static const char *header(const auth_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->names[i], name) == 0) return r->values[i];
    return NULL;
}

static bool claim_read(const auth_request *r, buf *memory, sigv4_claim *ret, api_error *e)
{
    err why = {0};
    const char *said = header(r, "Authorization");
    const char *stamp = header(r, "X-Amz-Date");
    bool in_query = strstr(r->query, "X-Amz-Signature=") != NULL;
    if (!said && !in_query)
        return api_fail(e, "MissingAuthenticationToken", "Request is missing Authentication Token");
    bool done = said ? sigv4_claim_header(span_text(said), span_text(stamp ? stamp : ""), ret, &why)
                     : sigv4_claim_query(span_text(r->query), memory, ret, &why);
    return done || api_fail(e, INCOMPLETE, "%s", why.text);
}

/* Too old, too new, or a presigned one that is over. */
static bool time_check(const sigv4_claim *c, api_error *e)
{
    err why = {0};
    int64_t stamp = 0;
    int64_t now = clock_wall_ms();
    if (!sigv4_stamp_read(c->scope.stamp, &stamp, &why))
        return api_fail(e, INCOMPLETE, "%s", why.text);
    bool over = c->expires_s >= 0 && now > stamp + c->expires_s * 1000;
    bool old = c->expires_s < 0 && now > stamp + SKEW_MS;
    if (stamp <= now + SKEW_MS && !over && !old && c->expires_s <= EXPIRES_S_MAX) return true;
    sigv4_stamp current = sigv4_stamp_show(now);
    (void)api_fail(e, "SignatureDoesNotMatch", "Signature %s: %.*s is not within the time of %s",
                   old || over ? "expired" : "not yet current", (int)c->scope.stamp.size,
                   (const char *)c->scope.stamp.at, current.text);
    e->status = 403;
    return false;
}

/* The digest of the body that goes into the signature: that of the header when it is right. */
static bool payload_of(const auth_request *r, sigv4_hex *ret, api_error *e)
{
    const char *said = header(r, "X-Amz-Content-Sha256");
    *ret = sigv4_sha256(r->body);
    if (!said || strcmp(said, ret->text) == 0) return true;
    (void)api_fail(e, "SignatureDoesNotMatch",
                   "X-Amz-Content-Sha256 is not the digest of the body.");
    e->status = 403;
    return false;
}

static bool signature_check(
    sandbox *s, const auth_request *r, const sigv4_claim *c, const sigv4_hex *payload, api_error *e)
{
    err why = {0};
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_hex wanted;
    sigv4_header headers[AUTH_HEADERS_MAX];
    for (size_t i = 0; i < r->header_count; i++)
        headers[i] = (sigv4_header){span_text(r->names[i]), span_text(r->values[i])};
    sigv4_request q = {.method = span_text(r->method),
                       .path = span_text(r->path),
                       .query = span_text(r->query),
                       .headers = headers,
                       .header_count = r->header_count,
                       .payload = span_of(payload->text, SIGV4_HEX_SIZE)};
    sigv4_key(span_text(state_text(s, "secret_access_key")), &c->scope, key);
    if (!sigv4_signature(&q, &c->scope, c->signed_headers, key, &wanted, &why))
        return api_fail(e, INCOMPLETE, "%s", why.text);
    if (sigv4_equal(c->signature, span_of(wanted.text, SIGV4_HEX_SIZE))) return true;
    (void)api_fail(e, "SignatureDoesNotMatch",
                   "The request signature we calculated does not match the signature you provided. "
                   "Check your AWS Secret Access Key and signing method. Consult the service "
                   "documentation for details.");
    e->status = 403;
    return false;
}

static bool claim_check(sandbox *s, const auth_request *r, const sigv4_claim *c, api_error *e)
{
    sigv4_hex payload;
    if (!span_is(c->scope.access_key_id, state_text(s, "access_key_id"))) {
        (void)api_fail(e, "InvalidClientTokenId",
                       "The security token included in the request is invalid.");
        e->status = 403;
        return false;
    }
    if (!span_is(c->scope.region, state_text(s, "region"))) {
        (void)api_fail(e, "SignatureDoesNotMatch",
                       "Credential should be scoped to a valid region: the sandbox is in '%s'.",
                       state_text(s, "region"));
        e->status = 403;
        return false;
    }
    return time_check(c, e) && payload_of(r, &payload, e) && signature_check(s, r, c, &payload, e);
}

bool auth_check(
    sandbox *s, const auth_request *r, arena *memory, const char **ret_service, api_error *e)
{
    buf decoded = buf_of(64 * KIB);
    sigv4_claim c = {0};
    bool done = claim_read(r, &decoded, &c, e) && claim_check(s, r, &c, e);
    if (done) *ret_service = arena_text(memory, c.scope.service);
    buf_clear(&decoded);
    return done;
}
