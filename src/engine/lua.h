/* engine/lua.h: what more than one script for the target begins with. */
#pragma once

/* expiry(key): what PEXPIRETIME answers, for redis before 7.0, which has only what is left: PTTL
 * between two clocks that show the same millisecond. What is written behind a look at the clock
 * must go to replicas as its effects. */
#define LUA_EXPIRY_BEFORE_7                                                                        \
    "redis.replicate_commands()\n"                                                                 \
    "local function ms()\n"                                                                        \
    "  local t = redis.call('TIME')\n"                                                             \
    "  return t[1] * 1000 + math.floor(t[2] / 1000)\n"                                             \
    "end\n"                                                                                        \
    "local function expiry(key)\n"                                                                 \
    "  local left, before, now = 0, 0, ms()\n"                                                     \
    "  repeat\n"                                                                                   \
    "    before, left = now, redis.call('PTTL', key)\n"                                            \
    "    now = ms()\n"                                                                             \
    "  until before == now\n"                                                                      \
    "  return left < 0 and left or left + now\n"                                                   \
    "end\n"
