"""The cells of the checkable workload: each owns a few keys and knows exactly what they must hold.

A cell plans one write at a time: a command, a transaction or a script, never several commands that
could be half done. Its state is what all acknowledged writes made. When a reply is lost, the write
may or may not have happened: the keys are read once and must show the state before or after it;
what they show is the state from then on.
"""

import time

import redis

HELD = 1 << 45


def now_ms():
    return int(time.time() * 1000)


def expiry_of(ask, key):
    """What PEXPIRETIME answers; before 7.0 there is only what is left, told between two clocks that show the same millisecond."""
    try:
        return ask(("PEXPIRETIME", key))
    except redis.ResponseError as e:
        if "unknown command" not in str(e):
            raise
    while True:
        before, left, after = ask(("TIME",)), ask(("PTTL", key)), ask(("TIME",))
        before, after = (int(s) * 1000 + int(us) // 1000 for s, us in (before, after))
        if left < 0 or before == after:
            return left if left < 0 else left + after


class Plan:
    """One write. `after` is the state it leads to, or a function of the reply; `reply` what the last
    command must answer (ANY: not looked at, or looked at by `after`)."""

    __slots__ = ("commands", "after", "reply", "allows")

    def __init__(self, command, after, reply=..., allows=None):
        self.commands = command if isinstance(command, list) else [command]
        self.after, self.reply, self.allows = after, reply, allows


def transaction(*commands):
    return [("MULTI",), *commands, ("EXEC",)]


def as_before_6_2(plan, version):
    """The same write in the commands of redis 5.0 or 6.0, which know no absolute expiry but PEXPIREAT; None: there is none."""
    command = plan.commands[0]
    if len(plan.commands) > 1:
        return plan
    name, key = command[0], command[1]
    if name == "SET" and "PXAT" in command:
        steps = (command[:3], ("PEXPIREAT", key, command[4]))
    elif name == "GETEX":
        steps = (("GET", key), ("PEXPIREAT", key, command[3]))
    elif name == "GETDEL":
        steps = (("GET", key), ("DEL", key))
    elif name == "LMOVE" and command[3] == "RIGHT":
        return Plan(("RPOPLPUSH", *command[1:3]), plan.after, plan.reply, plan.allows)
    elif name == "LMOVE":
        steps = (("LPOP", key), ("RPUSH", command[2], plan.reply))
    elif name == "COPY" or "GT" in command or "MINID" in command or ("KEEPTTL" in command and version < 6):
        return None
    else:
        return plan
    return Plan(transaction(*steps), plan.after, allows=plan.allows)


class Cell:
    family = "?"

    def __init__(self, number):
        self.number = number
        self.state = self.begin()
        self.writes = 0

    def key(self, name):
        return f"w:{self.family}:{{{self.number}}}:{name}".encode()

    def begin(self):
        raise NotImplementedError

    def plan(self, rng):
        """The next write, or None when nothing is due."""
        raise NotImplementedError

    def read(self, ask):
        """The state as the server shows it; ask(command) answers one reply."""
        raise NotImplementedError

    def settle(self, plan, reply):
        """After an acknowledged write. Answers None or what is wrong with the reply."""
        self.writes += 1
        before = self.state
        try:
            self.state = plan.after(reply) if callable(plan.after) else plan.after
        except (ValueError, KeyError, TypeError, IndexError) as e:
            return f"{plan.commands} answered {reply!r}, state {before!r}: {e!r}"
        if plan.reply is not ... and reply != plan.reply:
            return f"{plan.commands} answered {reply!r}, wanted {plan.reply!r}, state {before!r}"
        return None

    def adopt(self, plan, observed):
        """After a lost reply. Answers None or why this can be neither before nor after."""
        before, self.state = self.state, observed
        if self.same(observed, before):
            return None
        if plan.allows:
            fine = plan.allows(observed)
        else:
            fine = not callable(plan.after) and self.same(observed, plan.after)
        if fine:
            return None
        return f"after the lost reply of {plan.commands}: {observed!r} is neither {before!r} nor {plan.after!r}"

    def same(self, observed, expected):
        return observed == expected


class Counter(Cell):
    family = "counter"

    def begin(self):
        return 0

    def plan(self, rng):
        by = rng.randint(1, 9)
        command = rng.choice([("INCR",), ("INCRBY", by), ("DECRBY", by), ("INCRBYFLOAT", by)])
        new = self.state + {"INCR": 1, "DECRBY": -by}.get(command[0], by)
        answer = str(new).encode() if command[0] == "INCRBYFLOAT" else new
        return Plan((command[0], self.key("n"), *command[1:]), new, answer)

    def read(self, ask):
        return int(ask(("GET", self.key("n"))) or 0)


class Sequence(Cell):
    """Consecutive numbers that wander through two lists: a lost or repeated one shows at once."""
    family = "list"

    def begin(self):
        return (), (), 0

    def plan(self, rng):
        a, b, n = self.state
        ka, kb = self.key("a"), self.key("b")
        form = rng.randrange(8)
        if form == 0 and a:
            return Plan(("LPOP", ka), (a[1:], b, n), a[0])
        if form == 1 and a:
            return Plan(("RPOPLPUSH", ka, kb), (a[:-1], (a[-1], *b), n), a[-1])
        if form == 2 and a:
            return Plan(("LMOVE", ka, kb, "LEFT", "RIGHT"), (a[1:], (*b, a[0]), n), a[0])
        if form == 3 and b:
            return Plan(("LMOVE", kb, ka, "RIGHT", "LEFT"), ((b[-1], *a), b[:-1], n), b[-1])
        if form == 4 and a:
            return Plan(("LPUSHX", ka, n + 1), ((b"%d" % (n + 1), *a), b, n + 1), len(a) + 1)
        if form == 5 and a:
            return Plan(("LSET", ka, 0, n + 1), ((b"%d" % (n + 1), *a[1:]), b, n + 1), b"OK")
        if len(a) > 40 or len(b) > 40:
            which, key = (a, ka) if len(a) > 40 else (b, kb)
            rest = which[20:]
            return Plan(("LTRIM", key, 20, -1), (rest, b, n) if which is a else (a, rest, n), b"OK")
        return Plan(("RPUSH", ka, n + 1), ((*a, b"%d" % (n + 1)), b, n + 1), len(a) + 1)

    def read(self, ask):
        a = tuple(ask(("LRANGE", self.key("a"), 0, -1)))
        b = tuple(ask(("LRANGE", self.key("b"), 0, -1)))
        return a, b, max([self.state[2], *map(int, a), *map(int, b)])

    def same(self, observed, expected):
        return observed[:2] == expected[:2]


class Stream(Cell):
    """Entries, a group of two consumers, and who owns which pending entry delivered how often."""
    family = "stream"

    def begin(self):
        return (), {}, None, 0  # ids, pending {id: (consumer, deliveries)}, last delivered (None: no group), last id

    def plan(self, rng):
        ids, pending, last, n = self.state
        key = self.key("s")
        if last is None:
            return Plan(("XGROUP", "CREATE", key, "g", "0", "MKSTREAM"), ((), {}, 0, n), b"OK")
        form = rng.randrange(8)
        consumer = rng.choice([b"ann", b"bob"])
        waiting = [i for i in ids if i > last]
        if form in (0, 1) and waiting:
            got = waiting[:2]
            after = (ids, {**pending, **{i: (consumer, 1) for i in got}}, got[-1], n)
            return Plan(("XREADGROUP", "GROUP", "g", consumer, "COUNT", 2, "STREAMS", key, ">"), after)
        if form == 2 and pending:
            one = rng.choice(sorted(pending))
            return Plan(("XACK", key, "g", f"{one}-1"), (ids, {i: p for i, p in pending.items() if i != one}, last, n), 1)
        if form == 3 and pending:
            one = rng.choice(sorted(pending))
            after = (ids, {**pending, one: (consumer, pending[one][1] + 1)}, last, n)
            return Plan(("XCLAIM", key, "g", consumer, 0, f"{one}-1"), after)
        if form == 4 and len(ids) > 30:
            keep = min([*pending, last + 1, ids[-1]])
            return Plan(("XTRIM", key, "MINID", f"{keep}-0"), (tuple(i for i in ids if i >= keep), pending, last, n))
        if form == 5 and waiting:
            return Plan(("XDEL", key, f"{waiting[-1]}-1"), (tuple(i for i in ids if i != waiting[-1]), pending, last, n), 1)
        return Plan(("XADD", key, f"{n + 1}-1", "n", n + 1), ((*ids, n + 1), pending, last, n + 1), b"%d-1" % (n + 1))

    def read(self, ask):
        key = self.key("s")
        if not ask(("EXISTS", key)):
            return (), {}, None, self.state[3]
        ids = tuple(int(e[0].split(b"-")[0]) for e in ask(("XRANGE", key, "-", "+")))
        group = ask(("XINFO", "GROUPS", key))[0]
        group = dict(zip(group[::2], group[1::2])) if isinstance(group, list) else group
        last = int(group[b"last-delivered-id"].split(b"-")[0])
        pending = {int(p[0].split(b"-")[0]): (p[1], p[3]) for p in ask(("XPENDING", key, "g", "-", "+", 10000))}
        return ids, pending, last, max([self.state[3], *ids])

    def same(self, observed, expected):
        return observed[:3] == expected[:3]


class Renewed(Cell):
    """A key whose expiry is renewed every second: it must never be gone. 10 s is longer than any
    stall of the writer that a test allows; a stall beyond it makes the key anew."""
    family = "renewed"
    LIFE_MS = 10_000

    def begin(self):
        return None, None  # value, expiry

    def plan(self, rng):
        value, expiry = self.state
        key, now = self.key("k"), now_ms()
        until = now + self.LIFE_MS + rng.randrange(1000)
        if value is None or (expiry is not None and expiry - now < 1000):
            fresh = b"%d" % now
            return Plan(("SET", key, fresh, "PXAT", until), (fresh, until), b"OK")
        if expiry is None or expiry - now < self.LIFE_MS - 1000:
            return Plan(("PEXPIREAT", key, until), (value, until), 1)
        form = rng.randrange(6)
        if form == 0:
            return Plan(("GETEX", key, "PXAT", until), (value, until), value)
        if form == 1:
            return Plan(("PERSIST", key), (value, None), 1)
        if form == 2 and len(value) < 200:
            return Plan(("APPEND", key, "x"), (value + b"x", expiry), len(value) + 1)
        if form == 3:
            return Plan(("SETRANGE", key, 1, "yz"), (value[:1] + b"yz" + value[3:], expiry), max(3, len(value)))
        if form == 4:
            return Plan(("SET", key, value[:20], "KEEPTTL"), (value[:20], expiry), b"OK")
        return None

    def read(self, ask):
        value, expiry = ask(("GET", self.key("k"))), expiry_of(ask, self.key("k"))
        if value is None or expiry == -2:
            return None, None
        return value, None if expiry == -1 else expiry - HELD if expiry >= HELD else expiry

    def same(self, observed, expected):
        if observed == (None, None) and expected[1] is not None and expected[1] <= now_ms():
            return True
        return observed == expected


class Accounts(Cell):
    """Transfers in transactions: the sum never changes, not even for a moment."""
    family = "account"
    COUNT = 6

    def begin(self):
        return None

    def names(self):
        return [self.key(f"a{i}") for i in range(self.COUNT)]

    def plan(self, rng):
        if self.state is None:
            pairs = [x for name in self.names() for x in (name, 1000)]
            return Plan(("MSET", *pairs), (1000,) * self.COUNT, b"OK")
        a, b = rng.sample(range(self.COUNT), 2)
        by = rng.randint(1, 50)
        new = list(self.state)
        new[a] -= by
        new[b] += by
        return Plan(transaction(("DECRBY", self.key(f"a{a}"), by), ("INCRBY", self.key(f"a{b}"), by)),
                    tuple(new), [new[a], new[b]])

    def read(self, ask):
        values = ask(("MGET", *self.names()))
        return None if None in values else tuple(map(int, values))


class Script(Cell):
    """One script writes four keys of different types."""
    family = "script"
    CODE = ("local n = redis.call('INCR', KEYS[1]) redis.call('SET', KEYS[2], n) redis.call('RPUSH', KEYS[3], n)"
            " redis.call('LTRIM', KEYS[3], -3, -1) redis.call('HSET', KEYS[4], n % 3, n) return n")

    def begin(self):
        return 0, ()

    def keys(self):
        return [self.key(x) for x in "nslh"]

    def plan(self, rng):
        n = self.state[0] + 1
        return Plan(("EVAL", self.CODE, 4, *self.keys()), (n, (*self.state[1], b"%d" % n)[-3:]), n)

    def read(self, ask):
        number, string, items, fields = self.keys()
        n = int(ask(("GET", number)) or 0)
        found = tuple(ask(("LRANGE", items, 0, -1)))
        if int(ask(("GET", string)) or 0) != n or int(ask(("HGET", fields, n % 3)) or 0) != n:
            return n, found, "the keys of one script disagree"
        return n, found


class Renamed(Cell):
    """SET, RENAME, COPY and GETDEL between two names, one of them with an expiry far away."""
    family = "renamed"

    def begin(self):
        return None, None, 0

    def plan(self, rng):
        a, b, n = self.state
        ka, kb = self.key("a"), self.key("b")
        form = rng.randrange(5)
        if form == 0 and a:
            return Plan(("RENAME", ka, kb), (None, a, n), b"OK")
        if form == 1 and b:
            return Plan(("COPY", kb, ka, "REPLACE"), (b, b, n), 1)
        if form == 2 and b:
            return Plan(("GETDEL", kb), (a, None, n), b)
        if form == 3 and a and not b:
            return Plan(("RENAMENX", ka, kb), (None, a, n), 1)
        value = b"v%d" % (n + 1)
        return Plan(("SET", ka, value), (value, b, n + 1), b"OK")

    def read(self, ask):
        return (*ask(("MGET", self.key("a"), self.key("b"))), self.state[2] + 1)

    def same(self, observed, expected):
        return observed[:2] == expected[:2]


class Sets(Cell):
    family = "set"

    def begin(self):
        return frozenset(), frozenset(), frozenset()

    def plan(self, rng):
        a, b, d = self.state
        ka, kb, kd = self.key("a"), self.key("b"), self.key("d")
        member = b"m%d" % rng.randrange(30)
        form = rng.randrange(8)
        if form == 0 and a:
            def popped(reply):
                if reply not in a:
                    raise ValueError("SPOP of a member that was not there")
                return a - {reply}, b, d
            return Plan(("SPOP", ka), popped, allows=lambda o: o[1:] == (b, d) and o[0] < a and len(o[0]) == len(a) - 1)
        if form == 1:
            new = a & b
            return Plan(("SINTERSTORE", kd, ka, kb), (a, b, new), len(new))
        if form == 2:
            new = a | b
            return Plan(("SUNIONSTORE", kd, ka, kb), (a, b, new), len(new))
        if form == 3 and member in a:
            return Plan(("SMOVE", ka, kb, member), (a - {member}, b | {member}, d), 1)
        if form == 4:
            return Plan(("SREM", kb, member), (a, b - {member}, d), int(member in b))
        if form == 5 and len(a) > 4:
            def several(reply):
                if len(set(reply)) != 2 or not set(reply) <= a:
                    raise ValueError("SPOP 2 of members that were not there")
                return a - set(reply), b, d
            return Plan(("SPOP", ka, 2), several, allows=lambda o: o[1:] == (b, d) and o[0] < a and len(o[0]) == len(a) - 2)
        return Plan(("SADD", ka, member), (a | {member}, b, d), int(member not in a))

    def read(self, ask):
        return tuple(frozenset(ask(("SMEMBERS", self.key(x)))) for x in "abd")


class Retyped(Cell):
    """One name that is deleted and comes back as something else."""
    family = "retyped"

    def begin(self):
        return None

    def create(self, kind, n):
        key, text = self.key("k"), b"%d" % n
        return {"string": (("SET", key, text), text, b"OK"),
                "list": (("RPUSH", key, text, "x"), (text, b"x"), 2),
                "hash": (("HSET", key, "f", text), {b"f": text}, 1),
                "set": (("SADD", key, text), frozenset([text]), 1),
                "zset": (("ZADD", key, 1, text), ((text, b"1"),), 1)}[kind]

    def plan(self, rng):
        key, n = self.key("k"), rng.randrange(100000)
        if self.state and rng.randrange(2):
            return Plan((rng.choice(["DEL", "UNLINK"]), key), None, 1)
        kind = rng.choice(["string", "list", "hash", "set", "zset"])
        command, value, reply = self.create(kind, n)
        if self.state is None:
            return Plan(command, (kind, value), reply)
        return Plan(transaction(("DEL", key), command), (kind, value), [1, reply])

    def read(self, ask):
        key = self.key("k")
        kind = ask(("TYPE", key))
        kind = kind.decode() if isinstance(kind, bytes) else kind
        if kind == "none":
            return None
        if kind == "string":
            return kind, ask(("GET", key))
        if kind == "list":
            return kind, tuple(ask(("LRANGE", key, 0, -1)))
        if kind == "hash":
            flat = ask(("HGETALL", key))
            return kind, dict(zip(flat[::2], flat[1::2]))
        if kind == "set":
            return kind, frozenset(ask(("SMEMBERS", key)))
        flat = ask(("ZRANGE", key, 0, -1, "WITHSCORES"))
        return kind, tuple(zip(flat[::2], flat[1::2]))


class Hash(Cell):
    """Fields come and go; the last HDEL takes the key and its expiry with it."""
    family = "hash"

    def begin(self):
        return {}, None

    def plan(self, rng):
        fields, expiry = self.state
        key, f = self.key("h"), b"f%d" % rng.randrange(3)
        form = rng.randrange(6)
        if form in (0, 1) and f in fields:
            rest = {k: v for k, v in fields.items() if k != f}
            return Plan(("HDEL", key, f), (rest, expiry if rest else None), 1)
        if form == 2 and fields:
            until = now_ms() + 3_600_000
            return Plan(("PEXPIREAT", key, until), (fields, until), 1)
        if form == 3:
            new = int(fields.get(f, 0)) + 7
            return Plan(("HINCRBY", key, f, 7), ({**fields, f: b"%d" % new}, expiry), new)
        if form == 4 and expiry:
            return Plan(("PERSIST", key), (fields, None), 1)
        return Plan(("HSET", key, f, "5"), ({**fields, f: b"5"}, expiry), int(f not in fields))

    def read(self, ask):
        flat, expiry = ask(("HGETALL", self.key("h"))), expiry_of(ask, self.key("h"))
        if expiry >= HELD:
            expiry -= HELD
        return dict(zip(flat[::2], flat[1::2])), expiry if expiry >= 0 else None


class Ranking(Cell):
    family = "zset"

    def begin(self):
        return {}

    def plan(self, rng):
        scores, key = self.state, self.key("z")
        member, score = b"p%d" % rng.randrange(12), rng.randrange(1000)
        form = rng.randrange(6)
        if form == 0 and scores:
            first = min(scores, key=lambda m: (scores[m], m))
            rest = {m: s for m, s in scores.items() if m != first}
            return Plan(("ZPOPMIN", key), rest, [first, b"%d" % scores[first]])
        if form == 1:
            new = scores.get(member, 0) + score
            return Plan(("ZINCRBY", key, score, member), {**scores, member: new}, b"%d" % new)
        if form == 2 and member in scores:
            return Plan(("ZREM", key, member), {m: s for m, s in scores.items() if m != member}, 1)
        if form == 3 and member in scores:
            new = max(scores[member], score)
            return Plan(("ZADD", key, "GT", "CH", score, member), {**scores, member: new}, int(new != scores[member]))
        return Plan(("ZADD", key, score, member), {**scores, member: score}, int(member not in scores))

    def read(self, ask):
        flat = ask(("ZRANGE", self.key("z"), 0, -1, "WITHSCORES"))
        return {m: int(s) for m, s in zip(flat[::2], flat[1::2])}


class Near(Cell):
    """Keys that live from 50 ms to 3 s: there before their time, gone after it."""
    family = "near"
    COUNT = 30
    SLACK_MS = 500

    def begin(self):
        return {}

    def plan(self, rng):
        slot = rng.randrange(self.COUNT)
        now = now_ms()
        if rng.randrange(6) == 0:
            return Plan(("DEL", self.key(slot)), {k: v for k, v in self.state.items() if k != slot})
        value, until = b"%d" % now, now + rng.choice([50, 200, 1000, 3000])
        return Plan(("SET", self.key(slot), value, "PXAT", until), {**self.state, slot: (value, until)}, b"OK")

    def read(self, ask):
        began = now_ms()
        values = ask(("MGET", *[self.key(i) for i in range(self.COUNT)]))
        return {"began": began, "ended": now_ms(), "values": dict(enumerate(values))}

    def same(self, observed, expected):
        if "values" not in expected:
            for slot, value in observed["values"].items():
                want, until = expected.get(slot, (None, 0))
                if value is None and (want is None or observed["ended"] >= until - 1):
                    continue
                if value == want and want is not None and observed["began"] <= until + self.SLACK_MS:
                    continue
                return False
        return True

    def adopt(self, plan, observed):
        before, after = self.state, plan.after
        if self.same(observed, before):
            return None
        self.state = after
        if self.same(observed, after):
            return None
        return f"after the lost reply of {plan.commands}: {observed!r} is neither {before!r} nor {after!r}"


class Bits(Cell):
    family = "bits"

    def begin(self):
        return b""

    def plan(self, rng):
        key, old = self.key("b"), self.state
        form = rng.randrange(4)
        if form == 0:
            bit = rng.randrange(256)
            new = bytearray(old.ljust(bit // 8 + 1, b"\0"))
            was = new[bit // 8] >> (7 - bit % 8) & 1
            new[bit // 8] |= 1 << (7 - bit % 8)
            return Plan(("SETBIT", key, bit, 1), bytes(new), was)
        if form == 1 and len(old) < 300:
            return Plan(("APPEND", key, "ab"), old + b"ab", len(old) + 2)
        if form == 2:
            at = rng.randrange(64)
            new = old.ljust(at, b"\0")
            new = new[:at] + b"Q" + new[at + 1:]
            return Plan(("SETRANGE", key, at, "Q"), new, len(new))
        return Plan(("GETSET", key, "fresh"), b"fresh", old or None)

    def read(self, ask):
        return ask(("GET", self.key("b"))) or b""


FAMILIES = (Counter, Sequence, Stream, Renewed, Accounts, Script, Renamed, Sets, Retyped, Hash, Ranking, Near, Bits)
