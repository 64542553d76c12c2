"""A catalogue of attacks, each a named function.

AGAINST_MASTER: attack(t), t a Target: the attacker plays strangers and workers.
AGAINST_WORKER: attack(s, v), s the master's Session with the worker under test, in the middle of an
integrity check;
                v a Victim: its root and the files it should have.
STRANGE_MASTERS: attack(sock): what a master may do to a worker that has just connected.
An attack asserts what the reference says of the victim's answers. Whoever runs it checks the rest
afterwards: the tree is what it was, the process lives, an honest peer is served.
"""
import random
import socket
import struct
import zlib

import wire
from worker import Worker

AGAINST_MASTER, AGAINST_WORKER, STRANGE_MASTERS = [], [], []
against_master = lambda f: AGAINST_MASTER.append(f) or f  # noqa: E731
against_worker = lambda f: AGAINST_WORKER.append(f) or f  # noqa: E731
strange_master = lambda f: STRANGE_MASTERS.append(f) or f  # noqa: E731


def named(name, f):
    f.__name__ = name
    return f


# ---- shared pieces -------------------------------------------------------------------------------------
def zeros(n):
    """A zlib stream of n zero bytes (a multiple of 1 MiB), made without inflating anything: n / 1000
    bytes."""
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = c.compress(bytes(1 << 20)) + c.flush(zlib.Z_FULL_FLUSH)
    return b'\x78\x01' + block * (n >> 20) + b'\x03\x00' + struct.pack('!I', (n % 65521) << 16 | 1)


def many(n, prefix='etc/rules/invented/'):
    """Metadata of n files that do not exist, as JSON bytes of about 230 n."""
    tail = '.xml": {"mod_time": 1690000000.0, "cluster_item_key": "etc/rules/", "merged": false, '
    tail += f'"hash": "{"5" * 128}"}}'
    return ('{' + ', '.join(f'"{prefix}{i:07d}{tail}' for i in range(n)) + '}').encode()


def nested(n):
    return b'{"a": ' + b'[' * n + b']' * n + b'}'


NO = (b'err', wire.Dialect('4.14.7').error(1000, 'no'))
GOOD = wire.package([], {})
BROKEN = {  # packages that are none: nothing of them may be used (5.2, pitfall 20)
    'empty': b'',
    'no_metadata': wire.record('etc/rules/p.xml', b'x'),
    'trailing_separator': GOOD + wire.MEMBER_END,
    'leading_separator': wire.MEMBER_END + GOOD,
    'garbage': random.Random(1).randbytes(4000),
    'name_only': b'files_metadata.json',
    'endless_name': b'n' * 70000 + wire.NAME_END + zlib.compress(b'{}'),
    'empty_name': wire.NAME_END + zlib.compress(b'x') + wire.MEMBER_END + GOOD,
    'truncated_zlib': GOOD[:-3],
    'wrong_adler': GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    'not_zlib': b'files_metadata.json|//@@//|{}',
    'preset_dictionary': b'files_metadata.json|//@@//|\x78\x20\0\0\0\1\x03\x00\0\0\0\1',
    'bytes_behind_stream': GOOD + b'more',
    'json_text': wire.package([], b'not json'),
    'json_cut': wire.package([], b'{"etc/rules/a.xml": {"hash"'),
    'json_two': wire.package([], b'{} {}'),
    'json_array': wire.package([], b'[]'),
    'json_number': wire.package([], b'7'),
    'json_empty': wire.package([], b''),
    'json_nested': wire.package([], nested(100000)),
    'json_raw_nul': wire.package([], b'{"etc/rules/a"\x00: {}}'),
    'json_bomb': wire.METADATA.encode() + wire.NAME_END + zeros(300 << 20),
}


def break_token(token):
    """Tokens that must not verify: (what, bytes)."""
    import base64

    raw = base64.urlsafe_b64decode(token)
    flip = lambda at, bit=1: base64.urlsafe_b64encode(
        raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
    )  # noqa: E731
    yield 'version', flip(0)
    yield 'time', flip(4)
    yield 'iv', flip(9)
    yield 'first_block', flip(25)
    yield 'last_block', flip(len(raw) - 33)
    yield 'tag_first', flip(len(raw) - 32)
    yield 'tag_last', flip(len(raw) - 1, 0x80)
    yield 'no_padding_sign', token.rstrip(b'=') if token.endswith(b'=') else token[:-1]
    yield 'one_less', token[:-1]
    yield 'four_less', token[:-4]
    yield 'block_less', base64.urlsafe_b64encode(raw[:25] + raw[41:])
    yield 'half', token[: len(token) // 2 // 4 * 4]
    yield 'alphabet', token[:10] + b'!' + token[11:]
    yield 'nul', token[:10] + b'\0' + token[11:]
    yield 'twice', token + token
    yield 'short', b'gAAAAA=='
    yield 'no_blocks', base64.urlsafe_b64encode(raw[:25] + raw[-32:])
    yield 'empty', b''


class Target:
    """A master under attack, and the means to reach it. Each connection comes from an address of its own
    where that matters: a real master takes ten from one (12.21)."""

    def __init__(self, port, key, cluster='wazuh', version='4.14.7', master_name='master', round_s=1):
        self.port, self.key, self.cluster, self.version = port, key, cluster, version
        self.master_name, self.round_s, self.opened, self.count = master_name, round_s, [], 0
        self.fernet = wire.fernet(key)

    def address(self):
        self.count += 1
        return f'127.0.{1 + self.count // 200 % 250}.{1 + self.count % 200}'

    def sock(self, timeout=10):
        s = wire.connect('127.0.0.1', self.port, self.address())
        s.settimeout(timeout)
        self.opened.append(s)
        return s

    def worker(self, name='mallory', connect=True, **more):
        w = Worker(
            self.port,
            key=more.pop('key', self.key),
            name=name,
            cluster=more.pop('cluster', self.cluster),
            version=more.pop('version', self.version),
            bind=self.address(),
            timeout=more.pop('timeout', 10),
            **more,
        )
        self.opened.append(w)
        return w.reconnect() if connect else w

    def hello(self, name='mallory'):
        return f'{name} {self.cluster} worker {self.version}'.encode()

    def close(self):
        for x in self.opened:
            x.close()
        self.opened = []


def closes_silently(sock, seconds=8):
    """The other end closes within that time and says nothing first."""
    sock.settimeout(seconds)
    try:
        got = sock.recv(4096)
    except ConnectionResetError:
        return
    except socket.timeout:
        raise AssertionError(f'still open after {seconds} s')
    assert got == b'', f'an answer to what cannot be trusted: {got[:60]!r}'


def ends(link, seconds=8):
    assert link.closed.wait(seconds), f'still open after {seconds} s'


def refuses(link, command, payload, code=None, text=None, commands=(b'err',)):
    """The answer is an err with that code or exactly that text."""
    reply = link.request(command, payload)
    assert (
        reply.command in commands
    ), f'{command!r} {payload[:60]!r} answered {reply.command} {reply.payload[:80]!r}'
    if code is not None:
        assert (
            wire.error_code(reply.payload) == code
        ), f'{command!r}: {reply.payload[:200]!r}, expected code {code}'
    if text is not None:
        assert reply.payload == text, f'{command!r}: {reply.payload[:200]!r}, expected {text!r}'


def refused_or_closed(link, command, payload):
    try:
        reply = link.request(command, payload)
    except wire.Closed:
        return False
    assert reply.command in (
        b'err',
        b'error',
    ), f'{command!r} {payload[:60]!r} answered {reply.command} {reply.payload[:80]!r}'
    return True
