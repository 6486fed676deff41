/* Multipart uploads: parts are files that the object takes over as they are. */
#include "store/store_internal.h"

#include <unistd.h>

#include "base/clock.h"
#include "store/documents.h"

#define PART_MIN ((uint64_t)5 * MIB) /* of all but the last */
#define PARTS_PAGE_MAX 1000

static bool upload_of_call(struct store_call *c, upload_row *ret)
{
    err e = {0};
    bool found = false;
    const char *id = target_parameter_of(&c->t, "uploadId");
    if (!index_upload(c->s, c->bucket.name, id, &c->memory, ret, &found, &e))
        return store_fail_inside(c, &e);
    return (found && strcmp(ret->key, c->t.key) == 0) || store_fail(c, "NoSuchUpload", NULL);
}

bool create_upload(struct store_call *c)
{
    CLEANUP(buf_clear) buf meta = buf_of(META_MAX);
    char id[FILE_NAME_SIZE + 1];
    err e = {0};
    upload_row u = {.id = id, .key = c->t.key, .started_ms = clock_wall_ms()};
    if (!meta_take(c, &meta) || !rights_take(c, bucket_is_enforced(&c->bucket), &u.acl))
        return false;
    u.meta = arena_text(&c->memory, buf_span(&meta));
    files_name(id);
    if (!index_upload_put(c->s, c->bucket.name, &u, &e)) return store_fail_inside(c, &e);
    answer_begin(c, "InitiateMultipartUploadResult");
    answer_text(c, "Bucket", c->bucket.name);
    answer_text(c, "Key", c->t.key);
    answer_text(c, "UploadId", id);
    return answer_end(c, "InitiateMultipartUploadResult");
}

/* --- parts ----------------------------------------------------------------------------------- */

static bool number_take(struct store_call *c, int64_t *ret)
{
    const char *text = target_parameter_of(&c->t, "partNumber");
    bool good = text && span_to_i64(span_text(text), ret) && *ret >= 1 && *ret <= UPLOAD_PARTS_MAX;
    return good || store_fail(c, "InvalidArgument",
                              "Part number must be an integer between 1 and %d, inclusive",
                              UPLOAD_PARTS_MAX);
}

bool upload_part_check(struct store_call *c)
{
    upload_row u = {0};
    int64_t number = 0;
    return number_take(c, &number) && upload_of_call(c, &u);
}

/* A part of that number from before is replaced. */
static bool part_put(struct store_call *c, const char *upload, const part_row *p)
{
    err e = {0};
    part_row before = {0};
    bool found = false;
    if (!index_part_after(c->s, upload, p->number - 1, &c->memory, &before, &found, &e) ||
        !index_part_put(c->s, upload, p, &e))
        return store_fail_inside(c, &e);
    if (found && before.number == p->number) files_remove(c->s, before.file);
    return true;
}

bool upload_part(struct store_call *c)
{
    upload_row u = {0};
    part_row p = {.size = c->body.size,
                  .etag = c->body.etag,
                  .modified_ms = clock_wall_ms(),
                  .file = c->body.file};
    if (!number_take(c, &p.number) || !upload_of_call(c, &u) || !part_put(c, u.id, &p))
        return false;
    body_keep(c);
    c->answer.status = 200;
    answer_head(c, "ETag", "\"%s\"", p.etag);
    const char *digest = checksum_header(c->body.extra.kind);
    if (*digest) answer_head(c, digest, "%s", c->body.extra_got);
    return true;
}

/* A copy of bytes of an object: read, measured and written again. */
static bool
bytes_copy(struct store_call *c, const object_row *o, uint64_t first, part_row *p, char file[])
{
    err e = {0};
    int fd = -1;
    struct store_reader *r = NULL;
    checksum_value md5 = {0};
    bool done = files_reader(c->s, o->files, first, &r, &e) && files_make(c->s, file, &fd, &e) &&
                files_copy(r, p->size, fd, &md5, &e);
    store_reader_free(r);
    if (fd >= 0 && close(fd) != 0 && done) done = err_set(&e, ERR_IO, "write a part");
    p->etag = arena_printf(&c->memory, "%s", checksum_hex(&md5).text);
    p->file = file;
    if (done) return true;
    if (fd >= 0) files_remove(c->s, file);
    return store_fail_inside(c, &e);
}

