/* sandbox/snapshot.h: backups: what a group's node had, as an RDB file that its engine wrote.
 *
 * The state keeps {status, source, group, node, ...} under "snapshots", the file is
 * WORKDIR/snapshots/NAME.rdb. One that is being made belongs to a task of its group (keeper.h);
 * copies, exports and deletions have a due time of their own. */
#pragma once
#include "sandbox/keeper.h"

/* An available snapshot for a new group; the service's fault otherwise. */
bool snapshot_of_call(api_call *c, const char *parameter, const char **ret_name, json_t **ret);
/* Checks the name for a new one; a fault when there is one. */
bool snapshot_name_take(api_call *c, const char *parameter, char ret[64]);
/* Notes that the group's task will make it, from this node (NULL: the keeper chooses). */
void snapshot_begin(sandbox *s, const char *name, const char *id, json_t *g, const char *node_id);
void snapshot_path(const char *name, char ret[PATH_SIZE]);
/* One turn: copies, exports and deletions that are due. */
void snapshots_turn(keeper *k, int64_t now);
keeper_step snapshot_save, snapshot_wait, snapshot_end;

/* --- seed.c: what a new group begins with ---------------------------------------------------- */

/* The canonical id of ElastiCache, which S3's lists grant rights to (SEED-04). */
#define SEED_READER "540804c33a284a299d2547575ce1010f2312ef3da9b3a053c8bc45bf233e4353"

/* SnapshotName or SnapshotArns of the call. `*ret`: {snapshot} or {bucket, key}; NULL: neither. */
bool seed_take(api_call *c, json_t **ret);
/* Steps: the file to the primary's folder; does what was loaded fit. */
keeper_step seed_fetch, seed_check;
/* Why the primary's engine did not take it, as it says itself; "" when it says nothing. */
void seed_reason(const char *node_id, char ret[256]);
