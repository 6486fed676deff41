/* sandbox/parameters.h: parameter groups: the table's defaults and what was set in place of them.
 */
#pragma once
#include "sandbox/api.h"

/* NULL: there is no such group. "default.valkey8" and the like always are. */
const char *parameters_family(sandbox *s, const char *group);
/* The value in force in that group: the one set, else the family's default; "" for one that the
 * node type decides, NULL when the family has no such parameter. */
const char *parameters_value(sandbox *s, const char *group, const char *name);
/* "valkey8" for valkey 8.1; NULL when the service does not offer it. */
const char *parameters_family_of(const char *engine, const char *version);
/* The column of node-type-parameters for that node type; "" when it is not known. */
const char *parameters_of_node_type(const char *node_type, const char *column);
