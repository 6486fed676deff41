#include "inspect/engines.h"

#include "knowledge/knowledge.h"

/* "12" or "1-11" at the begin of a piece; false: a remark. */
static bool range_read(span piece, uint64_t *ret_low, uint64_t *ret_high)
{
    while (piece.size > 0 && piece.at[0] == ' ')
        piece = span_tail(piece, 1);
    span word = {0};
    if (!span_cut(&piece, ' ', &word)) word = piece;
    span low = word;
    span high = {0};
    size_t dash = 0;
    if (span_find(word, span_text("-"), &dash)) {
        low = span_of(word.at, dash);
        high = span_tail(word, dash + 1);
    }
    if (!span_to_u64(low, ret_low)) return false;
    *ret_high = *ret_low;
    return high.size == 0 || span_to_u64(high, ret_high);
}

bool engines_loads(const char *versions_loaded, uint16_t version)
{
    span all = span_text(versions_loaded);
    span certain = {0};
    if (!span_cut(&all, ';', &certain)) certain = all;
    span piece = {0};
    while (span_cut(&certain, ',', &piece)) {
        uint64_t low = 0;
        uint64_t high = 0;
        if (range_read(piece, &low, &high) && version >= low && version <= high) return true;
    }
    return false;
}

/* "valkey 8.1"; the table marks what ElastiCache does not offer. */
static const char *engine_name(inspect_summary *s, const knowledge_table *t, size_t row)
{
    static const char mark[] = "source-only: ";
    const char *engine = knowledge_cell(t, row, "engine");
    const char *version = knowledge_cell(t, row, "version");
    if (strncmp(engine, mark, strlen(mark)) != 0)
        return arena_printf(&s->file.memory, "%s %s", engine, version);
    return arena_printf(&s->file.memory, "%s %s (self-managed only)", engine + strlen(mark),
                        version);
}

void engines_judge(inspect_summary *s)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    s->engines = arena_alloc(&s->file.memory, t->row_count * sizeof *s->engines);
    for (size_t i = 0; i < t->row_count; i++) {
        const char *loaded = knowledge_cell(t, i, "rdb_versions_loaded");
        bool is_known = loaded[0] >= '0' && loaded[0] <= '9';
        if (!is_known) continue; /* nobody has found out */
        s->engines[s->engine_count++] =
            (inspect_engine){.engine = engine_name(s, t, i),
                             .why_not = engines_loads(loaded, s->file.version)
                                            ? NULL
                                            : arena_printf(&s->file.memory, "loads %s", loaded)};
    }
}
