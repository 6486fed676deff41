/* repl/replica_ask.h: asks a replica that is connected whether it may feed the link. */
#pragma once
#include "engine/engine.h"
#include "repl/replica.h"

/* `source`: INFO all of the source, read just before. need.keeps_all is found out here. */
bool replica_ask(engine *replica, span source, replica_need need, err *e) MUST_CHECK;
