/* migrate/attach.h: which node of the source the replication link goes to: the primary, or one of
 * its replicas. Everything else (control, fence, clock, offsets of a cutover) stays with the
 * primary. Chosen once a run; the receiver asks again at every connection. */
#pragma once
#include "migrate/move.h"

/* Sets m->replica_url (host NULL: the primary) and m->attach_why, as --replica wants it. False: the
 * replica named there cannot be used. */
bool attach_choose(move *m, span source_info, err *e) MUST_CHECK;

/* Where the link is attached, for people and for the status. */
typedef struct {
    bool replica;
    char node[300];
    char why[700];
} attach_text;
attach_text attach_show(const move *m, const link_status *s);
