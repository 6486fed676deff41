#include "cli/cli_internal.h"

#define FOR(command) (UINT64_C(1) << CMD_##command)
#define FOR_MIGRATE                                                                                \
    (FOR(RUN) | FOR(STATUS) | FOR(PAUSE) | FOR(RESUME) | FOR(THROTTLE) | FOR(QUARANTINE) |         \
     FOR(CUTOVER) | FOR(ABORT) | FOR(FINISH))
#define FOR_SERVERS (FOR(RUN) | FOR(CUTOVER) | FOR(ABORT) | FOR(FINISH) | FOR(VERIFY))
#define FOR_SOURCE (FOR_SERVERS | FOR(AUDIT))
#define FOR_TARGET (FOR_SERVERS | FOR(AUDIT_NETWORK) | FOR(DRILL) | FOR(SELFTEST))
#define FOR_REPORT (FOR(AUDIT) | FOR(AUDIT_NETWORK) | FOR(DRILL) | FOR(PROVISION) | FOR(SELFTEST))
#define FOR_AWS (FOR_SOURCE | FOR_TARGET) /* commands that take elasticache:// */
#define FOR_AWS_ACCOUNT (FOR(PROVISION) | FOR_AWS)
#define FOR_SANDBOX (FOR(SANDBOX_UP) | FOR(SANDBOX_STATUS) | FOR(SANDBOX_DOWN))
#define FOR_ALL ((UINT64_C(1) << CMD_COUNT) - 1)
#define GIB (1024 * MIB)
#define SECOND_MS UINT64_C(1000)
#define DAY_MS (SECOND_MS * 3600 * 24)
#define LIST_COUNT_MAX ((size_t)256)

