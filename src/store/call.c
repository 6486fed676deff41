/* One call: which operation it is, whether it may have what it asks for, its body, its answer. */
#include "store/store_internal.h"

#include <errno.h>
#include <strings.h>
#include <sys/stat.h>

const char *call_header(const struct store_call *c, const char *name)
{
    for (size_t i = 0; i < c->r->header_count; i++)
        if (strcasecmp(c->r->names[i], name) == 0) return c->r->values[i];
    return NULL;
}

static bool is_word_of(const char *words, const char *name)
{
    span rest = span_text(words);
    span word = {0};
    while (span_cut(&rest, ' ', &word))
        if (span_is(word, name)) return true;
    return false;
}

/* Of every operation: X-Amz-… are those of a presigned one, x-id is the SDK's note to itself. */
static bool parameters_check(struct store_call *c)
{
    for (size_t i = 0; i < c->t.count; i++) {
        const char *name = c->t.parameters[i].name;
        if (strncasecmp(name, "X-Amz-", 6) == 0 || strcmp(name, "x-id") == 0) continue;
        if (c->op->marker && strcmp(name, c->op->marker) == 0) continue;
        if (strcmp(name, "versionId") == 0 && strcmp(c->t.parameters[i].value, "null") == 0)
            continue;
        if (is_word_of(c->op->parameters, name)) continue;
        return store_fail(c, "NotImplemented", "The sandbox does not have the parameter %s of %s.",
                          span_show(span_text(name)).text, c->op->name);
    }
    return true;
}

/* Headers that mean something are known here; another of S3's own is not passed over. */
static bool headers_check(struct store_call *c)
{
    static const char *const known[] = {"x-amz-date",
                                        "x-amz-content-sha256",
                                        "x-amz-security-token",
                                        "x-amz-user-agent",
                                        "x-amz-te",
                                        "x-amz-acl",
                                        "x-amz-sdk-checksum-algorithm",
                                        "x-amz-checksum-algorithm",
                                        "x-amz-checksum-type",
                                        "x-amz-checksum-mode",
                                        "x-amz-decoded-content-length",
                                        "x-amz-trailer",
                                        "x-amz-server-side-encryption",
                                        "x-amz-server-side-encryption-aws-kms-key-id",
                                        "x-amz-storage-class",
                                        "x-amz-object-ownership",
                                        "x-amz-metadata-directive",
                                        "x-amz-expected-bucket-owner",
                                        "x-amz-source-expected-bucket-owner",
                                        "x-amz-mp-object-size",
                                        "x-amz-bucket-object-lock-enabled"};
    static const char *const prefixes[] = {"x-amz-meta-", "x-amz-grant-", "x-amz-copy-source"};
    for (size_t i = 0; i < c->r->header_count; i++) {
        const char *name = c->r->names[i];
        bool good = strncasecmp(name, "x-amz-", 6) != 0 || checksum_of_header(name);
        for (size_t k = 0; !good && k < COUNT_OF(known); k++)
            good = strcasecmp(known[k], name) == 0;
        for (size_t k = 0; !good && k < COUNT_OF(prefixes); k++)
            good = strncasecmp(prefixes[k], name, strlen(prefixes[k])) == 0;
        if (!good) {
            return store_fail(c, "NotImplemented", "The sandbox does not have the header %s.",
                              span_show(span_text(name)).text);
        }
    }
    return true;
}

static bool is_it(const struct store_call *c, const store_operation *op, char level)
{
    return op->level == level && strcmp(op->method, c->r->method) == 0 &&
           (!op->marker || target_parameter_of(&c->t, op->marker)) &&
           (!op->header || call_header(c, op->header));
}

/* The rows with a marker or a header stand before those without. */
static bool operation_find(struct store_call *c)
{
    char level = 's';
    if (*c->t.bucket) level = 'b';
    if (*c->t.key) level = 'o';
    for (size_t i = 0; store_operation_at(i); i++) {
        c->op = store_operation_at(i);
        if (is_it(c, c->op, level)) return true;
    }
    c->op = NULL;
    return store_fail(c, "MethodNotAllowed", NULL);
}

