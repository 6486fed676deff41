/* A body as it arrives: out of its chunks, measured, checked, to a file or into memory. */
#include "store/store_internal.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

#define STREAMING "STREAMING-"
#define TRAILERS_MAX (4 * KIB)

static bool is_unsigned(const struct store_call *c)
{
    return strcmp(c->signature->payload, SIGV4_UNSIGNED) == 0;
}

/* --- begin ----------------------------------------------------------------------------------- */

static bool chunks_begin(struct store_call *c)
{
    store_body *b = &c->body;
    const char *payload = c->signature->payload;
    const char *decoded = call_header(c, "X-Amz-Decoded-Content-Length");
    static const char *const known[] = {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                                        "STREAMING-UNSIGNED-PAYLOAD-TRAILER"};
    size_t form = 0;
    while (form < COUNT_OF(known) && strcmp(known[form], payload) != 0)
        form++;
    if (form == COUNT_OF(known)) {
        return store_fail(c, "NotImplemented", "The sandbox does not have the payload %s.",
                          span_show(span_text(payload)).text);
    }
    if (!decoded || !span_to_u64(span_text(decoded), &b->decoded))
        return store_fail(c, "MissingContentLength", NULL);
    b->has_decoded = true;
    b->has_signatures = form < 2;
    b->before = c->signature->signature;
    b->chunks = mem_alloc(sizeof *b->chunks);
    b->trailers = buf_of(TRAILERS_MAX);
    return true;
}

/* A digest that the client sends along, in a header or, later, in a trailer. */
static bool extra_begin(struct store_call *c)
{
    store_body *b = &c->body;
    checksum_kind kind = CHECKSUM_NONE;
    const char *trailer = call_header(c, "X-Amz-Trailer");
    for (size_t i = 0; i < c->r->header_count; i++) {
        checksum_kind of = checksum_of_header(c->r->names[i]);
        if (of == CHECKSUM_NONE || of == CHECKSUM_MD5) continue;
        kind = of;
        (void)snprintf(b->extra_wanted, sizeof b->extra_wanted, "%s", c->r->values[i]);
    }
    if (trailer) kind = checksum_of_header(trailer);
    if (trailer && kind == CHECKSUM_NONE) {
        return store_fail(c, "InvalidRequest",
                          "The value specified in the x-amz-trailer header is "
                          "not supported");
    }
    checksum_begin(&b->extra, kind);
    return true;
}

static bool size_check(struct store_call *c)
{
    uint64_t size = 0;
    const char *length = call_header(c, "Content-Length");
    if (c->body.kind == BODY_NONE) return true;
    if (length && !span_to_u64(span_text(length), &size))
        return store_fail(c, "InvalidArgument", "Content-Length is not a number.");
    if (c->body.kind == BODY_DATA && !length && !c->body.has_decoded)
        return store_fail(c, "MissingContentLength", NULL);
    if (c->body.has_decoded) size = c->body.decoded;
    uint64_t most = c->body.kind == BODY_DATA ? STORE_OBJECT_PUT_MAX : DOCUMENT_MAX;
    return size <= most || store_fail(c, "EntityTooLarge", NULL);
}

bool body_begin(struct store_call *c)
{
    store_body *b = &c->body;
    err e = {0};
    b->kind = c->op->body;
    b->document = buf_of(DOCUMENT_MAX);
    bool streams = strncmp(c->signature->payload, STREAMING, strlen(STREAMING)) == 0;
    if (streams && !chunks_begin(c)) return false;
    if (!extra_begin(c) || !size_check(c)) return false;
    bool is_digest = !streams && !is_unsigned(c);
    checksum_begin(&b->sha256, is_digest || b->has_signatures ? CHECKSUM_SHA256 : CHECKSUM_NONE);
    checksum_begin(&b->md5, CHECKSUM_MD5);
    if (b->kind != BODY_DATA || files_make(c->s, b->file, &b->fd, &e)) return true;
    b->file[0] = '\0';
    return store_fail_inside(c, &e);
}

/* --- pieces ---------------------------------------------------------------------------------- */

static bool data_take(struct store_call *c, span piece)
{
    store_body *b = &c->body;
    err e = {0};
    if (!b->chunks) checksum_add(&b->sha256, piece);
    if (b->kind == BODY_NONE) return true;
    b->size += piece.size;
    checksum_add(&b->md5, piece);
    checksum_add(&b->extra, piece);
    if (b->size > STORE_OBJECT_PUT_MAX) return store_fail(c, "EntityTooLarge", NULL);
    if (b->kind == BODY_DATA) return files_write(b->fd, piece, &e) || store_fail_inside(c, &e);
    return buf_append(&b->document, piece) || store_fail(c, "EntityTooLarge", NULL);
}

static bool chunk_check(struct store_call *c)
{
    store_body *b = &c->body;
    if (!b->has_signatures) return true;
    checksum_value digest = checksum_end(&b->sha256);
    checksum_text hex = checksum_hex(&digest);
    sigv4_hex wanted = sigv4_chunk(&c->signature->scope, c->signature->key,
                                   span_text(b->before.text), span_text(hex.text));
    checksum_begin(&b->sha256, CHECKSUM_SHA256);
    b->before = wanted;
    return sigv4_equal(span_text(wanted.text), span_text(b->chunk_signature)) ||
           store_fail(c, "SignatureDoesNotMatch", NULL);
}