/* The order is the order of the help. */
const struct option_row cli_option_rows[OPTION_ROW_COUNT] = {
    {"source", "URL", OPTION_URL, FOR(RUN), .side = SIDE_SOURCE,
     .help = "redis[s]://[user@]host[:port][/db], file:RDB, or "
             "redis+sentinel://host[,host]/service"},
    {"source", "URL", OPTION_URL, FOR_SOURCE & ~FOR(RUN), .side = SIDE_SOURCE,
     .help = "redis[s]://[user@]host[:port][/db], unix://PATH, "
             "redis+sentinel://host[,host]/service"},
    {"target", "URL", OPTION_URL, FOR_SERVERS, .side = SIDE_TARGET,
     .help = "the same form, or elasticache://[user@]ID"},
    {"target", "URL", OPTION_URL, FOR(AUDIT_NETWORK) | FOR(SELFTEST), .side = SIDE_TARGET,
     .needed = true, .help = "host[:port], redis[s]://[user@]host[:port], elasticache://ID"},
    {"target", "URL", OPTION_URL, FOR(DRILL), .side = SIDE_TARGET, .needed = true,
     .help = "redis[s]://[user@]host[:port][/db], or elasticache://ID"},
    {"group", "ID", OPTION_TEXT, FOR(DRILL),
     .help = "the replication group behind it, to fail over"},
    {"clients", "exec:CMD", OPTION_LIST, FOR(DRILL), .command_line_only = true,
     .help = "a client of yours, run by the shell; may be repeated"},
    {"duration", "DURATION", OPTION_DURATION, FOR(DRILL), .fallback = "60s", .min = SECOND_MS,
     .max = 3600 * SECOND_MS, .help = "the longest after the failover began"},
    {"yes", NULL, OPTION_FLAG, FOR(DRILL), .command_line_only = true,
     .help = "do not ask before the failover of a real account"},
    {"target", "NAME", OPTION_TEXT, FOR(AUDIT), .fallback = "valkey8.1",
     .help = "valkey9.0, redis7.1, serverless ..."},
    {"source-ca", "FILE", OPTION_FILE, FOR_SERVERS,
     .help = "with rediss: whom to trust; also --target-ca"},
    {"source-ca", "FILE", OPTION_FILE, FOR(AUDIT), .help = "whom to trust with rediss, PEM"},
    {"source-cert", "FILE", OPTION_FILE, FOR_SERVERS,
     .help = "our certificate; also --source-key, --target-cert"},
    {"source-cert", "FILE", OPTION_FILE, FOR(AUDIT), .help = "our certificate with rediss, PEM"},
    {"source-key", "FILE", OPTION_FILE, FOR_SERVERS, .in_other_help = FOR_SERVERS,
     .help = "the key of it; also --target-key"},
    {"source-key", "FILE", OPTION_FILE, FOR(AUDIT), .help = "the key of it, PEM"},
    {"source-tls-name", "NAME", OPTION_TEXT, FOR_SERVERS,
     .help = "name to check; also --target-tls-name"},
    {"source-tls-name", "NAME", OPTION_TEXT, FOR(AUDIT),
     .help = "the name to check instead of the host"},
    {"target-ca", "FILE", OPTION_FILE, FOR_TARGET | FOR(PROVISION), .in_other_help = FOR_SERVERS,
     .help = "whom to trust with rediss, PEM"},
    {"target-cert", "FILE", OPTION_FILE, FOR_TARGET | FOR(PROVISION), .in_other_help = FOR_SERVERS,
     .help = "our certificate with rediss, PEM"},
    {"target-key", "FILE", OPTION_FILE, FOR_TARGET | FOR(PROVISION), .in_other_help = FOR_SERVERS,
     .help = "the key of it, PEM"},
    {"target-tls-name", "NAME", OPTION_TEXT, FOR_TARGET | FOR(PROVISION),
     .in_other_help = FOR_SERVERS, .help = "the name to check instead of the host"},
    {"source-password-file", "FILE", OPTION_FILE, FOR_SOURCE, .side = SIDE_SOURCE,
     .help = "the source's; also --sentinel-password-file"},
    {"sentinel-password-file", "FILE", OPTION_FILE, FOR_SOURCE, .side = SECRET_OF_SENTINELS,
     .in_other_help = FOR_SOURCE, .help = "of the Sentinels themselves; also --sentinel-user"},
    {"sentinel-user", "NAME", OPTION_TEXT, FOR_SOURCE, .in_other_help = FOR_SOURCE,
     .help = "who logs in at the Sentinels; without it the default user"},
    {"target-password-file", "FILE", OPTION_FILE, FOR_TARGET, .side = SIDE_TARGET,
     .help = "the target's password, alone in a file"},
    {"source-askpass", NULL, OPTION_FLAG, FOR_SERVERS, .side = SIDE_SOURCE,
     .command_line_only = true, .help = "ask for it on the terminal; also --target-askpass"},
    {"source-askpass", NULL, OPTION_FLAG, FOR(AUDIT), .side = SIDE_SOURCE,
     .command_line_only = true, .help = "ask for it on the terminal"},
    {"target-askpass", NULL, OPTION_FLAG, FOR_TARGET, .side = SIDE_TARGET,
     .command_line_only = true, .help = "ask for it on the terminal", .in_other_help = FOR_SERVERS},
    {"target-auth", "HOW", OPTION_CHOICE, FOR_TARGET, .choices = "password|iam",
     .help = "also --region, --profile"},
    {"source-auth", "HOW", OPTION_CHOICE, FOR_SOURCE, .choices = "password|iam",
     .in_other_help = FOR_SERVERS, .help = "of elasticache://user@ID"},
    {"region", "REGION", OPTION_TEXT, FOR_AWS_ACCOUNT, .in_other_help = FOR_SERVERS,
     .help = "of AWS, else as the environment or profile says"},
    {"profile", "NAME", OPTION_TEXT, FOR_AWS_ACCOUNT, .in_other_help = FOR_SERVERS,
     .help = "of the shared files of AWS's tools"},
    {"endpoint-url", "URL", OPTION_TEXT, FOR_AWS_ACCOUNT, .in_other_help = FOR_AWS,
     .help = "ask there instead of AWS (a sandbox)"},
    {"login-renew", "DURATION", OPTION_DURATION, FOR_AWS, .fallback = "11h", .min = 100,
     .max = SECOND_MS * 3600 * 12, .in_other_help = FOR_AWS,
     .help = "with auth iam: log in again on connections this old"},
    {"workdir", "DIR", OPTION_FILE, FOR_MIGRATE, .needed = true,
     .help = "where the state of this move is kept"},
    {"workdir", "DIR", OPTION_FILE, FOR(VERIFY), .help = "note the result in the move kept there"},
    {"workdir", "DIR", OPTION_FILE, FOR_SANDBOX, .fallback = "handover-sandbox",
     .help = "where its caches are kept"},
    {"port", "PORT", OPTION_COUNT, FOR(SANDBOX_UP), .min = 1, .max = 65535,
     .help = "of the API; without it the one before, or a free one"},
    {"dns-port", "PORT", OPTION_COUNT, FOR(SANDBOX_UP), .min = 1, .max = 65535,
     .help = "of names (UDP); without it the one before, or a free one"},
    {"compress-time", "FACTOR", OPTION_COUNT, FOR(SANDBOX_UP), .fallback = "60", .min = 1,
     .max = 100000, .help = "what takes the service an hour takes 1/FACTOR of it"},
    {"endpoints", "HOW", OPTION_CHOICE, FOR(SANDBOX_UP), .choices = "names|addresses",
     .fallback = "names", .help = "what the API tells of caches"},
    {"env", NULL, OPTION_FLAG, FOR(SANDBOX_STATUS),
     .help = "lines for a shell to evaluate: endpoint, credentials, region"},
    {"failover-style", "STYLE", OPTION_CHOICE, FOR(SANDBOX_UP),
     .choices = "reset|silent|readonly|dns", .fallback = "reset",
     .help = "how connections to the old primary end"},
    {"engines", "DIR", OPTION_FILE, FOR(SANDBOX_UP) | FOR(SANDBOX_ENGINES),
     .help = "a folder of engines, NAME/bin/valkey-server"},
    {"plan", "FILE", OPTION_FILE, FOR(AUDIT), .command_line_only = true,
     .help = "write the draft of a plan for 'provision' there"},
    {"plan", "FILE", OPTION_FILE, FOR(PROVISION), .needed = true,
     .help = "what is to stand there, as YAML"},
    {"dry-run", NULL, OPTION_FLAG, FOR(PROVISION), .command_line_only = true,
     .help = "look at what is there, print the calls that would be sent"},
    {"as", "FORM", OPTION_CHOICE, FOR(PROVISION), .choices = "cli|cloudformation",
     .command_line_only = true, .help = "print the plan in that form, ask AWS nothing"},
    {"destroy", NULL, OPTION_FLAG, FOR(PROVISION), .command_line_only = true,
     .help = "delete what the plan made, with all data"},
    {"yes", NULL, OPTION_FLAG, FOR(PROVISION), .command_line_only = true,
     .help = "do not ask before deleting"},
    {"at", "HOST[:PORT]", OPTION_TEXT, FOR(PROVISION),
     .help = "check it there, when its name means nothing here"},
    {"timeout", "DURATION", OPTION_DURATION, FOR(PROVISION), .fallback = "60m", .min = SECOND_MS,
     .max = DAY_MS, .help = "for everything; afterwards it can be run again"},
    {"cutover", "WHEN", OPTION_CHOICE, FOR(RUN), .choices = "auto|manual", .fallback = "manual",
     .help = "how it begins"},
    {"dry-run", NULL, OPTION_FLAG, FOR(RUN), .help = "check, print what would be, change nothing"},
    {"dry-run", NULL, OPTION_FLAG, FOR(CUTOVER), .command_line_only = true,
     .help = "print every command with its deadline"},
    {"target-policy", "POLICY", OPTION_CHOICE, FOR(RUN), .choices = "empty|merge|replace",
     .fallback = "empty", .help = "keys there"},
    {"replica", "NODE", OPTION_TEXT, FOR(RUN), .fallback = "auto", .in_other_help = FOR(RUN),
     .help = "none, auto or HOST:PORT: feeds the link"},
    {"accept", "ID", OPTION_LIST, FOR(RUN), .help = "go on in spite of this; also --replica NODE"},
    {"flush-policy", "POLICY", OPTION_CHOICE, FOR(RUN), .choices = "stop|pass", .fallback = "stop",
     .help = "at a FLUSHALL or so"},
    {"spool-max", "SIZE", OPTION_SIZE, FOR(RUN), .fallback = "16G", .min = 16 * MIB,
     .max = MIB * MIB * 16, .help = "disk for what is not written yet"},
    {"spool-segment", "SIZE", OPTION_SIZE, FOR(RUN), .fallback = "64M", .min = MIB, .max = GIB,
     .in_other_help = FOR(RUN), .help = "size of one file of the spool"},
    {"hold-horizon", "DURATION", OPTION_DURATION, FOR(RUN), .fallback = "24h",
     .min = 60 * SECOND_MS, .max = 365 * DAY_MS, .help = "expiries nearer are held back"},
    {"switch-hook", "FILE", OPTION_FILE, FOR(RUN),
     .help = "program that moves the clients; also --hooks DIR"},
    {"hooks", "DIR", OPTION_FILE, FOR(RUN), .in_other_help = FOR(RUN),
     .help = "programs run before and after the phases"},
    {"cutover-deadline", "DURATION", OPTION_DURATION, FOR(RUN), .fallback = "5s", .min = 100,
     .max = 600 * SECOND_MS, .help = "longest hold of writes"},
    {"lag-max", "DURATION", OPTION_DURATION, FOR(RUN), .fallback = "1s", .min = 1,
     .max = 3600 * SECOND_MS, .help = "no cutover while further behind"},
    {"verify", "YES|NO", OPTION_CHOICE, FOR(RUN), .choices = "yes|no", .fallback = "yes",
     .help = "before cutover auto"},
    {"allow-source-config", NULL, OPTION_FLAG, FOR(RUN), .in_other_help = FOR(RUN),
     .help = "settings of the source may be changed meanwhile"},
    {"allow-target-config", NULL, OPTION_FLAG, FOR(RUN),
     .help = "change settings; also --allow-source-config"},
    {"ops", "N", OPTION_COUNT, FOR(RUN) | FOR(THROTTLE), .min = 0, .max = 1000000000,
     .help = "commands a second; also --bytes SIZE"},
    {"bytes", "SIZE", OPTION_SIZE, FOR(RUN) | FOR(THROTTLE), .min = 0, .max = 1024 * GIB,
     .help = "bytes a second; 0: no limit", .in_other_help = FOR(RUN) | FOR(THROTTLE)},
    {"target-latency", "DURATION", OPTION_DURATION, FOR(RUN) | FOR(THROTTLE), .min = 0,
     .max = 60 * SECOND_MS, .help = "slow down while the target answers later"},
    {"target-memory", "PERCENT", OPTION_COUNT, FOR(RUN) | FOR(THROTTLE), .min = 0, .max = 100,
     .help = "stop while it uses more of its maxmemory"},
    {"throttle-file", "FILE", OPTION_FILE, FOR(RUN),
     .help = "write nothing while it is there (DIR/throttle)"},
    {"off", NULL, OPTION_FLAG, FOR(THROTTLE), .command_line_only = true, .help = "no limit at all"},
    {"metrics", "ADDRESS", OPTION_TEXT, FOR(RUN), .help = "HOST:PORT, where Prometheus reads"},
    {"progress", "HOW", OPTION_CHOICE, FOR(RUN), .choices = "auto|line|plain|none",
     .fallback = "auto", .help = "shown as"},
    {"force", NULL, OPTION_FLAG, FOR(CUTOVER), .command_line_only = true,
     .help = "go on after the hook started and failed"},
    {"undo", NULL, OPTION_FLAG, FOR(CUTOVER), .command_line_only = true,
     .help = "go back: writes resume on the source"},
    {"skip-network", NULL, OPTION_FLAG, FOR(RUN) | FOR(CUTOVER),
     .help = "no network check of the target before the hold"},
    {"skip-verify", NULL, OPTION_FLAG, FOR(CUTOVER), .command_line_only = true,
     .help = "do not ask for a fresh verification"},
    {"keep-fence", NULL, OPTION_FLAG, FOR(FINISH), .command_line_only = true,
     .help = "the source keeps refusing writes"},
    {"ttl-tolerance", "DURATION", OPTION_DURATION, FOR(VERIFY), .fallback = "1s", .min = 0,
     .max = DAY_MS, .help = "TTLs may differ by this much"},
    {"repair", NULL, OPTION_FLAG, FOR(VERIFY), .command_line_only = true,
     .help = "have the running move copy what differs, compare again"},
    {"state", "FILE", OPTION_FILE, FOR(VERIFY),
     .help = "where it stands; a run with the same FILE goes on"},
    {"rounds", "N", OPTION_COUNT, FOR(VERIFY), .fallback = "5", .min = 1, .max = 100,
     .help = "how often differences are looked at again"},
    {"conf", "FILE", OPTION_FILE, FOR(AUDIT),
     .help = "redis.conf or valkey.conf, beside or instead of the server"},
    {"info", "FILE", OPTION_FILE, FOR(AUDIT),
     .help = "saved INFO ALL; CLIENT LIST and ACL LIST may follow"},
    {"rdb", "FILE", OPTION_FILE, FOR(AUDIT),
     .help = "an RDB file: all its keys in place of a sample; '-': standard input"},
    {"prometheus-rules", "FILE", OPTION_FILE, FOR(AUDIT), .help = "alert rules to judge"},
    {"accepted", "FILE", OPTION_FILE, FOR(AUDIT), .help = "finding ids that you accept, as YAML"},
    {"watch", "DURATION", OPTION_DURATION, FOR(AUDIT), .min = 0, .max = DAY_MS,
     .help = "follow clients and counters for that long"},
    {"sample-keys", "N", OPTION_COUNT, FOR(AUDIT), .fallback = "100000", .min = 0, .max = 10000000,
     .help = "look at no more keys; 0: at none"},
    {"sample-time", "DURATION", OPTION_DURATION, FOR(AUDIT), .fallback = "30s", .min = SECOND_MS,
     .max = DAY_MS, .help = "and no longer"},
    {"timeout", "DURATION", OPTION_DURATION, FOR(AUDIT_NETWORK) | FOR(SELFTEST), .fallback = "5s",
     .min = 10, .max = 600 * SECOND_MS, .help = "for connecting, and for each answer"},
    {"md", NULL, OPTION_FLAG, FOR_REPORT, .help = "the report as Markdown"},
    {"full", NULL, OPTION_FLAG, FOR_REPORT, .help = "as text: everything, not only what matters"},
    {"html", "FILE", OPTION_FILE, FOR_REPORT, .help = "also write it as one HTML page"},
    {"largest", "N", OPTION_COUNT, FOR(RDB_INFO), .fallback = "10", .min = 0, .max = 1000,
     .help = "how many of the largest keys"},
    {"json", NULL, OPTION_FLAG,
     FOR_REPORT | FOR(STATUS) | FOR(QUARANTINE) | FOR(VERIFY) | FOR(RDB_INFO) | FOR(RDB_KEYS) |
         FOR(SANDBOX_STATUS) | FOR(SANDBOX_ENGINES),
     .help = "the result for machines"},
    {"config", "FILE", OPTION_FILE, FOR_REPORT | FOR_MIGRATE | FOR(VERIFY),
     .command_line_only = true, .help = "options as YAML, one 'name: value' a line"},
    {"log-format", "FORMAT", OPTION_CHOICE, FOR_ALL, .choices = "text|json", .fallback = "text",
     .in_other_help = FOR_ALL, .help = "of what is said on standard error"},
    {"quiet", NULL, OPTION_FLAG, FOR_ALL,
     .help = "warnings and errors alone; also --log-format json"},
    {"help", NULL, OPTION_FLAG, FOR_ALL, .command_line_only = true, .help = "this text"},
};

