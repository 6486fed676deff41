#include "sandbox/form.h"

static bool decode(span s, arena *memory, const char **ret, err *e)
{
    char *out = arena_alloc(memory, s.size + 1);
    size_t used = 0;
    for (size_t i = 0; i < s.size; i++) {
        int c = s.at[i];
        if (c == '+') c = ' ';
        if (c == '%') {
            int high = s.size - i > 2 ? hex_digit(s.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s.at[i + 2]) : -1;
            if (low < 0) return err_set(e, ERR_FORMAT, "a broken percent sign in the form");
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0) return err_set(e, ERR_FORMAT, "a zero byte in the form");
        out[used++] = (char)c;
    }
    *ret = out;
    return true;
}

bool form_parse(span body, arena *memory, form *ret, err *e)
{
    size_t count = body.size > 0 ? 1 : 0;
    for (size_t i = 0; i < body.size; i++)
        if (body.at[i] == '&') count++;
    if (count > FORM_PAIRS_MAX)
        return err_set(e, ERR_LIMIT, "%zu form fields, %zu is the limit", count, FORM_PAIRS_MAX);
    form q = {.pairs = arena_alloc(memory, (count + 1) * sizeof *q.pairs)};
    span rest = body;
    span pair;
    while (span_cut(&rest, '&', &pair)) {
        span value = pair;
        span name;
        if (pair.size == 0) continue;
        if (!span_cut(&value, '=', &name)) continue;
        form_pair *p = &q.pairs[q.count];
        if (!decode(name, memory, &p->name, e) || !decode(value, memory, &p->value, e))
            return false;
        q.count++;
    }
    *ret = q;
    return true;
}

const char *form_text(const form *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->pairs[i].name, name) == 0) return q->pairs[i].value;
    return NULL;
}

const char *
form_item(const form *q, const char *list, const char *item, size_t n, const char *field)
{
    const char *const words[] = {item, "member"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        char name[256];
        int size = snprintf(name, sizeof name, "%s.%s.%zu%s%s", list, words[i], n, field ? "." : "",
                            field ? field : "");
        const char *found = size > 0 && (size_t)size < sizeof name ? form_text(q, name) : NULL;
        if (found) return found;
    }
    return NULL;
}
