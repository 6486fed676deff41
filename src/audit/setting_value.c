#include "audit/setting_value.h"

#include "base/buf.h"

#define VALUE_SIZE_MAX (64 * KIB)

/* The engines' units; k is 1000 and kb 1024 (valkey src/util.c, memtoull). */
static const struct {
    const char *name;
    size_t bytes;
} units[] = {
    {"", 1},        {"b", 1},    {"k", 1000},       {"kb", KIB},
    {"m", 1000000}, {"mb", MIB}, {"g", 1000000000}, {"gb", KIB *MIB},
};

/* "64mb", "-1", "0777"; false: no number. */
static bool number_read(span text, int64_t *ret)
{
    size_t digits = 0;
    int64_t number = 0;
    bool is_negative = text.size > 0 && text.at[0] == '-';
    digits += is_negative;
    while (digits < text.size && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    if (!span_to_i64(span_of(text.at, digits), &number)) return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!span_is_nocase(span_tail(text, digits), units[i].name)) continue;
        return !__builtin_mul_overflow(number, (int64_t)units[i].bytes, ret);
    }
    return false;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool next_word(span *rest, span *ret)
{
    size_t size = 0;
    while (rest->size > 0 && is_blank(rest->at[0]))
        *rest = span_tail(*rest, 1);
    while (size < rest->size && !is_blank(rest->at[size]))
        size++;
    *ret = span_of(rest->at, size);
    *rest = span_tail(*rest, size);
    return size > 0;
}

static const char *lower(arena *memory, span text)
{
    char *copy = arena_text(memory, text);
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
    return copy;
}

typedef const char *form(const char *value, arena *memory);

static const char *as_it_is(const char *value, arena *memory)
{
    (void)memory;
    return value;
}

static const char *in_lower_case(const char *value, arena *memory)
{
    return lower(memory, span_text(value));
}

static const char *as_number(const char *value, arena *memory)
{
    int64_t number = 0;
    return number_read(span_text(value), &number) ? arena_printf(memory, "%" PRId64, number)
                                                  : in_lower_case(value, memory);
}

/* "50.0  99" is "50 99"; what is no number stays. */
static const char *as_words(const char *value, arena *memory)
{
    buf out = buf_of(VALUE_SIZE_MAX);
    span rest = span_text(value);
    span word = {0};
    bool fits = true;
    while (fits && next_word(&rest, &word)) {
        double number = 0;
        fits = buf_text(&out, out.size ? " " : "");
        if (span_to_double(word, &number)) {
            fits = fits && buf_printf(&out, "%.15g", number);
        } else {
            fits = fits && buf_append(&out, word);
        }
    }
    const char *made = fits ? arena_text(memory, buf_span(&out)) : value;
    buf_clear(&out);
    return made;
}

/* Letters of notify-keyspace-events in the engines' own order; A stands for the first group. */
static const char *as_letters(const char *value, arena *memory)
{
    static const char all[] = "g$lshzxetd";
    static const char order[] = "g$lshzxetdKEmn";
    char *made = arena_alloc(memory, sizeof order + 1);
    size_t size = 0;
    size_t held = 0;
    bool has_all = strchr(value, 'A') != NULL;
    if (strspn(value, "Ag$lshzxetdKEmn") != strlen(value)) return value;
    for (const char *c = all; *c; c++)
        held += strchr(value, *c) != NULL;
    has_all = has_all || held == strlen(all);
    if (has_all) made[size++] = 'A';
    for (const char *c = order + (has_all ? strlen(all) : 0); *c; c++)
        if (strchr(value, *c)) made[size++] = *c;
    return made;
}

static const struct {
    const char *type;
    form *make;
} types[] = {
    {"bool", in_lower_case}, {"enum", in_lower_case}, {"int", as_number},
    {"memory", as_number},   {"special", as_words},   {"string", as_it_is},
};

/* Two words of an enum for one value; the engine answers the second. */
static const struct {
    const char *name;
    const char *word;
    const char *same;
} synonyms[] = {{"oom-score-adj", "relative", "yes"}};

const char *setting_canonical(const knowledge_directive *d, const char *value, arena *memory)
{
    if (strcmp(value, "\"\"") == 0) return "";
    if (strcmp(d->name, "notify-keyspace-events") == 0) return as_letters(value, memory);
    for (size_t i = 0; i < COUNT_OF(synonyms); i++) {
        if (strcmp(d->name, synonyms[i].name) == 0 &&
            span_is_nocase(span_text(value), synonyms[i].word))
            return synonyms[i].same;
    }
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcmp(types[i].type, d->type) == 0) return types[i].make(value, memory);
    return value;
}

/* --- client-output-buffer-limit -------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *old_name; /* what CONFIG GET still prints */
} classes[CLASS_COUNT] = {
    [CLASS_NORMAL] = {"normal", "normal"},
    [CLASS_REPLICA] = {"replica", "slave"},
    [CLASS_PUBSUB] = {"pubsub", "pubsub"},
};

const char *buffer_class_name(buffer_class c)
{
    return classes[c].name;
}

bool buffer_limit_read(const char *value, buffer_class c, buffer_limit *ret)
{
    span rest = span_text(value);
    span name = {0};
    bool found = false;
    while (next_word(&rest, &name)) {
        int64_t number[3] = {0};
        span word = {0};
        for (size_t i = 0; i < COUNT_OF(number); i++)
            if (!next_word(&rest, &word) || !number_read(word, &number[i])) return found;
        if (!span_is_nocase(name, classes[c].name) && !span_is_nocase(name, classes[c].old_name))
            continue;
        (void)snprintf(ret->text, sizeof ret->text, "%" PRId64 " %" PRId64 " %" PRId64, number[0],
                       number[1], number[2]); /* three numbers always fit */
        found = true;                         /* of a class that stands twice the last counts */
    }
    return found;
}
