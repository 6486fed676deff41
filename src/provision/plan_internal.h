/* provision/plan_internal.h: between the reader of a plan and its rules. */
#pragma once
#include "provision/plan.h"

/* What does not go together, and defaults. The fields themselves are read and right. */
bool plan_check(plan *p, arena *memory, err *e) MUST_CHECK;
bool plan_refuse(const plan *p, size_t line, const char *what, const char *hint, err *e);

/* A value's form; NULL: it is right, else what it must be. */
const char *form_id(const char *text);
const char *form_window(const char *text);      /* 03:00-04:00 */
const char *form_week_window(const char *text); /* sun:05:00-sun:06:00 */
const char *form_reference(const char *text);   /* env:NAME, file:PATH */
const char *form_access(const char *text);
const char *form_subnet(const char *text);
const char *form_security_group(const char *text);
const char *form_node_type(const char *text);
const char *form_user_name(const char *text);
