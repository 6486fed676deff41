/* Who is connected, and what each of them does at a failover. */
#include <stdlib.h>
#include <string.h>

#include "audit/client_groups.h"
#include "audit/client_section.h"
#include "audit/operations.h"

#define STORM_CONNECTIONS 1000
#define CHURN_PER_S 20
#define LOOKS_MIN 3
#define LIBRARIES_MAX 64
#define VERSIONS_BYTES_MAX 200 /* of one library: shown */
#define UNLISTED_MAX 20        /* libraries that no table has: told one by one */
#define DOC "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
#define RULES_DATE "2026-11-22"

static const audit_rule_row rows[] = {
    {"client-failover", DIMENSION_APPLICATION,
     "What a connected library of this version does when the primary changes, and what it must "
     "set. "
     "A warning where it does not follow by itself in every case."},
    {"client-unlisted", DIMENSION_APPLICATION,
     "A library that reports itself but is not in the tables: its behaviour at a failover is not "
     "known here."},
    {"client-unknown", DIMENSION_APPLICATION,
     "Connections that do not say which library they are. Before 7.2 none can; later, phpredis, "
     "Redisson, hiredis and older libraries still do not."},
    {"client-unread", DIMENSION_APPLICATION,
     "No list of clients could be read, so nothing is said about them."},
    {"client-sentinel", DIMENSION_APPLICATION,
     "Sentinels watch this server, so clients ask them for the primary. ElastiCache has no "
     "Sentinel: "
     "those clients must change their mode before the cutover."},
    {"client-old", DIMENSION_APPLICATION,
     "Connections that have been open for more than a day. They never look a name up again, and so "
     "stay where they are at a cutover and at a failover until someone closes them."},
    {"client-loopback", DIMENSION_TOPOLOGY,
     "Clients on the server's own machine, through loopback or a socket file. Their server moves "
     "away from under them."},
    {"client-address", DIMENSION_APPLICATION,
     "The local addresses that connections came in on. Whoever has such an address in its "
     "configuration, instead of a name, must change it."},
    {"client-limit", DIMENSION_OPERATIONS,
     "Connections against the limit of a node on ElastiCache, which cannot be changed."},
    {"client-storm", DIMENSION_OPERATIONS,
     "So many connections that all come anew at the cutover, and at each failover."},
    {"client-rejected", DIMENSION_OPERATIONS,
     "The server has refused connections because of maxclients."},
    {"client-churn", DIMENSION_APPLICATION,
     "Connections are made and dropped all the time: each costs a TLS handshake there."},
    {"client-short", DIMENSION_NONE,
     "Connections that came and went while the list of clients was followed."},
    {"client-blocked", DIMENSION_APPLICATION,
     "Clients that wait in a blocking command get an error at a failover, at once."},
    {"client-subscribed", DIMENSION_APPLICATION,
     "Subscriptions end with the connection, and messages of the meantime are lost."},
    {"client-tool", DIMENSION_COMPONENTS,
     "An exporter or a console is connected; it needs a new place or a replacement."},
};

typedef struct {
    const audit_facts *f;
    const knowledge_target *t;
    report *r;
    arena *scratch;
    client_groups groups;
    const char *where;
} scene;

