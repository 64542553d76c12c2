#!/usr/bin/python3
"""The local socket and the status screen, on a master and on a worker."""
import json
import os
import socket
import stat
import struct
import time

import lib
from lib import Node, same, wait
import wire

NODES = (
    b'{"filter_node": null, "offset": 0, "limit": 500, "sort": null, "search": null, "select": null, '
    b'"filter_type": "all", "distinct": false}'
)


def pair():
    if not hasattr(pair, 'nodes'):
        m = Node('master', 'master', files=lib.some_files())
        pair.nodes = m, Node('worker', 'worker1', master_port=m.port)
    same(*pair.nodes)
    return pair.nodes


def ask(node, command, payload=b''):
    """The answer's JSON; a worker's comes from its master as control_res (4.4)."""
    if node.role == 'master':
        reply = node.local(command, payload)
        assert reply.command == b'ok', reply
        return json.loads(reply.payload)
    reply, later = node.local(command, payload, later=True)
    assert reply == (b'ok', b'Sent request to master node'), reply
    assert later and later.command == b'control_res', later
    return json.loads(later.payload)


def test_socket():
    for n in pair():
        st = os.stat(n.path('queue/cluster/c-internal.sock'))
        assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o660, oct(st.st_mode)


def test_get_config():
    for n in pair():
        got = json.loads(n.local(b'get_config').payload)
        assert (got['name'], got['node_name'], got['node_type'], got['port']) == (
            'wazuh',
            n.name,
            n.role,
            n.port,
        ), got
        assert (
            got['bind_addr'] == '127.0.0.1' and got['nodes'] == ['127.0.0.1'] and got['disabled'] is False
        ), got
        assert {'key', 'hidden'} <= set(got), got


def test_get_nodes():
    expected = [
        {'name': n, 'type': t, 'version': lib.VERSION, 'ip': '127.0.0.1'}
        for n, t in (('master', 'master'), ('worker1', 'worker'))
    ]
    for n in pair():
        assert ask(n, b'get_nodes', NODES) == {'items': expected, 'totalItems': 2}
        one = NODES.replace(b'"filter_node": null', b'"filter_node": ["worker1"]')
        assert ask(n, b'get_nodes', one) == {'items': expected[1:], 'totalItems': 1}
        assert ask(n, b'get_nodes', NODES.replace(b'"all"', b'"master"'))['items'] == expected[:1]


def test_get_nodes_select():
    m, _ = pair()
    got = ask(m, b'get_nodes', NODES.replace(b'"select": null', b'"select": ["name", "version"]'))
    assert got['items'][0] == {'name': 'master', 'version': lib.VERSION}, got
    got = ask(m, b'get_nodes', NODES.replace(b'"offset": 0, "limit": 500', b'"offset": 1, "limit": 1'))
    assert [i['name'] for i in got['items']] == ['worker1'] and got['totalItems'] == 2, got


def test_get_nodes_sort_and_search():
    for n in pair():
        for change, names in (
            ((b'"sort": null', b'"sort": {"fields": ["name"], "order": "desc"}'), ['worker1', 'master']),
            ((b'"search": null', b'"search": {"value": "work", "negation": false}'), ['worker1']),
            ((b'"search": null', b'"search": {"value": "work", "negation": true}'), ['master']),
        ):
            got = ask(n, b'get_nodes', NODES.replace(*change))
            assert [i['name'] for i in got['items']] == names, got


def test_get_nodes_errors():
    m, _ = pair()
    for change, code in (
        ((b'"filter_node": null', b'"filter_node": ["nosuch"]'), 1730),
        ((b'"all"', b'"boss"'), 1728),
        ((b'"select": null', b'"select": ["nosuch"]'), 1724),
        ((b'"sort": null', b'"sort": {"fields": ["nosuch"], "order": "asc"}'), 1403),
        ((b'"offset": 0', b'"offset": -1'), 1400),
        ((b'"limit": 500', b'"limit": -1'), 1401),
        ((b'"limit": 500', b'"limit": 100001'), 1405),
        ((b'"limit": 500', b'"limit": 0'), 1406),
    ):
        reply = m.local(b'get_nodes', NODES.replace(*change))
        assert reply.command == b'err' and wire.error_code(reply.payload) == code, (change, reply)


