/* store/acl.h: who may do what with a bucket or an object: grants, as text. Pure.
 *
 * A list is lines of "PERMISSION GRANTEE", the grantee being "id=<canonical id>" or "uri=<group>".
 * The owner's own FULL_CONTROL stands among them as any other. Source:
 * docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define ACL_GRANTS_MAX 100 /* S3's own limit */
#define ACL_TEXT_MAX ((size_t)64 * 1024)

typedef enum {
    ACL_READ = 1,
    ACL_WRITE = 2,
    ACL_READ_ACP = 4,
    ACL_WRITE_ACP = 8,
    ACL_FULL_CONTROL = 15,
} acl_permission;

typedef struct {
    span permission; /* "READ" */
    span grantee;    /* "id=..." */
} acl_grant;

/* Cuts the next grant off. */
bool acl_next(span *rest, acl_grant *ret);
/* 0: that is no permission. */
unsigned acl_permission_of(span name);
/* ERR_LIMIT, ERR_FORMAT: no such permission, or a grantee of no known form. */
bool acl_add(buf *list, span permission, span grantee, err *e) MUST_CHECK;
/* What somebody may do, by this list: bits of acl_permission. */
unsigned acl_rights(const char *list, const char *canonical_id);
/* Is anybody granted something but one canonical user? */
bool acl_is_public(const char *list);
bool acl_grants_others(const char *list, const char *owner);

/* A canned list by its name ("private"); ERR_FORMAT: there is none of that name. */
bool acl_canned(const char *name, const char *owner, buf *ret, err *e) MUST_CHECK;
/* The value of x-amz-grant-read and its like: id="...", uri="..." */
bool acl_header(const char *permission, const char *value, buf *list, err *e) MUST_CHECK;
