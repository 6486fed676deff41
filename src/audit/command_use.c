#include "audit/command_use.h"

#include <strings.h>

static char *upper(arena *memory, span s)
{
    char *text = arena_text(memory, s);
    for (char *c = text; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c & ~0x20);
    return text;
}

static command_use use_of(const fact_command *c, arena *memory)
{
    span rest = span_text(c->name);
    span base = {0};
    (void)span_cut(&rest, '|', &base); /* a name has at least one letter */
    command_use u = {.base = upper(memory, base), .sub = upper(memory, rest), .calls = c->calls};
    u.name = *u.sub ? arena_printf(memory, "%s %s", u.base, u.sub) : u.base;
    return u;
}

static int compare(const void *a, const void *b)
{
    const command_use *x = a;
    const command_use *y = b;
    if (x->calls != y->calls) return x->calls > y->calls ? -1 : 1;
    return strcmp(x->name, y->name);
}

size_t command_use_collect(const audit_facts *f, arena *memory, const command_use **ret)
{
    size_t count = 0;
    size_t room = 0;
    for (size_t i = 0; i < f->node_count; i++)
        room += f->nodes[i].command_count;
    command_use *all = arena_alloc(memory, (room + 1) * sizeof *all);
    for (size_t i = 0; i < f->node_count; i++) {
        for (size_t k = 0; k < f->nodes[i].command_count; k++) {
            command_use u = use_of(&f->nodes[i].commands[k], memory);
            size_t at = 0;
            while (at < count && strcmp(all[at].name, u.name) != 0)
                at++;
            if (u.calls == 0) continue;
            if (at == count) all[count++] = (command_use){u.name, u.base, u.sub, 0};
            all[at].calls += u.calls;
        }
    }
    if (count) qsort(all, count, sizeof *all, compare);
    *ret = all;
    return count;
}

uint64_t command_use_calls(const command_judge *j, const char *name)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < j->used_count; i++) {
        const command_use *u = &j->used[i];
        if (strcmp(u->name, name) == 0 || strcmp(u->base, name) == 0) calls += u->calls;
    }
    return calls;
}

bool command_word_is(const char *cell, const char *name)
{
    static const char ends[] = " ,/;()";
    for (const char *at = cell; *at;) {
        size_t size = strcspn(at, ends);
        bool is_any = size > 1 && at[size - 1] == '*';
        size_t compared = is_any ? size - 1 : size;
        if (size && strncasecmp(at, name, compared) == 0 && (is_any || strlen(name) == size))
            return true;
        at += size;
        at += strspn(at, ends);
    }
    return false;
}
