#!/usr/bin/python3
"""The Python worker at a picket master: every answer as the reference has it."""
import json
import os
import re
import time
import zlib

import lib
from lib import Node, seconds, wait
import wire
from worker import Worker


def master():
    if not hasattr(master, 'node') or not master.node.alive():
        master.node = Node('master', 'master', files=lib.some_files())
    return master.node


def reset():
    if not master.node.alive():
        print(f'   the master: status {master.node.proc.returncode}, {master.node.said()[-300:]!r}')


def worker(name, root=True, connect=True, **more):
    """A connected worker that keeps itself alive, from an address of its own (a real master takes ten from
    one)."""
    more.setdefault('bind', f'127.0.0.{2 + len(worker.opened)}')
    folder = os.path.join(lib.base(), f'py-{name}') if root else None
    w = Worker(master().port, folder, key=lib.KEY, name=name, version=lib.VERSION, **more)
    worker.opened.append(w)
    return w.reconnect().keepalive(1) if connect else w


worker.opened = []


def equal(w):
    return {p: m['hash'] for p, m in wire.scan(w.root).items()} == master().hashes()


def test_greeting():
    w = worker('greeted')
    assert w.greeting == b'Client greeted added', w.greeting
    assert [e.raw for e in w.link.seen(b'ok')] == [b'ok ---------']
    w.close()
    worker('greeted')  # the name is free again


def test_keepalive_and_echo():
    w = worker('echo')
    w.echo()
    assert w.link.seen(b'ok-m')[-1].raw == b'ok-m  ------', w.link.seen(b'ok-m')[-1].raw
    for data in (
        b'',
        b'x',
        b'\0' * 100,
        os.urandom(15),
        os.urandom(16),
        os.urandom(70000),
        os.urandom(1000000),
    ):
        assert w.link.ask(b'echo', data) == data


@seconds(60)
def test_divided_echo():
    w = worker('divided')
    data = os.urandom(6000000)
    assert w.link.ask(b'echo', data, timeout=30) == data
    assert w.link.seen(b'ok')[-1].frames == 2, 'a plaintext over 5242880 bytes comes in d frames'


def test_first_sync_and_after():
    m = master()
    w = worker('first')
    w.write('etc/rules/extra.xml', b'extra')
    w.write('etc/rules/local_rules.xml', b'mine')
    first = w.sync()
    assert first[0].kind == 'files' and equal(w), first
    assert list(first[0].todo['extra']) == ['etc/rules/extra.xml'] and list(first[0].todo['shared']) == [
        'etc/rules/local_rules.xml'
    ]
    meta = first[0].todo['missing']['etc/client.keys']
    assert (
        set(meta) == {'mod_time', 'cluster_item_key', 'merged', 'hash'} and meta['cluster_item_key'] == 'etc/'
    ), meta
    assert (
        meta['merged'] is False and abs(meta['mod_time'] - os.stat(m.path('etc/client.keys')).st_mtime) < 1e-3
    ), meta
    m.write({'etc/rules/later.xml': b'later'})
    wait(lambda: w.sync() and equal(w), 'the later file')
    m.remove('etc/rules/later.xml')
    wait(lambda: w.sync() and equal(w), 'its removal')


def test_transfer_form():
    """new_file .. syn_m_c_e as a Wazuh worker knows them: paths, digests, the package's form."""
    w = worker('form')
    blobs = []
    w.on_package = blobs.append
    w.sync()
    path = w.link.seen(b'new_file')[0].payload.decode()
    assert re.fullmatch(r'/queue/cluster/form/(form|master)-[0-9.]+-[0-9a-f]{32}\.zip', path), path
    end = w.link.seen(b'syn_m_c_e')[0].payload.decode().split(' ')
    assert end[1] == path[1:], (end, path)
    order = [
        e.command
        for e in w.link.events
        if not e.out and e.command in (b'syn_m_c', b'new_file', b'file_upd', b'file_end', b'syn_m_c_e')
    ]
    assert order[:2] == [b'syn_m_c', b'new_file'] and order[-2:] == [b'file_end', b'syn_m_c_e'], order
    # what a Wazuh worker does with it: split on the separators, all of it
    records = [r.split(wire.NAME_END, 1)[0].decode() for r in blobs[0].split(wire.MEMBER_END)]
    assert sorted(records) == sorted([*master().hashes(), 'files_metadata.json']), records
    assert all(
        zlib.decompress(r.split(wire.NAME_END, 1)[1]) is not None for r in blobs[0].split(wire.MEMBER_END)
    )


def test_separator_in_content():
    """Content that deflates to bytes with the separator in it must not come apart at a Wazuh worker (5.2)."""
    m, w = master(), worker('separator')
    m.write({'etc/lists/separator': b'|@@//@@|' * 3 + os.urandom(64) + b'|@@//@@||//@@//|' + os.urandom(200)})
    try:
        blobs = []
        w.on_package = blobs.append
        wait(lambda: w.sync() and equal(w), 'the file')
        for b in blobs:
            for r in b.split(wire.MEMBER_END):
                zlib.decompress(r.split(wire.NAME_END, 1)[1])
    finally:
        m.remove('etc/lists/separator')


