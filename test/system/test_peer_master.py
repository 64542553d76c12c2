#!/usr/bin/python3
"""A picket worker at the Python master: every request as the reference has it."""
import json
import os
import re
import socket
import struct
import time

import lib
from lib import Node, seconds, wait
import agents as tables
import wire
from master import Master


def pair():
    if not hasattr(pair, 'nodes'):
        m = Master(files=dict(lib.some_files()), key=lib.KEY, version=lib.VERSION, round_s=0.3)
        pair.nodes = m, Node('worker', 'worker1', master_port=m.port)
    return pair.nodes


def reset():
    m, w = pair()
    w.kill()
    m.close()
    del pair.nodes


def want(m):
    return {p: wire.digest(d) for p, d in m.files.items()}


def synced(m, w, timeout=20):
    wait(lambda: w.hashes() == want(m), 'the worker to have the files', timeout)


def again(m, w, checks=1):
    """Waits for that many more checks that found nothing to do."""
    s = m.session(w.name)
    have = s.answers.count('ok')
    wait(lambda: s.closed.is_set() or s.answers.count('ok') >= have + checks, 'a check that finds nothing')
    assert not s.closed.is_set(), s.why


def inside_check(m, work):
    """Runs work(session) in place of the answer to the worker's next check."""
    done = []

    def attack(s, task, theirs):
        try:
            done.append(work(s))
        except Exception as e:
            done.append(e)

    m.attack = attack
    result = wait(lambda: done, 'a check')[0]
    if isinstance(result, Exception):
        raise result


def test_greeting():
    m, w = pair()
    s = m.session('worker1')
    assert s.seen(b'hello')[0].payload == f'worker1 wazuh worker {lib.VERSION}'.encode()
    assert s.seen(b'hello')[0].raw == b'hello ------'
    w.wait_log('Successfully connected to master')


def test_first_check():
    """Permission is asked for soon after the greeting, with an empty payload."""
    m, w = pair()
    s = m.session('worker1')
    first = wait(lambda: s.seen(b'syn_i_w_m_p'), 'a permission request')[0]
    assert first.when - s.seen(b'hello')[0].when < 3 and first.payload == b'', first


def test_first_sync():
    m, w = pair()
    synced(m, w)
    s = m.session('worker1')
    assert s.checks[0] == {} or set(s.checks[0]) <= {'etc/client.keys'}, s.checks[0]
    again(m, w)
    got = s.checks[-1]
    assert {p: x['hash'] for p, x in got.items()} == want(m)
    for path, meta in got.items():
        assert set(meta) == {'mod_time', 'cluster_item_key', 'merged', 'hash'}, meta
        assert meta['cluster_item_key'] == wire.item_of(path) and meta['merged'] is False, (path, meta)
        assert (
            isinstance(meta['mod_time'], float)
            and abs(meta['mod_time'] - os.stat(w.path(path)).st_mtime) < 1e-3
        ), (path, meta)


def test_check_form():
    m, w = pair()
    again(m, w, 2)
    s = m.session('worker1')
    steps = [
        e
        for e in s.events
        if not e.out
        and e.command in (b'syn_i_w_m_p', b'syn_i_w_m', b'new_file', b'file_upd', b'file_end', b'syn_i_w_m_e')
    ]
    last = max(i for i, e in enumerate(steps) if e.command == b'syn_i_w_m_e')
    first = max(i for i, e in enumerate(steps[:last]) if e.command == b'syn_i_w_m_p')
    names = [e.command for e in steps[first : last + 1]]
    assert names[:3] == [b'syn_i_w_m_p', b'syn_i_w_m', b'new_file'] and names[-2:] == [
        b'file_end',
        b'syn_i_w_m_e',
    ], names
    assert set(names[3:-2]) == {b'file_upd'}, names
    path = steps[first + 2].payload.decode()
    assert re.fullmatch(r'/queue/cluster/worker1/worker1-[0-9.]+-[0-9a-f]{32}\.zip', path), path
    task, named = steps[last].payload.decode().split(' ')
    assert named == path[1:] and re.fullmatch('[0-9a-f-]{36}', task)

    requests = [
        e.counter
        for e in s.events
        if not e.out
        and e.command
        in (
            b'hello',
            b'syn_i_w_m_p',
            b'syn_i_w_m',
            b'new_file',
            b'file_upd',
            b'file_end',
            b'syn_i_w_m_e',
            b'echo-c',
            b'syn_a_w_m_p',
        )
    ]
    assert all(
        (b - a) & 0xFFFFFFFF == 1 for a, b in zip(requests, requests[1:])
    ), 'a request skipped or repeated a counter (1)'


