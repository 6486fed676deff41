/* sandbox/meter.h: samples for CloudWatch: INFO of every node, once a (compressed) minute.
 *
 * Only the keeper's thread calls these, under the sandbox's lock. A node that does not answer has
 * no sample: its datapoint is missing, as there. */
#pragma once
#include "sandbox/node.h"

/* The service's minute is not made shorter than this: each costs an INFO of every node. */
#define METER_MINUTE_MIN_MS 200

typedef struct meter meter;
meter *meter_new(keeper *k);
void meter_free(meter *m); /* NULL is fine */
void meter_turn(meter *m, int64_t now_ms);
int64_t meter_minute_ms(const sandbox *s);
