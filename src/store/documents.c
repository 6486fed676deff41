#include "store/documents.h"

#include "aws/xml.h"
#include "store/acl.h"

static bool root_read(span xml, const char *name, arena *memory, const xml_node **ret, err *e)
{
    if (!xml_read(xml, memory, ret, e)) return false;
    return strcmp((*ret)->name, name) == 0 || err_set(e, ERR_FORMAT, "it is no %s", name);
}

static size_t children_count(const xml_node *first)
{
    size_t count = 0;
    for (const xml_node *n = first; n; n = xml_next(n))
        count++;
    return count;
}

bool document_delete_read(span xml, arena *memory, document_delete *ret, err *e)
{
    const xml_node *root = NULL;
    document_delete d = {0};
    if (!root_read(xml, "Delete", memory, &root, e)) return false;
    const xml_node *first = xml_at(root, "Object");
    size_t count = children_count(first);
    if (count == 0 || count > DOCUMENT_DELETE_MAX)
        return err_set(e, ERR_FORMAT, "it names no object, or more than %zu", DOCUMENT_DELETE_MAX);
    d.keys = arena_alloc(memory, count * sizeof *d.keys);
    for (const xml_node *n = first; n; n = xml_next(n)) {
        const char *key = xml_text(n, "Key");
        if (!*key) return err_set(e, ERR_FORMAT, "an object without a key");
        d.keys[d.count++] = key;
    }
    d.quiet = strcmp(xml_text(root, "Quiet"), "true") == 0;
    *ret = d;
    return true;
}

bool document_complete_read(span xml, arena *memory, document_complete *ret, err *e)
{
    const xml_node *root = NULL;
    document_complete d = {0};
    if (!root_read(xml, "CompleteMultipartUpload", memory, &root, e)) return false;
    const xml_node *first = xml_at(root, "Part");
    size_t count = children_count(first);
    if (count == 0 || count > DOCUMENT_PARTS_MAX)
        return err_set(e, ERR_FORMAT, "it names no part, or more than %zu", DOCUMENT_PARTS_MAX);
    d.parts = arena_alloc(memory, count * sizeof *d.parts);
    for (const xml_node *n = first; n; n = xml_next(n)) {
        document_part *p = &d.parts[d.count++];
        p->etag = xml_text(n, "ETag");
        if (!span_to_i64(span_text(xml_text(n, "PartNumber")), &p->number) || !*p->etag)
            return err_set(e, ERR_FORMAT, "a part without a number or an ETag");
    }
    *ret = d;
    return true;
}

bool document_acl_read(span xml, buf *list, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const xml_node *root = NULL;
    if (!root_read(xml, "AccessControlPolicy", &memory, &root, e)) return false;
    for (const xml_node *n = xml_at(root, "AccessControlList/Grant"); n; n = xml_next(n)) {
        const char *id = xml_text(n, "Grantee/ID");
        const char *uri = xml_text(n, "Grantee/URI");
        const char *grantee = arena_printf(&memory, "%s=%s", *id ? "id" : "uri", *id ? id : uri);
        if (!acl_add(list, span_text(xml_text(n, "Permission")), span_text(grantee), e))
            return false;
    }
    return true;
}

bool document_ownership_read(span xml, arena *memory, const char **ret, err *e)
{
    const xml_node *root = NULL;
    if (!root_read(xml, "OwnershipControls", memory, &root, e)) return false;
    *ret = xml_text(root, "Rule/ObjectOwnership");
    return true;
}

bool document_location_read(span xml, arena *memory, const char **ret, err *e)
{
    const xml_node *root = NULL;
    *ret = "";
    if (xml.size == 0) return true;
    if (!root_read(xml, "CreateBucketConfiguration", memory, &root, e)) return false;
    *ret = xml_text(root, "LocationConstraint");
    return true;
}
