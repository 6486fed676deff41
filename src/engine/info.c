#include "engine/info.h"

bool info_text(span info, const char *name, span *ret)
{
    size_t name_size = strlen(name);
    span line;
    while (span_cut(&info, '\n', &line)) {
        if (line.size && line.at[line.size - 1] == '\r') line.size--;
        if (!span_starts(line, name) || line.size == name_size || line.at[name_size] != ':')
            continue;
        *ret = span_tail(line, name_size + 1);
        return true;
    }
    return false;
}

bool info_u64(span info, const char *name, uint64_t *ret)
{
    span text;
    return info_text(info, name, &text) && span_to_u64(text, ret);
}

bool info_part(span line, const char *name, span *ret)
{
    size_t name_size = strlen(name);
    span part;
    while (span_cut(&line, ',', &part)) {
        if (!span_starts(part, name) || part.size == name_size || part.at[name_size] != '=')
            continue;
        *ret = span_tail(part, name_size + 1);
        return true;
    }
    return false;
}

span info_word(span line, const char *name)
{
    span word = {0};
    size_t size = strlen(name);
    while (span_cut(&line, ' ', &word)) {
        if (span_starts(word, name) && word.size > size && word.at[size] == '=')
            return span_tail(word, size + 1);
    }
    return (span){0};
}

/* The RDB version an engine writes, by the first version that does. Sources: redis and valkey
 * src/rdb.h; redis 6.0.16, 7.0.15, 8.0.2, 8.6.3, valkey 8.0.1, 8.1.1, 9.1.2 run. Newest first. */
static const struct {
    engine_product product;
    unsigned major, minor, rdb_version;
} rdb_versions[] = {
    {ENGINE_REDIS, 8, 8, 14},  {ENGINE_REDIS, 8, 6, 13},  {ENGINE_REDIS, 7, 4, 12},
    {ENGINE_REDIS, 7, 2, 11},  {ENGINE_REDIS, 7, 0, 10},  {ENGINE_REDIS, 5, 0, 9},
    {ENGINE_REDIS, 4, 0, 8},   {ENGINE_REDIS, 3, 2, 7},   {ENGINE_REDIS, 2, 6, 6},
    {ENGINE_VALKEY, 9, 0, 80}, {ENGINE_VALKEY, 7, 2, 11},
};

static bool number_cut(span *rest, unsigned *ret)
{
    span part;
    uint64_t number = 0;
    if (!span_cut(rest, '.', &part) || !span_to_u64(part, &number) || number > 10000) return false;
    *ret = (unsigned)number;
    return true;
}

bool engine_version_read(span info, engine_version *ret, err *e)
{
    engine_version v = {0};
    span text = {0};
    if (info_text(info, "valkey_version", &text)) {
        v.product = ENGINE_VALKEY;
    } else if (!info_text(info, "redis_version", &text)) {
        return err_set(e, ERR_FORMAT, "INFO server names no version");
    }
    span rest = text;
    if (!number_cut(&rest, &v.major) || !number_cut(&rest, &v.minor) ||
        !number_cut(&rest, &v.patch))
        return err_set(e, ERR_FORMAT, "INFO server names the version '%s'", span_show(text).text);
    for (size_t i = 0; i < COUNT_OF(rdb_versions) && !v.rdb_version; i++) {
        if (rdb_versions[i].product == v.product &&
            engine_version_at_least(&v, rdb_versions[i].major, rdb_versions[i].minor))
            v.rdb_version = rdb_versions[i].rdb_version;
    }
    *ret = v;
    return true;
}

bool engine_version_of_file(const char *valkey, const char *redis, engine_version *ret)
{
    char text[96];
    err ignored;
    const char *number = valkey ? valkey : redis;
    if (!number) return false;
    (void)snprintf(text, sizeof text, "%s_version:%.64s\r\n", valkey ? "valkey" : "redis", number);
    return engine_version_read(span_text(text), ret, &ignored);
}

bool engine_version_at_least(const engine_version *v, unsigned major, unsigned minor)
{
    return v->major > major || (v->major == major && v->minor >= minor);
}

engine_version_text engine_version_show(const engine_version *v)
{
    engine_version_text out;
    (void)snprintf(out.text, sizeof out.text, "%s %u.%u.%u",
                   v->product == ENGINE_VALKEY ? "valkey" : "redis", v->major, v->minor, v->patch);
    return out;
}

bool engine_version_expires_fields(const engine_version *v)
{
    return engine_version_at_least(v, v->product == ENGINE_REDIS ? 8 : 9, 0);
}

uint64_t info_fields_expiring(span keyspace_line)
{
    static const char *const names[] = {"subexpiry",
                                        "keys_with_volatile_items"}; /* redis, valkey */
    span number;
    uint64_t count = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!info_part(keyspace_line, names[i], &number)) continue;
        while (number.size && number.at[number.size - 1] < '0')
            number.size--; /* the end of the line */
        if (span_to_u64(number, &count)) return count;
    }
    return 0;
}

bool engine_module_is_built_in(span name)
{
    return span_is(name, "lua") || span_is(name, "vectorset");
}
