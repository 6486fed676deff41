#include "knowledge/snippet.h"

#include <ctype.h>
#include <strings.h>

#include "knowledge/knowledge_internal.h"

/* The embedded files that are no tables; "stackexchange.redis.cs" is of "stackexchange.redis". */
bool knowledge_snippet_at(size_t n, knowledge_snippet *ret)
{
    for (const struct embedded_file *f = embedded_files; f->name; f++) {
        const char *ending = strrchr(f->name, '.');
        assert(ending);
        if (strcmp(ending, ".tsv") == 0 || n-- > 0) continue;
        *ret = (knowledge_snippet){
            .name_size = (size_t)(ending - f->name),
            .name = f->name,
            .language = ending + 1,
            .text = f->text,
        };
        return true;
    }
    return false;
}

/* The name that a row starts with: "Celery" of "Celery/kombu (broker)". */
static size_t row_name_size(const char *client)
{
    size_t size = 0;
    while (isalnum((unsigned char)client[size]) || client[size] == '-' || client[size] == '.')
        size++;
    return size;
}

static bool is_language_of(const knowledge_snippet *s, const char *lib_name)
{
    static const char glide[] = "Glide";
    size_t known = strlen(glide);
    return strncmp(lib_name, glide, known) == 0 &&
           strncasecmp(lib_name + known, s->language, strlen(s->language)) == 0;
}

bool knowledge_snippet_find(const char *client, const char *lib_name, knowledge_snippet *ret)
{
    size_t size = row_name_size(client);
    bool found = false;
    knowledge_snippet s = {0};
    for (size_t n = 0; knowledge_snippet_at(n, &s); n++) {
        if (s.name_size != size || strncasecmp(s.name, client, size) != 0) continue;
        if (found && !is_language_of(&s, lib_name)) continue;
        *ret = s;
        found = true;
    }
    return found;
}
