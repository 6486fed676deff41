/* Rules of an ACL user of any bytes, as access strings of every target. Checked: nothing is read
 * out of bounds, there is always a string, and it has no line break in it, for it is told as one
 * command. */
#include "audit/access_string.h"
#include "audit/parse.h"
#include "base/mem.h"

#define INPUT_MAX (4 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {"valkey8.1", "serverless", "redis7.1", "valkey9.0"};
    if (size == 0 || size > INPUT_MAX) return 0;
    arena memory = {0};
    knowledge_target target;
    fact_user user = {0};
    bool known = knowledge_target_find(targets[data[0] % COUNT_OF(targets)], &target);
    assert(known);
    const char *line =
        arena_printf(&memory, "user app %.*s", (int)(size - 1), (const char *)data + 1);
    if (parse_user(span_text(line), &memory, &user)) {
        deployment d = target.is_serverless ? DEPLOYMENT_SERVERLESS
                       : data[0] & 4        ? DEPLOYMENT_NODE_ENABLED
                                            : DEPLOYMENT_NODE_DISABLED;
        access_string a = access_string_make(user.rules, &target, d, &memory);
        assert(a.text && a.lost);
    }
    arena_clear(&memory);
    return 0;
}
