/* drill/connections.h: who was connected to the old primary, and where they are afterwards. Pure.
 *
 * A connection that is in both lists of the old primary never moved. One that came back is another
 * connection: so the new primary is counted by kind: address, name, library and user. Connections
 * of the drill (by name), of replicas, over a Unix socket and of other tools of ours are left out.
 */
#pragma once
#include "drill/drill.h"

#define CONNECTIONS_KINDS_MAX ((size_t)1000)

/* Three answers of CLIENT LIST; `old_after` is empty when the old one does not answer any more. */
void connections_compare(span old_before,
                         span old_after,
                         span new_after,
                         arena *memory,
                         drill_connections **ret,
                         size_t *ret_count);
