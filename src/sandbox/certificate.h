/* sandbox/certificate.h: the sandbox's own certificate authority, and a certificate per node.
 *
 * A node's certificate holds the names of its group and its own, and its addresses (the service's
 * hold names only). Files: WORKDIR/ca.crt, ca.key, nodes/ID/node.crt, node.key. */
#pragma once
#include "sandbox/group.h"

bool certificate_authority(sandbox *s, err *e) MUST_CHECK; /* made when it is not there */
bool certificate_for_node(
    sandbox *s, const char *group_id, const json_t *g, const json_t *node, err *e) MUST_CHECK;
