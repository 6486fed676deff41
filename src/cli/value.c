#include "cli/cli_internal.h"

#define SECOND_MS UINT64_C(1000)

struct unit {
    const char *name;
    uint64_t factor;
};

/* A number with one of the units behind it. */
static bool value_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;
    if (!span_to_u64(span_of(text, digits), &number)) return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + digits, units[i].name) != 0) continue;
        return !__builtin_mul_overflow(number, units[i].factor, ret);
    }
    return false;
}

bool value_size(const char *text, uint64_t *ret)
{
    static const struct unit units[] = {
        {"", 1},          {"K", KIB},       {"k", KIB},       {"M", MIB},       {"m", MIB},
        {"G", KIB * MIB}, {"g", KIB * MIB}, {"T", MIB * MIB}, {"t", MIB * MIB},
    };
    return value_unit(text, units, COUNT_OF(units), ret);
}

bool value_duration_ms(const char *text, uint64_t *ret)
{
    static const struct unit units[] = {
        {"ms", 1},
        {"s", SECOND_MS},
        {"m", 60 * SECOND_MS},
        {"h", 3600 * SECOND_MS},
        {"d", SECOND_MS * 3600 * 24},
    };
    if (strcmp(text, "0") == 0) {
        *ret = 0;
        return true;
    }
    return value_unit(text, units, COUNT_OF(units), ret);
}

bool value_count(const char *text, uint64_t *ret)
{
    return span_to_u64(span_text(text), ret);
}

bool value_is_choice(const char *choices, const char *text)
{
    span rest = span_text(choices);
    span one = {0};
    while (span_cut(&rest, '|', &one)) {
        if (span_is(one, text)) return true;
    }
    return false;
}

const char *value_choices(arena *a, const char *choices)
{
    span rest = span_text(choices);
    span one = {0};
    const char *out = "";
    while (span_cut(&rest, '|', &one)) {
        const char *comma = *out ? ", " : "";
        out = arena_printf(a, "%s%s%.*s", out, comma, (int)one.size, (const char *)one.at);
    }
    return out;
}