bool option_taken_by(const struct option_row *row, const struct command *c)
{
    assert(c >= cli_commands);
    return (row->commands >> (c - cli_commands) & 1U) != 0;
}

const struct option_row *option_find(const char *name, const struct command *c)
{
    const struct option_row *other = NULL;
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        if (strcmp(row->name, name) != 0) continue;
        if (option_taken_by(row, c)) return row;
        other = row;
    }
    return other;
}

/* What a value of each kind looks like, for the advice behind a refusal. */
static const char *const shapes[] = {
    [OPTION_TEXT] = "it may not be empty",
    [OPTION_FILE] = "it may not be empty",
    [OPTION_URL] = "redis://host:port",
    [OPTION_SIZE] = "a number of bytes, or with K, M, G or T behind it: 64M, 16G",
    [OPTION_DURATION] = "a number with ms, s, m, h or d behind it: 500ms, 5s, 24h",
    [OPTION_COUNT] = "a whole number",
    [OPTION_FLAG] = "yes or no",
    [OPTION_CHOICE] = "",
    [OPTION_LIST] = "it may not be empty",
};

static bool number_read(const struct option_row *row, const char *text, uint64_t *ret)
{
    switch (row->kind) {
    case OPTION_SIZE:
        return value_size(text, ret);
    case OPTION_DURATION:
        return value_duration_ms(text, ret);
    case OPTION_COUNT:
        return value_count(text, ret);
    case OPTION_TEXT:
    case OPTION_FILE:
    case OPTION_URL:
    case OPTION_FLAG:
    case OPTION_CHOICE:
    case OPTION_LIST:
        break;
    }
    return false;
}

