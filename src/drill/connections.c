#include "drill/connections.h"

#include <stdlib.h>

#include "engine/info.h"

typedef struct {
    uint64_t id;
    span address, name, library, version, user;
} line_fields;

/* "10.0.0.7:51512" without the port. */
static span address_of(span address)
{
    size_t size = address.size;
    while (size > 0 && address.at[size - 1] != ':')
        size--;
    return span_of(address.at, size > 0 ? size - 1 : 0);
}

/* False: it is none of those that count. */
static bool line_read(span line, line_fields *ret)
{
    *ret = (line_fields){.address = address_of(info_word(line, "addr")),
                         .name = info_word(line, "name"),
                         .library = info_word(line, "lib-name"),
                         .version = info_word(line, "lib-ver"),
                         .user = info_word(line, "user")};
    span flags = info_word(line, "flags");
    for (size_t i = 0; i < flags.size; i++)
        if (strchr("SMU", flags.at[i])) return false;
    return span_to_u64(info_word(line, "id"), &ret->id) && !span_starts(ret->name, "handover");
}

static bool is_of(const drill_connections *c, const line_fields *f)
{
    return span_is(f->address, c->address) && span_is(f->name, c->name) &&
           span_is(f->library, c->library) && span_is(f->version, c->version) &&
           span_is(f->user, c->user);
}

/* The kind of that line; NULL: none of them. */
static drill_connections *kind_find(drill_connections *all, size_t count, const line_fields *f)
{
    for (size_t i = 0; i < count; i++)
        if (is_of(&all[i], f)) return &all[i];
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The ids of a list, in order: there may be 65,000 of them. */
static uint64_t *ids_of(span list, arena *memory, size_t *ret_count)
{
    size_t lines = 1;
    size_t count = 0;
    span line = {0};
    line_fields f;
    for (size_t i = 0; i < list.size; i++)
        lines += list.at[i] == '\n';
    uint64_t *ids = arena_alloc(memory, lines * sizeof *ids);
    while (span_cut(&list, '\n', &line))
        if (line_read(line, &f)) ids[count++] = f.id;
    qsort(ids, count, sizeof *ids, by_number);
    *ret_count = count;
    return ids;
}

void connections_compare(span old_before,
                         span old_after,
                         span new_after,
                         arena *memory,
                         drill_connections **ret,
                         size_t *ret_count)
{
    drill_connections *all = arena_alloc(memory, CONNECTIONS_KINDS_MAX * sizeof *all);
    size_t count = 0;
    size_t left = 0;
    const uint64_t *ids = ids_of(old_after, memory, &left);
    span line = {0};
    line_fields f;
    while (span_cut(&old_before, '\n', &line)) {
        if (!line_read(line, &f)) continue;
        drill_connections *c = kind_find(all, count, &f);
        if (!c && count == CONNECTIONS_KINDS_MAX) continue; /* the most are enough to see */
        if (!c) {
            c = &all[count++];
            *c = (drill_connections){.address = arena_text(memory, f.address),
                                     .name = arena_text(memory, f.name),
                                     .library = arena_text(memory, f.library),
                                     .version = arena_text(memory, f.version),
                                     .user = arena_text(memory, f.user),
                                     .advice = ""};
        }
        c->before++;
        c->stayed += bsearch(&f.id, ids, left, sizeof *ids, by_number) != NULL;
    }
    while (span_cut(&new_after, '\n', &line)) {
        drill_connections *c = line_read(line, &f) ? kind_find(all, count, &f) : NULL;
        if (c) c->now++;
    }
    *ret = all;
    *ret_count = count;
}
