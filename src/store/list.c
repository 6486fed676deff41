/* Lists of keys: both versions, with prefix, delimiter and pages; and of uploads. */
#include "store/store_internal.h"

#define KEYS_MAX 1000

typedef struct {
    const char *prefix;
    const char *delimiter;
    int64_t max;
    bool encodes; /* encoding-type=url */
    bool owners;
    int64_t count;
    const char *last; /* the last key, or prefix, that was told */
    bool is_truncated;
} listing;

static bool listing_take(struct store_call *c, const char *max_name, listing *l)
{
    const char *encoding = target_parameter_of(&c->t, "encoding-type");
    const char *max = target_parameter_of(&c->t, max_name);
    const char *prefix = target_parameter_of(&c->t, "prefix");
    const char *delimiter = target_parameter_of(&c->t, "delimiter");
    *l = (listing){.prefix = prefix ? prefix : "",
                   .delimiter = delimiter ? delimiter : "",
                   .max = KEYS_MAX,
                   .encodes = encoding != NULL,
                   .last = ""};
    if (encoding && strcmp(encoding, "url") != 0)
        return store_fail(c, "InvalidArgument", "Invalid Encoding Method specified in Request");
    if (max && (!span_to_i64(span_text(max), &l->max) || l->max < 0)) {
        return store_fail(c, "InvalidArgument",
                          "Provided %s not an integer or within integer range", max_name);
    }
    if (l->max > KEYS_MAX) l->max = KEYS_MAX;
    return true;
}

/* A key as the answer has it. */
static const char *shown_key(struct store_call *c, const listing *l, const char *key)
{
    CLEANUP(buf_clear) buf out = buf_of(4 * TARGET_KEY_MAX);
    if (!l->encodes) return key;
    bool fits = sigv4_encode(span_text(key), true, &out);
    assert(fits); /* three bytes for one, of a key of a known size */
    return arena_text(&c->memory, buf_span(&out));
}

/* "a/b/" of "a/b/c" for the prefix "a/"; NULL: the key stands for itself. */
static const char *common_of(struct store_call *c, const listing *l, const char *key)
{
    const char *from = key + strlen(l->prefix);
    const char *at = *l->delimiter ? strstr(from, l->delimiter) : NULL;
    if (!at) return NULL;
    return arena_text(&c->memory, span_of(key, (size_t)(at - key) + strlen(l->delimiter)));
}

/* The first text that is greater than all that begin with this one: its last byte plus one. 0xff is
 * in no UTF-8, so that it stays a byte. */
static const char *behind(struct store_call *c, const char *common)
{
    char *next = arena_text(&c->memory, span_text(common));
    size_t size = strlen(next);
    next[size - 1] = (char)((unsigned char)next[size - 1] + 1);
    return next;
}

static void key_tell(struct store_call *c, const listing *l, const object_row *o)
{
    answer_open(c, "Contents");
    answer_text(c, "Key", shown_key(c, l, o->key));
    answer_time(c, "LastModified", o->modified_ms);
    answer_etag(c, o->etag);
    answer_number(c, "Size", o->size);
    if (l->owners) answer_owner(c, "Owner");
    answer_text(c, "StorageClass", "STANDARD");
    answer_close(c, "Contents");
}

static void common_tell(struct store_call *c, const listing *l, const char *common)
{
    answer_open(c, "CommonPrefixes");
    answer_text(c, "Prefix", shown_key(c, l, common));
    answer_close(c, "CommonPrefixes");
}

/* Tells keys that are greater than `after`, which may be a common prefix of the page before. */
static bool keys_tell(struct store_call *c, listing *l, const char *after)
{
    err e = {0};
    bool found = true;
    bool inclusive = false;
    object_row o = {0};
    const char *from = after;
    const char *common =
        strncmp(after, l->prefix, strlen(l->prefix)) == 0 ? common_of(c, l, after) : NULL;
    if (strcmp(after, l->prefix) < 0) from = l->prefix;
    if (from == l->prefix) inclusive = true;
    if (common && strcmp(common, after) == 0) {
        from = behind(c, after);
        inclusive = true;
    }
    for (;;) {
        if (!index_object_after(c->s, c->bucket.name, from, inclusive, &c->memory, &o, &found, &e))
            return store_fail_inside(c, &e);
        if (!found || strncmp(o.key, l->prefix, strlen(l->prefix)) != 0) return true;
        if (l->count >= l->max) break;
        common = common_of(c, l, o.key);
        l->last = common ? common : o.key;
        l->count++;
        if (common) {
            common_tell(c, l, common);
        } else {
            key_tell(c, l, &o);
        }
        from = common ? behind(c, common) : o.key;
        inclusive = common != NULL;
    }
    l->is_truncated = l->max > 0;
    return true;
}

