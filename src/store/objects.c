/* Objects: put, read, copied, removed. */
#include "store/store_internal.h"

#include <ctype.h>
#include <strings.h>

#include "base/clock.h"
#include "store/documents.h"

#define META_USER_MAX ((size_t)2048) /* S3's own limit for x-amz-meta-… */

/* --- what is kept of the head ---------------------------------------------------------------- */

static const char *const kept[] = {"content-type",
                                   "content-disposition",
                                   "content-language",
                                   "cache-control",
                                   "expires",
                                   "x-amz-server-side-encryption",
                                   "x-amz-server-side-encryption-aws-kms-key-id"};

static bool meta_add(struct store_call *c, buf *out, const char *name, span value)
{
    bool clean = !memchr(value.at, '\n', value.size) && !memchr(value.at, '\r', value.size);
    bool fits = clean;
    for (const char *at = name; fits && *at; at++)
        fits = buf_u8(out, (uint8_t)tolower((unsigned char)*at));
    fits = fits && buf_text(out, ": ") && buf_append(out, value) && buf_u8(out, '\n');
    return fits || store_fail(c, "MetadataTooLarge", NULL);
}

/* "aws-chunked,gzip" is "gzip" to who reads it. */
static bool encoding_add(struct store_call *c, buf *out)
{
    const char *said = call_header(c, "Content-Encoding");
    CLEANUP(buf_clear) buf left = buf_of(KIB);
    span rest = span_text(said ? said : "");
    span one = {0};
    while (span_cut(&rest, ',', &one)) {
        one = span_trim(one);
        if (one.size == 0 || span_is_nocase(one, "aws-chunked")) continue;
        if ((left.size > 0 && !buf_u8(&left, ',')) || !buf_append(&left, one))
            return store_fail(c, "InvalidArgument", "Content-Encoding is too long.");
    }
    return left.size == 0 || meta_add(c, out, "content-encoding", buf_span(&left));
}

static bool wishes_check(struct store_call *c)
{
    const char *class = call_header(c, "X-Amz-Storage-Class");
    const char *encryption = call_header(c, "X-Amz-Server-Side-Encryption");
    if (class && strcmp(class, "STANDARD") != 0) {
        return store_fail(c, "NotImplemented", "The sandbox does not have the storage class %s.",
                          span_show(span_text(class)).text);
    }
    if (!encryption || strcmp(encryption, "AES256") == 0 || strcmp(encryption, "aws:kms") == 0)
        return true;
    return store_fail(c, "InvalidArgument", "The encryption method specified is not supported");
}

bool meta_take(struct store_call *c, buf *ret)
{
    size_t user = 0;
    if (!wishes_check(c) || !encoding_add(c, ret)) return false;
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        const char *value = call_header(c, kept[i]);
        if (!value && i == 0) value = "binary/octet-stream";
        if (value && !meta_add(c, ret, kept[i], span_text(value))) return false;
    }
    if (!call_header(c, "x-amz-server-side-encryption") &&
        !meta_add(c, ret, "x-amz-server-side-encryption", span_text("AES256")))
        return false;
    for (size_t i = 0; i < c->r->header_count; i++) {
        const char *name = c->r->names[i];
        if (strncasecmp(name, "x-amz-meta-", 11) != 0) continue;
        user += strlen(name) - 11 + strlen(c->r->values[i]);
        if (user > META_USER_MAX) return store_fail(c, "MetadataTooLarge", NULL);
        if (!meta_add(c, ret, name, span_text(c->r->values[i]))) return false;
    }
    return true;
}

span meta_find(const char *meta, const char *name)
{
    span rest = span_text(meta);
    span line = {0};
    size_t size = strlen(name);
    while (span_cut(&rest, '\n', &line)) {
        if (line.size > size + 1 && memcmp(line.at, name, size) == 0 && line.at[size] == ':')
            return span_tail(line, size + 2);
    }
    return (span){0};
}

/* --- rows ------------------------------------------------------------------------------------ */

static bool object_find(struct store_call *c, object_row *ret, bool *ret_found)
{
    err e = {0};
    return index_object(c->s, c->bucket.name, c->t.key, &c->memory, ret, ret_found, &e) ||
           store_fail_inside(c, &e);
}

bool object_of_call(struct store_call *c, object_row *ret)
{
    bool found = false;
    return object_find(c, ret, &found) && (found || store_fail(c, "NoSuchKey", NULL));
}

bool object_put(struct store *s, const char *bucket, const object_row *o, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    object_row before = {0};
    bool found = false;
    if (!index_object(s, bucket, o->key, &memory, &before, &found, e) ||
        !index_object_put(s, bucket, o, e))
        return false;
    if (found) files_remove_all(s, before.files);
    return true;
}

/* --- preconditions --------------------------------------------------------------------------- */

bool etag_is_among(const char *wanted, const char *etag)
{
    span rest = span_text(wanted);
    span one = {0};
    while (span_cut(&rest, ',', &one)) {
        one = span_trim(one);
        if (span_is(one, "*")) return true;
        if (one.size >= 2 && one.at[0] == '"') one = span_of(one.at + 1, one.size - 2);
        if (span_is(one, etag)) return true;
    }
    return false;
}

