/* The AWS client from a command line, for tests/integration/test_aws.py:
 *   aws_probe credentials [PROFILE]          source, key id, secret, token and end, one a line
 *   aws_probe region [PROFILE]
 *   aws_probe query SERVICE ACTION [NAME=VALUE ...]   the texts of all pages, "Path: text" a line
 *   aws_probe s3 put|get|head|list|delete BUCKET KEY [FILE]
 *   aws_probe s3 upload|abort BUCKET KEY FILE|UPLOAD [PART_SIZE [UPLOAD]]   tells "upload: ID",
 * "done: BYTES" Exit code 0, or 1 with the error's kind, text and hint. PROBE_MS: the deadline
 * (20000). */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/credentials.h"
#include "aws/query.h"
#include "aws/s3.h"
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

static bool to_output(void *context, span piece, err *e)
{
    (void)context;
    (void)e;
    return fwrite(piece.at, 1, piece.size, stdout) == piece.size;
}

static bool listed(void *context, const char *key, uint64_t size, err *e)
{
    (void)context;
    (void)e;
    (void)printf("%s: %llu\n", key, (unsigned long long)size);
    return true;
}

static bool begun(void *context, const char *upload, err *e)
{
    (void)context;
    (void)e;
    line("upload", span_text(upload));
    return true;
}

static void progress(void *context, uint64_t done)
{
    (void)context;
    (void)printf("done: %llu\n", (unsigned long long)done);
    (void)fflush(stdout);
}

static bool
upload(struct aws_session *s, const s3_object *o, int count, char **arguments, aws_fault *f, err *e)
{
    struct stat facts = {0};
    int file = open(arguments[0], O_RDONLY | O_CLOEXEC);
    assert(file >= 0 && fstat(file, &facts) == 0);
    s3_file job = {.file = file,
                   .size = (uint64_t)facts.st_size,
                   .upload = count > 2 ? arguments[2] : NULL,
                   .begun = begun,
                   .progress = progress};
    if (count > 1 && !span_to_u64(span_text(arguments[1]), &job.part_size)) return false;
    bool good = s3_upload(s, o, &job, deadline(), f, e);
    (void)close(file);
    return good;
}

static bool s3(struct aws_session *s, int count, char **arguments, err *e)
{
    const char *what = arguments[0];
    s3_object o = {arguments[1], arguments[2]};
    s3_head h = {0};
    aws_fault f = {0};
    bool good = true;
    if (strcmp(what, "put") == 0) {
        good = s3_put(s, &o, span_text(arguments[3]), deadline(), &f, e);
    } else if (strcmp(what, "get") == 0) {
        good = s3_get(s, &o, to_output, NULL, deadline(), &f, e);
    } else if (strcmp(what, "head") == 0) {
        good = s3_head_read(s, &o, deadline(), &h, &f, e);
        if (good) (void)printf("size: %llu\netag: %s\n", (unsigned long long)h.size, h.etag);
    } else if (strcmp(what, "list") == 0) {
        good = s3_list(s, &o, listed, NULL, deadline(), &f, e);
    } else if (strcmp(what, "delete") == 0) {
        good = s3_delete(s, &o, deadline(), &f, e);
    } else if (strcmp(what, "abort") == 0) {
        good = s3_upload_abort(s, &o, arguments[3], deadline(), &f, e);
    } else {
        good = upload(s, &o, count - 3, arguments + 3, &f, e);
    }
    if (!good) (void)printf("code: %s\nstatus: %d\n", f.code, f.status);
    return good;
}

static bool with_session(int count, char **arguments, err *e)
{
    struct aws_session *s = NULL;
    bool region = strcmp(arguments[0], "region") == 0;
    aws_choice choice = {.profile = region && count > 1 ? arguments[1] : NULL};
    if (!aws_session_new(&choice, deadline(), &s, e)) return false;
    bool good = true;
    if (region) {
        line("region", span_text(aws_session_region(s)));
    } else if (strcmp(arguments[0], "s3") == 0) {
        good = s3(s, count - 1, arguments + 1, e);
    } else {
        good = query(s, count - 1, arguments + 1, e);
    }
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
