#!/usr/bin/python3
"""Makes RDB files in the forms of engines that are no longer packaged, byte by byte, and lets an engine that still
loads them say what is in them.

    tests/golden/make_old_rdb.py [SERVER_PROGRAM]

The program is redis-7.0 of .cache/engines unless one is named. For each of the files below tests/golden/rdb/ gets
  handmade-NAME.rdb   written by this script, not by an engine
  handmade-NAME.txt   its contents as the engine answers them after loading it (see make_rdb.py)

Forms: redis src/rdb.h and src/rdb.c at 2.4, 2.8 and 3.2; zipmap.c, ziplist.c, intset.c; LZF by its own token table.
"""
import os
import struct
import sys

import make_rdb
from make_rdb import EXPIRY_MS, OUT, TOP

STRING, LIST, SET, ZSET, HASH = 0, 1, 2, 3, 4
ZIPMAP, LIST_ZIPLIST, INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, QUICKLIST = 9, 10, 11, 12, 13, 14


def length(n):
    if n < 1 << 6:
        return bytes([n])
    if n < 1 << 14:
        return bytes([0x40 | n >> 8, n & 0xff])
    return b'\x80' + struct.pack('>I', n)


def raw(value):
    return length(len(value)) + value


def string(value):
    """As the engines write it: a number of 8, 16 or 32 bits in binary, else bytes."""
    try:
        number = int(value)
    except ValueError:
        return raw(value)
    if b'%d' % number != value:
        return raw(value)
    for mark, form, bits in ((0xc0, '<b', 7), (0xc1, '<h', 15), (0xc2, '<i', 31)):
        if -1 << bits <= number < 1 << bits:
            return bytes([mark]) + struct.pack(form, number)
    return raw(value)


def compressed(unit, times):
    """LZF: the unit as literals, then one long match of what stands a unit before."""
    assert len(unit) <= 32
    left = len(unit) * (times - 1)
    out = bytes([len(unit) - 1]) + unit
    while left:
        piece = left if left <= 264 else min(264, left - 3)
        distance = len(unit) - 1
        if piece < 9:
            out += bytes([(piece - 2) << 5 | distance >> 8, distance & 0xff])
        else:
            out += bytes([7 << 5 | distance >> 8, piece - 9, distance & 0xff])
        left -= piece
    return b'\xc3' + length(len(out)) + length(len(unit) * times) + out


def old_score(text):
    return {b'nan': b'\xfd', b'inf': b'\xfe', b'-inf': b'\xff'}.get(text) or bytes([len(text)]) + text


def zipmap(pairs):
    out = bytes([min(len(pairs), 254)])
    for i, (name, value) in enumerate(pairs):
        free = 3 if i == 1 else 0  # what an update with a shorter value leaves behind
        for text, tail in ((name, b''), (value, bytes([free]))):
            out += (bytes([len(text)]) if len(text) < 254 else b'\xfe' + struct.pack('<I', len(text))) + tail + text
        out += b'?' * free
    return out + b'\xff'


def ziplist_value(value):
    try:
        number = int(value)
    except ValueError:
        number = None
    if number is None or b'%d' % number != value or not -1 << 63 <= number < 1 << 63:
        size = len(value)
        if size < 1 << 6:
            return bytes([size]) + value
        if size < 1 << 14:
            return bytes([0x40 | size >> 8, size & 0xff]) + value
        return b'\x80' + struct.pack('>I', size) + value
    if 0 <= number <= 12:
        return bytes([0xf1 + number])
    for mark, size in ((0xfe, 1), (0xc0, 2), (0xf0, 3), (0xd0, 4), (0xe0, 8)):
        if -1 << (8 * size - 1) <= number < 1 << (8 * size - 1):
            return bytes([mark]) + number.to_bytes(size, 'little', signed=True)
    raise AssertionError(value)


def ziplist(values):
    out, before, tail = b'', 0, 10
    for value in values:
        tail = 10 + len(out)
        entry = (bytes([before]) if before < 254 else b'\xfe' + struct.pack('<I', before)) + ziplist_value(value)
        out, before = out + entry, len(entry)
    return struct.pack('<IIH', len(out) + 11, tail, len(values)) + out + b'\xff'


def intset(size, numbers):
    form = {2: '<h', 4: '<i', 8: '<q'}[size]
    return struct.pack('<II', size, len(numbers)) + b''.join(struct.pack(form, n) for n in sorted(numbers))


def crc64(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x95ac9329ac4bc9b5 if i & 1 else 0)
        table.append(i)
    crc = 0
    for byte in data:
        crc = table[(crc ^ byte) & 0xff] ^ crc >> 8
    return struct.pack('<Q', crc)


class File:
    def __init__(self, version, head=b''):
        self.version, self.body = version, b'REDIS%04d' % version + head + b'\xfe\x00'

    def add(self, kind, key, value, expires=b''):
        self.body += expires + bytes([kind]) + string(key) + value

    def end(self):
        self.body += b'\xff'
        return self.body + (crc64(self.body) if self.version >= 5 else b'')


