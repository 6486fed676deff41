#include "base/yaml_events.h"

bool yaml_events(span text, yaml_take *take, yaml_refuse *refuse, void *context, err *e)
{
    yaml_parser_t parser;
    bool made = yaml_parser_initialize(&parser) == 1;
    assert(made); /* fails only without memory */
    yaml_parser_set_input_string(&parser, text.at, text.size);
    bool good = true;
    for (bool ended = false; good && !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            /* Of some problems only the context has a place. */
            size_t line =
                parser.problem_mark.line ? parser.problem_mark.line : parser.context_mark.line;
            good = refuse(context, line + 1, parser.problem ? parser.problem : "it is not YAML", e);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        good = take(context, &event, e);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return good;
}
