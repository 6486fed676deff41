#include "watch/history.h"

#include <math.h>
#include <stdlib.h>

#define ROOM_FIRST 16

static void node_clear(history_node *n)
{
    free(n->stamps_ms);
    free(n->values);
    free(n->before);
    *n = (history_node){0};
}

void history_clear(history *h)
{
    for (size_t i = 0; i < h->count; i++)
        node_clear(&h->nodes[i]);
    h->count = 0;
}

static int64_t newest(const history_node *n)
{
    return n->count > 0 ? n->stamps_ms[(n->first + n->count - 1) % n->room] : 0;
}

static history_node *place(history *h)
{
    if (h->count < HISTORY_NODES_MAX) return &h->nodes[h->count++];
    history_node *oldest = &h->nodes[0];
    for (size_t i = 1; i < h->count; i++)
        if (newest(&h->nodes[i]) < newest(oldest)) oldest = &h->nodes[i];
    node_clear(oldest);
    return oldest;
}

history_node *history_at(history *h, const char *group, const char *node)
{
    for (size_t i = 0; i < h->count; i++) {
        history_node *n = &h->nodes[i];
        if (strcmp(n->node, node) == 0 && strcmp(n->group, group) == 0) return n;
    }
    history_node *n = place(h);
    (void)snprintf(n->group, sizeof n->group, "%s", group); /* names of the API: they fit */
    (void)snprintf(n->node, sizeof n->node, "%s", node);
    return n;
}

/* While it grows, the ring has not turned yet: the samples lie from the beginning. */
double *history_add(history *h, history_node *n, int64_t stamp_ms)
{
    if (n->count == n->room && n->room < HISTORY_SAMPLES) {
        assert(n->first == 0);
        n->room = size_min(HISTORY_SAMPLES, n->room ? 2 * n->room : ROOM_FIRST);
        n->stamps_ms = mem_realloc(n->stamps_ms, n->room * sizeof *n->stamps_ms);
        n->values = mem_realloc(n->values, n->room * h->metric_count * sizeof *n->values);
    }
    if (n->count == n->room) {
        n->first = (n->first + 1) % n->room;
        n->count--;
    }
    size_t at = (n->first + n->count++) % n->room;
    n->stamps_ms[at] = stamp_ms;
    return &n->values[at * h->metric_count];
}

size_t history_take(const history *h,
                    const history_node *n,
                    size_t metric_at,
                    int64_t from_ms,
                    int64_t to_ms,
                    history_point *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < n->count; i++) {
        size_t at = (n->first + i) % n->room;
        double value = n->values[at * h->metric_count + metric_at];
        if (isnan(value) || n->stamps_ms[at] < from_ms || n->stamps_ms[at] >= to_ms) continue;
        ret[count++] = (history_point){.stamp_ms = n->stamps_ms[at], .value = value};
    }
    return count;
}

bool history_has(const history *h, const history_node *n, size_t metric_at, int64_t from_ms)
{
    for (size_t i = 0; i < n->count; i++) {
        size_t at = (n->first + i) % n->room;
        if (n->stamps_ms[at] >= from_ms && !isnan(n->values[at * h->metric_count + metric_at]))
            return true;
    }
    return false;
}