def test_get_health():
    for n in pair():
        got = ask(n, b'get_health', b'null')
        assert got['n_connected_nodes'] == 1 and set(got['nodes']) == {'master', 'worker1'}, got
        assert 'status' not in got['nodes']['master'], got
        status = got['nodes']['worker1']['status']
        assert list(status) == [
            'sync_integrity_free',
            'last_check_integrity',
            'last_sync_integrity',
            'sync_agent_info_free',
            'last_sync_agentinfo',
            'last_sync_agentgroup',
            'last_sync_full_agentgroup',
            'last_keep_alive',
        ], list(status)
        stamp = status['last_check_integrity']['date_end_master']
        age = time.time() - wire_time(stamp)
        assert -1 < age < 5, f'{stamp} is {age} s old'
        assert status['last_sync_integrity']['total_files']['missing'] >= 20, status
        assert list(ask(n, b'get_health', b'["worker1"]')['nodes']) == ['worker1']


def wire_time(stamp):
    import calendar

    return calendar.timegm(time.strptime(stamp.split('.')[0], '%Y-%m-%dT%H:%M:%S'))


def test_get_hash():
    """The hashes of the user's ruleset, as Python computes them, on both nodes."""
    for n in pair():
        want = {
            path: digest
            for path, digest in n.hashes().items()
            if path.startswith(('etc/rules/', 'etc/decoders/', 'etc/lists/'))
        }
        reply = n.local(b'get_hash')
        assert reply.command == b'ok', reply
        assert json.loads(reply.payload) == want, (json.loads(reply.payload), want)


def test_send_file():
    m, w = pair()
    for a, b, to in ((m, w, b'worker1'), (w, m, b'None')):
        path = f'queue/cluster/worker1/from-{a.name}.txt'
        os.makedirs(os.path.dirname(a.path(path)), exist_ok=True)
        with open(a.path(path), 'wb') as f:
            f.write(os.urandom(300000))
        for name in (path, a.path(path)):  # a Python client sends the whole path
            p = Program(a)
            p.say(b'send_file', name.encode() + b' ' + to)
            reply = p.hear()[1:]
            assert reply == (b'ok ---------', b'Forwarding file to master node'), reply
            assert p.hear_string(b'send_f_res') == b'300000'
            with open(a.path(path), 'rb') as f, open(b.path(path), 'rb') as g:
                assert f.read() == g.read()
            os.unlink(b.path(path))
            p.close()
    reply = m.local(b'send_file', b'etc/nosuch worker1')
    assert wire.error_code(reply.payload) == 3034, reply
    reply = m.local(b'send_file', b'etc/client.keys nosuch')
    assert wire.error_code(reply.payload) == 3022, reply


def test_the_key():
    """Tests run as root or not: the kernel says who asks."""
    m, _ = pair()
    got = json.loads(m.local(b'get_config', b'{"key": true}').payload)
    assert got['key'] == (m.key if os.geteuid() == 0 else '****'), got
    assert json.loads(m.local(b'get_config', b'').payload)['key'] == '****'


def test_unknown_and_odd_requests():
    for n in pair():
        assert n.local(b'xyz') == (b'err', b"unknown command 'b'xyz''")
        for payload in (
            b'',
            b'x',
            b'[]',
            b'7',
            b'{' * 3000,
            b'{"filter_node": {"a": 1}}',
            b'{"limit": "x"}',
            b'\xff',
        ):
            assert n.local(b'get_nodes', payload, timeout=5).command in (b'err', b'ok')
        assert n.local(b'echo', b'hello') == (b'ok', b'hello')
        n.check_alive()


