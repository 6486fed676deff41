/* sandbox/relay_internal.h: one connection through the relay. */
#pragma once
#include "net/openssl.h"
#include "sandbox/iam.h"
#include "sandbox/relay.h"
#include "sandbox/wire.h"

#define RELAY_PIECE ((size_t)16 * KIB)
#define RELAY_WAITING_MAX ((size_t)256 * KIB) /* then nothing more is read from that side */

typedef struct {
    char access_key_id[64], secret_key[64], region[32], engine_password[64];
    int64_t life_ms;
} relay_keys;

/* A node; connections share it. */
typedef struct relay_place {
    char node[64]; /* empty: nobody tells of it any more */
    char cache[64];
    char *users;
    SSL_CTX *tls;
    uint16_t port;
    bool frozen;
    size_t count;
    struct {
        char address[32];
        int fd;
    } listeners[RELAY_ADDRESSES_MAX];
} relay_place;

typedef struct relay_conn {
    struct relay_conn *next;
    relay_place *place; /* NULL: it is to end */
    const relay_keys *keys;
    SSL *tls;
    int client;
    int engine;
    bool shaken;        /* hands, by TLS */
    bool client_blocks; /* until it can be written */
    bool engine_over;
    bool client_over;
    int64_t ends_ns; /* of a login by IAM; 0: of none */
    wire wire;
    buf to_engine;
    buf to_client;
} relay_conn;

/* The client's socket is the connection's from here on. NULL: the engine does not take it. */
relay_conn *relay_conn_new(relay_place *place, const relay_keys *keys, int client);
void relay_conn_free(relay_conn *c);
/* As far as it goes without waiting. False: it is over. */
bool relay_conn_pump(relay_conn *c);
/* What it waits for, of poll(2). */
short relay_conn_client_events(const relay_conn *c);
short relay_conn_engine_events(const relay_conn *c);
