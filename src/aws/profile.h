/* aws/profile.h: the shared files of AWS's tools: ~/.aws/credentials and ~/.aws/config. Reading is
 * pure; loading reads the files of AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE, or those.
 * Source: docs.aws.amazon.com/sdkref/latest/guide/file-format.html. */
#pragma once
#include "base/err.h"
#include "base/secret.h"

#define PROFILE_FILE_MAX ((size_t)MIB)
#define PROFILE_SETTINGS_MAX ((size_t)64)

typedef struct {
    char *name; /* lower case */
    secret value;
} profile_setting;

typedef struct {
    char *name;
    bool exists; /* one of the files names it */
    size_t count;
    profile_setting at[PROFILE_SETTINGS_MAX];
} profile;

typedef enum { PROFILE_CREDENTIALS, PROFILE_CONFIG } profile_file;

/* Adds the settings of the section that p->name names; what is there stays as it is (the
 * credentials file, read first, goes before). In the config file "[default]" and
 * "[profile NAME]". Settings in a setting (indented) are passed over. ERR_FORMAT, ERR_LIMIT. */
bool profile_read(span text, profile_file kind, profile *p, err *e) MUST_CHECK;
/* `name` NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE, or "default". A profile that was named and is in
 * no file is ERR_USAGE. */
bool profile_load(const char *name, profile *ret, err *e) MUST_CHECK;
void profile_clear(profile *p);
/* NULL: not set. */
const secret *profile_get(const profile *p, const char *name);
/* As text, for what is no secret; free() it. NULL: not set. */
char *profile_text(const profile *p, const char *name);
