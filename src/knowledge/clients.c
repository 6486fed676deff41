/* What a client library does at a failover, by the name it reports and by the name people use. */
#include "knowledge/knowledge_internal.h"

static knowledge_client client_of(const knowledge_table *t, size_t row)
{
    return (knowledge_client){
        .client = knowledge_cell(t, row, "client"),
        .language = knowledge_cell(t, row, "language"),
        .reported_as = knowledge_cell(t, row, "lib_name_reported_by_CLIENT_SETINFO"),
        .defaults = knowledge_cell(
            t, row, "defaults(connect_timeout, socket_timeout, retries, reconnect, dns)"),
        .follows = knowledge_cell(t, row, "follows_failover_by_default"),
        .known_failure = knowledge_cell(t, row, "known_failure"),
        .recommended = knowledge_cell(t, row, "recommended_settings"),
        .source = knowledge_cell(t, row, "source"),
    };
}

static bool is_name_byte(uint8_t c)
{
    return c == '-' || c == '.' || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

/* Is this one of the names that a library reports? They stand in front of the first remark. */
static bool names(span text, span name)
{
    static const char *const unreported[] = {"none", "unknown", "as "};
    for (size_t i = 0; i < COUNT_OF(unreported); i++)
        if (span_starts(text, unreported[i])) return false;
    span all = text;
    if (!span_cut(&all, ';', &text)) return false;
    for (size_t at = 0; at + name.size <= text.size; at++) {
        span here = span_of(text.at + at, name.size);
        bool begins = at == 0 || !is_name_byte(text.at[at - 1]);
        bool ends = at + name.size == text.size || !is_name_byte(text.at[at + name.size]);
        if (begins && ends && span_equal(here, name)) return true;
    }
    return false;
}

/* The client column begins with that name: "jedis [4.4.0,)". */
static bool is_called(span client, span name)
{
    if (client.size < name.size) return false;
    for (size_t i = 0; i < name.size; i++)
        if ((client.at[i] | 0x20) != (name.at[i] | 0x20)) return false;
    return client.size == name.size || !is_name_byte(client.at[name.size]);
}

/* Without a version the row wins that holds the newest ones. */
static bool is_newest(span client)
{
    return client.size >= 2 && span_is(span_tail(client, client.size - 2), ",)");
}

static bool find(span lib, const char *version, bool by_client, knowledge_client *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_CLIENTS);
    bool found = false;
    for (size_t i = 0; i < t->row_count; i++) {
        span client = span_text(knowledge_cell(t, i, "client"));
        span reported = span_text(knowledge_cell(t, i, "lib_name_reported_by_CLIENT_SETINFO"));
        if (by_client ? !is_called(client, lib) : !names(reported, lib)) continue;
        bool has_version = version && *version;
        if (has_version && !version_in_range(span_text(version), client)) continue;
        if (found && !has_version && !is_newest(client)) continue;
        *ret = client_of(t, i);
        found = true;
    }
    return found;
}

bool knowledge_client_find(const char *lib_name, const char *lib_version, knowledge_client *ret)
{
    span lib = span_of(lib_name, strcspn(lib_name, "(,; "));
    if (lib.size == 0) return false;
    if (find(lib, lib_version, true, ret) || find(lib, lib_version, false, ret)) return true;
    /* "SE.Redis-suffix" */
    span base = span_of(lib.at, strcspn((const char *)lib.at, "-(,; "));
    return base.size > 0 && base.size < lib.size && find(base, lib_version, false, ret);
}

bool knowledge_client_named(const char *client, knowledge_client *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_CLIENTS);
    for (size_t i = 0; i < t->row_count; i++) {
        if (!is_called(span_text(knowledge_cell(t, i, "client")), span_text(client))) continue;
        *ret = client_of(t, i);
        return true;
    }
    return false;
}
