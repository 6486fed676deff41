/* sandbox/state.h: what a sandbox knows, as JSON, kept in one file of the work directory.
 *
 * One lock guards all of it: the API's thread holds it for a call, the keeper (the thread that owns
 * the engines) for one step. Whoever changes something sets `dirty`; the keeper writes the file. */
#pragma once
#include <jansson.h>
#include <pthread.h>

#include "base/clock.h"
#include "sandbox/sandbox.h"

#define STATE_FILE "sandbox.json"
#define STATE_LOCK "lock"
#define STATE_EVENTS_MAX ((size_t)1000)
#define NAME_SUFFIX "cache.sandbox.test"
#define PATH_SIZE ((size_t)4096)

/* A program that can be a node. */
typedef struct {
    char path[PATH_SIZE];
    char engine[16];  /* redis valkey */
    char version[32]; /* "8.0.1" */
} engine_program;

typedef struct {
    engine_program *rows;
    size_t count;
} engine_programs;

struct keeper;
struct store;
struct watch;

typedef struct sandbox {
    pthread_mutex_t lock;
    json_t *root; /* everything that is kept */
    bool dirty;
    unsigned compress;
    failover_style style;
    bool plain_endpoints;
    char workdir[PATH_SIZE]; /* absolute */
    engine_programs programs;
    struct keeper *keeper;
    struct store *store; /* of S3, with a lock of its own */
    struct watch *watch; /* of CloudWatch */
} sandbox;

/* Reads the file, or makes a new state. `claim`: make what is missing and take the lock file. */
bool state_open(sandbox *s, const char *workdir, err *e) MUST_CHECK;
bool state_save(sandbox *s, err *e) MUST_CHECK;
void state_close(sandbox *s);
/* The file as it is, for `status`. */
bool state_read(const char *workdir, json_t **ret, err *e) MUST_CHECK;
/* The process that holds the work directory; 0: none. */
bool state_holder(const char *workdir, int64_t *ret_pid, err *e) MUST_CHECK;
bool state_claim(const char *workdir, int *ret_fd, err *e) MUST_CHECK;

/* A part of the state by its name ("groups", "users"...): an object, made when it is not there. */
json_t *state_part(sandbox *s, const char *name);
const char *state_text(sandbox *s, const char *name);
/* Short forms for objects of ours; "" and 0 when the member is not there. */
const char *text_of(const json_t *object, const char *name);
int64_t number_of(const json_t *object, const char *name);
bool flag_of(const json_t *object, const char *name);
void text_set(json_t *object, const char *name, const char *text);
/* Milliseconds of our time for so many seconds of the service's. */
int64_t state_delay_ms(const sandbox *s, unsigned service_seconds);
/* The next free address of this sandbox: "127.x.y.z". */
void state_address(sandbox *s, char ret[32]);
/* random text of `size` characters out of an alphabet, NUL-terminated. */
void state_random(char *ret, size_t size, const char *alphabet);
void state_event(sandbox *s, const char *type, const char *id, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:mine" */
json_t *state_arn(sandbox *s, const char *kind, const char *id);