class Program:
    """A connection to the local socket, byte by byte."""

    def __init__(self, node, timeout=10):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(timeout)
        self.s.connect(node.path('queue/cluster/c-internal.sock'))
        self.counter = 1

    def say(self, command, payload=b'', counter=None):
        if counter is None:
            self.counter += 1
        head = struct.pack('!2I', self.counter if counter is None else counter, len(payload))
        self.s.sendall(head + (command + b' ' + b'-' * 11)[:12] + payload)

    def read(self, n):
        out = b''
        while len(out) < n:
            piece = self.s.recv(n - len(out))
            if not piece:
                raise EOFError('closed')
            out += piece
        return out

    def hear(self):
        """(counter, the twelve bytes of the command, payload)"""
        head = self.read(20)
        counter, n = struct.unpack('!2I', head[:8])
        return counter, head[8:], self.read(n)

    def hear_string(self, command):
        counter, name, total = self.hear()
        assert name == b'new_str ----', name
        self.say(b'ok', b'4711', counter)
        text = b''
        while len(text) < int(total):
            counter, name, piece = self.hear()
            assert name == b'str_upd ----' and piece.startswith(b'4711 '), (name, piece[:20])
            text += piece[5:]
            self.say(b'ok', b'String updated', counter)
        counter, name, piece = self.hear()
        assert name.split(b' ')[0] == command and piece == b'4711', (name, piece)
        self.say(b'ok', b'received', counter)
        return text

    def close(self):
        self.s.close()


def desks(node):
    pools = json.loads(node.local(b'get_status').payload)['memory']['pools']
    return {p['name']: p for p in pools}


def answers(programs, command, payload, later):
    """All ask, then all are answered; the seconds until the last one has its answer."""
    start = time.monotonic()
    for p in programs:
        p.say(command, payload)
    for p in programs:
        name, text = p.hear()[1:]
        assert name == b'ok ---------', (name, text)
        if later:
            assert text == b'Sent request to master node', text
            counter, name, text = p.hear()
            assert name == b'control_res ', (name, text)
            p.say(b'ok', b'Response received', counter)
        assert json.loads(text)['totalItems'] == 2, text
    return time.monotonic() - start


