/* The AWS client from a command line, for tests/integration/test_aws.py:
 *   aws_probe credentials [PROFILE]          source, key id, secret, token and end, one a line
 *   aws_probe region [PROFILE]
 *   aws_probe query SERVICE ACTION [NAME=VALUE ...]   the texts of all pages, "Path: text" a line
 * Exit code 0, or 1 with the error's kind, text and hint. PROBE_MS: the deadline (20000). */
#include <stdio.h>

#include "aws/credentials.h"
#include "aws/query.h"
#include "base/clock.h"

static void line(const char *name, span value)
{
    (void)printf("%s: %.*s\n", name, (int)value.size, value.size ? (const char *)value.at : "");
}

static int64_t deadline(void)
{
    const char *set = secure_getenv("PROBE_MS");
    int64_t ms = 20000;
    if (set && !span_to_i64(span_text(set), &ms)) ms = 0;
    return deadline_in_ms(ms);
}

static bool credentials(const char *name, err *e)
{
    profile p = {0};
    const aws_keys *k = NULL;
    struct http *h = http_new();
    bool good = profile_load(name, &p, e);
    aws_identity i = {
        .profile = &p, .profile_first = name != NULL, .http = h, .region = "eu-west-1"};
    struct aws_credentials *c = good ? aws_credentials_new(&i) : NULL;
    good = good && aws_credentials_get(c, deadline(), &k, e);
    if (good) {
        line("source", span_text(aws_credentials_source(c)));
        line("id", span_text(k->id));
        line("key", secret_span(&k->key));
        line("token", secret_span(&k->token));
        (void)printf("expires_ms: %lld\n", (long long)k->expires_ms);
        good =
            aws_credentials_get(c, deadline(), &k, e); /* kept, or renewed when its end is near */
        if (good) line("then", span_text(k->id));
    }
    aws_credentials_free(c);
    profile_clear(&p);
    http_free(h);
    return good;
}

static void show(const xml_node *n)
{
    for (const xml_node *c = n->child; c; c = c->next) {
        for (const xml_node *d = c->child; d; d = d->next)
            (void)printf("%s/%s: %s\n", c->name, d->name, d->text);
        if (!c->child) (void)printf("%s: %s\n", c->name, c->text);
    }
}

static bool page(void *context, const xml_node *result, err *e)
{
    (void)context;
    (void)e;
    (void)puts("page");
    show(result);
    return true;
}

static bool query(struct aws_session *s, int count, char **arguments, err *e)
{
    static const aws_service *const services[] = {&aws_elasticache, &aws_sts, &aws_cloudwatch};
    const aws_service *service = NULL;
    buf form = buf_of(AWS_FORM_MAX);
    aws_fault f = {0};
    for (size_t i = 0; i < COUNT_OF(services); i++)
        if (strcmp(services[i]->name, arguments[0]) == 0) service = services[i];
    assert(service);
    bool good = true;
    for (int i = 2; i < count && good; i++) {
        span value = span_text(arguments[i]);
        span name = {0};
        char text[128];
        (void)span_cut(&value, '=', &name);
        (void)snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.at);
        good = aws_form_add(&form, text, value, e);
    }
    aws_action a = {.service = service, .action = arguments[1], .form = buf_span(&form)};
    good = good && aws_query_pages(s, &a, deadline(), page, NULL, &f, e);
    if (!good) (void)printf("code: %s\n", f.code);
    buf_clear(&form);
    return good;
}

static bool with_session(int count, char **arguments, err *e)
{
    struct aws_session *s = NULL;
    bool region = strcmp(arguments[0], "region") == 0;
    aws_choice choice = {.profile = region && count > 1 ? arguments[1] : NULL};
    if (!aws_session_new(&choice, deadline(), &s, e)) return false;
    bool good = true;
    if (region)
        line("region", span_text(aws_session_region(s)));
    else
        good = query(s, count - 1, arguments + 1, e);
    aws_session_free(s);
    return good;
}

int main(int count, char **arguments)
{
    err e = {0};
    if (count < 2) return 2;
    bool good = strcmp(arguments[1], "credentials") == 0
                    ? credentials(count > 2 ? arguments[2] : NULL, &e)
                    : with_session(count - 1, arguments + 1, &e);
    if (good) return 0;
    (void)printf("kind: %d\nerror: %s\nhint: %s\n", (int)e.kind, e.text, e.hint);
    return 1;
}
