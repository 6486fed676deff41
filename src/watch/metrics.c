#include "watch/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "engine/info.h"
#include "knowledge/knowledge.h"

static const char *const dimension_names[DIMENSION_KINDS] = {"CacheClusterId", "CacheNodeId",
                                                             "ReplicationGroupId", "NodeGroupId"};

struct metrics {
    arena memory;
    metric *rows;
    size_t count;
    formula_atoms atoms;
    const char *family_texts[FAMILIES_MAX];
    size_t family_count;
    int family_of[FORMULA_ATOMS_MAX]; /* of calls{} and usec{}; -1: another atom */
};

const char *dimension_name(size_t n)
{
    assert(n < DIMENSION_KINDS);
    return dimension_names[n];
}

/* --- the tables ------------------------------------------------------------------------------ */

/* "CacheClusterId+CacheNodeId" as bits; 0: it has a dimension that is not here. */
static unsigned set_read(span text)
{
    unsigned set = 0;
    span name;
    while (span_cut(&text, '+', &name)) {
        size_t n = 0;
        while (n < DIMENSION_KINDS && !span_is(span_trim(name), dimension_names[n]))
            n++;
        if (n == DIMENSION_KINDS) return 0;
        set |= 1U << n;
    }
    return set;
}

static void sets_read(metric *m)
{
    const knowledge_table *t = knowledge_at(TABLE_METRICS);
    for (size_t i = 0; i < t->row_count; i++) {
        if (strcmp(knowledge_cell(t, i, "metric"), m->name) != 0 ||
            strcmp(knowledge_cell(t, i, "level"), "serverless") == 0)
            continue;
        span rest = span_text(knowledge_cell(t, i, "dimensions"));
        span one;
        while (m->set_count < DIMENSION_SETS_MAX && span_cut(&rest, ';', &one)) {
            m->sets[m->set_count] = set_read(one);
            m->set_count += m->sets[m->set_count] != 0;
        }
    }
}

/* calls{FAMILY} and usec{FAMILY} share a number. */
static bool families_name(metrics *m, err *e)
{
    for (size_t i = 0; i < m->atoms.count; i++) {
        const char *open = strchr(m->atoms.names[i], '{');
        m->family_of[i] = -1;
        if (!open) continue;
        char *text = arena_text(&m->memory, span_of(open + 1, strlen(open + 1) - 1));
        size_t n = 0;
        while (n < m->family_count && strcmp(m->family_texts[n], text) != 0)
            n++;
        if (n == FAMILIES_MAX) return err_set(e, ERR_LIMIT, "too many families of commands");
        m->family_count += n == m->family_count;
        m->family_texts[n] = text;
        m->family_of[i] = (int)n;
    }
    return true;
}

static bool rows_read(metrics *m, err *e)
{
    const knowledge_table *t = knowledge_at(TABLE_FORMULAS);
    m->rows = mem_alloc(t->row_count * sizeof *m->rows);
    for (size_t i = 0; i < t->row_count; i++) {
        metric *one = &m->rows[m->count];
        one->nodes = knowledge_cell(t, i, "nodes");
        if (strcmp(one->nodes, "none") == 0) continue;
        one->name = knowledge_cell(t, i, "metric");
        one->unit = knowledge_cell(t, i, "unit");
        one->since = knowledge_cell(t, i, "since");
        span text = span_text(knowledge_cell(t, i, "formula"));
        if (!formula_read(text, &m->atoms, &m->memory, &one->value, e))
            return err_wrap(e, "%s", one->name);
        sets_read(one);
        m->count++;
    }
    return true;
}

bool metrics_new(metrics **ret, err *e)
{
    metrics *m = mem_alloc(sizeof *m);
    if (rows_read(m, e) && families_name(m, e)) {
        *ret = m;
        return true;
    }
    metrics_free(m);
    return false;
}

void metrics_free(metrics *m)
{
    if (!m) return;
    arena_clear(&m->memory);
    free(m->rows);
    free(m);
}

size_t metrics_count(const metrics *m)
{
    return m->count;
}