def variants(meta):
    """The same metadata in other spellings of JSON: all mean "in sync" (12.15)."""
    plain = json.dumps(meta).encode()
    yield 'compact', json.dumps(meta, separators=(',', ':')).encode()
    yield 'indented', json.dumps(meta, indent=4).replace('\n', '\r\n').encode()
    yield 'not ascii', json.dumps(meta, ensure_ascii=False).encode()
    yield 'reversed', json.dumps({k: dict(reversed(v.items())) for k, v in reversed(meta.items())}).encode()
    yield 'sorted', json.dumps(meta, sort_keys=True).encode()
    yield 'escaped', plain.replace(b'etc/rules', b'\\u0065tc\\/rule\\u0073').replace(
        b'"hash"', b'"h\\u0061sh"'
    )
    yield 'more members', json.dumps(
        {k: {'new': [1, {'a': None}], **v, 'also': 'x' * 300} for k, v in meta.items()}
    ).encode()
    yield 'space around', b' \t\r\n' + plain + b'\n \n'
    yield 'other times', json.dumps({k: {**v, 'mod_time': 0} for k, v in meta.items()}).encode()
    yield 'exponents', json.dumps(meta).replace(
        '"mod_time": ', '"mod_time": 1e2, "x": -0.5E-3, "mod_time": '
    ).encode()


def test_json_spellings():
    master().write({'etc/rules/spelling é \U0001f600.xml': b'x'})
    w = worker('spelling')
    w.sync()
    meta = w.metadata()
    for name, text in variants(meta):
        assert json.loads(text).keys() == meta.keys(), name
        outcome = w.check(text)
        assert outcome.kind == 'ok', f'{name}: {outcome}'
    changed = {**meta, 'etc/client.keys': {**meta['etc/client.keys'], 'hash': '0' * 128}}
    for name, text in variants(changed):
        outcome = w.check(text)
        assert outcome.kind == 'files' and list(outcome.todo['shared']) == [
            'etc/client.keys'
        ], f'{name}: {outcome}'


def test_upper_case_hash():
    """Only the hash is compared, as text: Wazuh's is lower case, another spelling is another hash."""
    w = worker('upper')
    w.sync()
    outcome = w.check({k: {**v, 'hash': v['hash'].upper()} for k, v in w.metadata().items()})
    assert outcome.kind in ('files', 'ok', 'error'), outcome


def test_any_chunking():
    """The package comes in chunks of one byte, of 19, or in one; and inside a divided message."""
    w = worker('chunks')
    w.sync()
    for chunk in (80, 200, 5242880):
        blob = wire.package([], w.metadata())
        w.wait_permission()
        task = w.link.ask(b'syn_i_w_m').decode()
        path = wire.package_path('chunks', 'chunks')
        w.link.send_file(path, blob[:], chunk=max(chunk, len(path) + 20))
        w.link.ask(b'syn_i_w_m_e', f'{task} {path[1:]}'.encode())
        assert w.outcomes.get(timeout=10).kind == 'ok'


def test_invented_files_are_extra():
    w = worker('invented')
    w.sync()
    meta = w.metadata()
    more = {f'etc/rules/none{n}.xml': wire.describe('etc/rules/x', b'%d' % n) for n in range(500)}
    outcome = w.check({**meta, **more})
    assert (
        outcome.kind == 'files' and set(outcome.todo['extra']) == set(more) and not outcome.members
    ), outcome
    assert not outcome.todo['missing'] and not outcome.todo['shared'], outcome


def test_permission_once_a_round():
    w = worker('permission')
    got = []
    end = time.monotonic() + 3.2
    while time.monotonic() < end:
        got.append(w.link.ask(b'syn_i_w_m_p'))
    assert (
        set(got) == {b'True', b'False'} and 1 <= got.count(b'True') <= 5
    ), f'{got.count(b"True")} of {len(got)} granted in 3 s'


def test_not_two_checks_at_once():
    w = worker('twice')
    w.wait_permission()
    w.link.ask(b'syn_i_w_m')
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert not w.permission(), 'permission while a check is running'
        time.sleep(0.05)


def test_three_at_once():
    workers = [worker(f'crowd{n}') for n in range(3)]
    for w in workers:
        w.wait_permission()
    tasks = [w.link.ask(b'syn_i_w_m').decode() for w in workers]
    assert len(set(tasks)) == 3
    paths = [wire.package_path(w.name, w.name) for w in workers]
    for w, p in zip(workers, paths):  # interleaved
        w.link.ask(b'new_file', p.encode())
    for w, p, t in zip(workers, paths, tasks):
        blob = wire.package([], {})
        w.link.ask(b'file_upd', p.encode() + b' ' + blob)
        w.link.ask(b'file_end', p.encode() + b' ' + lib.wire.hashlib.sha256(blob).digest())
        w.link.ask(b'syn_i_w_m_e', f'{t} {p[1:]}'.encode())
    for w in workers:
        assert w.outcomes.get(timeout=15).kind == 'files' and equal(w)


