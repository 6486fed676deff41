/* Large files in parts. Each part's MD5 is its ETag (but under SSE-KMS, where no part is taken for
 * the same and all are sent again): that tells after a stop which are there. */
#include <errno.h>
#include <unistd.h>

#include "aws/s3_internal.h"
#include "net/openssl.h"

#define PIECE ((size_t)64 * KIB)

bool s3_part_size(uint64_t size, uint64_t asked, uint64_t *ret, err *e)
{
    uint64_t part = asked ? asked : S3_PART_DEFAULT;
    if (part < S3_PART_MIN) part = S3_PART_MIN;
    if (size > S3_OBJECT_MAX)
        return err_set(e, ERR_LIMIT, "%" PRIu64 " bytes are more than an object of S3 holds", size);
    while ((size + part - 1) / part > S3_PARTS_MAX)
        part *= 2;
    *ret = part;
    return true;
}

typedef struct {
    char md5[2 * 16 + 2 + 1]; /* in quotes, as S3 writes it */
    sigv4_hex sha256;
} part_sums;

typedef struct {
    struct aws_session *session;
    const s3_object *object;
    const s3_file *file;
    int64_t deadline_ns;
    uint64_t part_size;
    uint64_t count;
    arena memory;
    const char *upload;
    const char **etags; /* of each part; NULL: S3 does not have it */
    aws_fault *fault;
} uploading;

static void hex_write(const uint8_t *digest, size_t size, char *to)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(to + 2 * i, 3, "%02x", digest[i]);
}

static bool part_digest(const s3_file *f, uint64_t at, uint64_t size, part_sums *ret, err *e)
{
    uint8_t piece[PIECE];
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    bool good = md5 && sha && EVP_DigestInit_ex(md5, EVP_md5(), NULL) &&
                EVP_DigestInit_ex(sha, EVP_sha256(), NULL);
    if (!good) (void)err_set(e, ERR_STATE, "OpenSSL has no MD5 here (FIPS mode)");
    for (uint64_t done = 0; good && done < size;) {
        size_t want = (size_t)(size - done < PIECE ? size - done : PIECE);
        ssize_t got = pread(f->file, piece, want, (off_t)(at + done));
        if (got < 0) good = err_sys(e, errno, "read the file to send");
        if (got == 0) good = err_set(e, ERR_IO, "the file became shorter while it was sent");
        good = good && EVP_DigestUpdate(md5, piece, (size_t)got) &&
               EVP_DigestUpdate(sha, piece, (size_t)got);
        if (good) done += (uint64_t)got;
    }
    good = good && EVP_DigestFinal_ex(md5, digest, NULL);
    if (good) {
        hex_write(digest, 16, ret->md5 + 1);
        ret->md5[0] = ret->md5[33] = '"';
        ret->md5[34] = '\0';
    }
    good = good && EVP_DigestFinal_ex(sha, digest, NULL);
    if (good) hex_write(digest, SIGV4_KEY_SIZE, ret->sha256.text);
    EVP_MD_CTX_free(md5);
    EVP_MD_CTX_free(sha);
    return good;
}

static uint64_t part_bytes(const uploading *u, uint64_t index)
{
    uint64_t left = u->file->size - index * u->part_size;
    return left < u->part_size ? left : u->part_size;
}

static bool send_xml(uploading *u, aws_request r, arena *memory, const xml_node **ret, err *e)
{
    CLEANUP(http_answer_clear) http_answer answer = {0};
    if (!s3_send(u->session, u->object, r, u->deadline_ns, &answer, u->fault, e)) return false;
    if (!xml_read(buf_span(&answer.body), memory, ret, e)) {
        e->kind = ERR_AWS;
        return err_wrap(e, "the answer of s3");
    }
    /* Joining the parts can fail behind a status of 200. */
    if (strcmp((*ret)->name, "Error") != 0) return true;
    *u->fault = aws_fault_read(answer.status, buf_span(&answer.body));
    return aws_fault_err(u->fault, "s3", e);
}

static bool begin(uploading *u, err *e)
{
    const xml_node *root = NULL;
    aws_request r = {.method = "POST", .query = span_text("uploads=")};
    if (!send_xml(u, r, &u->memory, &root, e)) return false;
    u->upload = xml_text(root, "UploadId");
    if (!*u->upload) return err_set(e, ERR_AWS, "s3 gave no id for an upload");
    return !u->file->begun || u->file->begun(u->file->context, u->upload, e);
}

static bool query_make(const uploading *u, buf *query, const char *more, uint64_t number, err *e)
{
    bool fits = (!more || buf_printf(query, "%s=%" PRIu64 "&", more, number)) &&
                buf_text(query, "uploadId=") && sigv4_encode(span_text(u->upload), false, query);
    return fits || err_set(e, ERR_LIMIT, "the id of an upload is too long");
}

static void parts_note(uploading *u, const xml_node *root)
{
    for (const xml_node *p = xml_at(root, "Part"); p; p = xml_next(p)) {
        uint64_t number = 0;
        uint64_t size = 0;
        if (!span_to_u64(span_text(xml_text(p, "PartNumber")), &number) || number == 0 ||
            number > u->count || !span_to_u64(span_text(xml_text(p, "Size")), &size))
            continue;
        if (size == part_bytes(u, number - 1))
            u->etags[number - 1] = arena_text(&u->memory, span_text(xml_text(p, "ETag")));
    }
}

