/* apply/shared.h: what the applier's thread and the rest of the tool tell each other.
 *
 * One mutex over everything; the applier takes it once per turn or per group, never per command.
 * Owned by the link; both sides outlive neither. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "apply/link.h"

#define NEAR_KEYS_MAX ((size_t)200000)
#define INCIDENTS_MAX ((size_t)10000)

typedef enum {
    HOLD_FAR,  /* everything within the horizon is held (the normal state) */
    HOLD_NEAR, /* only what could expire before the cutover is done; its keys are listed */
} hold_mode;

typedef struct {
    unsigned db;
    char *key; /* with its size: any byte may occur */
    size_t key_size;
} near_key;

/* A copy by value between the asking side and the applier; see apply/copy.h. */
typedef enum {
    COPY_NONE,
    COPY_STOP,  /* the applier shall stand */
    COPY_STOOD, /* it does, and stands until the next order */
    COPY_READY, /* values and their offset are here */
    COPY_SENT,  /* they are on their way */
    COPY_DONE,
    COPY_LOST, /* nobody knows: ask anew */
} copy_state;

typedef struct {
    const link_copy *key; /* with its database */
    bool present;
    bool elements;         /* as native commands; else whole */
    span payload;          /* of DUMP */
    int64_t expires_at_ms; /* -1: never */
    bool refused;          /* by the target: its answer is in text */
    char text[240];
} copy_item;

typedef struct {
    copy_state state;
    uint64_t ticket; /* of this copy: an answer to an older one is nobody's */
    uint64_t generation;
    uint64_t offset;
    copy_item *items; /* the asking side's */
    size_t count;
} copy_order;

typedef struct {
    pthread_mutex_t lock;
    link_progress progress;
    link_phase phase;
    err trouble;

    link_incident *incidents;
    size_t incident_count;

    hold_mode hold_wanted;
    hold_mode hold_seen; /* nothing that was built under another mode is still on its way */
    int64_t hold_guard_ms;
    near_key *near;
    size_t near_count;
    size_t near_room;
    uint64_t *near_hashes; /* of the keys listed, open addressing; a key is listed once */
    bool near_overflow;

    throttle_limits limits;
    throttle_evidence evidence;
    throttle_reason throttled;
    bool throttle_lifted; /* while a cutover drains */

    copy_order copy;

    bool pause_wanted;
    bool pause_seen;
    uint64_t stop_behind; /* apply nothing that ends behind this offset (R21); UINT64_MAX: no end */
    atomic_bool stop;
} link_shared;

void link_shared_init(link_shared *s);
void link_shared_clear(link_shared *s);
void link_shared_phase(link_shared *s, link_phase phase);
void link_shared_trouble(link_shared *s, const err *e);            /* NULL: none any more */
void link_shared_incident(link_shared *s, const link_incident *i); /* copies */
size_t link_shared_incidents_waiting(link_shared *s);              /* how many nobody noted yet */
void link_shared_near_add(link_shared *s, unsigned db, span key);
