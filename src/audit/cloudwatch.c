#include "audit/cloudwatch.h"

cloudwatch cloudwatch_of(const knowledge_target *t)
{
    return (cloudwatch){.exporter = knowledge_at(TABLE_EXPORTER),
                        .metrics = knowledge_at(TABLE_METRICS),
                        .alerts = knowledge_at(TABLE_ALERTS),
                        .is_serverless = t->is_serverless};
}

size_t cloudwatch_exporter_row(const cloudwatch *c, const char *metric)
{
    size_t row = 0;
    while (row < c->exporter->row_count &&
           strcmp(knowledge_cell(c->exporter, row, "prometheus_metric"), metric) != 0)
        row++;
    return row;
}

static bool is_word(char at)
{
    return (at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z') || (at >= '0' && at <= '9');
}

size_t cloudwatch_metric_row(const cloudwatch *c, span name, bool serverless)
{
    size_t row = 0;
    for (; row < c->metrics->row_count; row++) {
        bool of_serverless = strcmp(knowledge_cell(c->metrics, row, "level"), "serverless") == 0;
        if (of_serverless == serverless && span_is(name, knowledge_cell(c->metrics, row, "metric")))
            break;
    }
    return row;
}

bool cloudwatch_cut(const cloudwatch *c, const char **rest, span *ret)
{
    while (**rest) {
        const char *start = *rest;
        while (is_word(**rest))
            ++*rest;
        span word = span_of(start, (size_t)(*rest - start));
        if (word.size == 0) {
            ++*rest;
        } else if (cloudwatch_metric_row(c, word, false) < c->metrics->row_count ||
                   cloudwatch_metric_row(c, word, true) < c->metrics->row_count) {
            *ret = word;
            return true;
        }
    }
    return false;
}

const char *cloudwatch_instead(const cloudwatch *c, size_t row)
{
    return knowledge_cell(c->exporter, row, "what_to_do_if_none");
}

exactness cloudwatch_exactness(const cloudwatch *c, size_t row)
{
    const char *word = knowledge_cell(c->exporter, row, "exactness");
    if (strcmp(word, "exact") == 0) return EXACT;
    if (strcmp(word, "approx") == 0) return APPROXIMATE;
    return strstr(cloudwatch_instead(c, row), "constant") ? CONSTANT : NONE;
}

/* On serverless only what is published there counts. */
bool cloudwatch_publishes(const cloudwatch *c, size_t row)
{
    if (!c->is_serverless) return true;
    const char *rest = cloudwatch_counterpart(c, row);
    span name = {0};
    bool any = false;
    while (cloudwatch_cut(c, &rest, &name)) {
        any = true;
        if (cloudwatch_metric_row(c, name, true) < c->metrics->row_count) return true;
    }
    return !any;
}

const char *cloudwatch_counterpart(const cloudwatch *c, size_t row)
{
    return knowledge_cell(c->exporter, row, "cloudwatch_equivalent");
}
