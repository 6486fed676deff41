/* net/loop.h: what the files of net/ share about the loop. */
#pragma once
#include <uv.h>

#include "net/net.h"

struct net_loop {
    uv_loop_t uv;
    uv_timer_t timer;
};
