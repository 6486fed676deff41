/* The causes. What AWS does: docs.aws.amazon.com/AmazonElastiCache/latest/dg/
 * elasticache-vpc-accessing.html, in-transit-encryption.html, Clusters.RBAC.html. */
#include "engine/reach_internal.h"

static const reach_cause causes[] = {
    [CAUSE_NAME_UNKNOWN] =
        {"name-unknown", REACH_NAME, "the name has no address here",
         "a resolver outside the VPC's, DNS resolution switched off for the VPC or over the "
         "peering connection, or a misspelt endpoint",
         "compare the name with the endpoint that describe-replication-groups shows; allow DNS "
         "resolution on both sides of the peering, or ask the VPC's resolver"},
    [CAUSE_NAME_SILENT] =
        {"name-silent", REACH_NAME, "the resolver does not answer",
         "a security group or network ACL that blocks port 53 to the VPC's resolver",
         "look at /etc/resolv.conf, and allow UDP and TCP port 53"},
    [CAUSE_NO_ROUTE] =
        {"address-no-route", REACH_ADDRESS, "there is no way from here to the address",
         "the route table of this subnet lacks the cache's CIDR, or the peering is one-sided",
         "add the route on both sides; peering is not transitive"},
    [CAUSE_NO_ROUTE_PRIVATE] =
        {"address-outside-vpc", REACH_ADDRESS,
         "the address is private and there is no way to it from here",
         "this machine is in no network that is connected with the VPC: public DNS answers "
         "endpoints with private addresses",
         "run it inside the VPC, or connect by peering, Transit Gateway, VPN or Direct Connect"},
    [CAUSE_TCP_SILENT] =
        {"tcp-silent", REACH_TCP, "nobody answers the connection attempt",
         "the packets are dropped on the way: a security group or firewall, or a host that is gone",
         "allow the port in the cache's security group for this machine's address"},
    [CAUSE_TCP_SILENT_NEAR] =
        {"tcp-silent-near", REACH_TCP,
         "nobody answers the connection attempt, though the address is of a network like ours",
         "the cache's security group has no inbound rule for this machine (it drops silently), or "
         "a "
         "network ACL denies the port or the way back (1024-65535)",
         "describe-security-groups: allow TCP on the port from this machine's group or CIDR; then "
         "look at the network ACLs of both subnets"},
    [CAUSE_TCP_SILENT_FAR] =
        {"tcp-silent-far", REACH_TCP,
         "nobody answers the connection attempt to a private address of another network",
         "no route (peering, Transit Gateway, VPN) to the VPC or none back, this machine outside "
         "any VPC, or the cache's security group without a rule for its CIDR",
         "check the route tables on both sides first, then the security group; a group cannot be "
         "named across Regions: use the CIDR"},
    [CAUSE_TCP_REFUSED] =
        {"tcp-refused", REACH_TCP, "the host refuses the connection: nothing listens on the port",
         "the wrong port (6379, serverless readers 6380), or a node that is being replaced",
         "compare the port with the endpoint that the service shows"},
    [CAUSE_TCP_FAILED] = {"tcp-failed", REACH_TCP, "the connection cannot be made",
                          "a firewall that rejects, or a local limit", "see the error"},
    [CAUSE_SOCKET_MISSING] =
        {"socket-missing", REACH_TCP, "there is no such socket on this machine",
         "a cache there has no Unix socket: only a server on this very machine has one",
         "is the server running, and does its 'unixsocket' name this path?"},
    [CAUSE_SOCKET_DENIED] =
        {"socket-denied", REACH_TCP, "the socket does not let this user in",
         "a cache there has no Unix socket: only a server on this very machine has one",
         "look at 'unixsocketperm' and at the directories above the socket"},
    [CAUSE_SOCKET_DEAD] =
        {"socket-dead", REACH_TCP, "no server listens on the socket",
         "a cache there has no Unix socket: only a server on this very machine has one",
         "the file is left from a server that ended, or is no socket"},
    [CAUSE_TLS_WANTED] = {"tls-wanted", REACH_TLS,
                          "the server wants TLS, the client speaks plainly",
                          "a cache with encryption in transit (required; always on serverless)",
                          "write rediss://, and switch TLS on in the application's client"},
    [CAUSE_TLS_NONE] =
        {"tls-none", REACH_TLS, "the client wants TLS, the server speaks plainly",
         "a cache without encryption in transit, or the wrong port",
         "write redis://, or switch encryption in transit on (the endpoint names change then)"},
    [CAUSE_TLS_OLD] =
        {"tls-old", REACH_TLS, "there is no TLS version in common",
         "ElastiCache speaks TLS 1.2 and newer; something older answers here: a proxy, or an old "
         "server",
         "let the server offer TLS 1.2 or 1.3"},
    [CAUSE_TLS_NAME] =
        {"tls-name", REACH_TLS, "the certificate is for other names",
         "connecting by an address or an alias (CNAME): certificates of ElastiCache cover the "
         "endpoint names only",
         "use the endpoint's own name, or give it with --target-tls-name"},
    [CAUSE_TLS_EXPIRED] =
        {"tls-expired", REACH_TLS, "the certificate has ended, or not begun",
         "ElastiCache renews its certificates by itself: then this machine's clock is wrong, or "
         "something else answers here",
         "check the clock; renew the certificate of a server of your own"},
    [CAUSE_TLS_UNTRUSTED] =
        {"tls-untrusted", REACH_TLS, "the certificate is signed by nobody who is trusted",
         "an old list of trusted CAs (Amazon Trust Services missing), or a proxy that breaks TLS "
         "up",
         "update the system's CA certificates, or give the CA with --target-ca"},
    [CAUSE_TLS_CLIENT] = {"tls-client-certificate", REACH_TLS,
                          "the server asks for a client certificate",
                          "ElastiCache never does: this is another server",
                          "give --target-cert and --target-key, or check the address"},
    [CAUSE_TLS_FAILED] =
        {"tls-failed", REACH_TLS, "the TLS handshake does not come about",
         "something between that ends connections, or a port that is not the cache's",
         "see the error; try without the proxy"},
    [CAUSE_AUTH_MISSING] =
        {"auth-missing", REACH_AUTH, "the server wants a password and none was given",
         "the cache has an AUTH token or a user group",
         "give it in HANDOVER_TARGET_PASSWORD or --target-password-file, the user in the URL"},
    [CAUSE_AUTH_WRONG] =
        {"auth-wrong", REACH_AUTH, "the server refuses the user or the password",
         "a wrong user or token, a user that is off or in no group of this cache, or an IAM token "
         "that has expired (15 minutes)",
         "describe-users and describe-user-groups; --target-auth iam makes tokens by itself"},
    [CAUSE_AUTH_NOT_MADE] = {"auth-no-token", REACH_AUTH,
                             "no IAM token could be made for the login",
                             "no credentials of AWS are set up here, or they ended",
                             "'aws sts get-caller-identity' with the same --profile tells who this "
                             "machine is"},
    [CAUSE_AUTH_MADE] =
        {"auth-iam", REACH_AUTH, "the server refuses the user with a fresh IAM token",
         "a user whose authentication mode is not iam or that is in no group of this cache, an "
         "identity without elasticache:Connect on cache and user, or a clock that is off by "
         "minutes",
         "describe-users and describe-user-groups; the policy of 'aws sts get-caller-identity'; "
         "'date -u'; the region of the cache"},
    [CAUSE_AUTH_NONE] = {"auth-unwanted", REACH_AUTH,
                         "a password was given and the server has none",
                         "the cache was made without an AUTH token or user group",
                         "leave the password out, or set one on the cache"},
    [CAUSE_NOPERM] =
        {"noperm", REACH_PING, "the user may not do what was asked",
         "the access string of the user leaves the command out",
         "describe-users: add the command to the access string (at least +ping +info)"},
    [CAUSE_MAXCLIENTS] =
        {"maxclients", REACH_PING, "the server takes no further client",
         "CurrConnections is near 65,000 (not changeable): connections leak, or a storm of "
         "reconnects",
         "look at CurrConnections and NewConnections; pool connections in the application"},
    [CAUSE_LOADING] = {"loading", REACH_PING, "the server is loading its data",
                       "a node that is being replaced or restored", "wait until it is available"},
    [CAUSE_PING_CLOSED] =
        {"ping-closed", REACH_PING, "the connection ends before an answer",
         "a proxy or load balancer between without a healthy server behind it, or a server that "
         "wants TLS",
         "connect to the endpoint itself"},
    [CAUSE_PING_SILENT] =
        {"ping-silent", REACH_PING, "the connection is open but nothing answers",
         "a proxy between, a server that wants TLS, or one that is blocked by a long command",
         "look at EngineCPUUtilization and the slow log"},
    [CAUSE_PING_REFUSED] = {"ping-refused", REACH_PING, "the server answers with an error",
                            "see the error", "see the error"},
    [CAUSE_CLUSTER] =
        {"cluster-mode", REACH_USE,
         "the server is part of a cluster: clients without cluster mode get MOVED",
         "cluster mode enabled, or serverless: both need a cluster-aware client",
         "switch the application's client to cluster mode, or use a cache with cluster mode "
         "disabled"},
};
_Static_assert(COUNT_OF(causes) == CAUSE_COUNT, "one row each");

const reach_cause *reach_cause_of(cause_id id)
{
    assert(id < CAUSE_COUNT);
    return &causes[id];
}

const reach_cause *reach_cause_at(size_t n)
{
    return n < CAUSE_COUNT ? &causes[n] : NULL;
}
