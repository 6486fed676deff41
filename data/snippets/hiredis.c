/* hiredis 1.1 and later. Nothing reconnects by itself: on any error, and on a reply that starts
 * with READONLY, free the context and come here again, with a growing, jittered pause between. */
static redisContext *cache_connect(redisSSLContext *tls)
{
    redisOptions options = {0};
    REDIS_OPTIONS_SET_TCP(&options, "PRIMARY_ENDPOINT", 6379); /* looks the name up every time */
    options.connect_timeout = &(struct timeval){.tv_sec = 1};
    options.command_timeout = &(struct timeval){.tv_sec = 2};
    redisContext *c = redisConnectWithOptions(&options);
    if (!c || c->err) return c;
    redisEnableKeepAliveWithInterval(c, 15);
    redisSetTcpUserTimeout(c, 20000); /* ms: a silent drop ends */
    if (redisInitiateSSLWithContext(c, tls) != REDIS_OK) return c;
    redisReply *reply = redisCommand(c, "AUTH app %s", getenv("CACHE_PASSWORD"));
    bool is_in = reply && reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    if (is_in) return c;
    redisFree(c);
    return NULL;
}
/* Once per process: redisInitOpenSSL();
 * tls = redisCreateSSLContext(NULL, "/etc/ssl/certs", NULL, NULL, "PRIMARY_ENDPOINT", NULL); */
