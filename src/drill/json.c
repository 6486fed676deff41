/* The result for machines; docs/drill.md has its form. */
#include <jansson.h>

#include "drill/drill.h"

static json_t *text_json(const char *text)
{
    json_t *t = json_string(text);
    return t ? t : json_string(""); /* no UTF-8 */
}

static json_t *client_json(const drill_client *c)
{
    json_t *failures = json_object();
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        if (c->failures[i] == 0) continue;
        (void)json_object_set_new(failures, drill_failure_name((drill_failure)i),
                                  json_pack("{s:I, s:o}", "count", (json_int_t)c->failures[i],
                                            "first", text_json(c->examples[i])));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:o, s:o}", "name",
        text_json(c->name), "command", c->command ? text_json(c->command) : json_null(), "library",
        text_json(c->library), "version", text_json(c->version), "witness", c->is_witness,
        "followed", c->followed, "ended", c->ended, "acknowledged", (json_int_t)c->acknowledged,
        "lost", (json_int_t)c->lost, "stalled_ms", (json_int_t)c->stalled_ms, "astray_ms",
        (json_int_t)c->astray_ms, "failures", failures, "advice", text_json(c->advice));
}

static json_t *connections_json(const drill_result *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->connection_count; i++) {
        const drill_connections *c = &r->connections[i];
        json_t *one = json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o}", "address",
                                text_json(c->address), "name", text_json(c->name), "library",
                                text_json(c->library), "version", text_json(c->version), "user",
                                text_json(c->user), "before", (json_int_t)c->before, "stayed",
                                r->old_answers ? json_integer((json_int_t)c->stayed) : json_null(),
                                "now", (json_int_t)c->now, "advice", text_json(c->advice));
        (void)json_array_append_new(all, one);
    }
    return all;
}

char *drill_json(const drill_result *r)
{
    json_t *clients = json_array();
    json_t *events = json_array();
    for (size_t i = 0; i < r->client_count; i++)
        (void)json_array_append_new(clients, client_json(&r->clients[i]));
    for (size_t i = 0; i < r->event_count; i++) {
        const drill_event *v = &r->events[i];
        (void)json_array_append_new(
            events, json_pack("{s:I, s:I, s:o, s:o}", "seen_ms", (json_int_t)v->after_ms, "date_ms",
                              (json_int_t)v->at_ms, "source", text_json(v->source), "message",
                              text_json(v->message)));
    }
    json_t *root =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:I, s:b, s:o, s:o, s:o}", "target",
                  text_json(r->target), "group", *r->group ? text_json(r->group) : json_null(),
                  "began", text_json(r->began_at), "old_primary", text_json(r->old_primary),
                  "new_primary", text_json(r->new_primary), "moved_ms", (json_int_t)r->moved_ms,
                  "old_answers", r->old_answers, "left_behind", (json_int_t)drill_left_behind(r),
                  "events_complete", r->events_complete, "events", events, "clients", clients,
                  "connections", connections_json(r));
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    assert(text);
    return text;
}
