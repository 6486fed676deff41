#include "audit/parameter_group.h"

#include "base/buf.h"

#define CODE_SIZE_MAX (256 * KIB)
/* ModifyCacheParameterGroup: "You can modify up to 20 parameters in a single request."
 * https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheParameterGroup.html
 */
#define MODIFY_MAX 20
#define DESCRIPTION "what the source relies on and the default is not"

void parameter_group_add(parameter_group *g, const char *name, const char *value)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->rows[i].name, name) == 0) return;
    if (g->count == PARAMETER_GROUP_MAX) return; /* more than any family has */
    g->rows[g->count].name = name;
    g->rows[g->count++].value = value;
}

/* Letters, digits and hyphens: "handover-redis6-x". */
static const char *group_name(report *r, const knowledge_target *t)
{
    char family[32] = {0};
    (void)snprintf(family, sizeof family, "%s", t->family); /* families are short words */
    for (char *c = family; *c; c++)
        if (*c == '.') *c = '-';
    return report_printf(r, "handover-%s", family);
}

/* In single quotes for a shell. */
static bool shell_put(buf *out, const char *name, const char *value)
{
    bool fits = buf_printf(out, "'ParameterName=%s,ParameterValue=", name);
    for (const char *c = value; *c && fits; c++)
        fits = *c == '\'' ? buf_text(out, "'\\''") : buf_u8(out, (uint8_t)*c);
    return fits && buf_text(out, "'");
}

static const char *cli_text(const parameter_group *g, const knowledge_target *t, report *r)
{
    buf out = buf_of(CODE_SIZE_MAX);
    const char *name = group_name(r, t);
    bool fits = buf_printf(&out,
                           "aws elasticache create-cache-parameter-group \\\n"
                           "    --cache-parameter-group-name %s \\\n"
                           "    --cache-parameter-group-family %s \\\n"
                           "    --description '" DESCRIPTION "'\n",
                           name, t->family);
    for (size_t i = 0; i < g->count && fits; i++) {
        if (i % MODIFY_MAX == 0) {
            fits = buf_printf(&out,
                              "aws elasticache modify-cache-parameter-group \\\n"
                              "    --cache-parameter-group-name %s \\\n"
                              "    --parameter-name-values",
                              name);
        }
        bool ends = (i + 1) % MODIFY_MAX == 0 || i + 1 == g->count;
        fits = fits && buf_text(&out, " \\\n        ") &&
               shell_put(&out, g->rows[i].name, g->rows[i].value) &&
               buf_text(&out, ends ? "\n" : "");
    }
    assert(fits); /* values were cut by the collectors */
    const char *made = arena_text(&r->memory, buf_span(&out));
    buf_clear(&out);
    return made;
}

static bool yaml_put(buf *out, const char *name, const char *value)
{
    bool fits = buf_printf(out, "        %s: '", name);
    for (const char *c = value; *c && fits; c++)
        fits = *c == '\'' ? buf_text(out, "''") : buf_u8(out, (uint8_t)*c);
    return fits && buf_text(out, "'\n");
}

static const char *template_text(const parameter_group *g, const knowledge_target *t, report *r)
{
    buf out = buf_of(CODE_SIZE_MAX);
    bool fits = buf_printf(&out,
                           "Resources:\n"
                           "  HandoverParameterGroup:\n"
                           "    Type: AWS::ElastiCache::ParameterGroup\n"
                           "    Properties:\n"
                           "      CacheParameterGroupFamily: %s\n"
                           "      Description: " DESCRIPTION "\n"
                           "      Properties:\n",
                           t->family);
    for (size_t i = 0; i < g->count && fits; i++)
        fits = yaml_put(&out, g->rows[i].name, g->rows[i].value);
    assert(fits);
    const char *made = arena_text(&r->memory, buf_span(&out));
    buf_clear(&out);
    return made;
}

void parameter_group_write(const parameter_group *g,
                           const knowledge_target *t,
                           report *r,
                           size_t section)
{
    if (t->is_serverless) {
        report_add_paragraph(r, section,
                             "A serverless cache has no parameter group: what differs "
                             "there differs for good.");
        return;
    }
    if (g->count == 0) {
        report_add_paragraph(r, section,
                             "No parameter group is needed: the default one of %s does what the "
                             "source relies on.",
                             t->family);
        return;
    }
    report_add_paragraph(r, section,
                         "The parameter group holds %zu of %s's parameters: what the source "
                         "changed, and defaults it relies on that the service sets otherwise. "
                         "Values that are the same there, and differences that break "
                         "nothing, are left out.",
                         g->count, t->family);
    report_add_code(r, section, "Parameter group, AWS CLI", "sh", cli_text(g, t, r));
    report_add_code(r, section, "Parameter group, CloudFormation", "yaml", template_text(g, t, r));
}
