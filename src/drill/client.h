/* drill/client.h: one client of a drill while it runs: a canary of ours, or a command. */
#pragma once
#include <stdatomic.h>

#include "drill/drill.h"
#include "drill/ledger.h"
#include "drill/line.h"

typedef struct canary_kind canary_kind;

typedef struct {
    const canary_kind *kind; /* NULL: a command */
    const char *command;
    const char *prefix; /* of its keys */
    const engine_url *url;
    atomic_bool *stop;
    ledger book;
    /* of a canary */
    pthread_t thread;
    bool has_thread;
    /* of a command, its reader's thread alone until that has ended */
    pid_t pid; /* and process group; negative: reaped, its group may be left; 0: neither */
    int out, errors;
    drill_lines lines, said;
    char library[64], version[32];
    char last_words[LEDGER_TEXT_SIZE]; /* what it said that was no line of ours */
    atomic_bool ended;                 /* by itself */
} client;

/* canary.c */
size_t canary_kinds_count(void);
void canary_of(size_t kind, client *ret);
const char *canary_name(const client *c);
bool canary_is_witness(const client *c);
bool canary_start(client *c, err *e) MUST_CHECK;
void canary_join(client *c); /* after `stop` */

/* command.c: started by the thread that lives longest: the kernel ends them with it. */
typedef struct {
    const engine_url *url;
    const char *password_file; /* "": there is no password */
} command_place;
bool command_start(client *c, const command_place *p, err *e) MUST_CHECK;
/* What they say by now; waits for it `timeout_ms` at most. */
void commands_read(client *all, size_t count, int timeout_ms);
/* Ends it with all that it started, SIGTERM first. */
void commands_end(client *all, size_t count);
