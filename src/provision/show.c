/* Calls as commands of the AWS CLI. A parameter of the API is an option there by a rule of words,
 * so a call needs no second spelling. Secrets are read by the shell that runs them. */
#include <ctype.h>

#include "provision/work.h"

/* "MultiAZEnabled" up to the first dot -> "multi-az-enabled", as the CLI's own rule has it. */
static void option_write(FILE *out, const char *name)
{
    for (const char *c = name; *c && *c != '.'; c++) {
        bool upper = isupper((unsigned char)*c) != 0;
        bool before = c > name && !isupper((unsigned char)c[-1]);
        bool begins = c > name && islower((unsigned char)c[1]);
        if (upper && (before || begins) && c > name) (void)fputc('-', out);
        (void)fputc(tolower((unsigned char)*c), out);
    }
}

static bool is_flag(const char *name)
{
    static const char *const flags[] = {"AutoMinorVersionUpgrade", "ApplyImmediately",
                                        "NoPasswordRequired"};
    size_t size = strlen(name);
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (strcmp(name, flags[i]) == 0) return true;
    return size > 7 && strcmp(name + size - 7, "Enabled") == 0;
}

/* Inside single quotes, so that a shell changes nothing. */
static void quoted_write(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", out);
        } else {
            (void)fputc(*text, out);
        }
    }
}

static void value_write(FILE *out, const call_field *f)
{
    if (!f->is_reference) {
        (void)fputc('\'', out);
        quoted_write(out, f->value);
        (void)fputc('\'', out);
    } else if (strncmp(f->value, "env:", 4) == 0) {
        (void)fprintf(out, "\"$%s\"", f->value + 4);
    } else {
        (void)fputs("\"$(cat '", out);
        quoted_write(out, f->value + 5);
        (void)fputs("')\"", out);
    }
}

/* "Key" of "Tags.Tag.1.Key"; NULL: an item is one value. */
static const char *member_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && !isdigit((unsigned char)dot[1]) ? dot + 1 : NULL;
}

static bool same_until(const char *a, const char *b, const char *end)
{
    size_t size = (size_t)(end - a);
    return strncmp(a, b, size) == 0;
}

/* The option of the fields from there on that belong to it; answers how many they are. */
static size_t fields_write(FILE *out, const call_field *f, size_t count)
{
    const char *dot = strchr(f->name, '.');
    size_t used = 1;
    (void)fputs(" \\\n    --", out);
    if (!dot && is_flag(f->name)) {
        if (strcmp(f->value, "true") != 0) (void)fputs("no-", out);
        option_write(out, f->name);
        return 1;
    }
    option_write(out, f->name);
    const char *item = strrchr(f->name, '.'); /* of a structure: what its members share */
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && !(dot && same_until(f->name, f[i].name, dot + 1))) break;
        used = i + 1;
        const char *member = member_of(f[i].name);
        bool goes_on = i > 0 && member && item &&
                       same_until(f[i - 1].name, f[i].name, strrchr(f[i - 1].name, '.') + 1);
        if (!member) {
            (void)fputc(' ', out);
            value_write(out, &f[i]);
            continue;
        }
        (void)fprintf(out, "%s%s=", goes_on ? "," : i == 0 ? " '" : "' '", member);
        quoted_write(out, f[i].value);
    }
    if (member_of(f->name)) (void)fputc('\'', out);
    return used;
}

void call_show(FILE *out, const call *c)
{
    (void)fputs("aws elasticache ", out);
    option_write(out, c->action);
    for (size_t at = 0; at < c->count;)
        at += fields_write(out, &c->fields[at], c->count - at);
    (void)fputs("\n\n", out);
}

static void parameters_print(arena *memory, const plan *p, FILE *out)
{
    for (size_t at = 0; at < p->parameters.count; at += CALL_PARAMETERS_MAX) {
        call_parameter some[CALL_PARAMETERS_MAX];
        size_t count = size_min(p->parameters.count - at, CALL_PARAMETERS_MAX);
        for (size_t i = 0; i < count; i++) {
            const plan_pair *pair = &p->parameters.at[at + i];
            some[i] = (call_parameter){pair->name, pair->value.text};
        }
        call c = call_modify_parameters(memory, p->parameter_group.text, some, count);
        call_show(out, &c);
    }
}

bool provision_print_cli(const plan *p, FILE *out, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    (void)e;
    (void)fprintf(out,
                  "# '%s', by handover provision --as cli. It stops at the first error.\n"
                  "set -eu\n\n",
                  p->path);
    if (p->parameters.count > 0) {
        call c = call_create_parameter_group(&memory, p);
        call_show(out, &c);
        parameters_print(&memory, p, out);
    }
    if (p->subnets.count > 0) {
        call c = call_create_subnet_group(&memory, p);
        call_show(out, &c);
    }
    for (size_t i = 0; i < p->user_count; i++) {
        call c = call_create_user(&memory, p, &p->users[i]);
        call_show(out, &c);
    }
    if (p->user_count > 0) {
        call c = call_create_user_group(&memory, p);
        call_show(out, &c);
    }
    call c = call_create_group(&memory, p);
    call_show(out, &c);
    (void)fprintf(out,
                  "aws elasticache wait replication-group-available --replication-group-id "
                  "'%s'\n",
                  p->id.text);
    return true;
}
