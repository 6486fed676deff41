/* What S3 says when it refuses. Codes and texts:
 * docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
#include "store/store_internal.h"

#include <stdarg.h>

#include "aws/xml.h"

static const struct {
    const char *code;
    unsigned status;
    const char *message;
} faults[] = {
    {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"},
    {"AccessDenied", 403, "Access Denied"},
    {"BadDigest", 400,
     "The Content-MD5 or checksum value that you specified did not match what the server "
     "received."},
    {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size."},
    {"EntityTooSmall", 400,
     "Your proposed upload is smaller than the minimum allowed object size."},
    {"IncompleteBody", 400,
     "You did not provide the number of bytes specified by the Content-Length HTTP header."},
    {"InternalError", 500, "We encountered an internal error. Please try again."},
    {"InvalidArgument", 400, "Invalid Argument"},
    {"InvalidBucketAclWithObjectOwnership", 400,
     "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"},
    {"InvalidBucketName", 400, "The specified bucket is not valid."},
    {"InvalidDigest", 400, "The Content-MD5 you specified is not valid."},
    {"InvalidPart", 400,
     "One or more of the specified parts could not be found. The part might not have been "
     "uploaded, "
     "or the specified entity tag might not have matched the part's entity tag."},
    {"InvalidPartOrder", 400,
     "The list of parts was not in ascending order. Parts must be ordered by part number."},
    {"InvalidRange", 416, "The requested range is not satisfiable"},
    {"InvalidRequest", 400, "The request is not valid."},
    {"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"},
    {"InvalidURI", 400, "Couldn't parse the specified URI."},
    {"KeyTooLongError", 400, "Your key is too long"},
    {"MalformedXML", 400,
     "The XML you provided was not well-formed or did not validate against our published schema"},
    {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
    {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
    {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
    {"NoSuchBucket", 404, "The specified bucket does not exist"},
    {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    {"NoSuchKey", 404, "The specified key does not exist."},
    {"NoSuchTagSet", 404, "The TagSet does not exist"},
    {"NoSuchUpload", 404,
     "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
     "been aborted or completed."},
    {"NotImplemented", 501, "A header you provided implies functionality that is not implemented"},
    {"NotModified", 304, "Not Modified"},
    {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"},
    {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"},
    {"SignatureDoesNotMatch", 403,
     "The request signature we calculated does not match the signature you provided. Check your "
     "key and signing method."},
    {"XAmzContentSHA256Mismatch", 400,
     "The provided 'x-amz-content-sha256' header does not match what was computed."},
};

static bool element(buf *out, const char *name, const char *text)
{
    return buf_printf(out, "<%s>", name) && xml_escape(span_text(text), out) &&
           buf_printf(out, "</%s>", name);
}

void store_answer_fault(store_answer *ret,
                        const char *code,
                        unsigned status,
                        const char *message,
                        const char *resource,
                        const char *id)
{
    store_answer_clear(ret);
    ret->status = status;
    ret->head = buf_of(KIB);
    ret->body = buf_of(64 * KIB);
    if (status == 304) return; /* it has no body */
    bool fits = buf_text(&ret->head, "Content-Type: application/xml\n") &&
                buf_text(&ret->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>") &&
                element(&ret->body, "Code", code) && element(&ret->body, "Message", message) &&
                element(&ret->body, "Resource", resource) && element(&ret->body, "RequestId", id) &&
                element(&ret->body, "HostId", "sandbox") && buf_text(&ret->body, "</Error>");
    if (!fits) ret->body.size = 0; /* a resource of an absurd length: the status says enough */
    ret->length = ret->body.size;
}

bool store_fail(struct store_call *c, const char *code, const char *format, ...)
{
    char text[512];
    unsigned status = 400;
    const char *message = code;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        if (strcmp(faults[i].code, code) != 0) continue;
        status = faults[i].status;
        message = faults[i].message;
    }
    if (format) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(text, sizeof text, format, args); /* or cut */
        va_end(args);
        message = text;
    }
    store_answer_fault(&c->answer, code, status, message, c->r->path, c->r->id);
    c->failed = true;
    return false;
}

bool store_fail_inside(struct store_call *c, const err *e)
{
    return store_fail(c, "InternalError", "%s", e->text);
}

void store_answer_clear(store_answer *a)
{
    buf_clear(&a->head);
    buf_clear(&a->body);
    store_reader_free(a->reader);
    *a = (store_answer){0};
}
