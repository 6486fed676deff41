/* Commands that are blocked or changed on ElastiCache. */
#include "knowledge/knowledge_internal.h"

static const char *const columns[] = {
    [DEPLOYMENT_NODE_DISABLED] = "node_based_cluster_disabled",
    [DEPLOYMENT_NODE_ENABLED] = "node_based_cluster_enabled",
    [DEPLOYMENT_SERVERLESS] = "serverless",
};

bool knowledge_command_find(deployment d,
                            const char *command,
                            const char *subcommand,
                            knowledge_command *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_COMMANDS);
    for (size_t i = 0; i < t->row_count; i++) {
        if (!text_same(knowledge_cell(t, i, "command"), command)) continue;
        if (!text_same(knowledge_cell(t, i, "subcommand"), subcommand ? subcommand : "")) continue;
        *ret = (knowledge_command){
            .command = knowledge_cell(t, i, "command"),
            .subcommand = knowledge_cell(t, i, "subcommand"),
            .state = knowledge_cell(t, i, columns[d]),
            .behaviour = knowledge_cell(t, i, "error_or_behaviour"),
            .note = knowledge_cell(t, i, "note"),
            .source = knowledge_cell(t, i, "source"),
        };
        return true;
    }
    return false;
}
