#include "inspect/engines.h"

#include "knowledge/knowledge.h"

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
                             .why_not = knowledge_rdb_is_loaded(loaded, s->file.version)
                                            ? NULL
                                            : arena_printf(&s->file.memory, "loads %s", loaded)};
    }
}
