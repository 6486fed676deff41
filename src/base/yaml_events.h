/* base/yaml_events.h: the events of a YAML text, one after another: the loop that every reader of
 * YAML needs around libyaml, and what its errors are. What the events mean is the reader's. */
#pragma once
#include <yaml.h>

#include "base/err.h"
#include "base/span.h"

/* False with an err ends it. */
typedef bool yaml_take(void *context, const yaml_event_t *event, err *e);
/* Fills the err with what is no YAML and in which line, from 1; answers false. */
typedef bool yaml_refuse(void *context, size_t line, const char *problem, err *e);

bool yaml_events(span text, yaml_take *take, yaml_refuse *refuse, void *context, err *e) MUST_CHECK;

/* Where the event begins, from 1. */
static inline size_t yaml_line(const yaml_event_t *event)
{
    return event->start_mark.line + 1;
}
