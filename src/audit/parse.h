/* audit/parse.h: the engines' own texts into facts, whoever read them. Pure.
 *
 * Passwords end here: an ACL rule keeps that there is one and not which, and the value of a
 * setting that is a secret becomes a mask. */
#pragma once
#include "audit/facts.h"

/* Everything that INFO holds: version, commands, databases, modules, role. Sets `info`. */
void parse_info(span info, arena *memory, audit_node *ret);
/* CLIENT LIST: one client a line. Lines of another form are passed over. */
void parse_clients(span text, arena *memory, audit_node *ret);
/* One line of ACL LIST: "user app on #hash ~* +@all". False: no such line. */
bool parse_user(span line, arena *memory, fact_user *ret);

/* Settings whose value is a secret: '*' for each byte that an ElastiCache AUTH token may hold, '?'
 * for each that it may not (AUTH token rules: letters, digits and ! & # $ ^ < > -). */
bool parse_is_secret(const char *setting);
const char *parse_mask(const char *value, arena *memory);