/* Adds what all findings of this area have in common. */
static void add(scene *s, finding made)
{
    made.area = audit_clients.area;
    if (!made.where) made.where = s->where;
    if (!made.owner) made.owner = "the application's team";
    if (!made.date) made.date = RULES_DATE;
    report_add_finding(s->r, &made);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* --- libraries ------------------------------------------------------------------------------- */

/* All groups that one row of the clients' table speaks of. */
typedef struct {
    const client_group *first;
    size_t connections;
    size_t addresses;
    const char *versions;
    const char *last_version;
} library;

/* "ioredis [5.8.0,6.0.0)" -> "ioredis-5.8.0", "redisson <3.48.0" -> "redisson-below-3.48.0". */
static const char *row_slug(arena *a, const char *client)
{
    char *slug = arena_alloc(a, strlen(client) + sizeof "below-");
    size_t size = 0;
    for (const char *c = client; *c && *c != ','; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '.';
        if (plain || (*c >= 'A' && *c <= 'Z')) {
            slug[size++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
        } else if (*c == '<') {
            memcpy(slug + size, "below-", strlen("below-"));
            size += strlen("below-");
        } else if (size > 0 && slug[size - 1] != '-') {
            slug[size++] = '-';
        }
    }
    while (size > 0 && slug[size - 1] == '-')
        slug[--size] = '\0';
    return slug;
}

static void failover_finding(
    scene *s, const char *evidence, size_t count, const knowledge_client *k, const char *base)
{
    static const struct {
        const char *follows;
        severity severity;
        const char *says;
    } kinds[] = {
        {"yes", SEVERITY_INFO, "follows a failover by itself"},
        {"partly", SEVERITY_WARN, "follows a failover only in part"},
        {"no", SEVERITY_WARN, "does not follow a failover by itself"},
    };
    severity level = SEVERITY_WARN;
    const char *says = "does at a failover what nobody has written down";
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].follows, k->follows) != 0) continue;
        level = kinds[i].severity;
        says = kinds[i].says;
    }
    size_t name = strcspn(k->client, "[<(");
    while (name > 0 && k->client[name - 1] == ' ')
        name--;
    const char *title = arena_printf(s->scratch, "%.*s %s", (int)name, k->client, says);
    if (count)
        title = arena_printf(s->scratch, "%s (%zu connection%s)", title, count, plural(count));
    bool has_snippet = client_section_snippet(s->r, k->client, base);
    add(s,
        (finding){
            .id = arena_printf(s->scratch, "client-failover:%s", row_slug(s->scratch, k->client)),
            .severity = level,
            .title = title,
            .evidence = evidence,
            .consequence = k->known_failure,
            .action = arena_printf(s->scratch, "set: %s%s", k->recommended,
                                   has_snippet ? " (as code: 'What the clients must set')" : ""),
            .source = k->source,
            .date = knowledge_at(TABLE_CLIENTS)->date,
        });
}

static void library_add(scene *s, library *all, size_t *count, const client_group *g)
{
    size_t i = 0;
    while (i < *count && strcmp(all[i].first->kind.row.client, g->kind.row.client) != 0)
        i++;
    if (i == LIBRARIES_MAX) return; /* more rows than the table will ever have */
    if (i == *count) all[(*count)++] = (library){.first = g, .versions = "", .last_version = ""};
    library *l = &all[i];
    l->connections += g->count;
    l->addresses++;
    const char *version = g->kind.version[0] ? g->kind.version : "not told";
    if (strcmp(l->last_version, version) == 0 || strlen(l->versions) > VERSIONS_BYTES_MAX) return;
    l->last_version = version;
    l->versions =
        arena_printf(s->scratch, "%s%s%s", l->versions, l->versions[0] ? ", " : "", version);
}

static void judge_libraries(scene *s)
{
    library all[LIBRARIES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < s->groups.count; i++)
        if (s->groups.items[i].kind.has_row) library_add(s, all, &count, &s->groups.items[i]);
    for (size_t i = 0; i < count; i++) {
        const client_kind *k = &all[i].first->kind;
        /* Of a framework the version is that of the library below it. */
        const char *of = k->base[0] && strcmp(k->base, k->library) != 0 ? k->base : "";
        failover_finding(s,
                         arena_printf(s->scratch, "version %s%s%s; known by: %s; its defaults: %s",
                                      of, of[0] ? " " : "", all[i].versions,
                                      client_surety_name(k->surety), k->row.defaults),
                         all[i].connections, &k->row, k->base);
    }
}

/* Keys that only one framework writes betray it where its connections look like any other. */
static void judge_frameworks(scene *s)
{
    static const struct {
        const char *prefix;
        const char *library;
    } kinds[] = {{"_kombu.binding.", "Celery/kombu"},
                 {"celery-task-meta-", "Celery (result backend)"},
                 {"bull:", "BullMQ"}};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        const char *key = client_key_like(s->f, kinds[k].prefix);
        knowledge_client row = {0};
        if (!key || !knowledge_client_named(kinds[k].library, &row)) continue;
        failover_finding(
            s,
            arena_printf(s->scratch,
                         "keys such as '%s' are its own; its connections look like those of "
                         "the library below it (%s)",
                         key, row.reported_as),
            0, &row, "");
    }
}

