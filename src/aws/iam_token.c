#include "aws/iam_token.h"

static const sigv4_hex *payload_of_nothing(void)
{
    static const sigv4_hex hex = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}; /* of no bytes */
    return &hex;
}

/* GET http://CACHE/?QUERY */
static sigv4_request request_of(const sigv4_header *host, span query)
{
    return (sigv4_request){.method = span_text("GET"),
                           .path = span_text("/"),
                           .query = query,
                           .headers = host,
                           .header_count = 1,
                           .payload = span_text(payload_of_nothing()->text)};
}

bool iam_token_make(const iam_user *u,
                    const char *access_key_id,
                    span secret_key,
                    span session_token,
                    int64_t wall_ms,
                    secret *ret,
                    err *e)
{
    CLEANUP(buf_clear) buf query = buf_of(SECRET_SIZE_MAX);
    CLEANUP(buf_clear) buf token = buf_of(SECRET_SIZE_MAX);
    sigv4_header host = {.name = span_text("host"), .value = span_text(u->cache)};
    sigv4_stamp stamp = sigv4_stamp_show(wall_ms);
    sigv4_scope scope = {.access_key_id = span_text(access_key_id),
                         .stamp = span_text(stamp.text),
                         .region = span_text(u->region),
                         .service = span_text("elasticache")};
    bool fits = buf_text(&query, "Action=connect&User=") &&
                sigv4_encode(span_text(u->user), false, &query) &&
                (!u->serverless || buf_text(&query, "&ResourceType=ServerlessCache")) &&
                buf_text(&token, u->cache) && buf_text(&token, "/?");
    sigv4_request r = request_of(&host, buf_span(&query));
    if (!fits) return err_set(e, ERR_LIMIT, "an IAM token of more than %zu bytes", SECRET_SIZE_MAX);
    if (!sigv4_presign(&r, &scope, secret_key, session_token, IAM_TOKEN_LIFE_S, &token, e))
        return false;
    secret_set(ret, buf_span(&token));
    explicit_bzero(token.at, token.size);
    return true;
}

bool iam_token_read(span token, buf *memory, iam_claim *ret, err *e)
{
    size_t slash = 0;
    span rest = {0};
    span one = {0};
    *ret = (iam_claim){0};
    if (!span_find(token, span_text("/?"), &slash))
        return err_set(e, ERR_FORMAT, "it is not of the form CACHE/?PARAMETERS");
    ret->cache = span_of(token.at, slash);
    ret->query = rest = span_tail(token, slash + 2);
    bool connects = false;
    while (span_cut(&rest, '&', &one)) {
        connects = connects || span_is(one, "Action=connect");
        ret->serverless = ret->serverless || span_is(one, "ResourceType=ServerlessCache");
        if (span_starts(one, "User=")) ret->user = span_tail(one, strlen("User="));
    }
    if (!connects) return err_set(e, ERR_FORMAT, "its Action is not 'connect'");
    if (ret->user.size == 0) return err_set(e, ERR_FORMAT, "it names no User");
    if (!sigv4_claim_query(ret->query, memory, &ret->claim, e)) return false;
    if (ret->claim.expires_s > IAM_TOKEN_LIFE_S)
        return err_set(e, ERR_FORMAT, "X-Amz-Expires is above %d", IAM_TOKEN_LIFE_S);
    return true;
}

bool iam_token_is_signed(const iam_claim *c, span secret_key, bool *ret, err *e)
{
    sigv4_header host = {.name = span_text("host"), .value = c->cache};
    sigv4_request r = request_of(&host, c->query);
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_hex signature;
    sigv4_key(secret_key, &c->claim.scope, key);
    bool done = sigv4_signature(&r, &c->claim.scope, c->claim.signed_headers, key, &signature, e);
    explicit_bzero(key, sizeof key);
    if (!done) return false;
    *ret = sigv4_equal(span_text(signature.text), c->claim.signature);
    return true;
}
