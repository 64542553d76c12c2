#!/usr/bin/python3
"""Agent information, agent groups and the wazuh-db sockets under three enemies: a peer that has the cluster's
key, a local program that may open the sockets, and broken files. After each attack the node lives, an honest
peer is served, nobody's row was written who may not be written, and the log, the disk and the processor are
not eaten."""
import json
import os
import random
import socket
import stat
import struct
import threading
import time

import lib  # first: it knows the way to the peers
from lib import Node, seconds, wait
import agents as tables
import wire
from master import Master
from worker import Worker

AGENTS = 300
KEYS = b''.join(b'%03d agent%d any %064x\n' % (n, n, n) for n in range(1, AGENTS + 1))
SOON = {
    'master.agent_group_start_delay': 1,
    'master.sync_agent_groups': 1,
    'worker.sync_agent_groups': 2,
    'worker.sync_agent_info': 1,
}
LOG_BYTES = 300000  # most that a second or two of shouting may write
STALL_S = 3  # longest time the node may be busy with one thing (a select has a second)


def table():
    return tables.Agents({'id': n, 'name': f'agent{n}'} for n in range(1, AGENTS + 1))


class Wdb:
    """A program at queue/db/wdb."""

    def __init__(self, node):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(node.path('queue/db/wdb'))
        self.f = self.s.makefile('rb')

    def ask(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.s.sendall(struct.pack('<I', len(data)) + data)
        head = self.f.read(4)
        if len(head) < 4:
            raise EOFError('hung up')
        return self.f.read(struct.unpack('<I', head)[0]).decode()

    def rows(self, sql):
        reply = self.ask('global sql ' + sql)
        assert reply.startswith('ok '), reply
        return json.loads(reply[3:])

    def close(self):
        self.s.close()


def agents(node, *filters):
    done = node.run('agents', '--json', *filters)
    return json.loads(done.stdout) if done.returncode == 0 else None


def processor_s(node):
    with open(f'/proc/{node.proc.pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def rests(node):
    """It has nothing to do: a node that runs in a circle needs all the time."""
    time.sleep(0.1)
    before = processor_s(node)
    time.sleep(0.5)
    used = processor_s(node) - before
    assert used < 0.2, f'{node.name} needs {used:.2f} s of processor time in half a second of rest'


class Log:
    """What a node writes meanwhile is little."""

    def __init__(self, node):
        self.node = node

    def bytes(self):
        folder = self.node.path('logs')
        return sum(os.path.getsize(os.path.join(d, f)) for d, _, names in os.walk(folder) for f in names)

    def __enter__(self):
        self.before = self.bytes()

    def __exit__(self, kind, *_):
        grown = self.bytes() - self.before
        assert kind or grown < LOG_BYTES, f'{grown} bytes of log'


class Pulse:
    """The longest the node lets a program on its local socket wait meanwhile."""

    def __init__(self, node):
        self.node, self.worst, self.over = node, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over:
            began = time.monotonic()
            self.node.local(b'get_status', timeout=60)
            self.worst = max(self.worst, time.monotonic() - began)
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over = True
        self.thread.join(60)
        assert kind or self.worst < STALL_S, f'the node did nothing else for {self.worst:.1f} s'


# ---- a hostile worker ----------------------------------------------------------------------------------
def master():
    if not hasattr(master, 'node'):
        files = {**lib.some_files(), 'etc/client.keys': KEYS}
        m = Node('master', 'master', files=files, conf='store = embedded\n', intervals=SOON)
        wait(lambda: len(agents(m) or []) == AGENTS, 'the master to know its agents')
        master.node = m
        master.honest = worker('honest', agents=table()).keepalive(1)
        master.before = Wdb(m).rows('select * from agent where id = 0')
    return master.node


def worker(name, **more):
    w = Worker(master.node.port, key=lib.KEY, name=name, version=lib.VERSION, **more)
    return w.reconnect()


def served(n=1):
    """The honest worker's agent arrives, a round of groups comes, and row 0 is what it was."""
    m, w = master(), master.honest
    m.check_alive()
    mark = f'mark{random.getrandbits(30)}'
    w.agents.report(tables.full_row(n, os_name=mark, node_name='honest', last_keepalive=int(time.time())))
    got = w.agent_info_round()
    assert got['error_messages'] == [], got
    with_sql = Wdb(m)
    assert with_sql.rows(f'select os_name, node_name from agent where id = {n}') == [
        {'os_name': mark, 'node_name': 'honest'}
    ]
    assert with_sql.rows('select * from agent where id = 0') == master.before
    assert with_sql.rows('select count(*) as n from agent') == [{'n': AGENTS + 1}]
    with_sql.close()
    count = len(w.groups)
    wait(lambda: len(w.groups) > count, 'a round of groups')
    assert not w.link.trouble, w.link.trouble


def text(chunks, **more):
    return json.dumps({**tables.info_string(chunks), **more}).encode()


def test_rows_of_others():
    """The manager's own row, agents that do not exist, and times that keep the others out for ever."""
    master()
    row = tables.full_row(0, name='mallory', node_name='mallory')
    with worker('mallory') as w:
        for chunks in (
            {'syncreq': [row]},
            {'syncreq_keepalive': [{'id': 0, 'version': 'x'}]},
            {'syncreq_status': [{'id': 0, 'version': 'x', 'connection_status': 'disconnected'}]},
            {'syncreq': [tables.full_row(n) for n in (-1, 99999, 1 << 31, 1 << 63, 1 << 64)]},
            {'syncreq': [tables.full_row(1, node_name='mallory', last_keepalive=(1 << 63) - 1)]},
            {'syncreq': [tables.full_row(n, node_name=f'{n}' + 'n' * 15000) for n in range(100, 120)]},
            {
                'syncreq': [
                    tables.full_row(2, version='Wazuh v\x1b[2J', ip='\x1b]0;x\x07\r\n001', node_name='\x7f')
                ]
            },
        ):
            command, _ = w.give_string(text(chunks))
            assert command == b'syn_m_a_e'
    served()

    def counted():
        nodes = json.loads(master.honest.link.ask(b'get_health', b'null'))['nodes']
        return nodes['honest']['info']['n_active_agents'] > 0

    wait(counted, 'the agents of the honest node to be counted, whatever the others are called', 12)
    out = master.node.run('agents').stdout
    assert not [
        c for c in out if c != '\n' and not c.isprintable()
    ], 'what peers say goes to the terminal as it is'


def test_strings_of_every_shape():
    """Each has its verdict, soon; the rest of the string's agents is nobody's loss."""
    m = master()
    good = tables.full_row(2)
    empty = '"set_data_command": "global sync-agent-info-set", "payload": {}, "chunks": '
    shapes = [
        b'\0' * 1000,
        random.Random(7).randbytes(200000),
        ('{' + empty + '[' * 1000000).encode(),
        ('{"a":' * 300000).encode(),
        ('{' + empty + '{' + ','.join(f'"l{n}":[]' for n in range(200000)) + '}}').encode(),
        ('{' + empty + '{"syncreq":[' + ','.join(['{}'] * 300000) + ']}}').encode(),
        ('{' + empty + '{"syncreq":[' + ','.join(['7'] * 300000) + ']}}').encode(),
        ('{' + empty + '{}, "chunks": {}}').encode(),
        text({'syncreq': [good], 'syncreq_': [good]}),
        text({'syncreq': [good] * 3000}),
        text({'syncreq_keepalive': [{'id': n % AGENTS + 1} for n in range(20000)]}),
        text({'syncreq': [{**good, 'x': [[[[[]]]]], 'y': {'z': 'x' * 9000}}]}),
        text({'syncreq': [{**good, 'os_name': 'x' * 20000}]}),
        text({'syncreq': [{**good, 'labels': [{'key': f'k{n}', 'value': 'v'} for n in range(3000)]}]}),
        text({'syncreq': []}, set_data_command='global sql delete from agent'),
        text({'syncreq': [good]}).replace(b'Debian', b'\xff\xfe\xed\xa0\x80'),
        text({'syncreq': [good]}).replace(b'Debian', b'\\ud800\\u0000'),
    ]
    shapes += [
        text({'syncreq': [{**good, key: value}]})
        for key in good
        for value in (-1, 1.5, True, [], {}, 10**40, None, 'x')
    ]
    with worker('mallory') as w, Pulse(m), Log(m):
        for shape in shapes:
            command, payload = w.give_string(shape, 10)
            assert command in (b'syn_m_a_e', b'syn_m_a_err'), (shape[:80], command, payload)
    rests(m)
    served(2)


def test_tiny_pieces():
    """Some ten thousand str_upd of one byte, and none of them waits for an answer."""
    m = master()
    data = text({'syncreq_keepalive': [{'id': n % AGENTS + 1} for n in range(800)]})
    with worker('mallory', timeout=30) as w, Pulse(m):
        ident = w.link.ask(b'new_str', str(len(data)).encode())
        for n in range(len(data)):
            w.link.send(b'str_upd', ident + b' ' + data[n : n + 1], w.link.next_counter())
        before = len(w.accepts)
        w.link.ask(b'syn_a_w_m', ident)
        command, payload = w.verdict(before)
        assert command == b'syn_m_a_e' and json.loads(payload)['error_messages'] == [], payload
    served()


def shout(links, command, payload, for_s=1):
    """The command again and again on all of them; how often it was answered."""
    end, count = time.monotonic() + for_s, [0] * len(links)

    def run(n):
        while time.monotonic() < end:
            links[n].request(command, payload)
            count[n] += 1

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(links))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert min(count) > 0, count
    return sum(count)


def test_shouting_workers():
    """Verdicts nobody asked for, strings that are not there, full lists without end: answered, and neither the
    log nor anybody else suffers."""
    m = master()
    served()
    workers = [worker(f'mallory{n}') for n in range(3)]
    links = [w.link for w in workers]
    bad = json.dumps({'updated_chunks': 0, 'error_messages': ['x' * 300] * 9, 'time_spent': 1}).encode()
    for command, payload in (
        (b'syn_w_g_c', b''),
        (b'syn_w_g_e', bad),
        (b'syn_wgc_e', bad),
        (b'syn_w_g_err', b'E' * 900),
        (b'syn_wgc_err', b'E' * 900),
        (b'syn_a_w_m', b'4711'),
        (b'syn_a_w_m_p', b''),
    ):
        with Log(m), Pulse(m):
            shout(links, command, payload, 0.4)
    for w in workers:
        w.close()
    served()
    rests(m)


def test_withheld():
    """Strings begun and never named, verdicts never replied to, links cut at every step."""
    m = master()
    data = text({'syncreq': [tables.full_row(n, node_name='mallory') for n in range(10, 60)]})
    holders = [worker(f'holder{n}') for n in range(3)]
    for w in holders:
        for _ in range(10):
            w.link.request(b'new_str', b'100000')
    served()
    for w in holders:
        w.close()
    silent = worker('silent')
    silent.link.answer = lambda link, command, payload, result: None
    for _ in range(3):
        silent.link.request(b'syn_a_w_m', silent.link.send_string(data))
    served()
    for step in range(12):
        w = worker(f'cut{step}')
        ident = w.link.ask(b'new_str', str(len(data)).encode())
        if step % 6 > 0:
            w.link.ask(b'str_upd', ident + b' ' + data[:5000])
        if step % 6 > 1:
            w.link.ask(b'str_upd', ident + b' ' + data[5000:])
        if step % 6 > 2:
            w.link.send(b'syn_a_w_m', ident, w.link.next_counter())
        if step % 6 > 3:
            time.sleep(0.002 * step)
        w.close()
    silent.close()
    served()
    files = lib.open_files(m.proc.pid)
    assert files < 60, f'{files} open files'


def test_master_ends():
    m = master()
    master.honest.close()
    log = m.log() + m.said()
    assert not [c for c in log if c not in '\n\t' and not c.isprintable()]
    assert m.stop()


# ---- a hostile master ----------------------------------------------------------------------------------
class Seat:
    def __init__(self):
        self.m = Master(
            files={**lib.some_files(), 'etc/client.keys': KEYS},
            key=lib.KEY,
            version=lib.VERSION,
            round_s=0.3,
            agents=table(),
        )
        self.w = Node('worker', 'worker1', master_port=self.m.port, conf='store = embedded\n', intervals=SOON)
        wait(lambda: len(agents(self.w) or []) == AGENTS, 'the worker to know its agents')
        self.before = Wdb(self.w).rows('select * from agent where id = 0')
        self.s = self.m.session('worker1')

    def give(self, chunks=None, whole=None, command=b'syn_g_m_w', timeout=30):
        count = len(self.s.group_results)
        self.s.push_groups(command, chunks, whole)
        wait(lambda: len(self.s.group_results) > count, 'a result', timeout)
        return self.s.group_results[-1]

    def honest(self, n=1):
        """An honest round goes in."""
        self.w.check_alive()
        self.m.agents.set_groups(n, ['default', f'g{random.randrange(9)}'])
        want = self.m.agents.groups[n]
        self.s = self.m.session('worker1')
        self.m.groups_round()
        wait(lambda: agents(self.w, '--id', str(n))[0]['groups'] == want, 'an honest round of groups')
        assert Wdb(self.w).rows('select * from agent where id = 0') == self.before


def seat():
    if not hasattr(seat, 'one'):
        seat.one = Seat()
    return seat.one


def chunk(*entries, **more):
    return json.dumps([{'data': entries, **more}])


def group(n, *names):
    return {'id': n, 'name': f'agent{n}', 'groups': names}


def test_groups_of_every_shape():
    k = seat()
    k.honest()
    shapes = [
        [chunk(group(0, 'default'))],
        [chunk(*[group(n, 'default') for n in (-1, 1 << 31, 1 << 63, 1 << 64)])],
        ['[' * 60000],
        ['x' * 65000],
        ['\0'],
        ['[]'] * 200000,
        ['[{"data":[]}]'] * 50000,
        [chunk(hash=h) for h in (7, 'x', '0' * 41, [], {}, True, '\0' * 40)],
        [chunk(group(1, *[f'h{n}' for n in range(129)]))],
        [chunk(group(1, 'x' * 256), group(1, '..'), group(1, 'a/b'), group(1, 'a,b'), group(1, "';--"))],
        [
            chunk({'id': 9000 + n, 'name': name, 'groups': ['default']})
            for n, name in enumerate(['x', 'a b', '../x', 'a\n', 'ü', 'y' * 129, '', None, 7, 'a\0b'])
        ],
    ]
    with Pulse(k.w), Log(k.w):
        for chunks in shapes:
            got = k.give(chunks)
            assert got.startswith((b'{"updated_chunks": ', b'error ')), (chunks[0][:80], got)
    odd = [r['name'] for r in Wdb(k.w).rows('select name from `group`')]
    assert all(name.isalnum() for name in odd), odd
    k.honest()


@seconds(60)
def test_full_of_ghosts():
    """Groups of 20,000 agents that there are not: a new one in client.keys finds its place all the same; and a
    thousand groups without a folder go when one comes that has."""
    k = seat()
    with Pulse(k.w):
        ghosts = [{'id': n, 'name': f'ghost{n}', 'groups': ['default']} for n in range(1000, 21000)]
        k.give([chunk(*ghosts[n : n + 1000]) for n in range(0, len(ghosts), 1000)])
        k.give([chunk(group(n, *[f'fill{n * 20 + i}' for i in range(20)])) for n in range(1, 61)])
    sql = Wdb(k.w)
    assert sql.rows('select count(*) as n from agent')[0]['n'] <= 20001
    assert sql.rows('select count(*) as n from `group`')[0]['n'] <= 1000
    k.m.files['etc/client.keys'] = KEYS + b'999 late any %064x\n' % 999
    wait(lambda: agents(k.w, '--name', 'late'), 'the new agent', 20)
    k.give([chunk(*[group(n, 'default') for n in range(1, AGENTS + 1)])])
    k.m.files['etc/shared/fresh/agent.conf'] = b'<agent_config/>\n'
    wait(lambda: {'name': 'fresh'} in sql.rows('select name from `group`'), 'a group with a folder', 20)
    k.honest()


def test_shouting_master():
    k = seat()
    k.honest()
    text = json.dumps(tables.groups_string([chunk(group(3, 'default'))])).encode()
    for command, payload in (
        (b'syn_g_m_w', b'4711'),
        (b'syn_g_m_w_c', b'4711'),
        (b'syn_m_a_e', b'x'),
        (b'syn_m_a_e', tables.result(1, [])),
        (b'syn_m_a_err', b'E' * 900),
    ):
        with Log(k.w), Pulse(k.w):
            shout([k.s], command, payload, 0.4)
    with Log(k.w), Pulse(k.w):
        end = time.monotonic() + 1
        while time.monotonic() < end:  # full lists nobody asked for, faster than they can be applied
            k.s.request(b'syn_g_m_w_c', k.s.send_string(text))
    for step in range(1, 4):
        s = k.m.session('worker1')
        ident = s.ask(b'new_str', str(len(text)).encode())
        s.ask(b'str_upd', ident + b' ' + text[:40])
        if step > 1:
            s.ask(b'str_upd', ident + b' ' + text[40:])
        if step > 2:
            s.send(b'syn_g_m_w', ident, s.next_counter())
        s.close()
        wait(lambda: not s.added or s not in k.m.sessions, 'the link to end')
    k.honest()
    rests(k.w)
    assert k.w.stop()
    k.m.close()


# ---- a local program -----------------------------------------------------------------------------------
def keeper():
    if not hasattr(keeper, 'node') or not keeper.node.alive():
        files = {**lib.some_files(), 'etc/client.keys': KEYS}
        keeper.node = Node('master', 'keeper', files=files, conf='store = embedded\n', intervals=SOON)
        wait(lambda: len(agents(keeper.node) or []) == AGENTS, 'the node to know its agents')
    return keeper.node


def test_selects_that_never_end():
    m = keeper()
    long = '0' * 60000
    with Pulse(m):
        for sql in (
            'select count(*) from agent a, agent b, agent c, agent d',
            'select 1 from agent a, agent b, agent c order by a.name, b.name, c.name',
            'select distinct a.id * b.id from agent a, agent b, agent c',
            'select count(*) from (select a.id * b.id x from agent a, agent b, agent c group by x)',
            f"select sum('{long}' like '%{'0' * 200}1' || a.id) from agent a, agent b",
            f"select sum('{long}' like '{'%_0' * 80}1' || a.id) from agent a, agent b",
            f"select sum('{long}' glob '{'*0' * 100}1' || a.id) from agent a, agent b",
            f"select max(x || a.id) from agent a, agent b, (select '{long}' x)",
            f"select a.id from agent a, agent b order by a.id || '{long}'",
            f"select sum(instr(x, x || a.id)) from agent a, agent b, (select '{long}' x)",
            f"select replace(x, substr(x, 9), '1') from (select '{long}' x)",
            'select hex(zeroblob(1000000000))',
            "select printf('%1000000000d', 1)",
            'select ' + '(' * 20000 + '1' + ')' * 20000,
            'select ' + ','.join(['1'] * 30000),
            'select ' + ' union select '.join(['1'] * 5000),
            "select 1 from agent where name like '" + '%a' * 30000 + "'",
            'select 1 from agent where id in (' + ','.join(['1'] * 30000) + ')',
            'with recursive t(x) as (select 1 union all select x + 1 from t) select count(*) from t',
        ):
            w = Wdb(m)
            reply = w.ask('global sql ' + sql)
            assert reply.startswith('err ') or len(reply) == 65536, (sql[:80], reply[:80])
            w.close()
    rests(m)
    w = Wdb(m)
    assert w.rows('select count(*) as n from agent') == [{'n': AGENTS + 1}]  # the arena is whole again
    for sql in (
        'delete from agent',
        'pragma journal_mode=off',
        "attach '/tmp/x' as x",
        'select 1; delete from agent',
    ):
        assert w.ask('global sql ' + sql).startswith('err '), sql
    w.close()
    left = [f for f in os.listdir(m.path('queue/db')) if f not in ('global.db', 'global.db-journal', 'wdb')]
    assert not left, left


def test_heavy_commands():
    """Each of them as large as it may be, and everything that goes over all agents."""
    m = keeper()
    w = Wdb(m)
    ids = range(1, AGENTS + 1)
    sets = [{'id': n, 'groups': ['default', 'linux', 'windows'][: 1 + n % 3]} for n in ids] * 4
    commands = ['global recalculate-agent-group-hashes'] * 30
    commands += ['global reset-agents-connection synced', 'global disconnect-agents 0 99999999999 synced'] * 5
    commands += [
        f'global set-agent-groups {json.dumps({"mode": mode, "data": sets}, separators=(",", ":"))}'
        for mode in ('override', 'append', 'empty_only', 'remove')
    ]
    commands += [
        f'global update-agent-data {json.dumps({"id": n, "os_name": "x" * 60000})}' for n in (1, 2, 3)
    ]
    commands += ['global sync-agent-info-set ' + '[' * 60000, 'global insert-agent ' + '{"a":' * 10000]
    with Pulse(m), Log(m):
        for c in commands:
            try:
                reply = w.ask(c)
                assert reply[:3] in ('ok', 'ok ', 'due', 'err'), (c[:60], reply[:80])
            except (EOFError, OSError):  # longer than a frame may be
                assert len(c) > 65536, c[:60]
                w = Wdb(m)
    for name in ('..', '../../etc', 'a/b', 'a b', "x';--", 'y' * 256):
        assert w.ask(f'global insert-agent-group {name}').startswith('err '), name
    assert sorted(os.listdir(m.path('etc/shared'))) == ['default', 'linux', 'windows']
    w.close()
    rests(m)


def test_impolite_programs():
    """Connections that say nothing, half a thing, or go in the middle of the answer."""
    m = keeper()
    paths = m.path('queue/db/wdb'), m.path('queue/sockets/wdb-http.sock')
    random.seed(3)

    def connect(path):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(path)
        return s

    for n in range(200):
        s = connect(paths[n % 2])
        ask = b'global get-all-agents last_id 0'
        try:
            if n % 4 > 1:
                s.sendall(random.randbytes(random.randrange(1, 3000)))
            else:
                s.sendall(
                    b'GET /v1/agents/ids HTTP/1.1\r\n\r\n' if n % 2 else struct.pack('<I', len(ask)) + ask
                )
                if n % 8 < 4:
                    s.recv(3)
        except OSError:
            pass
        s.close()
    idle = [connect(paths[n % 2]) for n in range(40)]  # more than there is room for
    time.sleep(0.5)
    w = Wdb(m)
    assert w.ask('global sql select 1').startswith('ok')
    w.close()
    for s in idle:
        s.close()
    for payload in (
        b'[' * 5000,
        b'{"name":"%s"}' % (b'*a' * 64),
        b'{"ids":["1 or 1=1"]}',
        b'{"group":"x\' or \'1"}',
    ):
        reply = m.local(b'get_agents', payload)
        assert reply.command == b'err' or json.loads(reply.payload)['agents'] == [], reply
    reply = m.local(b'add_agent', json.dumps({'name': 'good', 'ip': 'any\n998 evil any x'}).encode())
    assert reply.command == b'err' and m.read('etc/client.keys') == KEYS, reply
    rests(m)
    assert m.stop()


# ---- broken files --------------------------------------------------------------------------------------
def lives(m):
    """It listens, gives files away and does not run in a circle."""
    m.check_alive()
    with Worker(m.port, key=lib.KEY, name='someone', version=lib.VERSION) as w:
        assert w.check({}).kind == 'files'
    rests(m)


def test_broken_keys():
    contents = (
        b'001 a' * 1000000,
        bytes(100000),
        random.Random(5).randbytes(300000),
        b'0' * 100 + b' a any x\n99999999999 b any x\n-1 c any x\n000 d any x\n' + KEYS[:200],
        b''.join(b'%d agent%d any x\n' % (n * 4999, n) for n in range(1, 3000)),
    )
    nodes = [
        Node('master', 'master', files={**lib.some_files(), 'etc/client.keys': c}, conf='store = embedded\n')
        for c in contents
    ]
    wait(lambda: len(agents(nodes[-1]) or []) == 2999, 'agents on many pages')
    faults = []

    def look(m):
        try:
            lives(m)
            assert m.stop()
        except Exception as e:
            faults.append(f'{m.root}: {e!r}')

    threads = [threading.Thread(target=look, args=(m,), daemon=True) for m in nodes]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert not faults, faults
    m = Node('master', 'master', files=lib.some_files(), conf='store = embedded\n')
    wait(lambda: len(agents(m) or []) == 3, 'three agents')
    for make in (
        os.mkdir,
        os.mkfifo,
        lambda p: os.symlink('/etc/passwd', p),
    ):
        path = m.path('etc/client.keys')
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        make(path)
        time.sleep(2.1)  # it is looked at every two seconds
        assert len(agents(m)) == 3
    rests(m)
    assert m.stop()


def test_broken_database():
    """Left as it is, byte for byte, with one line; files are synchronised without it."""
    m = Node('master', 'master', files=lib.some_files(), conf='store = embedded\n')
    wait(lambda: len(agents(m) or []) == 3, 'three agents')
    assert m.stop()
    good = m.read('queue/db/global.db')
    r = random.Random(9)
    torn = bytearray(good)
    for _ in range(300):
        torn[r.randrange(100, len(torn))] = r.randrange(256)
    path = m.path('queue/db/global.db')
    for content in (
        b'x' * 5000,
        good[:100],
        good[: len(good) // 2],
        bytes(torn),
        good.replace(b'CREATE TABLE', b'CREATE TABEL'),
    ):
        m.write({'queue/db/global.db': content})
        m.start()
        m.wait_log('agent store cannot be opened')
        lives(m)
        assert m.stop() and m.read('queue/db/global.db') == content, len(content)
    os.unlink(path)
    for make in (os.mkdir, os.mkfifo, lambda p: os.symlink('/etc/passwd', p)):
        make(path)
        m.start()
        m.wait_log('agent store cannot be opened')
        lives(m)
        assert m.stop()
        os.rmdir(path) if stat.S_ISDIR(os.lstat(path).st_mode) else os.unlink(path)


def test_odd_groups():
    """Thousands of folders, and names that are none of a group's."""
    files = lib.some_files()
    m = Node('master', 'master', files=files, conf='store = embedded\n')
    wait(lambda: len(agents(m) or []) == 3, 'three agents')
    for name in [
        'a b',
        'ü',
        'x,y',
        "';--",
        '-',
        '...',
        'z' * 255,
        'new\nline',
        *[f'g{n}' for n in range(3000)],
    ]:
        os.mkdir(os.fsencode(m.path('etc/shared', name)))
    os.symlink('/etc', m.path('etc/shared/link'))
    wait(
        lambda: Wdb(m).rows('select count(*) as n from `group`') == [{'n': 1000}],
        'as many groups as there may be',
    )
    names = {r['name'] for r in Wdb(m).rows('select name from `group`')}
    assert not names & {'a b', 'ü', 'x,y', "';--", 'link'} and 'default' in names, names
    time.sleep(2)
    lives(m)
    assert len(m.log()) < LOG_BYTES
    assert m.stop()


if __name__ == '__main__':
    lib.run(globals())