/* ListParts: what an earlier call has sent. */
static bool parts_find(uploading *u, err *e)
{
    uint64_t marker = 0;
    for (;;) {
        CLEANUP(buf_clear) buf query = buf_of(4 * KIB);
        CLEANUP(arena_clear) arena memory = {0};
        const xml_node *root = NULL;
        uint64_t next = 0;
        if (!query_make(u, &query, "part-number-marker", marker, e)) return false;
        aws_request r = {.method = "GET", .query = buf_span(&query)};
        if (!send_xml(u, r, &memory, &root, e)) return false;
        parts_note(u, root);
        if (strcmp(xml_text(root, "IsTruncated"), "true") != 0) return true;
        if (!span_to_u64(span_text(xml_text(root, "NextPartNumberMarker")), &next) ||
            next <= marker)
            return err_set(e, ERR_AWS, "the pages of s3's parts have no end");
        marker = next;
    }
}

static bool part_send(uploading *u, uint64_t index, err *e)
{
    CLEANUP(buf_clear) buf query = buf_of(4 * KIB);
    CLEANUP(http_answer_clear) http_answer answer = {0};
    uint64_t at = index * u->part_size;
    uint64_t size = part_bytes(u, index);
    part_sums sums = {0};
    if (!part_digest(u->file, at, size, &sums, e)) return false;
    if (u->etags[index] && strcmp(u->etags[index], sums.md5) == 0) return true;
    if (!query_make(u, &query, "partNumber", index + 1, e)) return false;
    aws_request r = {.method = "PUT",
                     .query = buf_span(&query),
                     .file = u->file->file,
                     .file_at = at,
                     .file_size = size,
                     .payload = span_text(sums.sha256.text)};
    if (!s3_send(u->session, u->object, r, u->deadline_ns, &answer, u->fault, e)) return false;
    span etag = http_header(&answer, "ETag");
    if (etag.size == 0) return err_set(e, ERR_AWS, "s3 gave no ETag for a part");
    u->etags[index] = arena_text(&u->memory, etag);
    return true;
}

static bool join(uploading *u, err *e)
{
    CLEANUP(buf_clear) buf query = buf_of(4 * KIB);
    CLEANUP(buf_clear) buf body = buf_of(4 * MIB);
    CLEANUP(arena_clear) arena memory = {0};
    const xml_node *root = NULL;
    bool fits = buf_text(&body, "<CompleteMultipartUpload>");
    for (uint64_t i = 0; i < u->count && fits; i++) {
        fits = buf_printf(&body, "<Part><PartNumber>%" PRIu64 "</PartNumber><ETag>%s</ETag></Part>",
                          i + 1, u->etags[i]);
    }
    fits = fits && buf_text(&body, "</CompleteMultipartUpload>");
    if (!fits) return err_set(e, ERR_LIMIT, "the list of parts is too long");
    if (!query_make(u, &query, NULL, 0, e)) return false;
    aws_request r = {.method = "POST", .query = buf_span(&query), .body = buf_span(&body)};
    return send_xml(u, r, &memory, &root, e);
}

static bool parts_send(uploading *u, err *e)
{
    u->etags = arena_alloc(&u->memory, (size_t)u->count * sizeof *u->etags);
    bool resumes = u->file->upload && *u->file->upload;
    u->upload = u->file->upload;
    if (resumes && !parts_find(u, e)) {
        if (!aws_fault_is(u->fault, "NoSuchUpload")) return false;
        resumes = false; /* a rule of the bucket has removed it: from the start */
    }
    if (!resumes && !begin(u, e)) return false;
    for (uint64_t i = 0; i < u->count; i++) {
        if (!part_send(u, i, e))
            return err_wrap(e, "part %" PRIu64 " of %" PRIu64, i + 1, u->count);
        if (u->file->progress)
            u->file->progress(u->file->context, i * u->part_size + part_bytes(u, i));
    }
    return join(u, e);
}

static bool whole_send(uploading *u, err *e)
{
    CLEANUP(http_answer_clear) http_answer answer = {0};
    part_sums sums = {0};
    if (!part_digest(u->file, 0, u->file->size, &sums, e)) return false;
    aws_request r = {.method = "PUT",
                     .file = u->file->file,
                     .file_size = u->file->size,
                     .payload = span_text(sums.sha256.text)};
    if (!s3_send(u->session, u->object, r, u->deadline_ns, &answer, u->fault, e)) return false;
    if (u->file->progress) u->file->progress(u->file->context, u->file->size);
    return true;
}

bool s3_upload(struct aws_session *s,
               const s3_object *o,
               const s3_file *f,
               int64_t deadline_ns,
               aws_fault *ret_fault,
               err *e)
{
    uploading u = {
        .session = s, .object = o, .file = f, .deadline_ns = deadline_ns, .fault = ret_fault};
    if (!s3_part_size(f->size, f->part_size, &u.part_size, e)) return false;
    assert(u.part_size >= S3_PART_MIN);
    u.count = (f->size + u.part_size - 1) / u.part_size;
    bool good = u.count <= 1 ? whole_send(&u, e) : parts_send(&u, e);
    arena_clear(&u.memory);
    return good;
}

bool s3_upload_abort(struct aws_session *s,
                     const s3_object *o,
                     const char *upload,
                     int64_t deadline_ns,
                     aws_fault *ret_fault,
                     err *e)
{
    CLEANUP(buf_clear) buf query = buf_of(4 * KIB);
    CLEANUP(http_answer_clear) http_answer answer = {0};
    uploading u = {.upload = upload};
    if (!query_make(&u, &query, NULL, 0, e)) return false;
    aws_request r = {.method = "DELETE", .query = buf_span(&query)};
    return s3_send(s, o, r, deadline_ns, &answer, ret_fault, e);
}