const metric *metrics_at(const metrics *m, size_t n)
{
    assert(n < m->count);
    return &m->rows[n];
}

size_t metrics_atom_count(const metrics *m)
{
    return m->atoms.count;
}

families *metrics_families(const metrics *m, const reply *commands)
{
    return families_new(commands, m->family_texts, m->family_count);
}

/* --- a sample -------------------------------------------------------------------------------- */

/* Databases of INFO keyspace, added up; `first`: db0 alone. A database that is not there has
 * nothing; one without the field says that this engine does not count that. */
static double databases(span info, const char *field, bool first)
{
    double sum = 0;
    span line;
    while (span_cut(&info, '\n', &line)) {
        span text;
        double value = 0;
        span name = {0};
        line = span_trim(line);
        if (!span_starts(line, "db") || !span_cut(&line, ':', &name)) continue;
        uint64_t number = 0;
        if (!span_to_u64(span_tail(name, 2), &number) || (first && number != 0)) continue;
        if (!info_part(line, field, &text) || !span_to_double(text, &value)) return NAN;
        sum += value;
    }
    return sum;
}

static double field_one(const metrics_input *in, span name)
{
    char key[128];
    span text;
    double value = 0;
    if (name.size >= sizeof key) return NAN;
    memcpy(key, name.at, name.size);
    key[name.size] = '\0';
    for (size_t i = 0; i < in->extra_count; i++)
        if (strcmp(in->extras[i].name, key) == 0) return in->extras[i].value;
    char *word = strchr(key, '=');
    if (word) *word++ = '\0';
    if (!info_text(in->info, key, &text)) return NAN;
    if (word) return span_is(text, word) ? 1 : 0;
    return span_to_double(text, &value) ? value : NAN;
}

static double field(const metrics_input *in, const char *names)
{
    span rest = span_text(names);
    span name;
    while (span_cut(&rest, '|', &name)) {
        double value = field_one(in, name);
        if (!isnan(value)) return value;
    }
    return NAN;
}

void metrics_look(const metrics *m, const metrics_input *in, double *atoms)
{
    family_sum sums[FAMILIES_MAX] = {{0}};
    if (in->families) families_add_up(in->families, in->info, sums);
    for (size_t i = 0; i < m->atoms.count; i++) {
        const char *name = m->atoms.names[i];
        if (m->family_of[i] >= 0) {
            const family_sum *s = &sums[m->family_of[i]];
            atoms[i] = !in->families ? NAN : *name == 'c' ? s->calls : s->usec;
        } else if (strncmp(name, "keyspace.", 9) == 0) {
            atoms[i] = databases(in->info, name + 9, false);
        } else if (strncmp(name, "db0.", 4) == 0) {
            atoms[i] = databases(in->info, name + 4, true);
        } else {
            atoms[i] = field(in, name);
        }
    }
}

static bool is_published(const metric *one, const metrics_input *in)
{
    engine_version v = {0};
    err e = {0};
    span rest = span_text(one->since);
    span product;
    if (strcmp(one->nodes, "every") != 0 && (strcmp(one->nodes, "primary") == 0) != in->is_primary)
        return false;
    if (!span_cut(&rest, ' ', &product)) return true;
    if (!engine_version_read(in->info, &v, &e)) return false;
    char own[32];
    (void)snprintf(own, sizeof own, "%u.%u", v.major, v.minor);
    return span_is(product, v.product == ENGINE_VALKEY ? "valkey" : "redis") &&
           knowledge_version_at_least(own, (const char *)rest.at);
}

void metrics_compute(const metrics *m,
                     const metrics_input *in,
                     const double *now,
                     const double *before,
                     double *values)
{
    static const double none[FORMULA_ATOMS_MAX]; /* counters of an engine begin with nothing */
    for (size_t i = 0; i < m->count; i++) {
        double value = formula_value(&m->rows[i].value, now, before ? before : none);
        values[i] = is_published(&m->rows[i], in) && isfinite(value) ? value : NAN;
    }
}
