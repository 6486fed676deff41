/* Lists of who may do what, and whether a bucket has such lists at all (Object Ownership). Source:
 * docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html */
#include "store/store_internal.h"

#include <strings.h>

#include "store/acl.h"
#include "store/documents.h"

#define ENFORCED "BucketOwnerEnforced"

bool bucket_is_enforced(const bucket_row *b)
{
    return strcmp(b->ownership, ENFORCED) == 0;
}

bool ownership_check(struct store_call *c, const char *ownership)
{
    static const char *const known[] = {ENFORCED, "BucketOwnerPreferred", "ObjectWriter"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i], ownership) == 0) return true;
    return store_fail(c, "MalformedXML", NULL);
}

static const struct {
    const char *header;
    const char *permission;
} grants[] = {{"x-amz-grant-read", "READ"},
              {"x-amz-grant-write", "WRITE"},
              {"x-amz-grant-read-acp", "READ_ACP"},
              {"x-amz-grant-write-acp", "WRITE_ACP"},
              {"x-amz-grant-full-control", "FULL_CONTROL"}};

/* Buckets block public lists from the beginning: docs, "Blocking public access". */
static bool list_check(struct store_call *c, const char *list, bool enforced)
{
    if (enforced && acl_grants_others(list, c->s->owner))
        return store_fail(c, "AccessControlListNotSupported", NULL);
    if (!acl_is_public(list)) return true;
    return store_fail(c, "AccessDenied",
                      "Public access is blocked by the settings of the bucket (BlockPublicAcls).");
}

static bool grants_take(struct store_call *c, buf *list, bool *ret_some)
{
    err e = {0};
    for (size_t i = 0; i < COUNT_OF(grants); i++) {
        const char *value = call_header(c, grants[i].header);
        if (!value) continue;
        *ret_some = true;
        if (!acl_header(grants[i].permission, value, list, &e))
            return store_fail(c, "InvalidArgument", "%s", e.text);
    }
    return true;
}

bool rights_take(struct store_call *c, bool enforced, const char **ret_acl)
{
    CLEANUP(buf_clear) buf list = buf_of(ACL_TEXT_MAX);
    err e = {0};
    bool some = false;
    const char *canned = call_header(c, "X-Amz-Acl");
    if (!grants_take(c, &list, &some)) return false;
    if (some && canned) {
        return store_fail(c, "InvalidRequest",
                          "Specifying both Canned ACLs and Header Grants is not allowed");
    }
    if (enforced && canned && strcmp(canned, "bucket-owner-full-control") != 0)
        return store_fail(c, "AccessControlListNotSupported", NULL);
    if (!some && !acl_canned(canned ? canned : "private", c->s->owner, &list, &e))
        return store_fail(c, "InvalidArgument", "%s", e.text);
    *ret_acl = arena_text(&c->memory, buf_span(&list));
    return list_check(c, *ret_acl, enforced);
}

/* Of PutBucketAcl and PutObjectAcl: by headers, or as a document. */
static bool new_list(struct store_call *c, bool enforced, const char **ret)
{
    CLEANUP(buf_clear) buf list = buf_of(ACL_TEXT_MAX);
    err e = {0};
    if (c->body.document.size == 0) return rights_take(c, enforced, ret);
    if (!document_acl_read(buf_span(&c->body.document), &list, &e)) {
        bool names = e.kind == ERR_FORMAT && strcmp(e.text, "Invalid id") == 0;
        return store_fail(c, names ? "InvalidArgument" : "MalformedXML", "%s", e.text);
    }
    *ret = arena_text(&c->memory, buf_span(&list));
    return list_check(c, *ret, enforced);
}

static bool list_show(struct store_call *c, const char *list)
{
    span rest = span_text(list);
    acl_grant g = {0};
    answer_begin(c, "AccessControlPolicy");
    answer_owner(c, "Owner");
    answer_open(c, "AccessControlList");
    while (acl_next(&rest, &g)) {
        bool user = span_starts(g.grantee, "id=");
        const char *name = arena_text(&c->memory, span_tail(g.grantee, user ? 3 : 4));
        answer_open(c, "Grant");
        answer_open(c, user ? "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                              "xsi:type=\"CanonicalUser\""
                            : "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                              "xsi:type=\"Group\"");
        answer_text(c, user ? "ID" : "URI", name);
        answer_close(c, "Grantee");
        answer_text(c, "Permission", arena_text(&c->memory, g.permission));
        answer_close(c, "Grant");
    }
    answer_close(c, "AccessControlList");
    return answer_end(c, "AccessControlPolicy");
}

bool get_bucket_acl(struct store_call *c)
{
    return list_show(c, c->bucket.acl);
}

bool put_bucket_acl(struct store_call *c)
{
    err e = {0};
    bool enforced = bucket_is_enforced(&c->bucket);
    if (!new_list(c, enforced, &c->bucket.acl)) return false;
    c->answer.status = 200;
    return index_bucket_put(c->s, &c->bucket, &e) || store_fail_inside(c, &e);
}

bool get_object_acl(struct store_call *c)
{
    object_row o = {0};
    return object_of_call(c, &o) && list_show(c, o.acl);
}

bool put_object_acl(struct store_call *c)
{
    err e = {0};
    object_row o = {0};
    if (!object_of_call(c, &o) || !new_list(c, bucket_is_enforced(&c->bucket), &o.acl))
        return false;
    c->answer.status = 200;
    return index_object_put(c->s, c->bucket.name, &o, &e) || store_fail_inside(c, &e);
}

/* --- Object Ownership ------------------------------------------------------------------------ */

bool get_ownership(struct store_call *c)
{
    if (!*c->bucket.ownership) return store_fail(c, "OwnershipControlsNotFoundError", NULL);
    answer_begin(c, "OwnershipControls");
    answer_open(c, "Rule");
    answer_text(c, "ObjectOwnership", c->bucket.ownership);
    answer_close(c, "Rule");
    return answer_end(c, "OwnershipControls");
}

bool put_ownership(struct store_call *c)
{
    err e = {0};
    const char *ownership = NULL;
    if (!document_ownership_read(buf_span(&c->body.document), &c->memory, &ownership, &e))
        return store_fail(c, "MalformedXML", NULL);
    if (!ownership_check(c, ownership)) return false;
    if (strcmp(ownership, ENFORCED) == 0 && acl_grants_others(c->bucket.acl, c->s->owner))
        return store_fail(c, "InvalidBucketAclWithObjectOwnership", NULL);
    c->bucket.ownership = ownership;
    c->answer.status = 200;
    return index_bucket_put(c->s, &c->bucket, &e) || store_fail_inside(c, &e);
}

bool delete_ownership(struct store_call *c)
{
    err e = {0};
    c->bucket.ownership = ""; /* as buckets from before 2023: lists count */
    c->answer.status = 204;
    return index_bucket_put(c->s, &c->bucket, &e) || store_fail_inside(c, &e);
}
