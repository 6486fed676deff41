/* store/documents.h: the bodies of S3's calls that are XML. Pure.
 *
 * Everything found lives in the arena. ERR_FORMAT: it is not that document. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define DOCUMENT_DELETE_MAX ((size_t)1000)
#define DOCUMENT_PARTS_MAX ((size_t)10000)

typedef struct {
    const char **keys;
    size_t count;
    bool quiet;
} document_delete;
bool document_delete_read(span xml, arena *memory, document_delete *ret, err *e) MUST_CHECK;

typedef struct {
    int64_t number;
    const char *etag; /* as sent, quotes or not */
} document_part;
typedef struct {
    document_part *parts;
    size_t count;
} document_complete;
bool document_complete_read(span xml, arena *memory, document_complete *ret, err *e) MUST_CHECK;

/* A list of grants as acl.h keeps it. */
bool document_acl_read(span xml, buf *list, err *e) MUST_CHECK;
/* "BucketOwnerEnforced" and its like. */
bool document_ownership_read(span xml, arena *memory, const char **ret, err *e) MUST_CHECK;
/* The place of a new bucket; "" when the body is empty or names none. */
bool document_location_read(span xml, arena *memory, const char **ret, err *e) MUST_CHECK;