static void listing_tell(struct store_call *c, const listing *l)
{
    answer_text(c, "Name", c->bucket.name);
    answer_text(c, "Prefix", shown_key(c, l, l->prefix));
    if (*l->delimiter) answer_text(c, "Delimiter", shown_key(c, l, l->delimiter));
    answer_number(c, "MaxKeys", (uint64_t)l->max);
    if (l->encodes) answer_text(c, "EncodingType", "url");
    answer_text(c, "IsTruncated", l->is_truncated ? "true" : "false");
}

bool list_objects(struct store_call *c)
{
    listing l = {0};
    const char *marker = target_parameter_of(&c->t, "marker");
    if (!listing_take(c, "max-keys", &l)) return false;
    l.owners = true;
    answer_begin(c, "ListBucketResult");
    if (!keys_tell(c, &l, marker ? marker : "")) return false;
    listing_tell(c, &l);
    answer_text(c, "Marker", shown_key(c, &l, marker ? marker : ""));
    if (l.is_truncated && *l.delimiter) answer_text(c, "NextMarker", shown_key(c, &l, l.last));
    return answer_end(c, "ListBucketResult");
}

bool list_objects_2(struct store_call *c)
{
    listing l = {0};
    const char *token = target_parameter_of(&c->t, "continuation-token");
    const char *start = target_parameter_of(&c->t, "start-after");
    const char *owners = target_parameter_of(&c->t, "fetch-owner");
    const char *type = target_parameter_of(&c->t, "list-type");
    if (strcmp(type, "2") != 0) return store_fail(c, "InvalidArgument", "Invalid list-type");
    if (token && !*token)
        return store_fail(c, "InvalidArgument", "The continuation token provided is incorrect");
    if (!listing_take(c, "max-keys", &l)) return false;
    l.owners = owners && strcmp(owners, "true") == 0;
    answer_begin(c, "ListBucketResult");
    if (!keys_tell(c, &l, token ? token : start ? start : "")) return false;
    listing_tell(c, &l);
    answer_number(c, "KeyCount", (uint64_t)l.count);
    if (token) answer_text(c, "ContinuationToken", token);
    if (start) answer_text(c, "StartAfter", shown_key(c, &l, start));
    if (l.is_truncated) answer_text(c, "NextContinuationToken", l.last);
    return answer_end(c, "ListBucketResult");
}

/* --- uploads --------------------------------------------------------------------------------- */

static void upload_tell(struct store_call *c, const listing *l, const upload_row *u)
{
    answer_open(c, "Upload");
    answer_text(c, "Key", shown_key(c, l, u->key));
    answer_text(c, "UploadId", u->id);
    answer_owner(c, "Initiator");
    answer_owner(c, "Owner");
    answer_text(c, "StorageClass", "STANDARD");
    answer_time(c, "Initiated", u->started_ms);
    answer_close(c, "Upload");
}

bool list_uploads(struct store_call *c)
{
    listing l = {0};
    err e = {0};
    bool found = true;
    const char *key = target_parameter_of(&c->t, "key-marker");
    const char *id = target_parameter_of(&c->t, "upload-id-marker");
    if (!listing_take(c, "max-uploads", &l)) return false;
    if (*l.delimiter) {
        return store_fail(c, "NotImplemented",
                          "The sandbox does not have the parameter delimiter of "
                          "ListMultipartUploads.");
    }
    /* Without an id all uploads of that key lie before the page: "~" is behind every id. */
    upload_row u = {.key = key ? key : "", .id = id ? id : key ? "~" : ""};
    answer_begin(c, "ListMultipartUploadsResult");
    answer_text(c, "Bucket", c->bucket.name);
    answer_text(c, "KeyMarker", shown_key(c, &l, u.key));
    answer_text(c, "UploadIdMarker", id ? id : "");
    upload_row last = u;
    for (;;) {
        if (!index_upload_after(c->s, c->bucket.name, u.key, u.id, &c->memory, &u, &found, &e))
            return store_fail_inside(c, &e);
        if (!found) break;
        if (strncmp(u.key, l.prefix, strlen(l.prefix)) != 0) continue;
        if (l.count == l.max) {
            l.is_truncated = true;
            break;
        }
        upload_tell(c, &l, &u);
        last = u;
        l.count++;
    }
    answer_text(c, "Prefix", shown_key(c, &l, l.prefix));
    if (l.encodes) answer_text(c, "EncodingType", "url");
    answer_number(c, "MaxUploads", (uint64_t)l.max);
    answer_text(c, "IsTruncated", l.is_truncated ? "true" : "false");
    if (l.is_truncated) {
        answer_text(c, "NextKeyMarker", shown_key(c, &l, last.key));
        answer_text(c, "NextUploadIdMarker", last.id);
    }
    return answer_end(c, "ListMultipartUploadsResult");
}
