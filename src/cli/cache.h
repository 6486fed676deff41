/* cli/cache.h: a cache of ElastiCache by its id, and the login of an IAM user.
 *
 * "elasticache://[user@]ID[/db]" becomes the URL of the group's primary endpoint: AWS is asked
 * once. A work directory keeps the URL, how it was asked for ("target-asked") and of a login what
 * makes it again ("target-login": region, cache, profile), so that a move goes on without asking.
 */
#pragma once
#include "cli/cli.h"
#include "engine/url.h"

#define CACHE_ID_MAX 40 /* of a replication group, and of a serverless cache */

bool cache_is_named(const char *text);
/* The id alone, in small letters. */
bool cache_id(const char *text, char ret[CACHE_ID_MAX + 1], err *e) MUST_CHECK;
/* ERR_AWS, ERR_USAGE with what to do. */
bool cache_resolve(const struct cli_options *o, const char *text, engine_url *ret, err *e)
    MUST_CHECK;
/* What --source-auth or --target-auth wants, for a URL whose host is known; `side` is the word in
 * front. Otherwise u->login stays NULL. */
bool cache_login(const struct cli_options *o, const char *side, engine_url *u, err *e) MUST_CHECK;
/* The login that a work directory kept. */
bool cache_login_again(const struct cli_options *o, const char *kept, engine_login **ret, err *e)
    MUST_CHECK;

/* Pure: what is kept of a login. `profile` NULL: none was named. */
typedef struct {
    char region[64];
    char cache[CACHE_ID_MAX + 1];
    bool serverless;
    char profile[128];
} cache_kept;
char *cache_kept_show(const cache_kept *k); /* free() it */
bool cache_kept_read(const char *text, cache_kept *ret, err *e) MUST_CHECK;
