#include "audit/settings.h"

#include "audit/parse.h"
#include "knowledge/knowledge.h"

#define SETTINGS_MAX 4096

/* The directive's first name, so far as this version knows it. */
static const char *first_name(audit_facts *f, const audit_node *n, const char *name)
{
    knowledge_directive d;
    if (knowledge_directive_find(&n->version, name, &d)) return d.name;
    char *copy = arena_text(&f->memory, span_text(name));
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
    return copy;
}

static fact_setting *setting_at(audit_facts *f, audit_node *n, const char *name)
{
    const char *first = first_name(f, n, name);
    for (size_t i = 0; i < n->setting_count; i++)
        if (strcmp(n->settings[i].name, first) == 0) return &n->settings[i];
    if (n->setting_count == SETTINGS_MAX) return NULL;
    if (!n->settings) n->settings = arena_alloc(&f->memory, SETTINGS_MAX * sizeof *n->settings);
    fact_setting *s = &n->settings[n->setting_count++];
    s->name = first;
    return s;
}

static const char *value_kept(audit_facts *f, const char *name, const char *value)
{
    return parse_is_secret(name) ? parse_mask(value, &f->memory)
                                 : arena_text(&f->memory, span_text(value));
}

void settings_add_running(audit_facts *f, audit_node *n, const char *name, const char *value)
{
    fact_setting *s = setting_at(f, n, name);
    if (s && !s->running) s->running = value_kept(f, s->name, value);
}

static const char *words_joined(audit_facts *f, const conf_line *line)
{
    const char *all = "";
    for (size_t i = 0; i < line->word_count; i++)
        all = arena_printf(&f->memory, "%s%s%s", all, i ? " " : "", line->words[i]);
    return all;
}

/* What a line says, without what must not be kept. */
static const char *arguments_kept(audit_facts *f, const conf_line *line)
{
    fact_user u;
    const char *all = words_joined(f, line);
    if (parse_is_secret(line->name)) return parse_mask(all, &f->memory);
    if (strcmp(line->name, "user") == 0) {
        const char *text = arena_printf(&f->memory, "user %s", all);
        return parse_user(span_text(text), &f->memory, &u)
                   ? arena_printf(&f->memory, "%s %s", u.name, u.rules)
                   : "";
    }
    bool is_sentinel_secret = strcmp(line->name, "sentinel") == 0 && line->word_count >= 3 &&
                              strstr(line->words[0], "pass") != NULL;
    return is_sentinel_secret ? arena_printf(&f->memory, "%s %s", line->words[0], line->words[1])
                              : all;
}

static void user_add(audit_facts *f, audit_node *n, const conf_line *line, size_t max)
{
    const char *text = arena_printf(&f->memory, "user %s", words_joined(f, line));
    if (!n->users) n->users = arena_alloc(&f->memory, max * sizeof *n->users);
    if (parse_user(span_text(text), &f->memory, &n->users[n->user_count])) n->user_count++;
}

/* Bytes of a value that stands in several lines; further lines are one too many for any reader. */
#define JOINED_MAX ((size_t)4096)

static void file_value_add(audit_facts *f, audit_node *n, const conf_line *line)
{
    static const char *const listed[] = {"save", "client-output-buffer-limit", "bind"};
    fact_setting *s = setting_at(f, n, line->name);
    if (!s) return;
    const char *value = arguments_kept(f, line);
    bool adds = false;
    for (size_t i = 0; i < COUNT_OF(listed); i++)
        adds = adds || strcmp(listed[i], s->name) == 0;
    bool joins = adds && s->file && s->file[0] && value[0] && strlen(s->file) < JOINED_MAX;
    s->file = joins ? arena_printf(&f->memory, "%s %s", s->file, value) : value;
    if (s->line && adds) return; /* where it begins */
    s->line = line->line;
    s->path = line->path;
}

void settings_add_file(audit_facts *f, audit_node *n, size_t count, const conf_line *lines)
{
    bool has_users = n->user_count > 0;
    n->lines = arena_alloc(&f->memory, (count + 1) * sizeof *n->lines);
    for (size_t i = 0; i < count; i++) {
        knowledge_directive d;
        const conf_line *line = &lines[i];
        n->lines[n->line_count++] = (fact_conf_line){.name = line->name,
                                                     .arguments = arguments_kept(f, line),
                                                     .line = line->line,
                                                     .path = line->path};
        if (line->problem) {
            unread_add(f, n,
                       arena_printf(&f->memory, "line %u of %s", line->line,
                                    line->path ? line->path : "the file"),
                       line->problem, "what that line sets");
            continue;
        }
        if (strcmp(line->name, "user") == 0 && !has_users) user_add(f, n, line, count);
        if (knowledge_directive_find(&n->version, line->name, &d)) file_value_add(f, n, line);
    }
}

void unread_add(audit_facts *f, audit_node *n, const char *what, const char *why, const char *means)
{
    fact_unread *all = arena_alloc(&f->memory, (n->unread_count + 1) * sizeof *all);
    if (n->unread_count) memcpy(all, n->unread, n->unread_count * sizeof *all);
    all[n->unread_count++] = (fact_unread){.what = arena_text(&f->memory, span_text(what)),
                                           .why = arena_text(&f->memory, span_text(why)),
                                           .means = means};
    n->unread = all;
}
