/* The operations of S3 that are here: one row each. What is no row is told as not implemented. */
#include "store/store_internal.h"

#define LISTING "prefix delimiter max-keys encoding-type"
#define RESPONSE                                                                                   \
    "response-content-type response-content-language response-expires response-cache-control "     \
    "response-content-disposition response-content-encoding"

static const store_operation operations[] = {
    {"GET", 's', NULL, NULL, "ListBuckets", "prefix max-buckets continuation-token bucket-region",
     BODY_NONE, NULL, list_buckets},

    {"GET", 'b', "location", NULL, "GetBucketLocation", "", BODY_NONE, NULL, get_location},
    {"GET", 'b', "versioning", NULL, "GetBucketVersioning", "", BODY_NONE, NULL, get_versioning},
    {"GET", 'b', "encryption", NULL, "GetBucketEncryption", "", BODY_NONE, NULL, get_encryption},
    {"GET", 'b', "policy", NULL, "GetBucketPolicy", "", BODY_NONE, NULL, get_policy},
    {"GET", 'b', "tagging", NULL, "GetBucketTagging", "", BODY_NONE, NULL, get_bucket_tags},
    {"GET", 'b', "publicAccessBlock", NULL, "GetPublicAccessBlock", "", BODY_NONE, NULL,
     get_public_block},
    {"GET", 'b', "ownershipControls", NULL, "GetBucketOwnershipControls", "", BODY_NONE, NULL,
     get_ownership},
    {"PUT", 'b', "ownershipControls", NULL, "PutBucketOwnershipControls", "", BODY_DOCUMENT, NULL,
     put_ownership},
    {"DELETE", 'b', "ownershipControls", NULL, "DeleteBucketOwnershipControls", "", BODY_NONE, NULL,
     delete_ownership},
    {"GET", 'b', "acl", NULL, "GetBucketAcl", "", BODY_NONE, NULL, get_bucket_acl},
    {"PUT", 'b', "acl", NULL, "PutBucketAcl", "", BODY_DOCUMENT, NULL, put_bucket_acl},
    {"GET", 'b', "uploads", NULL, "ListMultipartUploads",
     "prefix delimiter max-uploads key-marker upload-id-marker encoding-type", BODY_NONE, NULL,
     list_uploads},
    {"POST", 'b', "delete", NULL, "DeleteObjects", "", BODY_DOCUMENT, NULL, delete_objects},
    {"GET", 'b', "list-type", NULL, "ListObjectsV2",
     LISTING " continuation-token start-after fetch-owner", BODY_NONE, NULL, list_objects_2},
    {"GET", 'b', NULL, NULL, "ListObjects", LISTING " marker", BODY_NONE, NULL, list_objects},
    {"HEAD", 'b', NULL, NULL, "HeadBucket", "", BODY_NONE, NULL, head_bucket},
    {"PUT", 'b', NULL, NULL, "CreateBucket", "", BODY_DOCUMENT, create_bucket_check, create_bucket},
    {"DELETE", 'b', NULL, NULL, "DeleteBucket", "", BODY_NONE, NULL, delete_bucket},

    {"GET", 'o', "acl", NULL, "GetObjectAcl", "", BODY_NONE, NULL, get_object_acl},
    {"PUT", 'o', "acl", NULL, "PutObjectAcl", "", BODY_DOCUMENT, NULL, put_object_acl},
    {"GET", 'o', "tagging", NULL, "GetObjectTagging", "", BODY_NONE, NULL, get_object_tags},
    {"GET", 'o', "uploadId", NULL, "ListParts", "max-parts part-number-marker encoding-type",
     BODY_NONE, NULL, list_parts},
    {"POST", 'o', "uploads", NULL, "CreateMultipartUpload", "", BODY_NONE, put_object_check,
     create_upload},
    {"POST", 'o', "uploadId", NULL, "CompleteMultipartUpload", "", BODY_DOCUMENT, NULL,
     complete_upload},
    {"DELETE", 'o', "uploadId", NULL, "AbortMultipartUpload", "", BODY_NONE, NULL, abort_upload},
    {"PUT", 'o', "uploadId", "x-amz-copy-source", "UploadPartCopy", "partNumber", BODY_NONE,
     upload_part_check, upload_part_copy},
    {"PUT", 'o', "uploadId", NULL, "UploadPart", "partNumber", BODY_DATA, upload_part_check,
     upload_part},
    {"PUT", 'o', NULL, "x-amz-copy-source", "CopyObject", "", BODY_NONE, put_object_check,
     copy_object},
    {"GET", 'o', NULL, NULL, "GetObject", RESPONSE, BODY_NONE, NULL, get_object},
    {"HEAD", 'o', NULL, NULL, "HeadObject", RESPONSE, BODY_NONE, NULL, get_object},
    {"PUT", 'o', NULL, NULL, "PutObject", "", BODY_DATA, put_object_check, put_object},
    {"DELETE", 'o', NULL, NULL, "DeleteObject", "", BODY_NONE, NULL, delete_object},
};

const store_operation *store_operation_at(size_t n)
{
    return n < COUNT_OF(operations) ? &operations[n] : NULL;
}