/* Reported, but not in the table; and connections that report nothing. */
static void judge_unknown(scene *s)
{
    size_t silent = 0;
    size_t guessed = 0;
    size_t unlisted = 0;
    const char *last = "";
    for (size_t i = 0; i < s->groups.count; i++) {
        const client_group *g = &s->groups.items[i];
        if (g->kind.role != ROLE_APPLICATION || g->kind.has_row) continue;
        if (g->kind.surety == SURE_NOT || g->kind.surety == SURE_GUESS) {
            silent += g->count;
            guessed += g->kind.surety == SURE_GUESS ? g->count : 0;
            continue;
        }
        if (strcmp(last, g->kind.library) == 0) continue; /* another version, user or address */
        last = g->kind.library;
        if (++unlisted > UNLISTED_MAX) continue;
        add(s, (finding){
                   .id = arena_printf(s->scratch, "client-unlisted:%s", g->kind.library),
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(s->scratch, "'%s' is not in our tables", g->kind.library),
                   .evidence =
                       arena_printf(s->scratch, "version %s, from %s and perhaps others",
                                    g->kind.version[0] ? g->kind.version : "not told", g->address),
                   .consequence = "whether it follows a failover is not known",
                   .action =
                       "try it: connect it to a test cache, run TestFailover under load, and see "
                       "whether it recovers without a restart",
               });
    }
    if (unlisted > UNLISTED_MAX) {
        add(s, (finding){
                   .id = "client-unlisted",
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(s->scratch, "%zu more libraries are not in our tables",
                                         unlisted - UNLISTED_MAX),
                   .evidence = "CLIENT LIST: lib-name",
                   .consequence = "whether they follow a failover is not known",
                   .action = "try each against a test cache with TestFailover under load",
               });
    }
    if (silent == 0) return;
    const audit_node *n = &s->f->nodes[0];
    bool could = n->has_version && (engine_version_at_least(&n->version, 7, 2));
    add(s,
        (finding){
            .id = "client-unknown",
            .severity = SEVERITY_WARN,
            .title =
                arena_printf(s->scratch, "%zu of %zu connections do not say which library they are",
                             silent, s->groups.connections),
            .evidence = arena_printf(
                s->scratch, "%s%s",
                could ? "no CLIENT SETINFO: an older library, or one that never does (phpredis, "
                        "Redisson, hiredis, redis-rb before 6)"
                      : "libraries can say so from engine 7.2 on; known by their name are BullMQ, "
                        "Sidekiq, predis and StackExchange.Redis only",
                guessed ? arena_printf(s->scratch,
                                       "; %zu look%s like a queue worker or a stream "
                                       "consumer (by the last command: a guess)",
                                       guessed, guessed == 1 ? "s" : "")
                        : ""),
            .consequence = "whether these follow a failover is not known",
            .action =
                "ask who runs on the addresses listed under 'Who is connected', then look the "
                "library up in 'handover audit' of a newer engine or in its own documentation",
        });
}

/* --- where they connect ---------------------------------------------------------------------- */

static void judge_sentinel(scene *s)
{
    size_t sentinels = s->groups.role_counts[ROLE_SENTINEL];
    bool watched = sentinels > 0;
    for (size_t n = 0; n < s->f->node_count; n++)
        watched |= s->f->nodes[n].is_sentinel_watched;
    if (!watched) return;
    add(s, (finding){
               .id = "client-sentinel",
               .severity = SEVERITY_BLOCK,
               .title = "clients that ask Sentinel for the primary must change their mode",
               .evidence = arena_printf(
                   s->scratch,
                   "Sentinels watch this server (%zu of their connections seen); which "
                   "clients ask them cannot be seen from here",
                   sentinels),
               .consequence =
                   "ElastiCache has no Sentinel: SENTINEL commands are not there, port 26379 "
                   "answers nobody, and such a client finds no primary at all",
               .action =
                   "find 'sentinel' in the clients' configuration and change it to the plain mode "
                   "with the primary endpoint (cluster mode enabled: the cluster mode with the "
                   "configuration endpoint); release that before the cutover, switched by a flag",
               .source = DOC "AutoFailover.html",
           });
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strcmp(address, "[::1]") == 0 || address[0] == '/';
}