static const char *number_show(arena *a, const struct option_row *row, uint64_t number)
{
    static const char *const units[] = {"", "K", "M", "G", "T"};
    size_t unit = 0;
    if (row->kind == OPTION_DURATION && number % 1000 == 0)
        return arena_printf(a, "%" PRIu64 "s", number / 1000);
    if (row->kind == OPTION_DURATION) return arena_printf(a, "%" PRIu64 "ms", number);
    for (; row->kind == OPTION_SIZE && number && number % 1024 == 0 && unit < 4; unit++)
        number /= 1024;
    return arena_printf(a, "%" PRIu64 "%s", number, units[unit]);
}

static bool value_refuse(arena *a, const struct option_row *row, const char *text, err *e)
{
    (void)err_set(e, ERR_USAGE, "'%s' is not a value for '%s'", span_show(span_text(text)).text,
                  row->name);
    if (row->choices) return err_hint(e, "one of: %s", value_choices(a, row->choices));
    return err_hint(e, "%s", shapes[row->kind]);
}

/* Fills text and number; the text is already ours. */
static bool
value_read(arena *a, const struct option_row *row, char *text, struct option_value *ret, err *e)
{
    bool is_number =
        row->kind == OPTION_SIZE || row->kind == OPTION_DURATION || row->kind == OPTION_COUNT;
    bool good = text[0] != '\0';
    if (row->kind == OPTION_CHOICE) good = value_is_choice(row->choices, text);
    if (row->kind == OPTION_FLAG) good = value_is_choice("yes|no|true|false", text);
    if (is_number) good = number_read(row, text, &ret->number);
    if (!good) return value_refuse(a, row, text, e);
    if (is_number && (ret->number < row->min || ret->number > row->max)) {
        (void)err_set(e, ERR_USAGE, "'%s' is outside the limits of '%s'", text, row->name);
        return err_hint(e, "from %s to %s", number_show(a, row, row->min),
                        number_show(a, row, row->max));
    }
    if (row->kind == OPTION_FLAG) ret->number = text[0] == 'y' || text[0] == 't' ? 1 : 0;
    ret->text = text;
    return true;
}