bool upload_part_copy(struct store_call *c)
{
    upload_row u = {0};
    object_row o = {0};
    part_row p = {.modified_ms = clock_wall_ms()};
    uint64_t first = 0;
    char file[FILE_NAME_SIZE + 1];
    const char *range = call_header(c, "X-Amz-Copy-Source-Range");
    if (!number_take(c, &p.number) || !upload_of_call(c, &u) || !copy_source(c, &o)) return false;
    p.size = o.size;
    if (range && (!target_range(range, o.size, &first, &p.size) || p.size == 0)) {
        return store_fail(c, "InvalidArgument",
                          "The x-amz-copy-source-range value must be of the form bytes=first-last");
    }
    if (p.size > STORE_OBJECT_PUT_MAX) return store_fail(c, "EntityTooLarge", NULL);
    if (!bytes_copy(c, &o, first, &p, file)) return false;
    if (!part_put(c, u.id, &p)) {
        files_remove(c->s, file);
        return false;
    }
    answer_begin(c, "CopyPartResult");
    answer_time(c, "LastModified", p.modified_ms);
    answer_etag(c, p.etag);
    return answer_end(c, "CopyPartResult");
}

bool list_parts(struct store_call *c)
{
    err e = {0};
    upload_row u = {0};
    part_row p = {0};
    bool found = true;
    int64_t max = PARTS_PAGE_MAX;
    int64_t count = 0;
    const char *most = target_parameter_of(&c->t, "max-parts");
    const char *marker = target_parameter_of(&c->t, "part-number-marker");
    if (!upload_of_call(c, &u)) return false;
    if ((most && (!span_to_i64(span_text(most), &max) || max < 0)) ||
        (marker && (!span_to_i64(span_text(marker), &p.number) || p.number < 0)))
        return store_fail(c, "InvalidArgument", NULL);
    if (max > PARTS_PAGE_MAX) max = PARTS_PAGE_MAX;
    answer_begin(c, "ListPartsResult");
    answer_text(c, "Bucket", c->bucket.name);
    answer_text(c, "Key", c->t.key);
    answer_text(c, "UploadId", u.id);
    answer_owner(c, "Initiator");
    answer_owner(c, "Owner");
    answer_text(c, "StorageClass", "STANDARD");
    answer_number(c, "PartNumberMarker", (uint64_t)p.number);
    for (;; count++) {
        int64_t last = p.number;
        if (!index_part_after(c->s, u.id, p.number, &c->memory, &p, &found, &e))
            return store_fail_inside(c, &e);
        if (found && count == max) answer_number(c, "NextPartNumberMarker", (uint64_t)last);
        if (!found || count == max) break;
        answer_open(c, "Part");
        answer_number(c, "PartNumber", (uint64_t)p.number);
        answer_time(c, "LastModified", p.modified_ms);
        answer_etag(c, p.etag);
        answer_number(c, "Size", p.size);
        answer_close(c, "Part");
    }
    answer_number(c, "MaxParts", (uint64_t)max);
    answer_text(c, "IsTruncated", found ? "true" : "false");
    return answer_end(c, "ListPartsResult");
}

/* --- complete -------------------------------------------------------------------------------- */

typedef struct {
    buf files;
    checksum md5; /* of the parts' MD5s: the ETag of the whole */
    uint64_t size;
} joined;

static void digest_add(checksum *md5, const char *etag)
{
    uint8_t bytes[16] = {0};
    for (size_t i = 0; i < sizeof bytes && strlen(etag) == 2 * sizeof bytes; i++) {
        int high = hex_digit((uint8_t)etag[2 * i]);
        bytes[i] = (uint8_t)(high * 16 + hex_digit((uint8_t)etag[2 * i + 1]));
    }
    checksum_add(md5, span_of(bytes, sizeof bytes));
}

