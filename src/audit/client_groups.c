#include "audit/client_groups.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *client_surety_name(client_surety s)
{
    static const char *const names[] = {
        [SURE_REPORTED] = "it says so",
        [SURE_NAME] = "its connection name",
        [SURE_GUESS] = "a guess from its commands",
        [SURE_NOT] = "not known",
    };
    _Static_assert(COUNT_OF(names) == SURE_COUNT, "one name each");
    return names[s];
}

/* --- one connection -------------------------------------------------------------------------- */

/* What libraries and tools call their connections by themselves. */
static const struct {
    const char *part;
    bool anywhere; /* else the name starts with it */
    const char *library;
    client_role role;
} name_rows[] = {
    {"bull:", false, "BullMQ", ROLE_APPLICATION}, /* bull:<base64 of the queue> */
    {"Sidekiq", false, "Sidekiq", ROLE_APPLICATION},
    {"sidekiq", false, "Sidekiq", ROLE_APPLICATION},
    {"celery", false, "Celery", ROLE_APPLICATION},
    {"(SE.Redis-v", true, "StackExchange.Redis", ROLE_APPLICATION}, /* HOST(SE.Redis-v2.6.66) */
    {"predis", false, "predis", ROLE_APPLICATION},
    {"sentinel-", false, "Sentinel", ROLE_SENTINEL}, /* sentinel-1a2b3c4d-cmd, -pubsub */
    {"redis_exporter", false, "redis_exporter", ROLE_TOOL},
    {"redisinsight", false, "RedisInsight", ROLE_TOOL},
};

/* Commands that only a few kinds of program use; a connection without any name. */
static const struct {
    const char *command;
    const char *guess;
} command_rows[] = {
    {"brpop", "queue worker (Sidekiq, Celery, Resque or alike)"},
    {"blpop", "queue worker (RQ, Resque or alike)"},
    {"brpoplpush", "queue worker (Bull, Sidekiq Pro or alike)"},
    {"blmove", "queue worker (Bull, RQ or alike)"},
    {"bzpopmin", "queue worker (BullMQ or alike)"},
    {"xreadgroup", "stream consumer"},
};

static bool recognise_by_name(arena *a, const fact_client *c, client_kind *k)
{
    for (size_t i = 0; i < COUNT_OF(name_rows); i++) {
        const char *part = name_rows[i].part;
        const char *at = strstr(c->name, part);
        if (!at || (!name_rows[i].anywhere && at != c->name)) continue;
        k->library = name_rows[i].library;
        k->role = name_rows[i].role;
        k->surety = SURE_NAME;
        if (name_rows[i].anywhere) { /* the version stands behind it, up to the bracket */
            at += strlen(part);
            k->version = arena_text(a, span_of(at, strcspn(at, ")")));
        }
        return true;
    }
    return false;
}

static bool recognise_by_command(const fact_client *c, client_kind *k)
{
    for (size_t i = 0; i < COUNT_OF(command_rows); i++) {
        if (strcasecmp(c->last_command, command_rows[i].command) != 0) continue;
        k->library = command_rows[i].guess;
        k->surety = SURE_GUESS;
        return true;
    }
    return false;
}

/* A framework on top of the library that reported itself: BullMQ's connections are ioredis's. */
static void recognise_reported(arena *a, const fact_client *c, client_kind *k)
{
    client_kind named = {.library = "", .version = "", .base = ""};
    k->surety = SURE_REPORTED;
    k->version = c->lib_version;
    k->base = c->lib_name;
    /* GLIDE reports "unknown"; without a version the newest row answers. */
    bool has_version = c->lib_version[0] >= '0' && c->lib_version[0] <= '9';
    if (!has_version) k->version = "";
    k->has_row = knowledge_client_find(c->lib_name, k->version, &k->row);
    k->library = c->lib_name;
    if (!recognise_by_name(a, c, &named)) return;
    if (named.role != ROLE_APPLICATION) {
        k->library = named.library;
        k->role = named.role;
    } else if (knowledge_client_named(named.library, &named.row) &&
               (!k->has_row || strcmp(named.row.client, k->row.client) != 0)) {
        k->library = named.library;
        k->row = named.row;
        k->has_row = true;
        k->surety = SURE_NAME;
    }
}

