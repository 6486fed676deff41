#include "drill/failure.h"

#include <strings.h>

/* The first row whose words are all in the text, whatever their case, decides. */
static const struct {
    drill_failure kind;
    const char *words[2];
} rows[] = {
    {FAILURE_READONLY_SCRIPT, {"READONLY", "script"}},
    {FAILURE_READONLY, {"READONLY", NULL}},
    {FAILURE_READONLY, {"read only replica", NULL}},
    {FAILURE_UNBLOCKED, {"UNBLOCKED", NULL}},
    {FAILURE_UNBLOCKED, {"force unblock", NULL}},
    {FAILURE_EXECABORT, {"EXECABORT", NULL}},
    {FAILURE_EXECABORT, {"discarded because of", NULL}},
    {FAILURE_CLUSTERDOWN, {"CLUSTERDOWN", NULL}},
    {FAILURE_MASTERDOWN, {"MASTERDOWN", NULL}},
    {FAILURE_MOVED, {"MOVED ", NULL}},
    {FAILURE_LOADING, {"LOADING", NULL}},
    {FAILURE_LOADING, {"loading the dataset", NULL}},
    {FAILURE_NOREPLICAS, {"NOREPLICAS", NULL}},
    {FAILURE_OOM, {"OOM ", NULL}},
    {FAILURE_AUTH, {"NOAUTH", NULL}},
    {FAILURE_AUTH, {"WRONGPASS", NULL}},
    {FAILURE_AUTH, {"NOPERM", NULL}},
    {FAILURE_GAVE_UP, {"max retries", NULL}},
    {FAILURE_NAME, {"ENOTFOUND", NULL}},
    {FAILURE_NAME, {"EAI_AGAIN", NULL}},
    {FAILURE_NAME, {"UnknownHost", NULL}},
    {FAILURE_NAME, {"no such host", NULL}},
    {FAILURE_NAME, {"name resolution", NULL}},
    {FAILURE_NAME, {"Name or service not known", NULL}},
    {FAILURE_REFUSED, {"refused", NULL}},
    {FAILURE_REFUSED, {"failed to connect", NULL}}, /* Jedis */
    {FAILURE_TLS, {"certificate", NULL}},
    {FAILURE_TLS, {"handshake", NULL}},
    {FAILURE_TIMEOUT, {"timed out", NULL}},
    {FAILURE_TIMEOUT, {"timeout", NULL}},
    {FAILURE_TIMEOUT, {"no answer in", NULL}},
    {FAILURE_TIMEOUT, {"deadline exceeded", NULL}},
    {FAILURE_TIMEOUT, {"temporarily unavailable", NULL}}, /* EAGAIN of a socket with a time limit */
    {FAILURE_RESET, {"reset", NULL}},
    {FAILURE_RESET, {"broken pipe", NULL}},
    {FAILURE_RESET, {"EPIPE", NULL}},
    {FAILURE_RESET, {"closed", NULL}},
    {FAILURE_RESET, {"EOF", NULL}},
    {FAILURE_RESET, {"end of stream", NULL}},
    {FAILURE_RESET, {"went away", NULL}},
    {FAILURE_RESET, {"connection lost", NULL}},
    {FAILURE_RESET, {"read error on connection", NULL}},
    {FAILURE_RESET, {"error on read socket", NULL}},
    {FAILURE_RESET, {"unable to write command", NULL}},
};

static bool holds(span text, const char *word)
{
    size_t size = word ? strlen(word) : 0;
    for (size_t i = 0; i + size <= text.size; i++)
        if (strncasecmp((const char *)text.at + i, word ? word : "", size) == 0) return true;
    return false;
}

drill_failure drill_failure_of(span text)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (holds(text, rows[i].words[0]) && holds(text, rows[i].words[1])) return rows[i].kind;
    return FAILURE_OTHER;
}

const char *drill_failure_name(drill_failure f)
{
    static const char *const names[FAILURE_COUNT] = {
        [FAILURE_READONLY] = "READONLY",     [FAILURE_READONLY_SCRIPT] = "READONLY in a script",
        [FAILURE_UNBLOCKED] = "UNBLOCKED",   [FAILURE_EXECABORT] = "EXECABORT",
        [FAILURE_MOVED] = "MOVED",           [FAILURE_CLUSTERDOWN] = "CLUSTERDOWN",
        [FAILURE_LOADING] = "LOADING",       [FAILURE_MASTERDOWN] = "MASTERDOWN",
        [FAILURE_NOREPLICAS] = "NOREPLICAS", [FAILURE_OOM] = "OOM",
        [FAILURE_AUTH] = "not let in",       [FAILURE_REFUSED] = "refused",
        [FAILURE_TIMEOUT] = "timeout",       [FAILURE_RESET] = "reset",
        [FAILURE_NAME] = "name unknown",     [FAILURE_TLS] = "TLS",
        [FAILURE_GAVE_UP] = "gave up",       [FAILURE_OTHER] = "other",
    };
    return names[f];
}