static bool
parts_join(struct store_call *c, const upload_row *u, const document_complete *d, joined *j)
{
    err e = {0};
    for (size_t i = 0; i < d->count; i++) {
        part_row p = {0};
        bool found = false;
        const document_part *wanted = &d->parts[i];
        if (i > 0 && wanted->number <= d->parts[i - 1].number)
            return store_fail(c, "InvalidPartOrder", NULL);
        if (!index_part_after(c->s, u->id, wanted->number - 1, &c->memory, &p, &found, &e))
            return store_fail_inside(c, &e);
        if (!found || p.number != wanted->number || !etag_is_among(wanted->etag, p.etag))
            return store_fail(c, "InvalidPart", NULL);
        if (p.size < PART_MIN && i + 1 < d->count) return store_fail(c, "EntityTooSmall", NULL);
        if (!buf_printf(&j->files, "%s %" PRIu64 "\n", p.file, p.size))
            return store_fail(c, "InternalError", NULL);
        digest_add(&j->md5, p.etag);
        j->size += p.size;
    }
    return true;
}

/* Lines of the files of parts that were sent but are not among `files`, which are in order. */
static bool
others_find(struct store_call *c, const upload_row *u, const char *files, buf *ret, err *e)
{
    part_row p = {0};
    bool found = true;
    span rest = span_text(files);
    for (;;) {
        if (!index_part_after(c->s, u->id, p.number, &c->memory, &p, &found, e)) return false;
        if (!found) return true;
        span line = {0};
        span after = rest;
        bool named = span_starts(rest, p.file) && span_cut(&after, '\n', &line);
        if (named) rest = after;
        if (!named && !buf_printf(ret, "%s 0\n", p.file))
            return err_set(e, ERR_LIMIT, "too many parts");
    }
}

static bool upload_finish(struct store_call *c, const upload_row *u, const joined *j, object_row *o)
{
    CLEANUP(buf_clear) buf others = buf_of(MIB);
    err e = {0};
    o->files = arena_text(&c->memory, buf_span(&j->files));
    if (!others_find(c, u, o->files, &others, &e) || !index_begin(c->s, &e))
        return store_fail_inside(c, &e);
    bool done = object_put(c->s, c->bucket.name, o, &e) && index_upload_delete(c->s, u->id, &e) &&
                index_commit(c->s, &e);
    if (done) {
        files_remove_all(c->s, arena_text(&c->memory, buf_span(&others)));
        return true;
    }
    index_rollback(c->s);
    return store_fail_inside(c, &e);
}

bool complete_upload(struct store_call *c)
{
    err e = {0};
    upload_row u = {0};
    document_complete d = {0};
    joined j = {.files = buf_of(MIB)};
    if (!upload_of_call(c, &u)) return false;
    if (!document_complete_read(buf_span(&c->body.document), &c->memory, &d, &e))
        return store_fail(c, "MalformedXML", NULL);
    checksum_begin(&j.md5, CHECKSUM_MD5);
    bool done = parts_join(c, &u, &d, &j);
    checksum_value md5 = checksum_end(&j.md5);
    object_row o = {.key = c->t.key,
                    .size = j.size,
                    .etag = arena_printf(&c->memory, "%s-%zu", checksum_hex(&md5).text, d.count),
                    .modified_ms = clock_wall_ms(),
                    .meta = u.meta,
                    .acl = u.acl};
    done = done && upload_finish(c, &u, &j, &o);
    buf_clear(&j.files);
    if (!done) return false;
    answer_begin(c, "CompleteMultipartUploadResult");
    answer_text(c, "Location", arena_printf(&c->memory, "/%s/%s", c->bucket.name, c->t.key));
    answer_text(c, "Bucket", c->bucket.name);
    answer_text(c, "Key", c->t.key);
    answer_etag(c, o.etag);
    return answer_end(c, "CompleteMultipartUploadResult");
}

bool abort_upload(struct store_call *c)
{
    CLEANUP(buf_clear) buf others = buf_of(MIB);
    err e = {0};
    upload_row u = {0};
    if (!upload_of_call(c, &u)) return false;
    if (!others_find(c, &u, "", &others, &e) || !index_upload_delete(c->s, u.id, &e))
        return store_fail_inside(c, &e);
    files_remove_all(c->s, arena_text(&c->memory, buf_span(&others)));
    c->answer.status = 204;
    return true;
}
