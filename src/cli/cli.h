/* cli/cli.h: what a command sees of the command line.
 *
 * Options come from three places, the strongest first: the command line, the environment (URLs and
 * passwords only), the file of --config. They are checked before a command runs, so an accessor
 * never fails: asking for an option the command does not take, or with the accessor of another
 * kind, is our mistake and asserted. URLs arrive without their passwords; those are secrets. */
#pragma once
#include "base/err.h"
#include "base/secret.h"

struct cli_options;

/* `*ret_exit` is 0 when the command starts; 1 says findings or differences. */
typedef bool cli_command(const struct cli_options *o, int *ret_exit, err *e);

/* Was it given, wherever? A default does not count. */
bool cli_given(const struct cli_options *o, const char *name);
/* Texts, files, URLs and choices; NULL when not given and without a default. */
const char *cli_text(const struct cli_options *o, const char *name);
bool cli_is(const struct cli_options *o, const char *name, const char *choice);
bool cli_flag(const struct cli_options *o, const char *name);
/* Numbers are inside the limits of their row. Without a value and a default: 0. */
uint64_t cli_size(const struct cli_options *o, const char *name); /* bytes */
int64_t cli_duration_ms(const struct cli_options *o, const char *name);
uint64_t cli_count(const struct cli_options *o, const char *name);
/* The texts of a list, in the order given. */
size_t cli_list(const struct cli_options *o, const char *name, const char *const **ret);
/* The words that are no options, in the order given: at least one when the command takes any. */
size_t cli_operands(const struct cli_options *o, const char *const **ret);
/* The password for that side, NULL when there is none. */
const secret *cli_password(const struct cli_options *o, err_side side);
/* That of the Sentinels who know the source, NULL when there is none. */
const secret *cli_sentinel_password(const struct cli_options *o);

/* The whole program: answers the exit code. */
int cli_main(int argc, char **argv);