static void judge_loopback(scene *s)
{
    size_t count = 0;
    const char *what = "";
    for (size_t i = 0; i < s->groups.count; i++) {
        const client_group *g = &s->groups.items[i];
        if (g->kind.role != ROLE_APPLICATION || !is_loopback(g->address)) continue;
        count += g->count;
        if (!what[0]) what = g->kind.library[0] ? g->kind.library : g->address;
    }
    if (count == 0) return;
    add(s,
        (finding){
            .id = "client-loopback",
            .severity = SEVERITY_WARN,
            .title = arena_printf(s->scratch, "%zu connection%s from the server's own machine",
                                  count, plural(count)),
            .evidence = arena_printf(s->scratch, "through loopback or a socket file: %s%s", what,
                                     count > 1 ? " and others" : ""),
            .consequence = "their server moves to another machine: loopback and socket files lead "
                           "nowhere, every command becomes a network round trip, and whether the "
                           "programs have another place to run is open",
            .action = "give them the target's endpoint as a setting, and measure them with that "
                      "latency before the cutover",
        });
}

/* Is it one of "10.0.0.5, 10.0.0.50"? */
static bool names(const char *listed, const char *address)
{
    span rest = span_text(listed);
    span one;
    while (span_cut(&rest, ',', &one)) {
        if (span_starts(one, " ")) one = span_tail(one, 1);
        if (span_is(one, address)) return true;
    }
    return false;
}

/* The addresses that connections came in on; they are not told before 6.2. */
static void judge_address(scene *s)
{
    const char *last = "";
    const char *listed = "";
    size_t different = 0;
    for (size_t n = 0; n < s->f->node_count; n++) {
        const audit_node *node = &s->f->nodes[n];
        for (size_t i = 0; i < node->client_count; i++) {
            const fact_client *c = &node->clients[i];
            if (!c->local[0] || c->is_ours || c->is_replica || is_loopback(c->local)) continue;
            if (strcmp(c->local, last) == 0 || names(listed, c->local)) continue;
            last = c->local;
            different++;
            listed = arena_printf(s->scratch, "%s%s%s", listed, listed[0] ? ", " : "", c->local);
        }
    }
    if (different == 0) return;
    bool several = different > s->f->node_count;
    add(s,
        (finding){
            .id = "client-address",
            .severity = several ? SEVERITY_WARN : SEVERITY_INFO,
            .title = several
                         ? "clients reach this server under more than one address"
                         : "a client with this server's address in its configuration stays behind",
            .evidence =
                arena_printf(s->scratch,
                             "connections came in on %s; a server cannot see whether the client "
                             "looked up a name or was given the number",
                             listed),
            .consequence =
                "a number does not move at the cutover, does not follow a failover, and fails "
                "the check of the certificate's name",
            .action = "search the configuration of all clients for these addresses and put a name "
                      "of your "
                      "own there (a CNAME with a TTL of 5 to 10 s), which the cutover then turns",
            .source = DOC "ClientConfig.DNS.html",
        });
}

/* --- how many, how long ---------------------------------------------------------------------- */

static void judge_old(scene *s)
{
    size_t old = 0;
    const client_group *oldest = NULL;
    for (size_t i = 0; i < s->groups.count; i++) {
        const client_group *g = &s->groups.items[i];
        if (g->kind.role != ROLE_APPLICATION) continue;
        old += g->old;
        if (!oldest || g->oldest_s > oldest->oldest_s) oldest = g;
    }
    if (old == 0 || !oldest) return;
    add(s,
        (finding){
            .id = "client-old",
            .severity = SEVERITY_WARN,
            .title = arena_printf(s->scratch, "%zu connection%s older than a day", old,
                                  old == 1 ? " is" : "s are"),
            .evidence = arena_printf(s->scratch, "the oldest: %s, from %s%s%s",
                                     client_age_show(s->scratch, oldest->oldest_s), oldest->address,
                                     oldest->kind.library[0] ? ", " : "", oldest->kind.library),
            .consequence =
                "a connection that stays open never looks the name up again: a change of DNS "
                "alone moves none of them, neither at the cutover nor at a failover",
            .action =
                "bound the age of connections in the pools (minutes), or restart these programs "
                "right after the switch; 'handover migrate' fences the source, so a late write "
                "gets an error there and is not lost; keep close-on-replica-write at yes",
            .source = DOC "ParameterGroups.Engine.html",
        });
}

/* The most connections that one node has. */
static uint64_t connections_max(const scene *s)
{
    uint64_t most = 0;
    for (size_t n = 0; n < s->f->node_count; n++) {
        uint64_t one = 0;
        if (!audit_info_u64(&s->f->nodes[n], "connected_clients", &one))
            one = s->f->nodes[n].client_count;
        if (one > most) most = one;
    }
    return most;
}