static bool list_add(arena *a, const char *text, struct option_value *value, err *e)
{
    if (value->count == LIST_COUNT_MAX)
        return err_set(e, ERR_USAGE, "a list has more than %zu entries", LIST_COUNT_MAX);
    if (!value->list) value->list = arena_alloc(a, LIST_COUNT_MAX * sizeof *value->list);
    value->list[value->count++] = text;
    return true;
}

bool option_set(
    struct cli_options *o, const struct option_row *row, span text, option_origin origin, err *e)
{
    struct option_value *value = &o->values[row - cli_option_rows];
    struct option_value next = *value;
    char *copy = arena_text(&o->a, text);
    secret password = {0};
    bool good = true;
    if (row->kind == OPTION_URL && origin == ORIGIN_COMMAND_LINE && secret_in_url(copy)) {
        explicit_bzero(copy, text.size);
        return secrets_refuse_url(row, e);
    }
    if (row->kind == OPTION_URL) good = secret_cut_url(copy, &password, e);
    if (good) good = value_read(&o->a, row, copy, &next, e);
    bool repeated = good && value->origin == origin && row->kind != OPTION_LIST;
    if (repeated) good = err_set(e, ERR_USAGE, "'%s' is given twice", row->name);
    if (repeated) (void)err_hint(e, "give it once");
    bool stronger = good && value->origin <= origin;
    if (stronger && row->kind == OPTION_LIST) good = list_add(&o->a, copy, &next, e);
    if (good && stronger) {
        next.origin = origin;
        *value = next;
        if (row->kind == OPTION_URL) secret_set(&o->passwords[row->side], secret_span(&password));
        if (row->kind == OPTION_URL && !password.at) secret_clear(&o->passwords[row->side]);
    }
    secret_clear(&password);
    return good;
}

