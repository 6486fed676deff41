/* audit/facts.h: everything the audit has read, before anyone judges it.
 *
 * Collectors fill it: live.c from a server (read-only commands), offline.c from redis.conf and a
 * saved INFO, sample.c from a bounded SCAN. Rules (rule_*.c) only read it and write findings, so a
 * rule is a pure function and is tested without a server. What could not be read stays empty and
 * its `unread` entry says why: a missing right is a finding, never a failure.
 *
 * All memory is in `memory` of the facts; texts are NUL-terminated, bytes from outside escaped. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "engine/info.h"

/* One setting as read. `name` is the directive's first name, lower case. */
typedef struct {
    const char *name;
    const char *running; /* CONFIG GET; NULL: not read */
    const char *file;    /* in the configuration file, joined by a blank; NULL: not there */
    unsigned line;       /* in that file; 0: not there */
    const char *path;    /* of the included file it stands in; NULL: in the first */
} fact_setting;

/* A line of the file that names no directive of this engine, or that can stand several times
 * (save, rename-command, user, loadmodule, include, client-output-buffer-limit …). */
typedef struct {
    const char *name;
    const char *arguments;
    unsigned line;
    const char *path; /* as of a setting */
} fact_conf_line;

typedef struct {
    const char *name; /* "get", "config|set"; as commandstats prints it */
    uint64_t calls;
    uint64_t rejected;
    uint64_t failed;
    double usec_per_call;
} fact_command;

/* One row of CLIENT LIST; what is not told is "". */
typedef struct {
    uint64_t id;         /* the server's number for the connection; 0: not told */
    const char *address; /* without the port */
    const char *local;   /* laddr: what the client connected to; "" before 6.2 */
    const char *name;
    const char *lib_name; /* "" before 7.2, or never told */
    const char *lib_version;
    const char *user;
    const char *last_command;
    const char *flags;
    int64_t age_s;
    int64_t idle_s;
    unsigned db;
    unsigned resp;
    bool is_blocked;
    bool is_pubsub;
    bool is_replica;
    bool is_ours;
    unsigned seen; /* in how many looks (--watch) */
} fact_client;

typedef struct {
    const char *name;
    const char *version; /* NULL: only its values were seen, in the RDB file */
} fact_module;

typedef struct {
    const char *name;  /* of the user */
    const char *rules; /* the ACL LIST line behind the name, password hashes replaced by '#' */
    unsigned password_count;
    bool is_on;
    bool is_nopass;
} fact_user;

typedef struct {
    const char *key; /* escaped, cut */
    const char *type;
    unsigned db;
    uint64_t bytes;
    uint64_t elements;
    int64_t frequency; /* OBJECT FREQ; -1: not known */
} fact_key;

typedef struct {
    const char *name; /* a prefix ("session:"), a type, or an encoding */
    uint64_t keys;
    uint64_t bytes; /* of the sampled keys */
    uint64_t with_expiry;
} fact_group;

typedef struct {
    unsigned db;
    uint64_t keys;
    uint64_t expires;
    int64_t average_ttl_ms;
} fact_database;

/* Expiries of sampled keys by the second they fall into; the fullest seconds. */
typedef struct {
    int64_t second; /* Unix time */
    uint64_t keys;
} fact_second;

typedef struct {
    uint64_t looked_at; /* keys */
    uint64_t of;        /* keys there were; looked_at < of: a sample */
    uint64_t without_expiry;
    uint64_t longest_name; /* bytes of the longest key's name */
    size_t type_count;
    fact_group *types;
    size_t encoding_count;
    fact_group *encodings; /* "hash listpack" */
    size_t prefix_count;
    fact_group *prefixes; /* the heaviest, "(others)" last */
    size_t largest_count;
    fact_key *largest;
    size_t hot_count;
    fact_key *hot;
    size_t second_count;
    fact_second *seconds;
    uint64_t expiry_buckets[8]; /* < 1 min, 1 h, 6 h, 1 d, 7 d, 30 d, 1 year, beyond */
    const char *bounded_by;     /* what ended the scan early: "time 30 s", "200,000 keys"; NULL */
    bool is_of_dump;            /* from the RDB file: bytes are those in it */
} fact_sample;

typedef struct {
    const char *what;  /* "ACL LIST" */
    const char *why;   /* the server's words */
    const char *means; /* what the audit cannot say without it */
} fact_unread;

/* The RDB file that was read. */
typedef struct {
    const char *path; /* NULL: none was given */
    unsigned version;
    uint64_t bytes;
    uint64_t used_memory; /* of the server when it was saved, by its own word; 0: not said */
    int64_t saved_at_ms;
    bool has_saved_at;
} fact_dump;

/* One node: a standalone server, or each member of a cluster. */
typedef struct {
    const char *address; /* "10.0.0.5:6379", or the name of the file */
    engine_version version;
    bool has_version;
    span info;        /* INFO all, as text; empty: not read */
    span info_before; /* the same at the begin of a watch; empty: one look */
    size_t setting_count;
    fact_setting *settings;
    size_t line_count;
    fact_conf_line *lines;
    size_t command_count;
    fact_command *commands;
    size_t client_count;
    fact_client *clients;
    size_t user_count;
    fact_user *users;
    const char *whoami; /* the user that the audit is; NULL: not read */
    size_t module_count;
    fact_module *modules;
    size_t database_count;
    fact_database *databases;
    size_t function_count; /* libraries of FUNCTION LIST */
    const char *const *functions;
    const char *const *slow; /* LATENCY LATEST and SLOWLOG lines, shown */
    size_t slow_count;
    fact_sample sample;
    fact_dump dump;
    bool is_cluster;
    bool is_replica;
    bool is_sentinel_watched; /* a Sentinel is among its clients or publishes on it */
    size_t unread_count;
    fact_unread *unread;
} audit_node;

typedef struct {
    arena memory;
    size_t node_count;
    audit_node *nodes; /* the first is the one that was named */
    bool is_live;
    int64_t read_at_ms;     /* wall clock */
    int64_t watched_ms;     /* how long clients and counters were followed; 0: one look */
    const char *conf_path;  /* NULL: none given */
    const char *rules_path; /* of --prometheus-rules */
    span rules;             /* its text */
} audit_facts;

/* The value that counts: running, else of the file; NULL when neither is known. */
const char *audit_setting(const audit_node *n, const char *name);
/* Where that value was read: "CONFIG GET, 10.0.0.5:6379" or "redis.conf:12"; NULL: nowhere. */
const char *
audit_setting_place(const audit_facts *f, const audit_node *n, const char *name, arena *memory);
/* "redis.conf:12": a line of the configuration file (`path` NULL) or of one that it includes. */
const char *audit_conf_place(const audit_facts *f, const char *path, unsigned line, arena *memory);
/* INFO's field as text in the facts' memory; NULL when not read. */
const char *audit_info(audit_facts *f, const audit_node *n, const char *name);
bool audit_info_u64(const audit_node *n, const char *name, uint64_t *ret);
const fact_command *audit_command(const audit_node *n, const char *name);
