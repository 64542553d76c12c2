"""Registrations and other messages for the master's daemons, as Wazuh's C daemons send them from a worker
(reference, section 13): the client's exact frames, doubles of the daemons at the master, and what authd
answers. For tests with two pickets (test_registration.py) and with a real Wazuh (test/interop)."""
import contextlib
import ipaddress
import json
import os
import random
import re
import secrets
import socket
import struct
import threading
import time

import lib

MOST = 65536  # what a C program reads
AUTH, TASK, REMOTE = 'queue/sockets/auth', 'queue/tasks/task', 'queue/sockets/remote'
KEY = re.compile('[0-9a-f]{64}')
NOW = {'enabled': True, 'key_mismatch': False, 'disconnected_time': {'enabled': False, 'value': 0},
       'after_registration_time': 0}


# ---- the client ----------------------------------------------------------------------------------------
class Err(Exception):
    """A frame `err`."""


class Empty(Exception):
    """The connection ended, or an answer without a payload came."""


class TooLong(Exception):
    """An answer that no C program reads."""


def compact(value):
    """As cJSON prints it."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False).encode()


def call(node, payload, command=b'sendsync', timeout=60):
    """Connects and sends one frame in one piece. command: as it stands in the header, without the dashes."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(node.path('queue/cluster/c-internal.sock'))
    data = payload if isinstance(payload, bytes) else compact(payload)
    s.sendall(struct.pack('!2I', random.getrandbits(32), len(data)) + (command + b' ---------')[:12] + data)
    return s


def read(s, n):
    out = b''
    while len(out) < n:
        piece = s.recv(min(n - len(out), 1 << 16))
        if not piece:
            raise Empty('closed')
        out += piece
    return out


def hear(s):
    """One frame: the command's bytes 8 to 19 of the header mean an error or not, nothing else counts. It is
    never answered."""
    head = read(s, 20)
    n, = struct.unpack('!I', head[4:8])
    if head[8:] == b'err --------':
        raise Err(read(s, n).decode())
    if n > MOST:
        raise TooLong(n)
    if not n:
        raise Empty('no payload')
    return read(s, n)


def ask(node, payload, attempts=1, **more):
    """w_send_clustered_message: a connection per attempt; an error, or a node that is not there, is met with
    a second of patience, an empty answer is final. (It waits for ten minutes; who has less to wait asks again, for
    a Wazuh worker loses what it sends to a master that is gone, and its program's answer with it.)"""
    for attempt in range(attempts):
        try:
            with call(node, payload, **more) as s:
                return hear(s)
        except (Err, ConnectionError, FileNotFoundError, TimeoutError):
            if attempt + 1 == attempts:
                raise
            time.sleep(1)


def refused(node, payload, **more):
    """The words of an err, and after how many seconds it came."""
    began = time.monotonic()
    try:
        got = ask(node, payload, **more)
    except Err as e:
        return str(e), time.monotonic() - began
    raise AssertionError(f'{payload} is answered with {got[:200]}')


# ---- messages ------------------------------------------------------------------------------------------
def to(daemon, message):
    return {'daemon_name': daemon, 'message': message}


def add(name, ip='any', **more):
    return to('authd', {'arguments': {'name': name, 'ip': ip, **more}, 'function': 'add'})


def remove(agent):
    return to('authd', {'arguments': {'id': agent, 'purge': 1}, 'function': 'remove'})


def register(node, name, attempts=10, timeout=60, **more):
    """As an agent that must get its key: the answer's data."""
    said = json.loads(ask(node, add(name, **more), attempts, timeout=timeout))
    assert said['error'] == 0 and list(said['data']) == ['id', 'name', 'ip', 'key'], said
    return said['data']


def lines(node):
    """{id: (name, ip, key)} of its client.keys, without those that were removed."""
    rows = [x.split(' ') for x in (node.read('etc/client.keys') or b'').decode().splitlines()]
    return {r[0]: tuple(r[1:]) for r in rows if len(r) == 4 and r[1][0] not in '!#'}


def has_line(node, data):
    return lines(node).get(data['id']) == (data['name'], data['ip'], data['key'])


