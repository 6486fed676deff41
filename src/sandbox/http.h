/* sandbox/http.h: the port of the API: takes signed calls, answers in XML.
 *
 * One thread for all connections; a connection that is silent for HTTP_SILENCE_S is closed, a body
 * over HTTP_BODY_MAX is refused before it is read. Loopback only. */
#pragma once
#include "sandbox/state.h"

#define HTTP_BODY_MAX MIB
#define HTTP_SILENCE_S 20
#define HTTP_CONNECTIONS_MAX 1000

typedef struct http_server http_server;
/* *port 0: a free one, told. */
bool http_server_start(sandbox *s, uint16_t *port, http_server **ret, err *e) MUST_CHECK;
void http_server_stop(http_server *h); /* NULL is fine */
