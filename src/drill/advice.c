#include "drill/advice.h"

#include "knowledge/knowledge.h"

const char *advice_for_library(const char *library, const char *version, arena *memory)
{
    knowledge_client row;
    if (!*library || !knowledge_client_find(library, version, &row)) return "";
    return arena_printf(memory, "%s: %s", row.client, row.recommended);
}

/* By what it met: the first row that fits. */
static const struct {
    drill_failure met;
    const char *advice;
} rows[] = {
    {FAILURE_READONLY, "close the connection on READONLY and connect again; keep "
                       "close-on-replica-write=yes on the cache"},
    {FAILURE_READONLY_SCRIPT,
     "close the connection on READONLY, also when it comes out of a script"},
    {FAILURE_NAME, "look the name up again at every attempt to connect, and keep trying for longer "
                   "than the failover takes"},
    {FAILURE_REFUSED,
     "keep trying to connect for longer than the failover takes, and look the name "
     "up each time (a Java VM: networkaddress.cache.ttl=5)"},
    {FAILURE_TIMEOUT, "connect anew after a timeout, instead of waiting on the same connection"},
    {FAILURE_RESET, "connect again by itself after a lost connection, for longer than the failover "
                    "takes"},
};

const char *advice_for(const drill_client *c, arena *memory)
{
    const char *known = advice_for_library(c->library, c->version, memory);
    if (c->followed) return "";
    if (*known) return known;
    if (c->ended) return "it ended: start it again, and catch what its library throws";
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (c->failures[rows[i].met]) return rows[i].advice;
    if (c->lost) {
        return "its connection stayed on the old node: give connections an age limit of minutes, "
               "or "
               "restart it when an endpoint's name changes";
    }
    return "set a time limit on answers (1 to 5 s): it waits for one that never comes";
}