# ---- daemons of the master -----------------------------------------------------------------------------
class Daemon:
    """A stream socket below a node's root: a length of four bytes, little-endian, and text; the same back.
    answer(message) gives the bytes of the reply, or does something else with the connection (a function of
    it). What was asked is in `asked`; `ends` counts connections that the other side ended first."""

    def __init__(self, node, path, answer):
        self.path, self.answer, self.asked, self.ends = node.path(path), answer, [], 0
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.come()

    def come(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(100)
        threading.Thread(target=self.serve, args=(self.server,), daemon=True).start()

    def leave(self, socket_stays=False):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        if not socket_stays:
            os.unlink(self.path)

    def serve(self, server):
        while True:
            try:
                s, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        with s, contextlib.suppress(OSError, Empty):
            message = read(s, struct.unpack('<I', read(s, 4))[0])
            self.asked.append(message)
            reply = self.answer(message)
            if callable(reply):
                reply(s)
            else:
                s.sendall(struct.pack('<I', len(reply)) + reply)

    def hang(self, s):
        """Says nothing until the other side has enough of it."""
        s.settimeout(None)
        if not s.recv(1):
            self.ends += 1


class Authd(Daemon):
    """What the tests need of authd behind a Wazuh master, by its own rules and error codes; client.keys is
    written before the answer."""
    WORDS = {9001: 'Internal error', 9002: 'Parsing JSON input', 9003: 'No such function', 9004: 'No such argument',
             9005: 'No such name', 9006: 'No such IP', 9007: 'Duplicate IP', 9008: 'Duplicate name',
             9010: 'No such agent ID', 9011: 'Agent ID not found', 9012: 'Duplicate ID',
             9014: 'Invalid Group(s) Name(s)'}

    def __init__(self, node):
        self.node, self.lock = node, threading.Lock()
        super().__init__(node, AUTH, self.reply)

    def reply(self, message):
        with self.lock:
            said = self.judge(message)
        if isinstance(said, int):
            return compact({'error': said, 'message': self.WORDS[said]})
        return compact({'error': 0, 'data': said})

    def judge(self, message):
        try:
            q = json.loads(message)
        except ValueError:
            return 9002
        if 'function' not in q:
            return 9003
        if q['function'] not in ('add', 'remove'):
            return 9001
        if 'arguments' not in q:
            return 9004
        return (self.add if q['function'] == 'add' else self.remove)(**q['arguments'])

    def write(self, rows):
        self.node.write({'etc/client.keys': ''.join(f'{i} {" ".join(r)}\n' for i, r in rows.items()).encode()})

    def add(self, name=None, ip=None, id=None, key=None, groups='', force=None, key_hash=None):
        if name is None or ip is None:
            return 9005 if name is None else 9006
        if not all('/' not in g and os.path.isdir(self.node.path(f'etc/shared/{g}')) for g in groups.split(',')):
            return 9014
        rows, gone = lines(self.node), []
        try:
            ip == 'any' or ipaddress.ip_network(ip)
        except ValueError:
            return 9006
        for code, taken in ((9012, lambda i, r: i == id), (9007, lambda i, r: r[1] == ip != 'any'),
                            (9008, lambda i, r: r[0] == name)):
            for i in [i for i, r in rows.items() if taken(i, r)]:
                if not force or not force['enabled']:  # the tests' force says: at once, whatever the agent did
                    return code
                gone.append(i)
        id = id or f'{max(map(int, rows), default=0) + 1:03}'
        key = key or secrets.token_hex(32)
        self.write({**{i: r for i, r in rows.items() if i not in gone}, id: (name, ip, key)})
        return {'id': id, 'name': name, 'ip': ip, 'key': key}

    def remove(self, id=None, purge=0):
        rows = lines(self.node)
        if id not in rows:
            return 9010 if id is None else 9011
        del rows[id]
        self.write(rows)
        return 'Agent deleted successfully.'


# ---- what every master answers -------------------------------------------------------------------------
def check_answers(ask_one, master):
    """authd's answers, one after the other. ask_one(message) asks through a worker."""
    def said(message):
        return json.loads(ask_one(message))

    def data(message):
        got = said(message)
        assert got['error'] == 0, (message, got)
        assert has_line(master, got['data']), f'{got} is not in client.keys: {lines(master)}'
        return got['data']

    def fails(code, message):
        assert said(message) == {'error': code, 'message': Authd.WORDS[code]}, (message, said(message))

    before = lines(master)
    first = data(add('alpha'))
    assert KEY.fullmatch(first['key']) and (first['name'], first['ip']) == ('alpha', 'any'), first
    assert int(first['id']) == max(map(int, before)) + 1 and len(first['id']) == 3, (first, before)
    fails(9008, add('alpha'))
    fails(9008, add('alpha', force={**NOW, 'enabled': False}))
    second = data(add('beta', '10.1.2.3'))
    assert second['ip'] == '10.1.2.3' and second['key'] != first['key'], second
    fails(9007, add('gamma', '10.1.2.3'))
    again = data(add('alpha', force=NOW))
    assert again['id'] != first['id'] and first['id'] not in lines(master), (again, lines(master))
    moved = data(add('gamma', '10.1.2.3', force=NOW))
    assert second['id'] not in lines(master), lines(master)
    given = data(add('delta', id='1000', key='k' * 64))
    assert given == {'id': '1000', 'name': 'delta', 'ip': 'any', 'key': 'k' * 64}, given
    fails(9012, add('epsilon', id='1000', key='x' * 64))
    data(add('epsilon', groups='linux,windows'))
    data(add('a-name.of_all-KINDS.2'))
    data(add('in-a-network', '10.9.0.0/16'))
    data(add('of-six', '2001:db8::17'))
    fails(9014, add('zeta', groups='linux,nosuch'))
    fails(9014, add('zeta', groups='../../etc'))
    fails(9006, add('zeta', '10.1.2.300'))
    fails(9005, to('authd', {'arguments': {'ip': 'any'}, 'function': 'add'}))
    fails(9006, to('authd', {'arguments': {'name': 'zeta'}, 'function': 'add'}))
    fails(9004, to('authd', {'function': 'add'}))
    fails(9003, to('authd', {'arguments': {}}))
    fails(9001, to('authd', {'arguments': {}, 'function': 'format'}))
    fails(9002, to('authd', 'no JSON'))
    assert said(remove(moved['id'])) == {'error': 0, 'data': 'Agent deleted successfully.'}
    assert moved['id'] not in lines(master), lines(master)
    fails(9011, remove(moved['id']))
    fails(9010, to('authd', {'arguments': {'purge': 1}, 'function': 'remove'}))
    assert not any(r[0] in ('zeta', 'gamma') for r in lines(master).values())


def check_daemons(ask_one, master, exact):
    """Messages for remoted, task-manager and one that nobody knows. exact: they come byte for byte as they were
    sent; else as JSON that says the same. The doubles are given back."""
    remoted = Daemon(master, REMOTE, lambda m: compact({'error': 0, 'message': 'ok', 'data': {'group': 'default'}}))
    tasks = Daemon(master, TASK, lambda m: b'have ' + m)
    for daemon, name, message in (
            (remoted, 'remoted', {'command': 'assigngroup', 'parameters': {'agent': '001', 'md5': 'd41d8cd98f00b204'}}),
            (tasks, 'task-manager', {'origin': {'name': 'worker1', 'module': 'upgrade_module'}, 'command': 'upgrade',
                                     'parameters': {'agents': [1, 2], 'text': '\u00fc \\ "x" \n'}}),
            (tasks, 'task-manager', 'words, not JSON: \u00fc "x" \\')):
        got, asked = ask_one(to(name, message)), daemon.asked[-1]
        want = message.encode() if isinstance(message, str) else compact(message)
        if isinstance(message, dict) and not exact:
            assert json.loads(asked) == message, asked
        else:
            assert asked == want, asked
        assert got == daemon.answer(asked), got
    return remoted, tasks


def answer_of(n):
    """n bytes, as a daemon's answer."""
    return bytes(65 + i % 26 for i in range(n))


def broken_daemons():
    """{what a daemon does instead of answering: how}"""
    return {
        'closes at once': lambda s: None,
        'says a length': lambda s: s.sendall(struct.pack('<I', 100)),
        'says half a length': lambda s: s.sendall(b'\x05\x00'),
        'says half': lambda s: s.sendall(struct.pack('<I', 100) + b'{"error":0,'),
        'says nothing at all': lambda s: s.sendall(struct.pack('<I', 0)),
        'lies about its length': lambda s: s.sendall(struct.pack('<I', 0xffffffff) + b'x' * 100),
    }


def check_broken(node, daemon, name, without=()):
    """What breaks off at the master is an error at the worker, soon; and the next message is served."""
    good = daemon.answer
    for what, how in broken_daemons().items():
        if what in without:
            continue
        daemon.answer = lambda m, how=how: how
        words, seconds = refused(node, to(name, {'command': what}))
        assert words and seconds < 5, (what, words, seconds)
    daemon.answer = good
    daemon.leave()
    words, _ = refused(node, to(name, {'command': 'absent'}))
    daemon.come()
    daemon.leave(socket_stays=True)
    words, _ = refused(node, to(name, {'command': 'deaf'}))
    daemon.come()
    words, _ = refused(node, to('no-such-daemon', {'command': 'x'}))
    got = ask(node, to(name, {'command': 'x'}))
    assert got == daemon.answer(daemon.asked[-1]), got


def many_at_once(worker, count=50, prefix='many'):
    """Registrations from that many connections at once; their data, by name."""
    out, errors = {}, []
    gate = threading.Barrier(count)

    def one(name):
        gate.wait()
        try:
            out[name] = register(worker, name)
        except Exception as e:
            errors.append(f'{name}: {type(e).__name__}: {e}')
    threads = [threading.Thread(target=one, args=(f'{prefix}{n}',)) for n in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[:3]
    return out


def check_many(master, worker, count=50, prefix='many'):
    """Different ids and keys; all in the master's client.keys at once, in the worker's after the next
    synchronisation."""
    got = many_at_once(worker, count, prefix)
    assert len({d['id'] for d in got.values()}) == len({d['key'] for d in got.values()}) == count, got
    assert all(has_line(master, d) for d in got.values()), 'not all are in client.keys of the master'
    lib.wait(lambda: all(has_line(worker, d) for d in got.values()), f'{count} keys to come to the worker', 20)
    return got


def check_killed(master, worker, times=10):
    """kill -9 of the master right after the answer: no key that was answered is lost."""
    for n in range(times):
        data = register(worker, f'survivor{n}', attempts=20, timeout=5)
        master.kill()
        assert has_line(master, data), f'{data} was answered and is not in client.keys: {lines(master)}'
        master.start()
    got = {r[0] for r in lines(master).values()}
    assert {f'survivor{n}' for n in range(times)} <= got, got
