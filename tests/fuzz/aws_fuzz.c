/* What comes from outside to the AWS client, of any bytes: an answer's XML, a fault, a shared file,
 * a giver's JSON. Checked: nothing is read out of bounds, nothing is leaked, and what fails says
 * so. */
#include "aws/fault.h"
#include "aws/keys.h"
#include "aws/profile.h"
#include "aws/xml.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void profile_try(span text, profile_file kind)
{
    profile p = {.name = mem_text(span_text("default"))};
    err e = {0};
    if (!profile_read(text, kind, &p, &e)) assert(e.kind == ERR_FORMAT || e.kind == ERR_LIMIT);
    for (size_t i = 0; i < p.count; i++)
        assert(profile_get(&p, p.at[i].name) == &p.at[i].value); /* each name once */
    profile_clear(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena memory = {0};
    aws_keys keys = {0};
    const xml_node *root = NULL;
    err e = {0};
    span all = span_of(data, size);
    if (size == 0 || size > INPUT_MAX) return 0;
    if (xml_read(all, &memory, &root, &e)) {
        assert(root && *root->name);
        (void)xml_text(root, "Result/Marker");
    } else {
        assert(*e.text);
    }
    arena_clear(&memory);
    aws_fault f = aws_fault_read(400, all);
    assert(*f.code);
    (void)aws_fault_err(&f, "s3", &e);
    profile_try(all, PROFILE_CREDENTIALS);
    profile_try(all, PROFILE_CONFIG);
    if (aws_keys_read_json(all, data[0] & 1, &keys, &e)) assert(*keys.id && keys.key.size);
    aws_keys_clear(&keys);
    return 0;
}