static void judge_storm(scene *s)
{
    knowledge_parameter p = {0};
    uint64_t limit = 0;
    const char *family = s->t->family[0] ? s->t->family : "valkey8";
    uint64_t most = connections_max(s);
    if (!knowledge_parameter_find(family, "maxclients", &p) ||
        !span_to_u64(span_text(p.default_value), &limit) || limit == 0)
        return;
    client_section_storm(s->r, most, limit);
    if (most > limit / 2) {
        add(s, (finding){
                   .id = "client-limit",
                   .severity = most > limit ? SEVERITY_BLOCK : SEVERITY_WARN,
                   .title = arena_printf(s->scratch,
                                         "%" PRIu64 " connections; a node there takes %" PRIu64,
                                         most, limit),
                   .evidence = "INFO clients: connected_clients",
                   .where = "INFO",
                   .consequence =
                       "the limit cannot be raised (small burstable nodes have 20000 or 46000), "
                       "and during a rolling restart programs hold old and new connections",
                   .action = "smaller pools, a proxy in front, or cluster mode with more shards",
                   .source = p.source,
               });
    }
    if (most >= STORM_CONNECTIONS) {
        add(s, (finding){
                   .id = "client-storm",
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(s->scratch,
                                         "%" PRIu64 " connections come anew in one moment", most),
                   .evidence = "INFO clients: connected_clients",
                   .where = "INFO",
                   .consequence =
                       "each is a TLS handshake on the one thread that also serves commands; "
                       "clients that time out meanwhile try again and make it worse",
                   .action = "reconnect with exponential pauses and full jitter, connect timeout "
                             "of at least "
                             "1 s, and pools that fill as needed instead of at start",
                   .source = DOC "BestPractices.Clients.Redis.Connections.html",
               });
    }
}

static void judge_counters(scene *s)
{
    uint64_t rejected = audit_info_sum(s->f, "rejected_connections");
    uint64_t received = audit_info_sum(s->f, "total_connections_received");
    uint64_t uptime = 0;
    if (rejected > 0) {
        add(s, (finding){
                   .id = "client-rejected",
                   .severity = SEVERITY_WARN,
                   .title = arena_printf(
                       s->scratch, "%" PRIu64 " connections were refused: maxclients", rejected),
                   .evidence = "INFO stats: rejected_connections, since the start of the server",
                   .where = "INFO",
                   .consequence = "a pool grows without bound somewhere, and will there too",
                   .action = "find the pool before the move; afterwards watch CurrConnections",
               });
    }
    if (!audit_info_u64(&s->f->nodes[0], "uptime_in_seconds", &uptime) || uptime < 60) return;
    if (received / uptime < CHURN_PER_S) return;
    add(s,
        (finding){
            .id = "client-churn",
            .severity = SEVERITY_WARN,
            .title = arena_printf(s->scratch, "%" PRIu64 " new connections a second on average",
                                  received / uptime),
            .evidence = arena_printf(
                s->scratch, "INFO stats: total_connections_received %" PRIu64 " in %" PRIu64 " s",
                received, uptime),
            .where = "INFO",
            .consequence =
                "with TLS a new connection costs several milliseconds of the engine's thread: "
                "latency for everyone, and the CPU graph of a larger node",
            .action = "keep connections (a pool; in PHP pconnect or a local proxy) before the move",
            .source = DOC "BestPractices.Clients.Redis.Connections.html",
        });
}

/* --- what they are doing --------------------------------------------------------------------- */

