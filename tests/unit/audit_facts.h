/* tests/unit/audit_facts.h: facts made by hand, and the finding of a rule set over them. */
#pragma once
#include <stdlib.h>

#include "audit/audit_internal.h"
#include "test.h"

#define CLIENTS_MAX 16

typedef struct {
    audit_facts facts;
    audit_node node;
    fact_client clients[CLIENTS_MAX];
    knowledge_target target;
    report *r;
} hand_made;

static inline hand_made *hand_new(const char *target)
{
    hand_made *h = mem_alloc(sizeof *h); /* never NULL */
    h->facts = (audit_facts){.node_count = 1, .nodes = &h->node, .is_live = true};
    h->node = (audit_node){
        .address = "10.0.0.5:6379",
        .has_version = true,
        .version = {.product = ENGINE_REDIS, .major = 7, .minor = 2, .patch = 4, .rdb_version = 11},
        .clients = h->clients,
    };
    assert_true(knowledge_target_find(target, &h->target));
    return h;
}

static inline void hand_free(hand_made *h)
{
    report_free(h->r);
    arena_clear(&h->facts.memory);
    free(h);
}

/* A connection with every text set; what `c` leaves open is empty. */
static inline fact_client *hand_client(hand_made *h, fact_client c)
{
    assert_true(h->node.client_count < CLIENTS_MAX);
    const char **texts[] = {&c.address,     &c.local, &c.name,         &c.lib_name,
                            &c.lib_version, &c.user,  &c.last_command, &c.flags};
    static const char *const usual[] = {"10.0.1.1", "", "", "", "", "default", "get", "N"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (!*texts[i]) *texts[i] = usual[i];
    h->clients[h->node.client_count] = c;
    return &h->clients[h->node.client_count++];
}

static inline void hand_info(hand_made *h, const char *text)
{
    h->node.info = span_text(text);
}

static inline const finding *hand_find(const hand_made *h, const char *id)
{
    for (size_t i = 0; i < h->r->finding_count; i++)
        if (strcmp(h->r->findings[i].id, id) == 0) return &h->r->findings[i];
    return NULL;
}

/* Judges; every finding must have a row, an area, a title, and what to do when it is no note. */
static inline void hand_judge(hand_made *h, const audit_rule_set *set)
{
    static const audit_options options = {.today = "2026-11-26"};
    report_free(h->r);
    h->r = report_new("audit", "hand made");
    set->judge(&h->facts, &h->target, &options, h->r);
    for (size_t i = 0; i < h->r->finding_count; i++) {
        const finding *one = &h->r->findings[i];
        bool has_row = false;
        for (size_t n = 0; n < set->row_count; n++) {
            has_row |= strlen(set->rows[n].rule) == finding_rule_size(one->id) &&
                       strncmp(set->rows[n].rule, one->id, finding_rule_size(one->id)) == 0;
        }
        if (!has_row) fail_msg("'%s' has no row", one->id);
        assert_string_equal(one->area, set->area);
        assert_non_null(one->title);
        if (one->severity != SEVERITY_INFO && !one->action) fail_msg("'%s': do what?", one->id);
    }
}

static inline const finding *hand_want(hand_made *h, const char *id, severity s)
{
    const finding *found = hand_find(h, id);
    if (!found) {
        for (size_t i = 0; i < h->r->finding_count; i++)
            print_error("found: %s: %s\n", h->r->findings[i].id, h->r->findings[i].title);
        fail_msg("no finding '%s'", id);
        abort(); /* not reached; the compiler cannot know */
    }
    assert_string_equal(severity_name(found->severity), severity_name(s));
    return found;
}

static inline void hand_want_none(const hand_made *h, const char *id)
{
    if (hand_find(h, id)) fail_msg("'%s' was found", id);
}

static inline void assert_holds(const char *text, const char *part)
{
    if (!text || !strstr(text, part)) fail_msg("'%s' is not in '%s'", part, text ? text : "");
}