client_kind client_recognise(arena *a, const fact_client *c)
{
    client_kind k = {.library = "", .version = "", .base = "", .surety = SURE_NOT};
    if (c->lib_name[0]) {
        recognise_reported(a, c, &k);
    } else if (recognise_by_name(a, c, &k)) {
        k.has_row = k.role == ROLE_APPLICATION &&
                    (k.version[0] ? knowledge_client_find("SE.Redis", k.version, &k.row)
                                  : knowledge_client_named(k.library, &k.row));
    } else {
        (void)recognise_by_command(c, &k); /* nothing known is an answer too */
    }
    if (c->is_replica) k.role = ROLE_REPLICA;
    if (c->is_ours) k.role = ROLE_OURS;
    return k;
}

/* --- groups ---------------------------------------------------------------------------------- */

typedef struct {
    client_kind kind;
    const fact_client *client;
} member;

static int member_compare(const void *one, const void *other)
{
    const member *a = one;
    const member *b = other;
    int way = strcmp(a->kind.library, b->kind.library);
    if (way == 0) way = strcmp(a->kind.base, b->kind.base);
    if (way == 0) way = strcmp(a->kind.version, b->kind.version);
    if (way == 0) way = strcmp(a->client->user, b->client->user);
    if (way == 0) way = strcmp(a->client->address, b->client->address);
    return way;
}

static void group_add(client_group *g, const fact_client *c)
{
    g->count++;
    g->old += c->age_s >= CLIENT_OLD_S;
    if (c->age_s > g->oldest_s) g->oldest_s = c->age_s;
    g->dbs |= UINT64_C(1) << (c->db < GROUP_DBS_MAX ? c->db : GROUP_DBS_MAX - 1);
    g->blocked += c->is_blocked;
    g->subscribed += c->is_pubsub;
    for (size_t i = 0; i < g->command_count; i++)
        if (strcmp(g->commands[i], c->last_command) == 0) return;
    if (g->command_count < GROUP_COMMANDS_MAX && c->last_command[0])
        g->commands[g->command_count++] = c->last_command;
}

/* Known libraries by name, what nobody knows last; in one library the largest first. */
static int group_compare(const void *one, const void *other)
{
    const client_group *a = one;
    const client_group *b = other;
    bool a_known = a->kind.library[0];
    bool b_known = b->kind.library[0];
    if (a_known != b_known) return a_known ? -1 : 1;
    int way = strcmp(a->kind.library, b->kind.library);
    if (way == 0) way = strcmp(a->kind.version, b->kind.version);
    if (way == 0 && a->count != b->count) way = a->count > b->count ? -1 : 1;
    if (way == 0) way = strcmp(a->address, b->address);
    if (way == 0) way = strcmp(a->user, b->user);
    return way;
}

static size_t members_of(arena *a, const audit_facts *f, client_groups *ret, member **ret_members)
{
    size_t all = 0;
    for (size_t n = 0; n < f->node_count; n++)
        all += f->nodes[n].client_count;
    member *members = arena_alloc(a, (all + 1) * sizeof *members);
    size_t count = 0;
    for (size_t n = 0; n < f->node_count; n++) {
        for (size_t i = 0; i < f->nodes[n].client_count; i++) {
            member m = {.client = &f->nodes[n].clients[i]};
            m.kind = client_recognise(a, m.client);
            ret->role_counts[m.kind.role]++;
            if (m.kind.role != ROLE_OURS && m.kind.role != ROLE_REPLICA) members[count++] = m;
        }
    }
    *ret_members = members;
    return count;
}

client_groups client_groups_of(arena *a, const audit_facts *f)
{
    client_groups made = {0};
    member *members = NULL;
    size_t count = members_of(a, f, &made, &members);
    made.connections = made.role_counts[ROLE_APPLICATION];
    made.items = arena_alloc(a, (count + 1) * sizeof *made.items);
    qsort(members, count, sizeof *members, member_compare);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || member_compare(&members[i - 1], &members[i]) != 0) {
            made.items[made.count++] = (client_group){.kind = members[i].kind,
                                                      .user = members[i].client->user,
                                                      .address = members[i].client->address};
        }
        group_add(&made.items[made.count - 1], members[i].client);
    }
    qsort(made.items, made.count, sizeof *made.items, group_compare);
    return made;
}

const char *client_dbs_show(arena *a, uint64_t dbs)
{
    const char *text = "";
    for (unsigned db = 0; db < GROUP_DBS_MAX; db++) {
        if (!(dbs >> db & 1)) continue;
        text = arena_printf(a, "%s%s%u%s", text, text[0] ? ", " : "", db,
                            db == GROUP_DBS_MAX - 1 ? "+" : "");
    }
    return text;
}