/* RFC 9110, section 13.2.2: If-Match outdoes If-Unmodified-Since, and so on. */
bool preconditions_check(struct store_call *c, const object_row *o)
{
    const char *match = call_header(c, "If-Match");
    const char *none = call_header(c, "If-None-Match");
    const char *since = call_header(c, "If-Modified-Since");
    const char *unchanged = call_header(c, "If-Unmodified-Since");
    int64_t modified = o->modified_ms / 1000 * 1000;
    int64_t when = 0;
    bool good = match ? etag_is_among(match, o->etag)
                      : !unchanged || !http_date_read(unchanged, &when) || modified <= when;
    if (!good) return store_fail(c, "PreconditionFailed", NULL);
    bool same = none ? etag_is_among(none, o->etag)
                     : since && http_date_read(since, &when) && modified <= when;
    return !same || store_fail(c, "NotModified", NULL);
}

/* Of a PUT: "only when there is none", "only when it is still that one". */
static bool put_conditions_check(struct store_call *c)
{
    object_row o = {0};
    bool found = false;
    const char *match = call_header(c, "If-Match");
    const char *none = call_header(c, "If-None-Match");
    if (!match && !none) return true;
    if (!object_find(c, &o, &found)) return false;
    if (none && found && etag_is_among(none, o.etag))
        return store_fail(c, "PreconditionFailed", NULL);
    if (match && !found) return store_fail(c, "NoSuchKey", NULL);
    return !match || etag_is_among(match, o.etag) || store_fail(c, "PreconditionFailed", NULL);
}

/* --- put ------------------------------------------------------------------------------------- */

bool put_object_check(struct store_call *c)
{
    CLEANUP(buf_clear) buf meta = buf_of(META_MAX);
    const char *acl = NULL;
    return put_conditions_check(c) && meta_take(c, &meta) &&
           rights_take(c, bucket_is_enforced(&c->bucket), &acl);
}

static void encryption_tell(struct store_call *c, const char *meta)
{
    span how = meta_find(meta, "x-amz-server-side-encryption");
    answer_head(c, "x-amz-server-side-encryption", "%.*s", (int)how.size,
                how.size ? (const char *)how.at : "");
}

bool put_object(struct store_call *c)
{
    CLEANUP(buf_clear) buf meta = buf_of(META_MAX);
    store_body *b = &c->body;
    err e = {0};
    object_row o = {.key = c->t.key,
                    .size = b->size,
                    .etag = b->etag,
                    .modified_ms = clock_wall_ms(),
                    .files = arena_printf(&c->memory, "%s %" PRIu64 "\n", b->file, b->size)};
    if (!put_conditions_check(c) || !meta_take(c, &meta) ||
        !rights_take(c, bucket_is_enforced(&c->bucket), &o.acl))
        return false;
    const char *digest = checksum_header(b->extra.kind);
    if (*digest && !meta_add(c, &meta, digest, span_text(b->extra_got))) return false;
    o.meta = arena_text(&c->memory, buf_span(&meta));
    if (!object_put(c->s, c->bucket.name, &o, &e)) return store_fail_inside(c, &e);
    body_keep(c);
    c->answer.status = 200;
    answer_head(c, "ETag", "\"%s\"", o.etag);
    encryption_tell(c, o.meta);
    if (*digest) answer_head(c, digest, "%s", b->extra_got);
    return true;
}

/* --- get ------------------------------------------------------------------------------------- */

static void meta_tell(struct store_call *c, const char *meta)
{
    static const char *const overrides[] = {
        "content-type",  "content-language",    "expires",
        "cache-control", "content-disposition", "content-encoding"};
    const char *mode = call_header(c, "X-Amz-Checksum-Mode");
    span rest = span_text(meta);
    span line = {0};
    for (size_t i = 0; i < COUNT_OF(overrides); i++) {
        const char *value =
            target_parameter_of(&c->t, arena_printf(&c->memory, "response-%s", overrides[i]));
        if (value) answer_head(c, overrides[i], "%s", value);
    }
    while (span_cut(&rest, '\n', &line)) {
        span value = line;
        span name = {0};
        if (!span_cut(&value, ':', &name)) continue;
        const char *text = arena_text(&c->memory, name);
        const char *other =
            target_parameter_of(&c->t, arena_printf(&c->memory, "response-%s", text));
        if (other || (checksum_of_header(text) && (!mode || strcasecmp(mode, "ENABLED") != 0)))
            continue;
        answer_head(c, text, "%.*s", (int)value.size - 1, (const char *)value.at + 1);
    }
}

