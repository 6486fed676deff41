#include "watch/families.h"

#include <stdlib.h>

#include "engine/info.h"

#define PREFIX "cmdstat_"

typedef struct {
    char *name;
    uint64_t in; /* one bit a family */
} command;

struct families {
    command *commands; /* by name */
    size_t command_count;
    size_t count;
};

/* What COMMAND tells of one command; [0] name, [2] flags, [3] first key, [6] categories, [8] key
 * specifications, [9] subcommands (redis 7.0 and newer). */
static const reply *part(const reply *c, size_t at)
{
    static const reply none = {.kind = REPLY_NIL};
    return at < c->count ? &c->items[at] : &none;
}

static bool holds(const reply *list, span word)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_equal(list->items[i].text, word)) return true;
    return false;
}

static bool has_key(const reply *c)
{
    return part(c, 3)->integer != 0 || part(c, 8)->count > 0 ||
           holds(part(c, 2), span_text("movablekeys"));
}

static bool condition_holds(const reply *c, span word)
{
    bool wanted = !span_starts(word, "-");
    span rest = wanted ? word : span_tail(word, 1);
    if (span_starts(rest, "@")) return holds(part(c, 6), rest) == wanted;
    if (span_is(word, "key")) return has_key(c);
    if (span_is(word, "nokey")) return !has_key(c);
    span name = part(c, 0)->text;
    if (word.size > 0 && word.at[word.size - 1] == '*') {
        span begin = span_of(word.at, word.size - 1);
        return name.size >= begin.size && span_equal(span_of(name.at, begin.size), begin);
    }
    return span_equal(name, word);
}

static bool family_has(const char *text, const reply *c)
{
    span rest = span_text(text);
    span alternative;
    while (span_cut(&rest, ',', &alternative)) {
        span word;
        bool all = true;
        while (all && span_cut(&alternative, ' ', &word))
            all = word.size == 0 || condition_holds(c, word);
        if (all) return true;
    }
    return false;
}

static void command_add(families *f, const reply *c, const char *const *texts)
{
    if (f->command_count == FAMILIES_COMMANDS_MAX || c->count < 7) return;
    command *one = &f->commands[f->command_count++];
    one->name = mem_text(part(c, 0)->text);
    for (size_t i = 0; i < f->count; i++)
        if (family_has(texts[i], c)) one->in |= UINT64_C(1) << i;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const command *)a)->name, ((const command *)b)->name);
}

families *families_new(const reply *commands, const char *const *texts, size_t count)
{
    families *f = mem_alloc(sizeof *f);
    assert(count <= FAMILIES_MAX);
    f->count = count;
    f->commands = mem_alloc(FAMILIES_COMMANDS_MAX * sizeof *f->commands);
    for (size_t i = 0; i < commands->count; i++) {
        const reply *c = &commands->items[i];
        const reply *below = part(c, 9);
        command_add(f, c, texts);
        for (size_t k = 0; k < below->count; k++)
            command_add(f, &below->items[k], texts);
    }
    f->commands = mem_realloc(f->commands, (f->command_count + 1) * sizeof *f->commands);
    qsort(f->commands, f->command_count, sizeof *f->commands, by_name);
    return f;
}

void families_free(families *f)
{
    if (!f) return;
    for (size_t i = 0; i < f->command_count; i++)
        free(f->commands[i].name);
    free(f->commands);
    free(f);
}

static int span_order(const void *key, const void *row)
{
    const span *name = key;
    const char *other = ((const command *)row)->name;
    size_t size = strlen(other);
    int order = memcmp(name->at, other, size_min(name->size, size));
    return order != 0 ? order : (name->size > size) - (name->size < size);
}

static double number_in(span line, const char *name)
{
    span text;
    double value = 0;
    return info_part(line, name, &text) && span_to_double(text, &value) ? value : 0;
}

void families_add_up(const families *f, span info, family_sum *sums)
{
    span line;
    memset(sums, 0, f->count * sizeof *sums);
    while (span_cut(&info, '\n', &line)) {
        span value = span_trim(line);
        span name;
        if (!span_starts(value, PREFIX) || !span_cut(&value, ':', &name)) continue;
        name = span_tail(name, strlen(PREFIX));
        const command *c =
            bsearch(&name, f->commands, f->command_count, sizeof *f->commands, span_order);
        for (uint64_t in = c ? c->in : 0; in; in &= in - 1) {
            family_sum *s = &sums[__builtin_ctzll(in)];
            s->calls += number_in(value, "calls");
            s->usec += number_in(value, "usec");
        }
    }
}