def test_replies():
    """What it answers to a master's requests, byte for byte."""
    m, w = pair()

    def work(s):
        assert s.request(b'echo-m', b'keepalive') == (b'ok-c', b'keepalive')
        assert s.ask(b'echo', b'x' * 3000) == b'x' * 3000
        assert s.ask(b'cancel_task', b'None ' + m.dialect.error(3039)) == b'Request received correctly'
        path = b'/queue/cluster/worker1/test.zip'
        task = s.ask(b'syn_m_c')
        assert re.fullmatch(rb'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', task), task
        assert s.request(b'new_file', path) == (b'ok', b'Ready to receive new file')
        assert s.seen(b'ok')[-1].raw == b'ok  --------', s.seen(b'ok')[-1].raw
        assert s.ask(b'file_upd', path + b' abc') == b'File updated'
        assert (
            s.ask(b'file_end', path + b' ' + wire.hashlib.sha256(b'abc').digest())
            == b'File received correctly'
        )
        assert s.ask(b'syn_m_c_r', task + b' ' + m.dialect.error(3039)) == b'Error received'
        ident = s.ask(b'new_str', b'10')
        assert ident.isdigit() and s.ask(b'str_upd', ident + b' 12345') == b'String updated'

    inside_check(m, work)
    inside_check(
        m, lambda s: s.ask(b'syn_m_c_ok') == b'Thanks' or s.trouble.append('syn_m_c_ok was not thanked')
    )
    again(m, w)


def test_change_and_delete():
    m, w = pair()
    m.files['etc/rules/local_rules.xml'] = b'changed'
    m.files['etc/rules/é/日本.xml'] = b'unicode'
    del m.files['etc/lists/empty'], m.files['etc/shared/windows/list0.txt']
    synced(m, w)
    again(m, w)


def test_unanswered_check():
    """A master that fails over a check says nothing; the worker asks again an interval later, as Wazuh's
    does, and does not wait for max_locked_integrity_time (1000 s)."""
    m, w = pair()
    inside_check(m, lambda s: None)
    s = m.session('worker1')
    asked = len(s.seen(b'syn_i_w_m_p'))
    wait(lambda: len(s.seen(b'syn_i_w_m_p')) > asked, 'the worker to ask again', 8)
    again(m, w)


def test_verdict_after_a_long_time():
    """A master may need longer than an interval; its files are taken all the same."""
    m, w = pair()
    m.files['etc/lists/slow'] = b'slow'

    def slow(s):
        s.integrity_busy = True
        todo = wire.compare({p: wire.describe(p, d) for p, d in m.files.items()}, s.checks[-1])
        time.sleep(3.5)
        s.push_files({p: m.files[p] for p in todo['missing']}, todo)

    inside_check(m, slow)
    s = m.session('worker1')
    wait(lambda: 'etc/lists/slow' in s.checks[-1] and 'etc/lists/slow' in w.hashes(), 'the file', 5)
    assert not s.errors, s.errors
    again(m, w)


