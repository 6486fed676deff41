#include "aws/fault.h"

#include "aws/xml.h"

#define BACKOFF_MS_MAX 20000
#define RETRY_AFTER_S_MAX 60

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
    for (char *c = to; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
}

aws_fault aws_fault_read(int status, span body)
{
    CLEANUP(arena_clear) arena memory = {0};
    aws_fault f = {.status = status};
    const xml_node *root = NULL;
    err ignored = {0}; /* a proxy's page is no XML: the status says what there is to say */
    if (xml_read(body, &memory, &root, &ignored)) {
        const xml_node *error = xml_at(root, "Error");
        if (!error) error = xml_at(root, "Errors/Error");
        if (!error) error = root;
        copy(f.code, sizeof f.code, xml_text(error, "Code"));
        copy(f.message, sizeof f.message, xml_text(error, "Message"));
        copy(f.request_id, sizeof f.request_id, xml_text(root, "RequestId"));
        if (!*f.request_id) copy(f.request_id, sizeof f.request_id, xml_text(error, "RequestId"));
    }
    if (!*f.code) (void)snprintf(f.code, sizeof f.code, "HTTP %d", status);
    return f;
}

bool aws_fault_is(const aws_fault *f, const char *code)
{
    return strcmp(f->code, code) == 0;
}

/* Codes that many operations share, and what to do about them. */
static const struct {
    const char *code, *advice;
} advices[] = {
    {"AccessDenied", "give this identity the right that is named"},
    {"AuthFailure", "look at the access key and its secret"},
    {"ExpiredToken", "renew the credentials (sign in again) and repeat"},
    {"ExpiredTokenException", "renew the credentials (sign in again) and repeat"},
    {"InvalidAccessKeyId", "look at AWS_ACCESS_KEY_ID or the profile: this key is not known there"},
    {"InvalidClientTokenId",
     "look at AWS_ACCESS_KEY_ID or the profile: this key is not known there"},
    {"RequestExpired", "set the clock of this machine"},
    {"RequestTimeTooSkewed", "set the clock of this machine"},
    {"SignatureDoesNotMatch",
     "look at the secret access key, the region and the clock of this machine"},
    {"UnrecognizedClientException", "look at the access key: it is not known there"},
};

bool aws_fault_err(const aws_fault *f, const char *service, err *e)
{
    (void)err_set(e, ERR_AWS, "%s answered %s%s%s%s%s%s", service, f->code, *f->message ? ": " : "",
                  f->message, *f->request_id ? " (request " : "", f->request_id,
                  *f->request_id ? ")" : "");
    for (size_t i = 0; i < COUNT_OF(advices); i++)
        if (aws_fault_is(f, advices[i].code)) return err_hint(e, "%s", advices[i].advice);
    return false;
}

/* botocore's data/_retry.json and retries/standard.py. */
static const char *const throttled[] = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
};
static const char *const transient[] = {"InternalError", "RequestTimeout",
                                        "RequestTimeoutException", "ServiceUnavailable"};

static bool is_one_of(const char *code, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(code, list[i]) == 0) return true;
    return false;
}

aws_retry aws_retry_judge(int status, const char *code)
{
    if (is_one_of(code, throttled, COUNT_OF(throttled)) || status == 429) return AWS_THROTTLED;
    bool server = status == 0 || status == 500 || status == 502 || status == 503 || status == 504;
    return server || is_one_of(code, transient, COUNT_OF(transient)) ? AWS_TRANSIENT : AWS_FINAL;
}

int64_t aws_retry_delay_ms(unsigned attempt, double chance, span retry_after)
{
    int64_t most = INT64_C(1000) << (attempt < 2 ? 0 : attempt < 7 ? attempt - 2 : 5);
    if (most > BACKOFF_MS_MAX) most = BACKOFF_MS_MAX;
    int64_t delay = (int64_t)(chance * (double)most);
    uint64_t asked = 0;
    if (!span_to_u64(retry_after, &asked)) return delay;
    if (asked > RETRY_AFTER_S_MAX) asked = RETRY_AFTER_S_MAX;
    return delay > (int64_t)asked * 1000 ? delay : (int64_t)asked * 1000;
}