static bool trailer_take(struct store_call *c, const chunked_event *v)
{
    store_body *b = &c->body;
    if (span_is_nocase(v->name, "x-amz-trailer-signature")) {
        sigv4_hex digest = sigv4_sha256(buf_span(&b->trailers));
        sigv4_hex wanted = sigv4_trailer(&c->signature->scope, c->signature->key,
                                         span_text(b->before.text), span_text(digest.text));
        b->trailer_is_signed = sigv4_equal(span_text(wanted.text), v->value);
        return b->trailer_is_signed || store_fail(c, "SignatureDoesNotMatch", NULL);
    }
    if (!buf_append(&b->trailers, v->name) || !buf_u8(&b->trailers, ':') ||
        !buf_append(&b->trailers, v->value) || !buf_u8(&b->trailers, '\n'))
        return store_fail(c, "InvalidRequest", "The trailers are too long.");
    if (span_is_nocase(v->name, checksum_header(b->extra.kind))) {
        (void)snprintf(b->extra_wanted, sizeof b->extra_wanted, "%.*s", (int)v->value.size,
                       v->value.size ? (const char *)v->value.at : "");
    }
    return true;
}

static bool event_take(struct store_call *c, const chunked_event *v)
{
    store_body *b = &c->body;
    switch (v->kind) {
    case CHUNKED_BEGIN:
        (void)snprintf(b->chunk_signature, sizeof b->chunk_signature, "%.*s",
                       (int)v->signature.size,
                       v->signature.size ? (const char *)v->signature.at : "");
        return true;
    case CHUNKED_DATA:
        if (b->has_signatures) checksum_add(&b->sha256, v->data);
        return data_take(c, v->data);
    case CHUNKED_TAIL:
        return chunk_check(c);
    case CHUNKED_TRAILER:
        return trailer_take(c, v);
    case CHUNKED_END:
        b->is_whole = true;
        return true;
    }
    return true;
}

bool body_feed(struct store_call *c, span piece)
{
    cursor in = cursor_of(piece);
    chunked_event v = {0};
    err e = {0};
    if (!c->body.chunks) return data_take(c, piece);
    for (;;) {
        step got = chunked_next(c->body.chunks, &in, &v, &e);
        if (got == STEP_BAD) return store_fail(c, "InvalidRequest", "%s", e.text);
        if (got == STEP_MORE) return true;
        if (!event_take(c, &v)) return false;
    }
}

/* --- end ------------------------------------------------------------------------------------- */

static bool chunks_end(struct store_call *c)
{
    store_body *b = &c->body;
    if (!b->chunks) return true;
    if (!b->is_whole || b->size != b->decoded) return store_fail(c, "IncompleteBody", NULL);
    bool trails = strstr(c->signature->payload, "HMAC-SHA256-PAYLOAD-TRAILER") != NULL;
    /* Its signature must have been among them: nothing else vouches for the trailers. */
    return !trails || b->trailers.size == 0 || b->trailer_is_signed ||
           store_fail(c, "SignatureDoesNotMatch", NULL);
}

static bool digests_check(struct store_call *c, const checksum_value *md5)
{
    store_body *b = &c->body;
    const char *sent = call_header(c, "Content-MD5");
    if (sent && strlen(sent) != 24) return store_fail(c, "InvalidDigest", NULL);
    if (sent && strcmp(checksum_base64(md5).text, sent) != 0)
        return store_fail(c, "BadDigest", NULL);
    if (b->extra.kind == CHECKSUM_NONE) return true;
    checksum_kind kind = b->extra.kind;
    checksum_value extra = checksum_end(&b->extra);
    b->extra.kind = kind;
    checksum_text text = checksum_base64(&extra);
    (void)snprintf(b->extra_got, sizeof b->extra_got, "%s", text.text);
    if (strcmp(text.text, b->extra_wanted) == 0) return true;
    return store_fail(c, "BadDigest", "The %s you specified did not match the calculated checksum.",
                      checksum_header(kind));
}

bool body_end(struct store_call *c)
{
    store_body *b = &c->body;
    bool plain = !b->chunks && !is_unsigned(c);
    checksum_value sha256 = checksum_end(&b->sha256);
    if (plain && strcmp(checksum_hex(&sha256).text, c->signature->payload) != 0)
        return store_fail(c, "XAmzContentSHA256Mismatch", NULL);
    checksum_value md5 = checksum_end(&b->md5);
    (void)snprintf(b->etag, sizeof b->etag, "%s", checksum_hex(&md5).text);
    if (b->kind == BODY_NONE) return true;
    if (!chunks_end(c) || !digests_check(c, &md5)) return false;
    if (b->fd >= 0 && close(b->fd) != 0) {
        err e = {0};
        (void)err_sys(&e, errno, "write an object");
        b->fd = -1;
        return store_fail_inside(c, &e);
    }
    b->fd = -1;
    return true;
}

void body_keep(struct store_call *c)
{
    c->body.file[0] = '\0';
}

void body_drop(struct store_call *c)
{
    store_body *b = &c->body;
    if (b->fd >= 0) (void)close(b->fd); /* it is removed */
    if (b->file[0]) files_remove(c->s, b->file);
    checksum_drop(&b->sha256);
    checksum_drop(&b->md5);
    checksum_drop(&b->extra);
    buf_clear(&b->document);
    buf_clear(&b->trailers);
    free(b->chunks);
}
