#include "audit/parse.h"

#include "base/buf.h"

/* --- INFO ------------------------------------------------------------------------------------ */

typedef void info_row(span name, span value, arena *memory, audit_node *n);

static uint64_t part_u64(span line, const char *name)
{
    span text;
    uint64_t number = 0;
    return info_part(line, name, &text) && span_to_u64(text, &number) ? number : 0;
}

static void command_row(span name, span value, arena *memory, audit_node *n)
{
    span text;
    fact_command c = {.name = arena_text(memory, span_tail(name, strlen("cmdstat_"))),
                      .calls = part_u64(value, "calls"),
                      .rejected = part_u64(value, "rejected_calls"),
                      .failed = part_u64(value, "failed_calls")};
    if (!info_part(value, "usec_per_call", &text) || !span_to_double(text, &c.usec_per_call))
        c.usec_per_call = 0;
    n->commands[n->command_count++] = c;
}

static void database_row(span name, span value, arena *memory, audit_node *n)
{
    (void)memory;
    uint64_t number = 0;
    if (!span_to_u64(span_tail(name, 2), &number) || number > UINT32_MAX) return;
    n->databases[n->database_count++] =
        (fact_database){.db = (unsigned)number,
                        .keys = part_u64(value, "keys"),
                        .expires = part_u64(value, "expires"),
                        .average_ttl_ms = (int64_t)part_u64(value, "avg_ttl")};
}

static void module_row(span name, span value, arena *memory, audit_node *n)
{
    (void)name;
    span text = {0};
    span version = {0};
    if (!info_part(value, "name", &text)) return;
    (void)info_part(value, "ver", &version); /* or empty */
    n->modules[n->module_count++] =
        (fact_module){.name = arena_text(memory, text), .version = arena_text(memory, version)};
}

/* Lines that stand as often as there are commands, databases, modules. */
static const struct {
    const char *prefix;
    info_row *take;
} info_rows[] = {{"cmdstat_", command_row}, {"db", database_row}, {"module", module_row}};

static bool is_database(span name)
{
    return name.size > 2 && name.at[2] >= '0' && name.at[2] <= '9';
}

static void info_line(span line, arena *memory, audit_node *n)
{
    span name = {0};
    if (line.size && line.at[line.size - 1] == '\r') line.size--;
    if (!span_cut(&line, ':', &name)) return;
    for (size_t i = 0; i < COUNT_OF(info_rows); i++) {
        if (!span_starts(name, info_rows[i].prefix)) continue;
        if (info_rows[i].take == database_row && !is_database(name)) continue;
        info_rows[i].take(name, line, memory, n);
    }
}

static bool is_yes(span info, const char *name, const char *value)
{
    span text;
    return info_text(info, name, &text) && span_is(text, value);
}

void parse_info(span info, arena *memory, audit_node *ret)
{
    err e = {0};
    size_t lines = 1;
    for (size_t i = 0; i < info.size; i++)
        lines += info.at[i] == '\n';
    ret->info = arena_copy(memory, info);
    ret->command_count = ret->database_count = ret->module_count = 0;
    ret->commands = arena_alloc(memory, lines * sizeof *ret->commands);
    ret->databases = arena_alloc(memory, lines * sizeof *ret->databases);
    ret->modules = arena_alloc(memory, lines * sizeof *ret->modules);
    span rest = ret->info;
    span line = {0};
    while (span_cut(&rest, '\n', &line))
        info_line(line, memory, ret);
    ret->has_version = engine_version_read(ret->info, &ret->version, &e);
    ret->is_cluster = is_yes(ret->info, "cluster_enabled", "1");
    ret->is_replica = is_yes(ret->info, "role", "slave");
}

/* --- CLIENT LIST ----------------------------------------------------------------------------- */

static int64_t word_number(span line, const char *name)
{
    int64_t number = 0;
    return span_to_i64(info_word(line, name), &number) ? number : 0;
}

static const char *word_text(span line, const char *name, arena *memory)
{
    return arena_text(memory, span_text(span_show(info_word(line, name)).text));
}