static bool option_refuse(const char *name, const struct command *c, err *e)
{
    const char *names[OPTION_ROW_COUNT] = {0};
    size_t count = 0;
    const struct option_row *other = option_find(name, c);
    if (other) {
        (void)err_set(e, ERR_USAGE, "'%s' takes no option '--%s'", c->path, name);
        return err_hint(e, "'handover %s --help' lists its options", c->path);
    }
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++)
        if (option_taken_by(&cli_option_rows[i], c)) names[count++] = cli_option_rows[i].name;
    const char *near = nearest(name, names, count);
    (void)err_set(e, ERR_USAGE, "there is no option '--%s'", span_show(span_text(name)).text);
    if (near) return err_hint(e, "did you mean '--%s'?", near);
    return err_hint(e, "'handover %s --help' lists the options", c->path);
}

/* A word that is no option. */
static bool operand_read(struct cli_options *o, const char *word, err *e)
{
    const struct command *c = o->command;
    if (!c->operand || o->operand_count == c->operand_max || *word == '\0') {
        (void)err_set(e, ERR_USAGE, "'%s' is not expected here",
                      secret_in_url(word) ? "a URL" : span_show(span_text(word)).text);
        return err_hint(e, "usage: handover %s %s", c->path, c->synopsis);
    }
    if (!o->operands) o->operands = arena_alloc(&o->a, c->operand_max * sizeof *o->operands);
    o->operands[o->operand_count++] = arena_text(&o->a, span_text(word));
    return true;
}

