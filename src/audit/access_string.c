#include "audit/access_string.h"

#include "base/buf.h"

#define COMMAND_SIZE_MAX 64

typedef struct {
    const knowledge_target *t;
    deployment deployment;
    arena *memory;
    buf text;
    const char *lost;
} writer;

static bool has(const writer *w, const char *engine, const char *least)
{
    return strcmp(w->t->engine, engine) == 0 && knowledge_version_at_least(w->t->version, least);
}

/* Words that are no rule of an access string, and why. */
static const struct {
    const char *word, *why; /* NULL: nothing is lost without it */
} left_out[] = {
    {"sanitize-payload", NULL}, {"skip-sanitize-payload", NULL},
    {"nopass", NULL}, /* a flag of CreateUser; rule_users.c tells of it */
    {"resetpass", NULL},        {"reset", "not a rule there; the string begins from nothing"},
};

/* Why a rule without its parentheses cannot stay; NULL: it can; "": it goes without loss. */
static const char *problem_of(const writer *w, span rule)
{
    char command[COMMAND_SIZE_MAX] = {0};
    knowledge_command k;
    for (size_t i = 0; i < COUNT_OF(left_out); i++)
        if (span_is_nocase(rule, left_out[i].word)) return left_out[i].why ? left_out[i].why : "";
    if (rule.size == 0) return NULL;
    if (strchr("#><!", rule.at[0])) return "";
    if (span_starts(rule, "db=") && !has(w, "valkey", "9.1"))
        return "rules for databases need Valkey 9.1";
    if (rule.at[0] == '%' && !has(w, "valkey", "7.2") && !has(w, "redis", "7.0"))
        return "key rules for reading or writing alone need Redis OSS 7.0 or Valkey 7.2";
    if (!strchr("+-", rule.at[0]) || rule.size < 2 || rule.at[1] == '@') return NULL;
    memcpy(command, rule.at + 1, size_min(rule.size - 1, sizeof command - 1));
    char *bar = strchr(command, '|');
    if (bar) *bar = '\0';
    bool is_known = knowledge_command_find(w->deployment, command, bar ? bar + 1 : "", &k) ||
                    knowledge_command_find(w->deployment, command, "", &k);
    if (!is_known || strncmp(k.state, "blocked", 7) != 0) return NULL;
    if (rule.at[0] == '-') return ""; /* nobody may there */
    return arena_printf(w->memory, "%s is blocked there", k.command);
}

static void rule_take(writer *w, span word)
{
    bool opens = word.size > 0 && word.at[0] == '(';
    bool closes = word.size > 0 && word.at[word.size - 1] == ')';
    span rule = word;
    if (opens) rule = span_tail(rule, 1);
    if (closes && rule.size > 0) rule.size--;
    const char *problem = problem_of(w, rule);
    if (problem && *problem) {
        w->lost = arena_printf(w->memory, "%s%s%s: %s", w->lost, *w->lost ? "; " : "",
                               span_show(rule).text, problem);
    }
    if (problem) rule.size = 0;
    if (rule.size == 0 && !opens && !closes) return;
    bool needs_blank = w->text.size > 0 && w->text.at[w->text.size - 1] != '(' &&
                       !(closes && !opens && rule.size == 0);
    bool fits = (!needs_blank || buf_u8(&w->text, ' ')) && (!opens || buf_u8(&w->text, '(')) &&
                buf_append(&w->text, rule) && (!closes || buf_u8(&w->text, ')'));
    assert(fits); /* never longer than the rules */
}

access_string
access_string_make(const char *rules, const knowledge_target *t, deployment d, arena *memory)
{
    writer w = {.t = t,
                .deployment = d,
                .memory = memory,
                .text = buf_of(2 * strlen(rules) + 2),
                .lost = ""};
    span rest = span_text(rules);
    span word = {0};
    while (span_cut(&rest, ' ', &word))
        if (word.size > 0) rule_take(&w, word);
    access_string made = {.text = arena_text(memory, buf_span(&w.text)), .lost = w.lost};
    buf_clear(&w.text);
    return made;
}
