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
    """Right, or refused in words; never a wrong list."""
    m, _ = pair()
    for change, names in (
        ((b'"sort": null', b'"sort": {"fields": ["name"], "order": "desc"}'), ['worker1', 'master']),
        ((b'"search": null', b'"search": {"value": "work", "negation": false}'), ['worker1']),
    ):
        reply = m.local(b'get_nodes', NODES.replace(*change))
        if reply.command == b'err':
            assert wire.error_code(reply.payload) and b'does not serve' in reply.payload, reply
        else:
            assert [i['name'] for i in json.loads(reply.payload)['items']] == names, reply


def test_get_nodes_errors():
    m, _ = pair()
    for change, code in (
        ((b'"filter_node": null', b'"filter_node": ["nosuch"]'), 1730),
        ((b'"all"', b'"boss"'), 1728),
        ((b'"select": null', b'"select": ["nosuch"]'), 1724),
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
