#include "aws/credentials_internal.h"
#include "aws/process.h"
#include "base/clock.h"
#include "base/mem.h"

#define PROCESS_MS_MAX (INT64_C(60) * 1000)

struct aws_credentials {
    aws_identity identity;
    aws_keys keys;
    const char *source;
    bool renews;
    bool stale; /* a service refused them */
};

static span variable(const char *name)
{
    const char *value = secure_getenv(name);
    return value ? span_text(value) : (span){0};
}

static source_answer
from_environment(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e)
{
    (void)deadline_ns;
    span id = variable("AWS_ACCESS_KEY_ID");
    if (i->profile_first || id.size == 0) return SOURCE_ABSENT;
    return aws_keys_make(id, variable("AWS_SECRET_ACCESS_KEY"), variable("AWS_SESSION_TOKEN"),
                         variable("AWS_CREDENTIAL_EXPIRATION"), ret, e)
               ? SOURCE_FOUND
               : SOURCE_BAD;
}

static source_answer from_profile(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e)
{
    static const char *const foreign[] = {"role_arn", "sso_session", "sso_account_id",
                                          "login_session"};
    (void)deadline_ns;
    const profile *p = i->profile;
    const secret *id = profile_get(p, "aws_access_key_id");
    const secret *key = profile_get(p, "aws_secret_access_key");
    const secret *token = profile_get(p, "aws_session_token");
    for (size_t n = 0; n < COUNT_OF(foreign); n++) {
        if (!profile_get(p, foreign[n])) continue;
        (void)err_set(e, ERR_AWS, "AWS profile '%s' signs in by '%s', which is not done here",
                      p->name, foreign[n]);
        (void)err_hint(e,
                       "let the AWS CLI do it, in a profile of its own with: credential_process = "
                       "aws configure export-credentials --profile %s",
                       p->name);
        return SOURCE_BAD;
    }
    if (!id) return SOURCE_ABSENT;
    bool good = aws_keys_make(secret_span(id), key ? secret_span(key) : (span){0},
                              token ? secret_span(token) : (span){0}, (span){0}, ret, e);
    if (!good) (void)err_wrap(e, "AWS profile '%s'", p->name);
    return good ? SOURCE_FOUND : SOURCE_BAD;
}

static source_answer from_process(const aws_identity *i, int64_t deadline_ns, aws_keys *ret, err *e)
{
    CLEANUP(buf_wipe) buf output = buf_of(64 * KIB);
    CLEANUP(mem_free_at) char *command = profile_text(i->profile, "credential_process");
    int64_t end = deadline_in_ms(PROCESS_MS_MAX);
    if (!command) return SOURCE_ABSENT;
    if (process_output(command, end < deadline_ns ? end : deadline_ns, &output, e) &&
        aws_keys_read_json(buf_span(&output), true, ret, e))
        return SOURCE_FOUND;
    (void)err_wrap(e, "credential_process of AWS profile '%s'", i->profile->name);
    (void)err_hint(e, "run that command by hand and see what it writes");
    return SOURCE_BAD;
}

static const struct {
    const char *name;
    source_ask *ask;
    bool renews;
} chain[] = {
    {"environment", from_environment, false}, {"web identity", source_web_identity, true},
    {"profile", from_profile, false},         {"credential process", from_process, true},
    {"container", source_container, true},    {"instance", source_instance, true},
};

struct aws_credentials *aws_credentials_new(const aws_identity *i)
{
    struct aws_credentials *c = mem_alloc(sizeof *c);
    c->identity = *i;
    return c;
}

void aws_credentials_free(struct aws_credentials *c)
{
    if (!c) return;
    aws_keys_clear(&c->keys);
    free(c);
}

const char *aws_credentials_source(const struct aws_credentials *c)
{
    return c->source;
}

bool aws_credentials_expire(struct aws_credentials *c)
{
    c->stale = c->renews;
    return c->renews;
}

static bool ask_all(struct aws_credentials *c, int64_t deadline_ns, err *e)
{
    for (size_t i = 0; i < COUNT_OF(chain); i++) {
        aws_keys keys = {0};
        source_answer got = chain[i].ask(&c->identity, deadline_ns, &keys, e);
        if (got == SOURCE_ABSENT) continue;
        if (got == SOURCE_BAD) {
            e->kind = e->kind == ERR_STOPPED ? e->kind : ERR_AWS; /* whose side it is: AWS's */
            return err_wrap(e, "AWS credentials (%s)", chain[i].name);
        }
        aws_keys_clear(&c->keys);
        c->keys = keys;
        c->source = chain[i].name;
        c->renews = chain[i].renews;
        c->stale = false;
        return true;
    }
    (void)err_set(e, ERR_AWS,
                  "no AWS credentials: not in the environment, not in profile '%s', "
                  "not from a container or an instance",
                  c->identity.profile->name);
    return err_hint(e, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; "
                       "'aws configure list' shows what the AWS CLI finds");
}

bool aws_credentials_get(struct aws_credentials *c,
                         int64_t deadline_ns,
                         const aws_keys **ret,
                         err *e)
{
    int64_t now = clock_wall_ms();
    int64_t end = c->keys.expires_ms;
    bool soon = c->renews && end && now > end - AWS_REFRESH_MS;
    bool good = c->source && !c->stale && !(end && now >= end);
    if (!good || soon) {
        err why = {0};
        bool renewed = ask_all(c, deadline_ns, good ? &why : e);
        if (!renewed && !good) return false;
    }
    if (c->keys.expires_ms && clock_wall_ms() >= c->keys.expires_ms) {
        (void)err_set(e, ERR_AWS, "the AWS credentials (%s) have ended, at %s", c->source,
                      clock_show(c->keys.expires_ms).text);
        return err_hint(e, "sign in again; if they are new, set the clock of this machine");
    }
    *ret = &c->keys;
    return true;
}
