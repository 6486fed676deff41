#include "audit/facts.h"

const char *audit_setting(const audit_node *n, const char *name)
{
    for (size_t i = 0; i < n->setting_count; i++) {
        const fact_setting *s = &n->settings[i];
        if (strcmp(s->name, name) == 0) return s->running ? s->running : s->file;
    }
    return NULL;
}

const char *audit_info(audit_facts *f, const audit_node *n, const char *name)
{
    span value;
    return info_text(n->info, name, &value) ? arena_text(&f->memory, value) : NULL;
}

bool audit_info_u64(const audit_node *n, const char *name, uint64_t *ret)
{
    return info_u64(n->info, name, ret);
}

const fact_command *audit_command(const audit_node *n, const char *name)
{
    for (size_t i = 0; i < n->command_count; i++)
        if (strcmp(n->commands[i].name, name) == 0) return &n->commands[i];
    return NULL;
}

const char *audit_conf_place(const audit_facts *f, const char *path, unsigned line, arena *memory)
{
    return arena_printf(memory, "%s:%u", path ? path : f->conf_path, line);
}

const char *
audit_setting_place(const audit_facts *f, const audit_node *n, const char *name, arena *memory)
{
    for (size_t i = 0; i < n->setting_count; i++) {
        const fact_setting *s = &n->settings[i];
        if (strcmp(s->name, name) != 0) continue;
        if (s->running) return arena_printf(memory, "CONFIG GET, %s", n->address);
        if (s->file) return audit_conf_place(f, s->path, s->line, memory);
    }
    return NULL;
}
