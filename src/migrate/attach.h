/* migrate/attach.h: which node of the source the replication link goes to: the primary, or one of
 * its replicas. Everything else (control, fence, clock, offsets of a cutover) stays with the
 * primary. Chosen once a run; the receiver asks again at every connection. */
#pragma once
#include "migrate/preflight.h"

/* Sets m->replica_url (host NULL: the primary) and m->attach_why, as --replica wants it. False: the
 * replica named there cannot be used. Rate and duration of `found` are known. */
bool attach_choose(move *m, span source_info, const preflight_result *found, err *e) MUST_CHECK;
/* Looks at what the source says of itself just now (INFO replication): a replica that relays too
 * late is left, as soon as the source can go on from where the link stands. */
void attach_watch(move *m, const link_status *s, span source_info);
/* A cutover was missed because the replica had not relayed up to `offset`. */
void attach_missed(move *m, uint64_t offset);

/* Where the link is attached, for people and for the status. */
typedef struct {
    bool replica;
    char node[300];
    char why[700];
} attach_text;
attach_text attach_show(const move *m, const link_status *s);
