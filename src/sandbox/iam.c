#include "sandbox/iam.h"

#include "aws/iam_token.h"

static bool time_check(const iam_claim *c, int64_t wall_ms, err *e)
{
    int64_t stamp = 0;
    if (!sigv4_stamp_read(c->claim.scope.stamp, &stamp, e)) return false;
    if (stamp > wall_ms + IAM_AHEAD_MS) {
        return err_set(e, ERR_AUTH, "its date is %lld s ahead",
                       (long long)(stamp - wall_ms) / 1000);
    }
    if (wall_ms > stamp + c->claim.expires_s * 1000) {
        return err_set(e, ERR_AUTH, "it expired %lld s ago",
                       (long long)(wall_ms - stamp) / 1000 - c->claim.expires_s);
    }
    return true;
}

static bool claim_check(const iam_keys *k, span user, const iam_claim *c, err *e)
{
    if (c->serverless || !span_is(c->cache, k->cache)) {
        return err_set(e, ERR_AUTH, "it is for cache '%s', this is '%s'", span_show(c->cache).text,
                       k->cache);
    }
    if (c->user.size != user.size || memcmp(c->user.at, user.at, user.size) != 0)
        return err_set(e, ERR_AUTH, "it is of user '%s'", span_show(c->user).text);
    if (!span_is(c->claim.scope.region, k->region)) {
        return err_set(e, ERR_AUTH, "it is for region '%s', this is '%s'",
                       span_show(c->claim.scope.region).text, k->region);
    }
    if (!span_is(c->claim.scope.service, "elasticache"))
        return err_set(e, ERR_AUTH, "it is for another service");
    return span_is(c->claim.scope.access_key_id, k->access_key_id) ||
           err_set(e, ERR_AUTH, "its access key is unknown");
}

bool iam_check(const iam_keys *k, span user, span token, int64_t wall_ms, err *e)
{
    CLEANUP(buf_clear) buf memory = buf_of(64 * KIB);
    iam_claim c = {0};
    bool signed_by_it = false;
    bool good = iam_token_read(token, &memory, &c, e) && claim_check(k, user, &c, e) &&
                time_check(&c, wall_ms, e) &&
                iam_token_is_signed(&c, span_text(k->secret_key), &signed_by_it, e) &&
                (signed_by_it || err_set(e, ERR_AUTH, "its signature is another"));
    if (!good) e->kind = ERR_AUTH;
    return good;
}
