/* A form of any bytes. Checked: nothing is read out of bounds, and every pair of a form that was
 * taken can be looked up by its name. */
#include "sandbox/form.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena memory = {0};
    form f = {0};
    err e = {0};
    if (size > INPUT_MAX) return 0;
    if (form_parse(span_of(data, size), &memory, &f, &e)) {
        assert(f.count <= FORM_PAIRS_MAX);
        for (size_t i = 0; i < f.count && i < 100; i++)
            assert(form_text(&f, f.pairs[i].name) != NULL);
        (void)form_item(&f, "Tags", "Tag", size, "Key");
    }
    arena_clear(&memory);
    return 0;
}
