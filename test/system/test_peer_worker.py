#!/usr/bin/python3
"""The Python worker at a picket master: every answer as the reference has it."""
import json
import os
import re
import time
import zlib

import lib
from lib import Node, seconds, wait
import agents as tables
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
    """No sign of life for max_allowed_time_without_keepalive (6 s here): the master ends the connection (1,
    12.22). Whoever answers the rounds of agent groups lives, so this one does not."""
    quiet, lively = worker('quiet', root=False, connect=False).reconnect(), worker('lively', root=False)
    quiet.link.answer = lambda *_: None
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


# ---- agent information and agent groups (6, 14) --------------------------------------------------------
class Keeper:
    """A picket master that keeps 60 agents itself, and a Python worker with a table of the same."""

    def __init__(self, version):
        lines = b''.join(b'%03d agent%d any %064x\n' % (n, n, n) for n in range(1, 61))
        files = {**lib.some_files(), 'etc/client.keys': lines}
        self.m = Node(
            'master',
            'keeper',
            files=files,
            version=version,
            conf='store = embedded\n',
            intervals={'master.agent_group_start_delay': 1, 'master.sync_agent_groups': 1},
        )
        wait(lambda: len(self.list()) == 60, 'the master to know its agents')
        rows = [{'id': n, 'name': f'agent{n}'} for n in range(1, 61)]
        self.w = Worker(
            self.m.port, key=lib.KEY, name='worker1', version=version, agents=tables.Agents(rows)
        ).connect()
        self.w.keepalive(1)

    def list(self, *more):
        done = self.m.run('agents', '--json', *more)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def text(self, chunks):
        return json.dumps(tables.info_string(chunks)).encode()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.w.close()
        if kind is None:
            assert not self.w.link.trouble, self.w.link.trouble
            assert self.m.stop()


def agents_arrive(version):
    with Keeper(version) as k:
        w, http = k.w, k.w.dialect.agent_http
        labels = [{'id': 3, 'key': 'ort', 'value': 'Köln "1"'}]
        for n in range(1, 51):
            w.agents.report(tables.full_row(n, **({'labels': labels} if n == 3 else {})))
        got = w.agent_info_round()
        assert set(got) == {'updated_chunks', 'error_messages', 'time_spent'}, got
        assert got['updated_chunks'] == 1 and got['error_messages'] == [], got
        one = k.list('--id', '7')[0]
        assert (one['status'], one['ip'], one['version'], one['node']) == (
            'active',
            '10.0.0.8',
            'Wazuh v4.14.7',
            'worker1',
        ), one
        assert one['last_keepalive'] == 1700000007, one
        assert len(k.list('--status', 'active')) == 50
        # who is gone, who is there, and nobody who does not exist
        w.agents.report({'id': 7, 'connection_status': 'disconnected', 'disconnection_time': 1700000100})
        w.agents.report({'id': 8}, 'syncreq_keepalive' if http else 'syncreq')
        w.agents.report(tables.full_row(777))
        w.agents.report({**tables.full_row(0), 'name': 'mallory'})
        got = w.agent_info_round()
        assert got['error_messages'] == [] and got['updated_chunks'] == (2 if http else 1), got
        assert [a['id'] for a in k.list('--status', 'disconnected')] == ['007']
        assert (k.list('--id', '8')[0]['last_keepalive'] > 1750000000) == http  # the master's own clock
        assert len(k.list()) == 60


def test_agents_arrive():
    """Dialect F."""
    agents_arrive('4.14.7')


def test_agents_arrive_as_texts():
    """Dialect E."""
    agents_arrive('4.9.2')


