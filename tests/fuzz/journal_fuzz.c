/* What is read back from the work directory and from its socket, and the configuration file, on any
 * bytes. The first byte chooses which. Checked: nothing is read out of bounds, what is refused is
 * refused with a text, what was taken as an address is shown as one that reads the same. (The
 * checkpoint and the spool's files are spool_fuzz.c; the pages of the journal are SQLite's own.) */
#include <jansson.h>

#include "base/mem.h"
#include "cli/cli_internal.h"
#include "engine/sentinel.h"
#include "engine/url.h"
#include "migrate/control.h"
#include "migrate/status.h"

#define INPUT_MAX (8 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FILE *nowhere = freopen("/dev/null", "w", stdout); /* the page of a status is printed */
    assert(nowhere);
    return 0;
}

static void order_line(const char *text)
{
    json_t *request = json_loads(text, 0, NULL);
    move_order o;
    bool good = control_order_read(request, &o);
    assert(good == (o.kind != ORDER_NONE));
    json_decref(request);
}

static void answer_line(const char *text)
{
    json_t *answer = json_loads(text, 0, NULL);
    err e = {0};
    control_trouble_read(answer, &e);
    assert(e.kind > ERR_NONE && e.kind <= ERR_STOPPED);
    assert(e.side <= SIDE_TARGET);
    json_decref(answer);
}

static void stored_status(const char *text)
{
    json_t *status = status_stored_read(text, "work");
    assert(json_is_object(status));
    status_print(status);
    json_decref(status);
}

static void configuration(span bytes)
{
    struct cli_options o = {.command = &cli_commands[0]};
    bool has_password = false;
    err e = {0};
    bool good = config_parse(bytes, "config", &o, &has_password, &e);
    assert(good || (e.kind == ERR_USAGE && e.text[0]));
    options_clear(&o);
}

static void address(const char *text)
{
    engine_url url = {0};
    engine_url again = {0};
    err e = {0};
    if (!engine_url_parse(text, &url, &e)) {
        assert(e.kind == ERR_USAGE && e.text[0]);
        return;
    }
    char *shown = engine_url_show(&url);
    bool good = engine_url_parse(shown, &again, &e);
    assert(good);
    assert(strcmp(url.host, again.host) == 0 && url.port == again.port && url.db == again.db);
    free(shown);
    engine_url_clear(&url);
    engine_url_clear(&again);
}

static void service(const char *text)
{
    CLEANUP(sentinel_url_clear) sentinel_url url = {0};
    CLEANUP(sentinel_url_clear) sentinel_url again = {0};
    err e = {0};
    if (!sentinel_url_parse(text, &url, &e)) {
        assert(e.kind == ERR_USAGE && e.text[0]);
        return;
    }
    char *shown = sentinel_url_show(&url);
    bool good = sentinel_url_parse(shown, &again, &e);
    assert(good);
    assert(strcmp(url.service, again.service) == 0 && url.count == again.count);
    for (size_t i = 0; i < url.count; i++)
        assert(strcmp(url.nodes[i].host, again.nodes[i].host) == 0);
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX) return 0;
    span in = span_of(data + 1, size - 1);
    char *text = mem_text(in); /* as it comes from SQLite and from the socket: ends with a zero */
    switch (data[0] % 5) {
    case 0:
        order_line(text);
        break;
    case 1:
        answer_line(text);
        break;
    case 2:
        stored_status(text);
        break;
    case 3:
        configuration(in);
        break;
    case 4:
        address(text);
        service(text);
        break;
    }
    free(text);
    return 0;
}
