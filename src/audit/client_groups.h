/* audit/client_groups.h: whose connections these are, and which of them belong together.
 *
 * From 7.2 on a library may tell its name and version (CLIENT SETINFO). Before, and where it does
 * not, the name of the connection betrays the libraries that set one themselves, and the last
 * command hints at the rest. Every answer says how sure it is. */
#pragma once
#include "audit/audit_internal.h"

typedef enum {
    SURE_REPORTED, /* CLIENT SETINFO */
    SURE_NAME,     /* the library gives its connections that name */
    SURE_GUESS,    /* its last command is typical */
    SURE_NOT,
    SURE_COUNT
} client_surety;

typedef enum {
    ROLE_APPLICATION,
    ROLE_SENTINEL,
    ROLE_REPLICA,
    ROLE_TOOL, /* exporters, consoles */
    ROLE_OURS
} client_role;

/* Texts borrowed from the fact, the tables, or the arena given. */
typedef struct {
    const char *library; /* "redis-py", "BullMQ"; as guessed; "" when nothing is known */
    const char *version; /* as reported; "" */
    const char *base;    /* what it is built on, as reported: "ioredis" under BullMQ; "" */
    client_surety surety;
    client_role role;
    bool has_row; /* of the clients' table */
    knowledge_client row;
} client_kind;

client_kind client_recognise(arena *a, const fact_client *c);
const char *client_surety_name(client_surety s);

#define GROUP_COMMANDS_MAX 4
#define CLIENT_OLD_S 86400 /* such a connection has outlived every TTL of a name */
#define GROUP_DBS_MAX 64   /* numbers above are shown as one */

/* Connections of one library, version, user and address. */
typedef struct {
    client_kind kind;
    const char *user;
    const char *address;
    size_t count;
    int64_t oldest_s;
    size_t old;   /* of CLIENT_OLD_S and more */
    uint64_t dbs; /* bit n: some use database n; the last also stands for all above */
    size_t blocked;
    size_t subscribed;
    size_t command_count;
    const char *commands[GROUP_COMMANDS_MAX]; /* last ones, different */
} client_group;

typedef struct {
    size_t count;
    client_group *items; /* the most connections of a library first; in the arena */
    size_t connections;  /* of applications */
    size_t role_counts[ROLE_OURS + 1];
} client_groups;

/* Of all nodes; replicas and ourselves are counted, not grouped. */
client_groups client_groups_of(arena *a, const audit_facts *f);
const char *client_dbs_show(arena *a, uint64_t dbs); /* "0, 1, 5" */