bool get_object(struct store_call *c)
{
    err e = {0};
    object_row o = {0};
    uint64_t first = 0;
    const char *range = call_header(c, "Range");
    if (!object_of_call(c, &o) || !preconditions_check(c, &o)) return false;
    uint64_t count = o.size;
    bool part = range && target_range(range, o.size, &first, &count);
    if (part && count == 0) return store_fail(c, "InvalidRange", NULL);
    if (strcmp(c->r->method, "GET") == 0 &&
        !files_reader(c->s, o.files, first, &c->answer.reader, &e))
        return store_fail_inside(c, &e);
    c->answer.status = part ? 206 : 200;
    c->answer.length = count;
    answer_head(c, "ETag", "\"%s\"", o.etag);
    answer_head(c, "Last-Modified", "%s", http_date_show(o.modified_ms).text);
    answer_head(c, "Accept-Ranges", "bytes");
    if (part) {
        answer_head(c, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                    first + count - 1, o.size);
    }
    meta_tell(c, o.meta);
    return true;
}

/* --- delete ---------------------------------------------------------------------------------- */

static bool delete_one(struct store *s, const char *bucket, const char *key, arena *memory, err *e)
{
    object_row o = {0};
    bool found = false;
    if (!index_object(s, bucket, key, memory, &o, &found, e)) return false;
    if (!found) return true;
    if (!index_object_delete(s, bucket, key, e)) return false;
    files_remove_all(s, o.files);
    return true;
}

bool delete_object(struct store_call *c)
{
    err e = {0};
    c->answer.status = 204;
    return delete_one(c->s, c->bucket.name, c->t.key, &c->memory, &e) || store_fail_inside(c, &e);
}

bool delete_objects(struct store_call *c)
{
    err e = {0};
    document_delete d = {0};
    if (!call_header(c, "Content-MD5") && c->body.extra.kind == CHECKSUM_NONE) {
        return store_fail(c, "InvalidRequest",
                          "Missing required header for this request: Content-MD5");
    }
    if (!document_delete_read(buf_span(&c->body.document), &c->memory, &d, &e))
        return store_fail(c, "MalformedXML", NULL);
    answer_begin(c, "DeleteResult");
    for (size_t i = 0; i < d.count; i++) {
        if (!delete_one(c->s, c->bucket.name, d.keys[i], &c->memory, &e))
            return store_fail_inside(c, &e);
        if (d.quiet) continue;
        answer_open(c, "Deleted");
        answer_text(c, "Key", d.keys[i]);
        answer_close(c, "Deleted");
    }
    return answer_end(c, "DeleteResult");
}

/* --- copy ------------------------------------------------------------------------------------ */

static bool source_conditions_check(struct store_call *c, const object_row *o)
{
    const char *match = call_header(c, "X-Amz-Copy-Source-If-Match");
    const char *none = call_header(c, "X-Amz-Copy-Source-If-None-Match");
    bool good =
        (!match || etag_is_among(match, o->etag)) && (!none || !etag_is_among(none, o->etag));
    return good || store_fail(c, "PreconditionFailed", NULL);
}

bool copy_source(struct store_call *c, object_row *ret)
{
    err e = {0};
    target from = {0};
    bucket_row bucket = {0};
    bool found = false;
    const char *source = call_header(c, "X-Amz-Copy-Source");
    if (!source || !target_source_read(source, &c->memory, &from, &e) || !*from.bucket ||
        !*from.key) {
        return store_fail(c, "InvalidArgument",
                          "Copy Source must mention the source bucket and key: "
                          "sourcebucket/sourcekey");
    }
    if (!index_bucket(c->s, from.bucket, &c->memory, &bucket, &found, &e))
        return store_fail_inside(c, &e);
    if (!found) return store_fail(c, "NoSuchBucket", NULL);
    if (!index_object(c->s, from.bucket, from.key, &c->memory, ret, &found, &e))
        return store_fail_inside(c, &e);
    return found ? source_conditions_check(c, ret) : store_fail(c, "NoSuchKey", NULL);
}

bool copy_object(struct store_call *c)
{
    CLEANUP(buf_clear) buf meta = buf_of(META_MAX);
    CLEANUP(buf_clear) buf files = buf_of(MIB);
    err e = {0};
    object_row o = {0};
    const char *directive = call_header(c, "X-Amz-Metadata-Directive");
    bool replaces = directive && strcmp(directive, "REPLACE") == 0;
    if (!copy_source(c, &o)) return false;
    if (!rights_take(c, bucket_is_enforced(&c->bucket), &o.acl)) return false;
    if (replaces && !meta_take(c, &meta)) return false;
    if (replaces) o.meta = arena_text(&c->memory, buf_span(&meta));
    if (!files_link(c->s, o.files, &files, &e)) {
        files_remove_all(c->s, arena_text(&c->memory, buf_span(&files)));
        return store_fail_inside(c, &e);
    }
    o.key = c->t.key;
    o.modified_ms = clock_wall_ms();
    o.files = arena_text(&c->memory, buf_span(&files));
    if (!object_put(c->s, c->bucket.name, &o, &e)) return store_fail_inside(c, &e);
    answer_begin(c, "CopyObjectResult");
    answer_etag(c, o.etag);
    answer_time(c, "LastModified", o.modified_ms);
    encryption_tell(c, o.meta);
    return answer_end(c, "CopyObjectResult");
}
