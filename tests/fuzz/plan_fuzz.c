/* Plans of any bytes. Checked: nothing is read out of bounds, a refusal names its line and what to
 * do, and a plan that is taken can be printed in both forms, without what is no secret's place. */
#include <stdlib.h>

#include "provision/provision.h"

#define INPUT_MAX (16 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX) return 0;
    arena memory = {0};
    err e = {0};
    plan p;
    if (plan_read(span_of(data, size), "plan.yml", &memory, &p, &e)) {
        char *text = NULL;
        size_t written = 0;
        FILE *out = open_memstream(&text, &written);
        assert(out);
        assert(p.name.text && p.id.text && p.family.text && p.user_count <= PLAN_USERS_MAX);
        assert(provision_print_cli(&p, out, &e) && provision_print_template(&p, out, &e));
        (void)fclose(out); /* memory */
        free(text);
    } else {
        assert(e.kind == ERR_USAGE && strstr(e.text, "line ") && e.hint[0]);
    }
    arena_clear(&memory);
    return 0;
}