def test_nothing_without_permission():
    m, w = pair()
    m.permit = b'False'
    try:
        time.sleep(1.2)
        s = m.session('worker1')
        before, asked = len(s.seen(b'syn_i_w_m')), len(s.seen(b'syn_i_w_m_p'))
        time.sleep(3)
        assert len(s.seen(b'syn_i_w_m')) == before, 'it began a check without permission'
        assert 1 <= len(s.seen(b'syn_i_w_m_p')) - asked <= 6, 'it asks too seldom or too often'
    finally:
        m.permit = None
    again(m, w)


def test_stored_members():
    """Members at level 0 hold the separators as they are; a stream ends where zlib ends it."""
    m, w = pair()
    data = b'|@@//@@|files_metadata.json|//@@//|' * 40
    m.files['etc/lists/stored'] = data

    def stored(s, task, theirs):
        todo = wire.compare({p: wire.describe(p, d) for p, d in m.files.items()}, theirs)
        s.push_package(wire.package([(p, m.files[p]) for p in todo['missing']], todo, level=0))

    m.attack = stored
    synced(m, w)
    del m.files['etc/lists/stored']
    synced(m, w)


def test_orders_and_spellings():
    """Metadata first or last, members in any order, JSON in any spelling."""
    m, w = pair()
    for turn in range(3):
        m.files.update({f'etc/lists/order{n}': b'%d %d' % (turn, n) for n in range(20)})

        def give(s, task, theirs):
            todo = wire.compare({p: wire.describe(p, d) for p, d in m.files.items()}, theirs)
            text = (
                json.dumps(todo),
                json.dumps(dict(reversed(todo.items())), indent=1),
                json.dumps({**todo, 'extra_valid': {}, 'unknown': [1, 2]}).replace('etc/', '\\u0065tc\\/'),
            )[turn]
            records = [wire.record(p, m.files[p]) for p in {**todo['missing'], **todo['shared']}]
            records.insert(
                (0, len(records), len(records) // 2)[turn], wire.record(wire.METADATA, text.encode())
            )
            s.push_package(wire.MEMBER_END.join(records))

        m.attack = give
        synced(m, w)
        assert m.attack is None
    again(m, w)


def test_one_bad_file_among_good():
    """A file that breaks the rules is left out; the others are taken."""
    m, w = pair()

    def mixed(s, task, theirs):
        good, bad = {'etc/lists/good': b'good'}, {
            'etc/ossec.conf': b'bad',
            '../bad': b'bad',
            'etc/rules/x.tmp': b'bad',
        }
        meta = {p: wire.describe(p, d, wire.item_of(p) or 'etc/rules/') for p, d in {**good, **bad}.items()}
        s.push_package(
            wire.package([*bad.items(), *good.items()], {'missing': meta, 'shared': {}, 'extra': {}})
        )

    before = w.read('etc/ossec.conf')
    s = m.session('worker1')
    count = len(s.checks)
    m.attack = mixed
    wait(lambda: any('etc/lists/good' in c for c in s.checks[count:]), 'a check that has the good file')
    again(m, w)  # and now it is extra
    s.errors.clear()
    assert w.read('etc/lists/good') is None
    assert (
        w.read('etc/ossec.conf') == before
        and w.read('etc/rules/x.tmp') is None
        and not os.path.exists(w.path('../bad'))
    )


def test_name_it_does_not_take():
    """A Wazuh master may have a name that picket refuses (a control character): the others come, and the
    status says which one is behind and why, for as long as it lasts."""
    m, w = pair()
    m.files.update({'etc/lists/tab\there': b'odd', 'etc/lists/beside-odd': b'beside'})
    wait(lambda: w.read('etc/lists/beside-odd') == b'beside', 'the other file')

    def told():
        got = json.loads(w.run('status', '-j').stdout)
        return not got['in_sync'] and got['unsynced'] and 'there' in json.dumps(got['unsynced'])

    wait(told, 'the status to name the file', 8)
    assert w.run('status').returncode == 150
    del m.files['etc/lists/tab\there']
    synced(m, w)
    wait(lambda: w.run('status').returncode == 0, 'the status to be well again', 8)
    m.session('worker1').errors.clear()


@seconds(60)
def test_large_transfer():
    m, w = pair()
    m.files.update({f'etc/shared/big/{n}': os.urandom(3 << 20) for n in range(4)})
    synced(m, w, 40)
    for n in range(4):
        del m.files[f'etc/shared/big/{n}']
    synced(m, w)
    assert not os.path.exists(w.path('etc/shared/big'))


def test_keepalives():
    m, w = pair()
    s = m.session('worker1')
    wait(lambda: len(s.seen(b'echo-c')) >= 2, 'two keepalives', 8)
    a, b = s.seen(b'echo-c')[-2:]
    assert a.payload == b'keepalive' and 1 < b.when - a.when < 4, (a, b)


def test_reconnects():
    m, w = pair()
    synced(m, w)
    old = m.session('worker1')
    old.close()
    wait(lambda: any(s.added and s is not old for s in list(m.sessions)), 'the worker to come back', 10)
    m.files['etc/rules/after-reconnect.xml'] = b'x'
    synced(m, w)


def test_refused_greeting():
    """It keeps trying when it is refused, about once in connection_retry, on a new connection each time."""
    m, w = pair()
    m.greet = lambda s, name: (b'err', m.dialect.error(3031))
    count = len(m.all_sessions)
    for s in list(m.sessions):
        s.close()
    time.sleep(4)
    tried = len(m.all_sessions) - count
    m.greet = None
    assert 2 <= tried <= 8, f'{tried} attempts in 4 s with connection_retry 1'
    m.session('worker1', 10)
    again(m, w)


def test_master_alone_decides():
    """What the worker has besides goes; what it damaged is restored."""
    m, w = pair()
    synced(m, w)
    w.write({'etc/rules/extra.xml': b'extra', 'etc/decoders/local_decoder.xml': b'damaged'})
    synced(m, w)
    again(m, w)


def test_nothing_odd():
    m, w = pair()
    for s in m.all_sessions:
        assert not s.frames.bare_headers, f'{s.frames.bare_headers} reads ended right after a header (12.1)'
        assert not s.trouble, s.trouble
        assert not s.errors, s.errors
    left = [p for p in lib.snapshot(w.path('queue/cluster')) if p.endswith(b'.zip')]
    assert len(left) <= 2, f'left behind: {left}'


@seconds(60)
def test_dialects():
    for version in ('4.4.0', '4.9.2', '4.13.0'):
        m = Master(files=dict(lib.some_files()), key=lib.KEY, version=version, round_s=0.3)
        w = Node('worker', 'old', master_port=m.port, version=version)
        assert m.session('old').seen(b'hello')[0].payload.endswith(version.encode())
        synced(m, w)
        again(m, w)
        w.stop()
        m.close()


# ---- agent information and agent groups (6, 14) --------------------------------------------------------
class Seat:
    """A picket worker that keeps its agents itself, as its remoted tells it, and a Python master that knows
    40 of them."""

    def __init__(self, version):
        lines = b''.join(b'%03d agent%d any %064x\n' % (n, n, n) for n in range(1, 41))
        rows = [{'id': n, 'name': f'agent{n}'} for n in range(1, 41)]
        self.m = Master(
            files={**lib.some_files(), 'etc/client.keys': lines},
            key=lib.KEY,
            version=version,
            round_s=0.3,
            agents=tables.Agents(rows),
        )
        self.w = Node(
            'worker',
            'worker1',
            master_port=self.m.port,
            version=version,
            conf='store = embedded\n',
            intervals={
                'worker.sync_agent_info': 1,
                'worker.sync_agent_groups': 2,
                'worker.agent_groups_mismatch_limit': 3,
            },
        )
        self.s = self.m.session('worker1')
        wait(lambda: len(self.list()) == 40, 'the worker to know its agents')

    def list(self, *more):
        done = self.w.run('agents', '--json', *more)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def wdb(self, command):
        """One command to queue/db/wdb (14): its reply."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.w.path('queue/db/wdb'))
            s.sendall(struct.pack('<I', len(command)) + command.encode())
            f = s.makefile('rb')
            return f.read(struct.unpack('<I', f.read(4))[0]).decode()

    def remoted(self, n, **more):
        """As remoted reports an agent's start."""
        row = {'id': n, 'connection_status': 'active', 'group_config_status': 'synced', **more}
        row.update(version='Wazuh v4.14.7', node_name='worker1', sync_status='syncreq')
        assert self.wdb('global update-agent-data ' + json.dumps(row)) == 'ok'

    def round(self):
        """One round of groups, and its result."""
        count = len(self.s.group_results)
        self.m.groups_round()
        wait(lambda: len(self.s.group_results) > count, 'the result of a round')
        return json.loads(self.s.group_results[-1])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                assert not self.s.trouble, self.s.trouble
                assert self.w.stop()
        finally:
            self.m.close()


def agents_arrive(version):
    with Seat(version) as k:
        http, table = k.m.dialect.agent_http, k.m.agents
        for n in range(1, 31):
            k.remoted(n, os_name='Debian', agent_ip=f'10.1.1.{n}', labels='"ort":Köln "1"' if n == 3 else '')
        wait(lambda: table.rows[30].get('connection_status') == 'active', 'agent 30 at the master')
        assert table.rows[7]['os_name'] == 'Debian' and table.rows[7]['ip'] == '10.1.1.7', table.rows[7]
        assert table.rows[7]['node_name'] == 'worker1' and table.rows[40] == {'id': 40, 'name': 'agent40'}
        assert [(x['key'], x['value']) for x in table.rows[3]['labels']] == [('"ort"', 'Köln "1"')]
        time.sleep(2.5)
        count = len(k.s.agent_info)
        time.sleep(2.5)
        assert len(k.s.agent_info) == count, 'what is confirmed is told again'
        # not confirmed: told again, with what came meanwhile
        k.m.verdict = lambda s, info: (b'syn_m_a_err', b'error processing agent-info chunks: no')
        assert (
            k.wdb(
                'global update-connection-status {"id":7,"connection_status":"disconnected",'
                '"sync_status":"syncreq","status_code":4}'
            )
            == 'ok'
        )
        wait(lambda: len(k.s.agent_info) > count, 'it to be told')
        k.remoted(8, os_name='Alpine')
        k.m.verdict = None
        wait(lambda: table.rows[7]['connection_status'] == 'disconnected', 'agent 7 to be told again')
        wait(lambda: table.rows[8]['os_name'] == 'Alpine', 'agent 8')
        # no verdict at all, and the link goes: told on the next one
        k.m.verdict = lambda s, info: None
        count = len(k.s.agent_info)
        k.remoted(9, os_name='Void')
        wait(lambda: len(k.s.agent_info) > count, 'agent 9 to be told')
        k.m.verdict = None
        k.s.close()
        wait(lambda: table.rows[9]['os_name'] == 'Void', 'agent 9 to be told on the next link')
        k.s = k.m.session('worker1')
        if http:  # the lesser lists
            assert (
                k.wdb(
                    'global update-keepalive {"id":10,"connection_status":"active",'
                    '"sync_status":"syncreq_keepalive"}'
                )
                == 'ok'
            )
            wait(lambda: table.rows[10].get('seen_alive'), 'a keepalive')
            assert k.s.agent_info[-1]['chunks'] == {
                'syncreq_keepalive': [{'id': 10, 'version': 'Wazuh v4.14.7'}]
            }


@seconds(60)
def test_agents_arrive():
    agents_arrive('4.14.7')


@seconds(60)
def test_agents_arrive_as_texts():
    agents_arrive('4.9.2')


def groups_arrive(version):
    with Seat(version) as k:
        table = k.m.agents
        for n in range(1, 41):
            table.set_groups(n, ['default', f'g{n % 3}'])
        got = k.round()
        assert set(got) == {'updated_chunks', 'error_messages', 'time_spent'}, got
        assert got['updated_chunks'] == 1 and got['error_messages'] == [], got
        assert all(a['groups'] == ['default', f'g{int(a["id"]) % 3}'] for a in k.list())
        assert (
            json.loads(k.wdb('global sync-agent-groups-get {"get_global_hash": true}')[3:])[0]['hash']
            == table.global_hash()
        )
        k.round()
        assert k.s.full_asked == 0
        # what the worker missed comes with the full list, after three rounds that differ
        table.groups[5] = ['g1', 'default']
        for n in range(3):
            assert k.s.full_asked == 0
            k.round()
        wait(lambda: k.list('--id', '5')[0]['groups'] == ['g1', 'default'], 'the full list')
        assert k.s.full_asked == 1
        assert k.round()['error_messages'] == [] and k.s.full_asked == 1
        # an agent whose line in client.keys comes later
        table.rows[50] = {'id': 50, 'name': 'late-one'}
        table.set_groups(50, ['default'])
        got = k.round()
        if k.m.dialect.agent_http:
            assert got['error_messages'] == [] and k.list('--id', '50')[0]['groups'] == ['default'], got
        else:  # it cannot know its name
            assert len(got['error_messages']) == 1 and not k.list('--id', '50'), got


@seconds(60)
def test_groups_arrive():
    groups_arrive('4.14.7')


@seconds(60)
def test_groups_arrive_without_names():
    groups_arrive('4.9.2')


def test_groups_refused():
    with Seat('4.14.7') as k:
        k.m.agents.set_groups(1, ['default'])
        k.round()
        before = k.list()
        good = k.m.agents.groups_chunks([1], True, True)
        text = tables.groups_string(good)

        def gives(what):
            count = len(k.s.group_results)
            k.s.push_groups(text=what if isinstance(what, str) else json.dumps(what))
            wait(lambda: len(k.s.group_results) > count, 'a result')
            return k.s.group_results[-1]

        for wrong in (
            '',
            '{}',
            '[1]',
            json.dumps(text)[:-1],
            {**text, 'set_data_command': 'global sync-agent-info-set'},
            {**text, 'set_data_command': 'global sql delete from agent'},
            {**text, 'payload': {'mode': 'remove', 'sync_status': 'synced'}},
            {**text, 'payload': {'mode': 'override', 'sync_status': 'syncreq'}},
            {**text, 'payload': 7},
            {**text, 'chunks': {}},
            {**text, 'chunks': [7]},
        ):
            assert gives(wrong).startswith(b'error while trying to load JSON'), (wrong, k.s.group_results[-1])
        for entry in (
            {'id': 0, 'name': 'localhost', 'groups': ['default']},
            {'id': -1, 'name': 'x1', 'groups': ['default']},
            {'id': 1, 'name': 'agent1', 'groups': ['../../etc']},
            {'id': 1, 'name': 'agent1', 'groups': ['a,b']},
            {'id': 1, 'name': 'agent1', 'groups': 'default'},
            {'id': 1, 'name': 'agent1', 'groups': [7]},
            {'id': 1, 'name': 'agent1', 'groups': ['x'] * 129},
            {'id': 60, 'name': 'a b', 'groups': ['default']},
            {'id': '1', 'groups': ['default']},
            7,
        ):
            bad = json.dumps([{'data': [entry]}])
            got = json.loads(gives({**text, 'chunks': [bad] + good}))
            assert got['updated_chunks'] == 1 and len(got['error_messages']) == 1, (entry, got)
        assert k.list() == before
        k.s.ask(b'syn_g_m_w', b'4711')
        wait(lambda: b'4711' in k.s.group_results[-1], 'the result of nothing')
        assert k.s.group_results[-1] == b"error while trying to access string under task_id b'4711'."


def test_end():
    m, w = pair()
    assert w.stop()
    m.close()


if __name__ == '__main__':
    lib.run(globals())
