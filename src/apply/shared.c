#include "apply/shared.h"

#include <xxhash.h>

#include "base/mem.h"

/* Twice the keys, a power of two. */
#define NEAR_SLOTS ((size_t)524288)
_Static_assert(NEAR_SLOTS >= 2 * NEAR_KEYS_MAX, "the table must stay half empty");

void link_shared_init(link_shared *s)
{
    *s = (link_shared){.stop_behind = UINT64_MAX, .evidence.latency_ns = -1};
    (void)pthread_mutex_init(&s->lock, NULL); /* never fails with default attributes on Linux */
}

static void near_clear(link_shared *s)
{
    for (size_t i = 0; i < s->near_count; i++)
        free(s->near[i].key);
    s->near_count = 0;
}

/* Whether the key is new on the list. Two keys of one hash are taken for the same: the second is
 * then released by the sweep behind the switch only. */
static bool near_is_new(link_shared *s, unsigned db, span key)
{
    if (!s->near_hashes) s->near_hashes = mem_alloc(NEAR_SLOTS * sizeof *s->near_hashes);
    uint64_t hash = XXH3_64bits_withSeed(key.at, key.size, db);
    if (hash == 0) hash = 1; /* 0 marks an empty slot */
    size_t i = (size_t)hash & (NEAR_SLOTS - 1);
    while (s->near_hashes[i] != 0 && s->near_hashes[i] != hash)
        i = (i + 1) & (NEAR_SLOTS - 1);
    if (s->near_hashes[i] == hash) return false;
    s->near_hashes[i] = hash;
    return true;
}

void link_shared_clear(link_shared *s)
{
    near_clear(s);
    free(s->near);
    free(s->near_hashes);
    for (size_t i = 0; i < s->incident_count; i++) {
        void *key = (void *)(uintptr_t)s->incidents[i].key.at;
        free(key);
    }
    free(s->incidents);
    (void)pthread_mutex_destroy(&s->lock);
}

void link_shared_phase(link_shared *s, link_phase phase)
{
    pthread_mutex_lock(&s->lock);
    s->phase = phase;
    pthread_mutex_unlock(&s->lock);
}

void link_shared_trouble(link_shared *s, const err *e)
{
    pthread_mutex_lock(&s->lock);
    s->trouble = e ? *e : (err){0};
    pthread_mutex_unlock(&s->lock);
}

void link_shared_incident(link_shared *s, const link_incident *i)
{
    pthread_mutex_lock(&s->lock);
    if (i->diverged) s->progress.diverged++;
    if (s->incident_count < INCIDENTS_MAX) {
        size_t size = (s->incident_count + 1) * sizeof *s->incidents;
        s->incidents = mem_realloc(s->incidents, size);
        link_incident *kept = &s->incidents[s->incident_count++];
        *kept = *i;
        kept->key = span_of(mem_text(i->key), i->key.size);
    }
    pthread_mutex_unlock(&s->lock);
}

size_t link_shared_incidents_waiting(link_shared *s)
{
    pthread_mutex_lock(&s->lock);
    size_t waiting = s->incident_count;
    pthread_mutex_unlock(&s->lock);
    return waiting;
}

void link_shared_near_add(link_shared *s, unsigned db, span key)
{
    pthread_mutex_lock(&s->lock);
    if (s->near_count >= NEAR_KEYS_MAX) {
        s->near_overflow = true;
    } else if (near_is_new(s, db, key)) {
        if (s->near_count == s->near_room) {
            s->near_room = size_max(256, s->near_room * 2);
            s->near = mem_realloc(s->near, s->near_room * sizeof *s->near);
        }
        s->near[s->near_count++] = (near_key){.db = db, .key = mem_text(key), .key_size = key.size};
    }
    pthread_mutex_unlock(&s->lock);
}