/* One option and its value, or an operand; *ret_used says how many words they were. */
static bool word_read(struct cli_options *o, int count, char *const *words, int *ret_used, err *e)
{
    const char *word = words[0];
    if (strncmp(word, "--", 2) != 0 || word[2] == '\0') {
        *ret_used = 1;
        return operand_read(o, word, e);
    }
    const char *equals = strchr(word, '=');
    size_t size = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
    const char *name = arena_text(&o->a, span_of(word + 2, size));
    const struct option_row *row = option_find(name, o->command);
    if (!row || !option_taken_by(row, o->command)) return option_refuse(name, o->command, e);
    if (row->kind == OPTION_FLAG && equals) {
        (void)err_set(e, ERR_USAGE, "'--%s' takes no value", name);
        return err_hint(e, "leave it out instead of giving it a no");
    }
    bool next_word = row->kind != OPTION_FLAG && !equals;
    if (next_word && (count < 2 || strncmp(words[1], "--", 2) == 0)) {
        (void)err_set(e, ERR_USAGE, "'--%s' needs a value", name);
        return err_hint(e, "--%s %s: %s", name, row->argument, row->help);
    }
    const char *text = row->kind == OPTION_FLAG ? "yes" : equals ? equals + 1 : words[1];
    *ret_used = next_word ? 2 : 1;
    return option_set(o, row, span_text(text), ORIGIN_COMMAND_LINE, e);
}

static bool environment_read(struct cli_options *o, const struct cli_environment *env, err *e)
{
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        if (row->kind != OPTION_URL || !option_taken_by(row, o->command)) continue;
        span url = secret_span(&env->urls[row->side]);
        if (url.size == 0) continue;
        if (!option_set(o, row, url, ORIGIN_ENVIRONMENT, e)) return err_wrap(e, "the environment");
    }
    return true;
}

