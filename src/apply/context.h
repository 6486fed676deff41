/* apply/context.h: what every part of the applier works with. One per link, on its thread. */
#pragma once
#include "apply/governor.h"
#include "apply/keyset.h"
#include "apply/shared.h"
#include "apply/target.h"

typedef struct {
    const link_options *options;
    checkpoint_key key;
    spool *spool;
    receiver *receiver;
    link_shared *shared;
    target_conn target;
    keyset *keys; /* of the snapshot, while keys that are not in it will be deleted; else NULL */
    governor governor;
    bool no_batches; /* the target refused one: strings go one by one */
    bool fatal;      /* the last error needs the operator: trying again would not help */
} apply_context;

/* The errors of a target that pass by themselves or with an operator's help: the refused group is
 * sent again (protocol.md R7). Others stop the link. */
bool refusal_is_passing(span error_text);
