/* engine/bookkeeping.h: the names of the tool's own keys on a target; never the user's data. */
#pragma once

#define BOOKKEEPING_PREFIX "handover:"
