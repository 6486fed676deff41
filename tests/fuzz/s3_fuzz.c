/* What a request to S3 says: the first byte tells which part of it the rest is. Checked: nothing is
 * read out of bounds, and what was taken keeps its rules. */
#include "store/acl.h"
#include "store/checksum.h"
#include "store/documents.h"
#include "store/target.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address(const char *text, arena *memory)
{
    target t = {0};
    err e = {0};
    size_t path = strcspn(text, "?");
    const char *query = text[path] ? text + path + 1 : "";
    if (target_read(text, arena_text(memory, span_of(text, path)), query, memory, &t, &e)) {
        assert(strlen(t.key) <= TARGET_KEY_MAX);
        for (size_t i = 0; i < t.count; i++)
            assert(target_parameter_of(&t, t.parameters[i].name) != NULL);
    }
    (void)target_source_read(text, memory, &t, &e);
    if (target_bucket_is_good(text)) assert(strlen(text) >= 3 && !strstr(text, ".."));
}

static void range(const char *text)
{
    uint64_t first = 0;
    uint64_t count = 0;
    if (target_range(text, 1000, &first, &count)) assert(count == 0 || first + count <= 1000);
}

static void documents(span xml, arena *memory)
{
    err e = {0};
    document_delete d = {0};
    document_complete p = {0};
    buf list = buf_of(ACL_TEXT_MAX);
    const char *word = NULL;
    if (document_delete_read(xml, memory, &d, &e)) assert(d.count <= DOCUMENT_DELETE_MAX);
    if (document_complete_read(xml, memory, &p, &e)) assert(p.count <= DOCUMENT_PARTS_MAX);
    if (document_acl_read(xml, &list, &e)) {
        span rest = buf_span(&list);
        acl_grant g = {0};
        while (acl_next(&rest, &g))
            assert(acl_permission_of(g.permission) != 0);
        assert(rest.size == 0);
    }
    (void)document_ownership_read(xml, memory, &word, &e);
    (void)document_location_read(xml, memory, &word, &e);
    buf_clear(&list);
}

static void grants(const char *text)
{
    buf list = buf_of(ACL_TEXT_MAX);
    err e = {0};
    if (acl_header("READ", text, &list, &e) && buf_u8(&list, 0))
        assert(acl_rights((const char *)list.at, "x") <= ACL_FULL_CONTROL);
    buf_clear(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena memory = {0};
    if (size == 0 || size > INPUT_MAX) return 0;
    const char *text = arena_text(&memory, span_of(data + 1, size - 1));
    switch (data[0] % 4) {
    case 0:
        address(text, &memory);
        break;
    case 1:
        documents(span_of(data + 1, size - 1), &memory);
        break;
    case 2:
        grants(text);
        break;
    default:
        range(text);
        break;
    }
    arena_clear(&memory);
    return 0;
}