static bool bucket_find(struct store_call *c)
{
    err e = {0};
    bool found = false;
    const char *owner = call_header(c, "X-Amz-Expected-Bucket-Owner");
    bool makes = c->op->level == 'b' && c->op->run == create_bucket;
    if (c->op->level == 's' || makes) return true;
    if (!index_bucket(c->s, c->t.bucket, &c->memory, &c->bucket, &found, &e))
        return store_fail_inside(c, &e);
    if (!found) return store_fail(c, "NoSuchBucket", NULL);
    return !owner || strcmp(owner, c->s->account) == 0 || store_fail(c, "AccessDenied", NULL);
}

static bool address_read(struct store_call *c)
{
    err e = {0};
    const char *host = call_header(c, "Host");
    if (target_read(host ? host : "", c->r->path, c->r->query, &c->memory, &c->t, &e)) return true;
    if (e.kind == ERR_LIMIT) return store_fail(c, "KeyTooLongError", "%s", e.text);
    return store_fail(c, "InvalidURI", NULL);
}

static void lock(struct store *s)
{
    int failed = pthread_mutex_lock(&s->lock);
    assert(!failed);
}

static void unlock(struct store *s)
{
    int failed = pthread_mutex_unlock(&s->lock);
    assert(!failed);
}

struct store_call *
store_call_new(struct store *s, const store_request *r, const store_signature *signature)
{
    struct store_call *c = mem_alloc(sizeof *c);
    c->s = s;
    c->r = r;
    c->signature = signature;
    c->body.fd = -1;
    if (!address_read(c)) return c;
    lock(s);
    (void)(operation_find(c) && parameters_check(c) && headers_check(c) && bucket_find(c) &&
           (!c->op->check || c->op->check(c)) && body_begin(c)); /* the fault stands in the call */
    unlock(s);
    return c;
}

bool store_call_is_over(const struct store_call *c)
{
    return c->failed;
}

void store_call_feed(struct store_call *c, span piece)
{
    if (!c->failed && !body_feed(c, piece)) assert(c->failed);
}

store_answer *store_call_end(struct store_call *c)
{
    if (!c->failed && body_end(c)) {
        lock(c->s);
        bool done = c->op->run(c);
        assert(done != c->failed);
        unlock(c->s);
    }
    return &c->answer;
}

void store_call_free(struct store_call *c)
{
    if (!c) return;
    body_drop(c);
    store_answer_clear(&c->answer);
    arena_clear(&c->memory);
    free(c);
}

/* --- the store itself ------------------------------------------------------------------------ */

bool store_open(const char *folder, const store_identity *who, struct store **ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct store *s = mem_alloc(sizeof *s);
    const char *data = arena_printf(&memory, "%s/data", folder);
    sigv4_hex owner = sigv4_sha256(span_text(arena_printf(&memory, "account %s", who->account)));
    s->folder = mem_text(span_text(folder));
    (void)snprintf(s->region, sizeof s->region, "%s", who->region);
    (void)snprintf(s->account, sizeof s->account, "%s", who->account);
    memcpy(s->owner, owner.text, sizeof s->owner);
    bool done =
        (mkdir(folder, 0700) == 0 || errno == EEXIST) || err_sys(e, errno, "make '%s'", folder);
    done =
        done && (mkdir(data, 0700) == 0 || errno == EEXIST || err_sys(e, errno, "make '%s'", data));
    done = done && index_open(s, e) && files_clean(s, e);
    done = done && (pthread_mutex_init(&s->lock, NULL) == 0 || err_set(e, ERR_IO, "no lock"));
    if (!done) {
        store_close(s);
        return false;
    }
    *ret = s;
    return true;
}

void store_close(struct store *s)
{
    if (!s) return;
    index_close(s);
    free(s->folder);
    free(s);
}