/* What nobody gave gets its default; what is needed must be there. */
static bool defaults_read(struct cli_options *o, err *e)
{
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        if (!row->name || !option_taken_by(row, o->command)) continue;
        if (o->values[i].origin != ORIGIN_NONE) continue;
        if (row->needed) {
            (void)err_set(e, ERR_USAGE, "'--%s' is missing", row->name);
            return err_hint(e, "usage: handover %s %s", o->command->path, o->command->synopsis);
        }
        if (!row->fallback) continue;
        char *text = arena_text(&o->a, span_text(row->fallback));
        bool good = value_read(&o->a, row, text, &o->values[i], e);
        assert(good); /* our own table */
    }
    return true;
}

bool options_parse(int count,
                   char *const *words,
                   const struct command *c,
                   const struct cli_environment *env,
                   struct cli_options *ret,
                   err *e)
{
    *ret = (struct cli_options){.command = c};
    for (int at = 0; at < count;) {
        int used = 0;
        if (!word_read(ret, count - at, words + at, &used, e)) return false;
        at += used;
    }
    if (c->operand && ret->operand_count == 0) {
        (void)err_set(e, ERR_USAGE, "%s is missing", c->operand);
        return err_hint(e, "usage: handover %s %s", c->path, c->synopsis);
    }
    if (!environment_read(ret, env, e)) return false;
    const struct option_row *config = option_find("config", c);
    assert(config);
    const char *path = ret->values[config - cli_option_rows].text;
    if (path && !config_read(path, ret, e)) return false;
    if (!defaults_read(ret, e)) return false;
    return secrets_gather(ret, env, e);
}

void options_clear(struct cli_options *o)
{
    for (size_t i = 0; i < COUNT_OF(o->passwords); i++)
        secret_clear(&o->passwords[i]);
    arena_clear(&o->a);
    *o = (struct cli_options){0};
}

/* --- what the commands call ------------------------------------------------------------------ */

static const struct option_value *
look(const struct cli_options *o, const char *name, unsigned kinds)
{
    const struct option_row *row = option_find(name, o->command);
    assert(row);
    assert(option_taken_by(row, o->command));
    assert(kinds >> row->kind & 1U);
    return &o->values[row - cli_option_rows];
}

bool cli_given(const struct cli_options *o, const char *name)
{
    return look(o, name, ~0U)->origin != ORIGIN_NONE;
}

const char *cli_text(const struct cli_options *o, const char *name)
{
    unsigned kinds = 1U << OPTION_TEXT | 1U << OPTION_FILE | 1U << OPTION_URL | 1U << OPTION_CHOICE;
    return look(o, name, kinds)->text;
}

bool cli_is(const struct cli_options *o, const char *name, const char *choice)
{
    const struct option_row *row = option_find(name, o->command);
    assert(row && row->choices);
    assert(value_is_choice(row->choices, choice));
    const char *text = look(o, name, 1U << OPTION_CHOICE)->text;
    return text && strcmp(text, choice) == 0;
}

bool cli_flag(const struct cli_options *o, const char *name)
{
    return look(o, name, 1U << OPTION_FLAG)->number != 0;
}

uint64_t cli_size(const struct cli_options *o, const char *name)
{
    return look(o, name, 1U << OPTION_SIZE)->number;
}

int64_t cli_duration_ms(const struct cli_options *o, const char *name)
{
    return (int64_t)look(o, name, 1U << OPTION_DURATION)->number;
}

uint64_t cli_count(const struct cli_options *o, const char *name)
{
    return look(o, name, 1U << OPTION_COUNT)->number;
}

size_t cli_list(const struct cli_options *o, const char *name, const char *const **ret)
{
    const struct option_value *value = look(o, name, 1U << OPTION_LIST);
    *ret = value->list;
    return value->count;
}

size_t cli_operands(const struct cli_options *o, const char *const **ret)
{
    assert(o->command->operand);
    *ret = o->operands;
    return o->operand_count;
}

const secret *cli_password(const struct cli_options *o, err_side side)
{
    assert(side != SIDE_NONE);
    return o->passwords[side].at ? &o->passwords[side] : NULL;
}

const secret *cli_sentinel_password(const struct cli_options *o)
{
    const secret *password = &o->passwords[SECRET_OF_SENTINELS];
    return password->at ? password : NULL;
}