def test_five_hundred():
    """500 programs at once, each is answered, twice; then beside silent ones, half frames and programs that
    do not read, which cost the others nothing but LOCAL_SLOW_MS, 2 s."""
    for n in pair():
        crowd = [Program(n, timeout=30) for _ in range(500)]
        took = [answers(crowd, b'get_nodes', NODES, n.role == 'worker') for _ in range(2)]
        pools = desks(n)
        # the one who asks for the status has a slot and a desk as well
        assert pools['local_clients']['used'] == 501 and pools['local_desks']['used'] == 1, pools
        rude = crowd[:60]
        for k, p in enumerate(rude):
            if k % 3 == 0:
                p.s.sendall(struct.pack('!2I', 7, 100))  # half a header
            elif k % 3 == 1:
                p.s.sendall(struct.pack('!2I12s', 7, 100, b'get_nodes --') + b'x')
            else:
                p.s.setblocking(False)
                try:
                    while True:
                        p.s.sendall(struct.pack('!2I12s', 7, 4000, b'echo -------') + bytes(4000))
                except BlockingIOError:
                    pass
        start = time.monotonic()
        alone = []
        for p in crowd[60:]:
            one = time.monotonic()
            took.append(answers([p], b'get_nodes', NODES, n.role == 'worker'))
            alone.append(time.monotonic() - one)
        whole = time.monotonic() - start
        # they share the desks: so many rounds of 2 s and a look, and then never again
        size = pools['local_desks']['count']
        assert whole < (len(rude) / size + 1) * 2.5 + 2, f'{whole} s'
        assert sorted(alone)[len(alone) // 2] < 0.1, sorted(alone)[len(alone) // 2]
        print(
            f'   {n.role}: 500 in {took[0] * 1000:.0f} and {took[1] * 1000:.0f} ms; beside 60 rude ones 440 in '
            f'{whole:.1f} s, one takes {sorted(alone)[len(alone) // 2] * 1000:.1f} ms'
        )
        for p in crowd:
            p.close()
        wait(lambda: desks(n)['local_clients']['used'] == 1, 'the slots to come back', 5)
        n.check_alive()


def test_more_than_slots():
    """More programs than slots wait, and nobody is closed."""
    m, _ = pair()
    size = desks(m)['local_clients']['count']
    crowd = [Program(m) for _ in range(size)]
    late = [Program(m, timeout=5) for _ in range(20)]
    for p in late:
        p.say(b'echo', b'x')
    time.sleep(0.3)
    for p in crowd[:20]:
        p.close()
    for p in late:
        assert p.hear()[2] == b'x'
    for p in crowd[20:] + late:
        p.close()
    wait(lambda: desks(m)['local_clients']['used'] == 1, 'the slots to come back', 5)


def serves(n):
    try:
        return n.local(b'echo', b'x', timeout=3) == (b'ok', b'x')
    except (OSError, wire.Closed):
        return False


def test_broken_clients():
    """Garbage, half frames, clients that come in crowds, that never read and that never speak."""
    for n in pair():
        path = n.path('queue/cluster/c-internal.sock')
        open_ones = []
        for k in range(60):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(2)
            try:
                s.connect(path)
                if k % 3 == 0:
                    s.sendall(struct.pack('!2I12s', k, 0xFFFFFFFF, b'get_nodes --') + b'x')
                elif k % 3 == 1:
                    s.sendall(b'\0' * 7)
            except OSError:
                pass
            open_ones.append(s)
        for s in open_ones:
            s.close()
        wait(lambda: serves(n), 'the socket to serve again', 5)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(1)
        s.connect(path)
        try:
            for k in range(3000):
                s.sendall(struct.pack('!2I12s', k, len(NODES), b'get_nodes --') + NODES)
        except OSError:
            pass
        assert serves(n), 'one client that does not read keeps the others out'
        s.close()
        n.check_alive()


def screens(node, code):
    done = node.run('status')
    assert done.returncode == code, f'{done.returncode}: {done.stdout} {done.stderr}'
    lines = done.stdout.rstrip('\n').split('\n')
    assert (
        len(lines) <= 24 and max(map(len, lines)) <= 80
    ), f'{len(lines)} lines of up to {max(map(len, lines))} characters'
    assert done.stdout.isascii(), 'a serial console has ASCII only'
    assert node.key not in done.stdout
    return done.stdout


def test_status_screen():
    m, w = pair()
    wait(lambda: w.run('status').returncode == 0 and m.run('status').returncode == 0, 'both to be well', 8)
    one, two = screens(m, 0), screens(w, 0)
    assert 'worker1' in one and 'master' in one and 'worker1' in two, one + two
    for n in (m, w):
        got = json.loads(n.run('status', '-j').stdout)
        assert got['node'] == n.name and got['files'] == len(n.hashes()), got
    # one number for the whole tree: the same on both
    assert (
        json.loads(m.run('status', '-j').stdout)['tree'] == json.loads(w.run('status', '-j').stdout)['tree']
    )


def test_status_many_workers():
    """Twenty workers still fit on one screen."""
    from worker import Worker

    m, _ = pair()
    crowd = [
        Worker(
            m.port,
            key=lib.KEY,
            name=f'a-rather-long-worker-name-{k}' + 'x' * 30,
            version=lib.VERSION,
            bind=f'127.0.9.{k + 1}',
        ).connect()
        for k in range(20)
    ]
    try:
        done = m.run('status')
        lines = done.stdout.rstrip('\n').split('\n')
        assert (
            len(lines) <= 24 and max(map(len, lines)) <= 80
        ), f'{len(lines)} lines of up to {max(map(len, lines))} characters\n{done.stdout}'
    finally:
        for c in crowd:
            c.close()


def test_status_without_master():
    m, w = pair()
    assert m.stop()
    wait(lambda: w.run('status').returncode == 150, 'the worker to say that it is not well', 10)
    assert 'not connected' in screens(w, 150).lower()
    reply = w.local(b'get_nodes', NODES)
    assert reply.command == b'err' and wire.error_code(reply.payload) == 3023, reply
    assert json.loads(w.local(b'get_config').payload)['node_name'] == 'worker1'
    assert w.stop()
    assert m.run('status').returncode == 3 and w.run('status').returncode == 3


def test_status_after_kill():
    """Killed, it leaves its pid file: 1, and a new start takes its place."""
    m = Node('master', 'killed')
    m.kill()
    assert m.run('status').returncode == 1, m.run('status')
    m.start()
    assert m.run('status').returncode == 0
    assert m.stop()


if __name__ == '__main__':
    lib.run(globals())
