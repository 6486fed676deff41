/* audit/settings.h: settings and configuration lines of a node, from wherever they were read.
 *
 * A setting is kept under its first name ("slave-read-only" is "replica-read-only"); the value of
 * one that is a secret is a mask (audit/parse.h). */
#pragma once
#include "audit/conf.h"
#include "audit/facts.h"

/* A value of the running server. Of two names of the same setting the first one counts. */
void settings_add_running(audit_facts *f, audit_node *n, const char *name, const char *value);
/* All lines of a configuration file. Lines of one name (save, client-output-buffer-limit) make one
 * value, in their order. `user` lines become users when there are none yet. */
void settings_add_file(audit_facts *f, audit_node *n, size_t count, const conf_line *lines);
void unread_add(
    audit_facts *f, audit_node *n, const char *what, const char *why, const char *means);