def agents_refused(version):
    with Keeper(version) as k:
        w, http = k.w, k.w.dialect.agent_http
        good = {'syncreq': [tables.full_row(1)]} if http else tables.cut([tables.full_row(1)])
        for text in (
            b'',
            b'[',
            b'7',
            b'[]',
            b'{}',
            k.text(good)[:-1],
            k.text([] if http else {}),  # the other dialect
            k.text(good).replace(b'sync-agent-info-set', b'set-agent-groups'),
            k.text(good).replace(b'global sync-agent-info-set', b'global sql delete from agent'),
        ):
            command, payload = w.give_string(text)
            assert command == b'syn_m_a_err' and payload.startswith(
                b'error while trying to load JSON'
            ), f'{text[:60]!r}: {command!r} {payload!r}'
        # a string that was never sent, and one twice
        w.wait_agent_permission()
        before = len(w.accepts)
        assert w.link.ask(b'syn_a_w_m', b'4711') == b'4711'
        command, payload = w.verdict(before)
        assert (command, payload) == (
            b'syn_m_a_err',
            b"error while trying to access string under task_id b'4711'.",
        ), payload
        ident = w.link.send_string(k.text(good))
        for want in (b'syn_m_a_e', b'syn_m_a_err'):
            w.wait_agent_permission()
            before = len(w.accepts)
            w.link.ask(b'syn_a_w_m', ident)
            assert w.verdict(before)[0] == want
        # what is wrong with one agent
        bad = {**tables.full_row(2), 'connection_status': 'dead'}
        for wrong in (bad, {**bad, 'connection_status': 7}, {'name': 'nobody'}, 7, {**bad, 'id': '2'}):
            chunks = (
                {'syncreq': [wrong]} if http else [json.dumps([wrong])] + tables.cut([tables.full_row(3)])
            )
            command, payload = w.give_string(k.text(chunks))
            got = json.loads(payload)
            assert command == b'syn_m_a_e' and len(got['error_messages']) == 1, (wrong, command, payload)
            assert got['updated_chunks'] == (0 if http else 1), (wrong, payload)
        assert [a['id'] for a in k.list('--status', 'active')] == (['001'] if http else ['001', '003'])


def test_agents_refused():
    agents_refused('4.14.7')


def test_agents_refused_as_texts():
    agents_refused('4.9.2')


def groups_arrive(version):
    with Keeper(version) as k:
        m, w = k.m, k.w
        for group in ('web', 'eu'):
            m.write({f'etc/shared/{group}/agent.conf': b'<agent_config/>\n'})
        wait(lambda: m.run('agents', 'group', '001', 'web,eu').returncode == 0, 'the folders to be groups')
        # all have been in "default" since they were added, which is told to the first who comes
        wait(lambda: w.agents.groups.get(1) == ['web', 'eu'], 'the groups of agent 1')
        wait(lambda: w.agents.groups.get(60) == ['default'], 'the groups of the others')
        rounds = [info for command, info in w.groups if command == b'syn_g_m_w']
        for info in rounds:
            assert {**info, 'chunks': []} == tables.groups_string([]), info
        entries = [e for i in rounds for c in i['chunks'] for e in json.loads(c)[0]['data']]
        assert all(('name' in e) == w.dialect.agent_http for e in entries), entries[:2]
        last = json.loads(rounds[-1]['chunks'][-1])[0]
        assert last['hash'] == w.agents.global_hash(), (last, w.agents.global_hash())
        # what differs is asked for after five rounds, and nothing else is
        w.agents.groups[5] = ['web']
        wait(lambda: w.agents.groups[5] == ['default'], 'the full list', 15)
        full = [info for command, info in w.groups if command == b'syn_g_m_w_c']
        assert len(full) == 1 and len(json.loads(full[0]['chunks'][0])[0]['data']) == 60, len(full)
        assert not any('hash' in json.loads(c)[0] for c in full[0]['chunks'])
        m.run('agents', 'remove', '060')
        del w.agents.groups[60]  # as client.keys says
        count = len(w.groups)
        wait(lambda: len(w.groups) > count + 1, 'two more rounds')
        assert json.loads(w.groups[-1][1]['chunks'][-1])[0]['hash'] == w.agents.global_hash()


@seconds(60)
def test_groups_arrive():
    groups_arrive('4.14.7')


@seconds(60)
def test_groups_arrive_without_names():
    groups_arrive('4.9.2')


def test_end():
    for w in worker.opened:
        w.close()
    master().check_alive()
    assert master().stop()


if __name__ == '__main__':
    lib.run(globals())