static void judge_waiting(scene *s)
{
    size_t blocked = 0;
    size_t subscribed = 0;
    for (size_t i = 0; i < s->groups.count; i++) {
        const client_group *g = &s->groups.items[i];
        if (g->kind.role != ROLE_APPLICATION) continue;
        blocked += g->blocked;
        subscribed += g->subscribed;
    }
    if (blocked > 0) {
        add(s,
            (finding){
                .id = "client-blocked",
                .severity = SEVERITY_INFO,
                .title = arena_printf(s->scratch, "%zu client%s in a blocking command", blocked,
                                      blocked == 1 ? " waits" : "s wait"),
                .evidence = "CLIENT LIST: flag b",
                .consequence = "a node that is demoted answers them 'UNBLOCKED force unblock from "
                               "blocking operation, instance state changed'",
                .action =
                    "treat UNBLOCKED as a reason to connect again, not as a failure of the job; "
                    "keep socket timeouts above the blocking time",
            });
    }
    if (subscribed > 0) {
        add(s,
            (finding){
                .id = "client-subscribed",
                .severity = SEVERITY_INFO,
                .title = arena_printf(s->scratch, "%zu client%s subscribed", subscribed,
                                      subscribed == 1 ? " is" : "s are"),
                .evidence = "CLIENT LIST: flag P",
                .consequence =
                    "a subscription ends with its connection, and what is published until it "
                    "is made again reaches nobody; nor does what is published on the other "
                    "server during the switch",
                .action =
                    "subscribe again on every reconnection; switch subscribers before publishers",
            });
    }
}

static void judge_tools(scene *s)
{
    for (size_t i = 0; i < s->groups.count; i++) {
        const client_group *g = &s->groups.items[i];
        if (g->kind.role != ROLE_TOOL) continue;
        add(s,
            (finding){
                .id = arena_printf(s->scratch, "client-tool:%s", g->kind.library),
                .severity = SEVERITY_INFO,
                .title = arena_printf(s->scratch, "%s is connected", g->kind.library),
                .evidence = arena_printf(s->scratch, "from %s", g->address),
                .consequence = "it must run inside the VPC, per node, and without CONFIG",
                .action =
                    "give it an own user and the node endpoints, or let CloudWatch replace it: see "
                    "Monitoring",
                .owner = "whoever runs the monitoring",
            });
    }
}

static void judge_short(scene *s)
{
    unsigned looks = 0;
    size_t brief = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t n = 0; n < s->f->node_count; n++) {
            for (size_t i = 0; i < s->f->nodes[n].client_count; i++) {
                const fact_client *c = &s->f->nodes[n].clients[i];
                if (pass == 0 && c->seen > looks) looks = c->seen;
                brief += pass == 1 && c->seen == 1 && !c->is_ours;
            }
        }
    }
    if (looks < LOOKS_MIN || brief == 0) return;
    add(s, (finding){
               .id = "client-short",
               .severity = SEVERITY_INFO,
               .title = arena_printf(s->scratch, "%zu connection%s came and went within the watch",
                                     brief, plural(brief)),
               .evidence = arena_printf(s->scratch, "seen in one of %u looks, over %" PRIi64 " s",
                                        looks, s->f->watched_ms / 1000),
               .consequence =
                   "they look the name up each time and so follow by themselves, at the price of "
                   "a handshake",
               .action = "see client-churn for the price",
           });
}

static void judge_unread(scene *s)
{
    add(s, (finding){
               .id = "client-unread",
               .severity = SEVERITY_INFO,
               .title = "who is connected is not known",
               .evidence = "no list of clients was read",
               .where = s->f->nodes[0].address,
               .consequence = "nothing can be said about what the clients do at a failover",
               .action = "audit the running server, or hand in the output of CLIENT LIST",
           });
}

static void
judge(const audit_facts *f, const knowledge_target *t, const audit_options *o, report *r)
{
    (void)o;
    arena scratch = {0};
    scene s = {.f = f, .t = t, .r = r, .scratch = &scratch};
    s.groups = client_groups_of(&scratch, f);
    s.where = f->node_count == 1 ? arena_printf(&scratch, "CLIENT LIST, %s", f->nodes[0].address)
                                 : arena_printf(&scratch, "CLIENT LIST, %zu nodes", f->node_count);
    if (s.groups.count == 0 && s.groups.role_counts[ROLE_OURS] == 0) {
        judge_unread(&s);
    } else {
        client_section_who(r, &scratch, &s.groups);
        judge_sentinel(&s);
        judge_libraries(&s);
        judge_unknown(&s);
        judge_loopback(&s);
        judge_address(&s);
        judge_old(&s);
        judge_waiting(&s);
        judge_tools(&s);
        judge_short(&s);
    }
    judge_frameworks(&s);
    judge_storm(&s);
    judge_counters(&s);
    arena_clear(&scratch);
}

const audit_rule_set audit_clients = {
    .area = "Clients", .rows = rows, .row_count = COUNT_OF(rows), .judge = judge};