SECONDS = b'\xfd' + struct.pack('<i', 2145916800)  # in 2038: the last year that such a time can name
MILLISECONDS = b'\xfc' + struct.pack('<q', EXPIRY_MS)
WORDS = [b'one', b'', b'-129', b'8388607', b'4095', b'13', b'12', b'-1', b'9223372036854775807', b'x' * 70, b'y' * 300]
SCORES = [(b'one', b'1'), (b'half', b'-0.5'), (b'top', b'inf'), (b'bottom', b'-inf'), (b'near', b'3.0000000000000004'),
          (b'large', b'9007199254740992')]
PAIRS = [(b'f', b'v'), (b'number', b'77'), (b'long', b'z' * 270), (b'empty', b'')]


def flat(pairs):
    return [x for pair in pairs for x in pair]


def plain(f):
    """The forms of 2.4, which every version since loads."""
    for value in (b'', b'text', b'-7', b'31000', b'-2000000000', b'2147483648', b'007', bytes(range(40))):
        f.add(STRING, b's:' + value, string(value))
    f.add(STRING, b's:lzf', compressed(b'the same words again, ', 400))
    f.add(STRING, b's:long', raw(bytes(i * i & 0xff for i in range(17000))))
    f.add(STRING, b'12345', raw(b'a key that is a number'))
    f.add(LIST, b'l:plain', length(len(WORDS)) + b''.join(map(string, WORDS)))
    f.add(SET, b'm:plain', length(len(WORDS)) + b''.join(map(string, WORDS)))
    f.add(ZSET, b'z:plain', length(len(SCORES)) + b''.join(string(m) + old_score(s) for m, s in SCORES))
    f.add(HASH, b'h:plain', length(len(PAIRS)) + b''.join(map(string, flat(PAIRS))))
    f.add(LIST_ZIPLIST, b'l:ziplist', raw(ziplist(WORDS)))
    f.add(LIST_ZIPLIST, b'l:ziplist-lzf', compressed_blob(ziplist([b'abcdefghijklmnopqrstuvw'] * 200)))
    f.add(INTSET, b'i:16', raw(intset(2, [-300, 0, 7])))
    f.add(INTSET, b'i:32', raw(intset(4, [-70000, 0, 2**31 - 1])))
    f.add(INTSET, b'i:64', raw(intset(8, [-2**63, 0, 2**40])))
    ordered = sorted(SCORES, key=lambda pair: float(pair[1]))
    f.add(ZSET_ZIPLIST, b'z:ziplist', raw(ziplist(flat(ordered))))


def compressed_blob(data):
    """All in literals: what is compressed need not be smaller."""
    out = b''.join(bytes([len(data[i:i + 32]) - 1]) + data[i:i + 32] for i in range(0, len(data), 32))
    return b'\xc3' + length(len(out)) + length(len(data)) + out


def of_2_4():
    f = File(2)
    plain(f)
    f.add(STRING, b's:expires', string(b'soon'), SECONDS)
    f.add(ZIPMAP, b'h:zipmap', raw(zipmap(PAIRS)))
    f.add(ZIPMAP, b'h:zipmap-many', raw(zipmap([(b'field %d' % i, b'%d' % (i * 7)) for i in range(40)])))
    return f.end()


def of_2_8():
    f = File(6)
    plain(f)
    f.add(HASH_ZIPLIST, b'h:ziplist', raw(ziplist(flat(PAIRS))))
    f.add(STRING, b's:expires', string(b'soon'), MILLISECONDS)
    f.body += b'\xfe\x09'
    f.add(HASH_ZIPLIST, b'h:other', raw(ziplist([b'in', b'database 9'])))
    return f.end()


def of_3_2():
    head = b''.join(b'\xfa' + raw(name) + string(value) for name, value in (
        (b'redis-ver', b'3.2.12'), (b'redis-bits', b'64'), (b'ctime', b'1500000000'), (b'used-mem', b'1000000')))
    f = File(7, head)
    f.body += b'\xfb' + length(20) + length(1)
    plain(f)
    f.add(QUICKLIST, b'l:quicklist', length(2) + raw(ziplist(WORDS)) + raw(ziplist([b'second', b'node'])))
    f.add(QUICKLIST, b'l:quicklist-lzf', length(1) + compressed_blob(ziplist([b'item %d' % i for i in range(200)])))
    f.add(HASH_ZIPLIST, b'h:expires', raw(ziplist(flat(PAIRS))), MILLISECONDS)
    return f.end()


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, '.cache/engines/redis-7.0/bin/redis-server')
    for name, made in (('2.4', of_2_4()), ('2.8', of_2_8()), ('3.2', of_3_2())):
        path = os.path.join(OUT, 'handmade-' + name)
        with open(path + '.rdb', 'wb') as f:
            f.write(made)
        with make_rdb.Server(program, load=path + '.rdb') as c:
            lines = make_rdb.listing(c, [])
        with open(path + '.txt', 'w') as f:
            f.write('\n'.join(lines) + '\n')
        print('handmade-%s: %d bytes, %d lines' % (name, len(made), len(lines)))


if __name__ == '__main__':
    main()
