#include <pthread.h>

#include "base/mem.h"
#include "knowledge/knowledge_internal.h"

#define COLUMNS_MAX 32

static const char *const files[TABLE_COUNT] = {
    [TABLE_ENGINE_DIRECTIVES] = "engine-directives",
    [TABLE_DIRECTIVE_FATE] = "directive-fate",
    [TABLE_PARAMETERS] = "elasticache-parameters",
    [TABLE_NODE_PARAMETERS] = "node-type-parameters",
    [TABLE_COMMANDS] = "commands",
    [TABLE_MODULES] = "module-support",
    [TABLE_ENGINE_VERSIONS] = "engine-versions",
    [TABLE_FEATURES] = "feature-minimums",
    [TABLE_CONSTRAINTS] = "migration-constraints",
    [TABLE_BOUNDARY] = "responsibility-boundary",
    [TABLE_CLIENTS] = "clients",
    [TABLE_METRICS] = "cloudwatch-metrics",
    [TABLE_EXPORTER] = "exporter-to-cloudwatch",
    [TABLE_ALERTS] = "alert-rules",
    [TABLE_FORMULAS] = "info-to-cloudwatch",
    [TABLE_NODE_TYPES] = "node-types",
};

static knowledge_table tables[TABLE_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct embedded_file *embedded(const char *name)
{
    size_t size = strlen(name);
    for (const struct embedded_file *f = embedded_files; f->name; f++) {
        if (strncmp(f->name, name, size) == 0 && strcmp(f->name + size, ".tsv") == 0) return f;
    }
    return NULL;
}

/* A cell for the lookups: "-" and `""` are both nothing. */
static const char *cell_text(char *at)
{
    if (strcmp(at, "-") == 0 || strcmp(at, "\"\"") == 0) *at = '\0';
    return at;
}

/* Cuts a line into its cells, in place; answers how many there were. */
static size_t line_cut(char *line, const char **ret, size_t max)
{
    size_t count = 0;
    for (char *at = line; at && count < max; count++) {
        char *tab = strchr(at, '\t');
        if (tab) *tab = '\0';
        ret[count] = at;
        at = tab ? tab + 1 : NULL;
    }
    return count;
}

static char *next_line(char **rest)
{
    char *line = *rest;
    if (!*line) return NULL;
    char *end = strchr(line, '\n');
    *rest = end ? end + 1 : line + strlen(line);
    if (end) *end = '\0';
    return line;
}

static size_t lines_count(span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.at[i] == '\n';
    return count;
}

/* Reachable as long as the program runs, so nothing is ever freed. */
static void table_read(knowledge_table *t, const char *name)
{
    const char *found[COLUMNS_MAX] = {0};
    const struct embedded_file *f = embedded(name);
    assert(f);
    span whole = span_of(f->text, f->size);
    char *rest = mem_text(whole);
    size_t columns = line_cut(next_line(&rest), found, COLUMNS_MAX);
    const char **head = mem_alloc(columns * sizeof *head);
    memcpy(head, found, columns * sizeof *head);
    const char **cells = mem_alloc(lines_count(whole) * columns * sizeof *cells);
    size_t rows = 0;
    for (char *line = next_line(&rest); line; line = next_line(&rest), rows++) {
        size_t count = line_cut(line, found, COLUMNS_MAX);
        assert(count == columns);
        for (size_t i = 0; i < columns; i++)
            cells[rows * columns + i] = cell_text(line + (found[i] - line));
    }
    *t = (knowledge_table){.name = name,
                           .column_count = columns,
                           .columns = head,
                           .row_count = rows,
                           .cells = cells,
                           .date = "9999-12-31",
                           .newest_date = ""};
    for (size_t i = 0; i < rows; i++) {
        const char *date = knowledge_cell(t, i, "date");
        if (strcmp(date, t->date) < 0) t->date = date;
        if (strcmp(date, t->newest_date) > 0) t->newest_date = date;
    }
}

static void tables_read(void)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        table_read(&tables[i], files[i]);
}

const knowledge_table *knowledge_at(table_id id)
{
    int failed = pthread_once(&once, tables_read);
    assert(!failed);
    assert(id < TABLE_COUNT);
    return &tables[id];
}

const char *knowledge_cell(const knowledge_table *t, size_t row, const char *column)
{
    assert(row < t->row_count);
    for (size_t i = 0; i < t->column_count; i++)
        if (strcmp(t->columns[i], column) == 0) return t->cells[row * t->column_count + i];
    assert(false); /* no column of that name */
    return "";
}

const char *knowledge_date(void)
{
    const char *oldest = knowledge_at(0)->date;
    for (unsigned i = 1; i < TABLE_COUNT; i++) {
        const char *date = knowledge_at((table_id)i)->date;
        if (strcmp(date, oldest) < 0) oldest = date;
    }
    return oldest;
}

/* Days since some day long ago; the calendar of 1970 and later. "2026-11-22". */
static bool day_number(const char *date, int64_t *ret)
{
    span rest = span_text(date);
    span part[3] = {{0}};
    uint64_t number[3] = {0};
    for (size_t i = 0; i < COUNT_OF(part); i++) {
        if (!span_cut(&rest, '-', &part[i])) return false;
        while (part[i].size > 1 && part[i].at[0] == '0')
            part[i] = span_tail(part[i], 1);
        if (!span_to_u64(part[i], &number[i]) || number[i] > 9999) return false;
    }
    int64_t year = (int64_t)number[0] - (number[1] <= 2);
    int64_t month = ((int64_t)number[1] + 9) % 12; /* March is 0: the leap day is the last */
    *ret = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
           (int64_t)number[2];
    return true;
}

bool knowledge_is_stale(const char *today, unsigned days_max)
{
    int64_t now = 0;
    int64_t then = 0;
    if (!day_number(today, &now) || !day_number(knowledge_date(), &then)) return true;
    return now - then > (int64_t)days_max;
}
