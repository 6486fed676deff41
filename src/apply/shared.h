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
