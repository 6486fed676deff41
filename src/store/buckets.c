/* Buckets: made, shown, removed. */
#include "store/store_internal.h"

#include "base/clock.h"
#include "store/acl.h"
#include "store/documents.h"

#define BUCKETS_MAX 10000

bool list_buckets(struct store_call *c)
{
    err e = {0};
    const char *prefix = target_parameter_of(&c->t, "prefix");
    const char *after = target_parameter_of(&c->t, "continuation-token");
    const char *most = target_parameter_of(&c->t, "max-buckets");
    int64_t left = BUCKETS_MAX;
    if (most && (!span_to_i64(span_text(most), &left) || left < 1 || left > BUCKETS_MAX)) {
        return store_fail(c, "InvalidArgument", "max-buckets is a number from 1 to %d.",
                          BUCKETS_MAX);
    }
    bucket_row b = {.name = after ? after : ""};
    bool found = true;
    answer_begin(c, "ListAllMyBucketsResult");
    answer_owner(c, "Owner");
    answer_open(c, "Buckets");
    for (;;) {
        const char *before = b.name;
        if (!index_bucket_after(c->s, b.name, &c->memory, &b, &found, &e))
            return store_fail_inside(c, &e);
        if (!found) break;
        if (prefix && strncmp(b.name, prefix, strlen(prefix)) != 0) continue;
        if (left-- == 0) {
            answer_close(c, "Buckets");
            answer_text(c, "ContinuationToken", before);
            return answer_end(c, "ListAllMyBucketsResult");
        }
        answer_open(c, "Bucket");
        answer_text(c, "Name", b.name);
        answer_time(c, "CreationDate", b.created_ms);
        answer_text(c, "BucketRegion", c->s->region);
        answer_close(c, "Bucket");
    }
    answer_close(c, "Buckets");
    return answer_end(c, "ListAllMyBucketsResult");
}

bool create_bucket_check(struct store_call *c)
{
    const char *lock = call_header(c, "X-Amz-Bucket-Object-Lock-Enabled");
    if (!target_bucket_is_good(c->t.bucket)) return store_fail(c, "InvalidBucketName", NULL);
    if (lock && strcmp(lock, "false") != 0 && strcmp(lock, "False") != 0)
        return store_fail(c, "NotImplemented", "The sandbox does not have object lock.");
    return true;
}

/* Lists of a new bucket need another ownership than the one it has by default. */
static bool rights_of_new(struct store_call *c, bucket_row *b)
{
    const char *ownership = call_header(c, "X-Amz-Object-Ownership");
    b->ownership = ownership ? ownership : "BucketOwnerEnforced";
    if (!ownership_check(c, b->ownership) || !rights_take(c, false, &b->acl)) return false;
    return !bucket_is_enforced(b) || !acl_grants_others(b->acl, c->s->owner) ||
           store_fail(c, "InvalidBucketAclWithObjectOwnership", NULL);
}

bool create_bucket(struct store_call *c)
{
    err e = {0};
    bool found = false;
    const char *place = "";
    bucket_row b = {.name = c->t.bucket, .created_ms = clock_wall_ms()};
    if (!document_location_read(buf_span(&c->body.document), &c->memory, &place, &e))
        return store_fail(c, "MalformedXML", NULL);
    if (*place && strcmp(place, c->s->region) != 0) {
        return store_fail(c, "InvalidLocationConstraint",
                          "The specified location-constraint is not valid: the sandbox is in %s",
                          c->s->region);
    }
    if (!rights_of_new(c, &b)) return false;
    if (!index_bucket(c->s, b.name, &c->memory, &c->bucket, &found, &e))
        return store_fail_inside(c, &e);
    /* In us-east-1 making one's own bucket again is no error. */
    if (!found && !index_bucket_put(c->s, &b, &e)) return store_fail_inside(c, &e);
    c->answer.status = 200;
    answer_head(c, "Location", "/%s", b.name);
    return true;
}

bool head_bucket(struct store_call *c)
{
    c->answer.status = 200;
    answer_head(c, "x-amz-bucket-region", "%s", c->s->region);
    answer_head(c, "Content-Type", "application/xml");
    return true;
}

static bool uploads_delete(struct store_call *c, err *e)
{
    for (;;) {
        upload_row u = {0};
        part_row p = {0};
        bool found = false;
        if (!index_upload_after(c->s, c->bucket.name, "", "", &c->memory, &u, &found, e))
            return false;
        if (!found) return true;
        for (;;) {
            if (!index_part_after(c->s, u.id, p.number, &c->memory, &p, &found, e)) return false;
            if (!found) break;
            files_remove(c->s, p.file);
        }
        if (!index_upload_delete(c->s, u.id, e)) return false;
    }
}

bool delete_bucket(struct store_call *c)
{
    err e = {0};
    bool empty = false;
    if (!index_bucket_is_empty(c->s, c->bucket.name, &empty, &e)) return store_fail_inside(c, &e);
    if (!empty) return store_fail(c, "BucketNotEmpty", NULL);
    c->answer.status = 204;
    return (uploads_delete(c, &e) && index_bucket_delete(c->s, c->bucket.name, &e)) ||
           store_fail_inside(c, &e);
}

/* --- what every bucket here has -------------------------------------------------------------- */

bool get_location(struct store_call *c)
{
    answer_begin(c, "LocationConstraint"); /* empty: us-east-1, where the sandbox is */
    return answer_end(c, "LocationConstraint");
}

bool get_versioning(struct store_call *c)
{
    answer_begin(c, "VersioningConfiguration"); /* never asked for */
    return answer_end(c, "VersioningConfiguration");
}

bool get_encryption(struct store_call *c)
{
    answer_begin(c, "ServerSideEncryptionConfiguration");
    answer_open(c, "Rule");
    answer_open(c, "ApplyServerSideEncryptionByDefault");
    answer_text(c, "SSEAlgorithm", "AES256");
    answer_close(c, "ApplyServerSideEncryptionByDefault");
    answer_text(c, "BucketKeyEnabled", "false");
    answer_close(c, "Rule");
    return answer_end(c, "ServerSideEncryptionConfiguration");
}

bool get_public_block(struct store_call *c)
{
    static const char *const settings[] = {"BlockPublicAcls", "IgnorePublicAcls",
                                           "BlockPublicPolicy", "RestrictPublicBuckets"};
    answer_begin(c, "PublicAccessBlockConfiguration");
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        answer_text(c, settings[i], "true");
    return answer_end(c, "PublicAccessBlockConfiguration");
}

bool get_policy(struct store_call *c)
{
    return store_fail(c, "NoSuchBucketPolicy", NULL);
}

bool get_bucket_tags(struct store_call *c)
{
    return store_fail(c, "NoSuchTagSet", NULL);
}

bool get_object_tags(struct store_call *c)
{
    object_row o = {0};
    if (!object_of_call(c, &o)) return false;
    answer_begin(c, "Tagging");
    answer_open(c, "TagSet");
    answer_close(c, "TagSet");
    return answer_end(c, "Tagging");
}