def test_get_nodes():
    w = worker('nodes')
    ask = lambda **k: json.loads(
        w.link.ask(
            b'get_nodes',
            json.dumps(  # noqa: E731
                {
                    'filter_node': None,
                    'offset': 0,
                    'limit': 500,
                    'sort': None,
                    'search': None,
                    'select': None,
                    'filter_type': 'all',
                    'distinct': False,
                    **k,
                }
            ).encode(),
        )
    )
    every = ask()
    assert every['items'][0] == {
        'name': 'master',
        'type': 'master',
        'version': lib.VERSION,
        'ip': '127.0.0.1',
    }, every
    assert {'name': 'nodes', 'type': 'worker', 'version': lib.VERSION, 'ip': w.bind} in every['items'], every
    assert every['totalItems'] == len(every['items'])
    assert ask(filter_type='master') == {'items': every['items'][:1], 'totalItems': 1}
    assert [n['name'] for n in ask(filter_node=['nodes'])['items']] == ['nodes']
    reply = w.link.request(b'get_nodes', b'{"filter_node": "nosuch", "offset": 0, "limit": 500}')
    assert reply.command == b'err' and wire.error_code(reply.payload) == 1730, reply
    w.close()
    other = worker('nodes2')
    w = other
    assert 'nodes' not in [n['name'] for n in ask()['items']]


def test_get_health():
    w = worker('health')
    w.sync()
    w.echo()
    h = json.loads(w.link.ask(b'get_health', b'null'))
    assert h['nodes']['master']['info']['type'] == 'master' and 'status' not in h['nodes']['master'], h
    one = h['nodes']['health']
    assert h['n_connected_nodes'] == len(h['nodes']) - 1
    assert one['info']['version'] == lib.VERSION and one['status']['sync_integrity_free'] in (
        True,
        False,
    ), one
    assert one['status']['last_check_integrity']['date_end_master'].endswith('Z'), one
    total = one['status']['last_sync_integrity']['total_files']
    assert total['missing'] == len(master().hashes()), total
    only = json.loads(w.link.ask(b'get_health', b'["health"]'))
    assert list(only['nodes']) == ['health'], only


def test_silence_is_noticed():
    """No echo-c for max_allowed_time_without_keepalive (6 s here): the master ends the connection (1,
    12.22)."""
    quiet, lively = worker('quiet', root=False, connect=False).reconnect(), worker('lively', root=False)
    assert quiet.link.closed.wait(12), 'a worker without keepalives is kept'
    assert not lively.link.closed.is_set(), 'a worker with keepalives was dropped'
    worker('quiet', root=False)


def test_folder_is_emptied():
    """4.8 and later empty queue/cluster/<worker> when it disconnects (2)."""
    m, w = master(), worker('gone')
    w.wait_permission()
    w.link.ask(b'syn_i_w_m')
    w.link.ask(b'new_file', b'/queue/cluster/gone/x.zip')
    w.link.ask(b'file_upd', b'/queue/cluster/gone/x.zip data')
    w.close()
    wait(
        lambda: not os.path.isdir(m.path('queue/cluster/gone'))
        or not os.listdir(m.path('queue/cluster/gone')),
        'the folder to be emptied',
        5,
    )


def test_headers_travel_with_bodies():
    """Header and payload come in one write: a real worker would lose step otherwise (12.1)."""
    bare = {w.name: w.link.frames.bare_headers for w in worker.opened if w.link.frames.bare_headers}
    assert not bare, f'reads that ended right after a header: {bare}'
    odd = {w.name: w.link.trouble for w in worker.opened if w.link.trouble}
    assert not odd, odd


@seconds(60)
def test_dialects():
    """A master of each release speaks with a worker of the same one, and refuses others (3031)."""
    for version in ('4.4.0', '4.9.2', '4.14.3'):
        m = Node('master', 'old-master', files=lib.some_files(), version=version)
        root = os.path.join(lib.base(), f'dialect-{version}')
        with Worker(m.port, root, key=lib.KEY, name='old', version=version) as w:
            w.sync()
            assert {p: x['hash'] for p, x in wire.scan(root).items()} == m.hashes()
            reply = w.link.request(b'hello', b'a b c d')
            assert ('ids' in json.loads(reply.payload)['__wazuh_exception__']['__object__']) == (
                version == '4.4.0'
            ), reply
        try:
            Worker(m.port, key=lib.KEY, name='new', version='4.14.7').connect()
            raise AssertionError('a worker of another release was let in')
        except wire.Refused as e:
            assert wire.error_code(e.reply.payload) == 3031, e
        m.stop()


def test_end():
    for w in worker.opened:
        w.close()
    master().check_alive()
    assert master().stop()


if __name__ == '__main__':
    lib.run(globals())