/* "10.0.0.7:51512" without the port. */
static const char *address_text(span line, const char *name, arena *memory)
{
    span address = info_word(line, name);
    size_t size = address.size;
    while (size > 0 && address.at[size - 1] != ':')
        size--;
    return arena_text(memory, span_of(address.at, size > 0 ? size - 1 : address.size));
}

static fact_client client_read(span line, arena *memory)
{
    fact_client c = {
        .id = (uint64_t)word_number(line, "id"),
        .address = address_text(line, "addr", memory),
        .local = address_text(line, "laddr", memory),
        .name = word_text(line, "name", memory),
        .lib_name = word_text(line, "lib-name", memory),
        .lib_version = word_text(line, "lib-ver", memory),
        .user = word_text(line, "user", memory),
        .last_command = word_text(line, "cmd", memory),
        .flags = word_text(line, "flags", memory),
        .age_s = word_number(line, "age"),
        .idle_s = word_number(line, "idle"),
        .db = (unsigned)word_number(line, "db"),
        .resp = (unsigned)word_number(line, "resp"),
        .seen = 1,
    };
    c.is_blocked = strpbrk(c.flags, "b") != NULL;
    c.is_pubsub = strpbrk(c.flags, "P") != NULL;
    c.is_replica = strpbrk(c.flags, "SM") != NULL; /* a replica, or the link to our primary */
    c.is_ours = strncmp(c.name, "handover", strlen("handover")) == 0;
    return c;
}

void parse_clients(span text, arena *memory, audit_node *ret)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++)
        lines += text.at[i] == '\n';
    fact_client *all = arena_alloc(memory, (ret->client_count + lines) * sizeof *all);
    if (ret->client_count) memcpy(all, ret->clients, ret->client_count * sizeof *all);
    ret->clients = all;
    span line = {0};
    while (span_cut(&text, '\n', &line)) {
        if (line.size && line.at[line.size - 1] == '\r') line.size--;
        if (span_starts(line, "id=")) all[ret->client_count++] = client_read(line, memory);
    }
}

/* --- users and secrets ----------------------------------------------------------------------- */

bool parse_user(span line, arena *memory, fact_user *ret)
{
    span word = {0};
    fact_user u = {0};
    if (line.size && line.at[line.size - 1] == '\r') line.size--;
    buf rules = buf_of(line.size + 2);
    if (!span_cut(&line, ' ', &word) || !span_is(word, "user")) return false;
    if (!span_cut(&line, ' ', &word) || word.size == 0) return false;
    u.name = arena_text(memory, span_text(span_show(word).text));
    bool fits = true;
    while (fits && span_cut(&line, ' ', &word)) {
        bool is_secret = word.size > 0 && strchr("#>!<", word.at[0]) != NULL;
        if (word.size == 0) continue;
        if (word.at[0] == '#' || word.at[0] == '>') u.password_count++;
        if (span_is(word, "on")) u.is_on = true;
        if (span_is(word, "nopass")) u.is_nopass = true;
        if (rules.size > 0) fits = buf_u8(&rules, ' ');
        if (fits) fits = buf_append(&rules, is_secret ? span_of(word.at, 1) : word);
    }
    assert(fits); /* never longer than the line */
    u.rules = arena_text(memory, buf_span(&rules));
    buf_clear(&rules);
    *ret = u;
    return true;
}

bool parse_is_secret(const char *setting)
{
    static const char *const names[] = {"requirepass", "masterauth", "primaryauth",
                                        "tls-key-file-pass", "tls-client-key-file-pass"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], setting) == 0) return true;
    return false;
}

const char *parse_mask(const char *value, arena *memory)
{
    char *mask = arena_text(memory, span_text(value));
    for (char *c = mask; *c; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        bool is_allowed = is_letter || (*c >= '0' && *c <= '9') || strchr("!&#$^<>-", *c);
        *c = is_allowed ? '*' : '?';
    }
    return mask;
}
