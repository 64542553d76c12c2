"""Agents: what their information (worker to master) and their groups (master to worker) cost with thousands of them.

A node of ours keeps them itself: its queue/db/global.db is filled before it starts. A real Wazuh node, and ours that
is told to, asks a stand-in for wazuh-db in this process, whose time is not the daemon's."""
import functools
import hashlib
import json
import os
import signal
import socket
import sqlite3
import struct
import threading
import time

import fake_wdb
import lib
import measure

GROUPS = ['default'] + [f'group{n:02d}' for n in range(10)]
HOURLY = {'worker.sync_integrity': 3600, 'master.recalculate_integrity': 3600, 'worker.keep_alive': 600,
          'master.agent_group_start_delay': 3600}
FIRST_ROUND = {**HOURLY, 'master.agent_group_start_delay': 6}
FULL = {**FIRST_ROUND, 'worker.agent_groups_mismatch_limit': 1}
NOW = 1700000000
TOLD = ('id name ip os_name os_version os_major os_codename os_platform os_uname os_arch version config_sum merged_sum manager_host node_name '
        'last_keepalive connection_status group_config_status').split()
PLAIN = {'sync_status': 'synced', 'connection_status': 'never_connected', 'group_config_status': 'not synced'}


def told(n):
    """What a worker knows of agent n."""
    return {'name': f'agent{n:05d}', 'ip': f'10.{n >> 16}.{n >> 8 & 255}.{n & 255}', 'register_ip': 'any', 'os_name': 'Debian GNU/Linux',
            'os_version': '12', 'os_major': '12', 'os_codename': 'bookworm', 'os_platform': 'debian',
            'os_uname': f'Linux |agent{n:05d} |6.1.0-18-amd64 |#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) |x86_64',
            'os_arch': 'x86_64', 'version': 'Wazuh v4.14.7', 'config_sum': 'ab73af41699f13fdd81903b5f23d8d00',
            'merged_sum': hashlib.md5(b'%d' % (n % 10)).hexdigest(), 'manager_host': 'worker1-host', 'node_name': 'worker1',
            'last_keepalive': NOW, 'connection_status': 'active', 'group_config_status': 'synced'}


def rows(count, pending, is_worker):
    """Agents as a node has them before a run. pending: info (the worker's are to be told), groups (the master's are),
    full (the worker has none, and nobody is to be told), or nothing: both nodes have the same."""
    for n in range(1, count + 1):
        row = {'id': n, 'date_add': NOW, **PLAIN, **told(n)}
        if pending == 'info' and not is_worker:
            row = {'id': n, 'date_add': NOW, 'name': f'agent{n:05d}', 'register_ip': 'any', **PLAIN}
        row['sync_status'] = 'syncreq' if pending == 'info' and is_worker else 'synced'
        row['groups'] = [] if is_worker and pending in ('groups', 'full') else groups(n)
        yield row


def groups(n):
    return ['default', GROUPS[1 + n % 10]] if n % 3 == 0 else ['default']


@functools.lru_cache(maxsize=None)
def short_hash(csv):
    return hashlib.sha256(csv.encode()).hexdigest()[:8]


def keys(count):
    return b''.join(b'%03d agent%05d any %064x\n' % (n, n, n) for n in range(1, count + 1))


def fill(node, agents, unsent):
    """The file of a node of ours, which has made it when this is called."""
    db = sqlite3.connect(node.path('queue/db/global.db'))
    db.executemany('insert or ignore into `group` (name) values (?)', [(g,) for g in GROUPS])
    ids = dict(db.execute('select name, id from `group`'))
    for a in agents:
        named = a.pop('groups')
        csv = ','.join(named) or None
        a |= {'internal_key': f"{a['id']:064x}", '`group`': csv, 'group_hash': short_hash(csv) if csv else None,
              'group_sync_status': 'syncreq' if unsent else 'synced'}
        db.execute(f'insert or replace into agent ({",".join(a)}) values ({",".join("?" * len(a))})', list(a.values()))
        db.executemany('insert into belongs values (?, ?, ?)', [(a['id'], ids[g], i) for i, g in enumerate(named)])
    db.commit()
    db.close()


def compact(value):
    return json.dumps(value, separators=(',', ':'))


class Talk:
    """A service of an appliance: a connection with a node's wazuh-db socket."""
    def __init__(self, node):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(node.path('queue/db/wdb'))
        self.file = self.socket.makefile('rb')

    def ask(self, text):
        self.socket.sendall(struct.pack('<I', len(text)) + text.encode())
        said = self.file.read(struct.unpack('<I', self.file.read(4))[0]).decode()
        assert said == 'ok', said


class StandIn(fake_wdb.Wdb):
    """A real node's wazuh-db: it tells what it was made with, in the real one's pages, and of what it is told it keeps
    the groups and counts the rest."""
    def __init__(self, root, agents, unsent):
        self.root, self.servers, self.lock, self.told = root, [], threading.RLock(), 0
        agents = list(agents)
        self.groups_of = {a['id']: a.pop('groups') for a in agents}
        self.unsent = set(self.groups_of) if unsent else set()
        self.pending = {'syncreq': [{k: v for k, v in a.items() if k in TOLD} for a in agents if a['sync_status'] == 'syncreq'],
                        'syncreq_keepalive': []}
        self.come()

    def hash(self):
        hashes = [short_hash(','.join(g)) for _, g in sorted(self.groups_of.items()) if g]
        return hashlib.sha1(''.join(hashes).encode()).hexdigest() if hashes else None

    def groups_page(self, want):
        ids = {'sync_status': self.unsent, 'all': self.groups_of}.get(want.get('condition'), ())
        data, size, status = [], 80, 'ok'
        for i in sorted(i for i in ids if i > want.get('last_id', 0)):
            data.append({'id': i, 'name': f'agent{i:05d}', 'groups': self.groups_of[i]})
            size += len(compact(data[-1])) + 1
            if size > 65024:
                data.pop()
                status = 'due'
                break
        if want.get('set_synced'):
            self.unsent -= {a['id'] for a in data}
        return f'{status} ' + compact([{'data': data} | ({'hash': self.hash()} if want.get('get_global_hash') and status == 'ok' else {})])

    def command(self, text):
        _, name, rest = f'{text} '.split(' ', 2)
        with self.lock:
            if name == 'sync-agent-groups-get':
                return self.groups_page(json.loads(rest))
            if name == 'set-agent-groups':
                self.groups_of.update((a['id'], a['groups']) for a in json.loads(rest)['data'])
            elif name != 'recalculate-agent-group-hashes':
                return 'err Invalid DB query syntax'
        return 'ok'

    def web(self, method, path, body):
        if path != '/v1/agents/sync':
            return 404, None
        with self.lock:
            if method == 'GET':
                rows, self.pending = self.pending, {k: [] for k in self.pending}
                return 200, {k: v for k, v in rows.items() if v}
            self.told += sum(len(x) for x in json.loads(body).values())
        return 200, None


class Asking(lib.Node):
    """One of ours beside a wazuh-db."""


def node(make, role, count, pending, intervals, port=None):
    """A node with that many agents, not started."""
    n = make(role, 'master-node' if role == 'master' else 'worker1', master_port=port, start=False,
             conf='store = wazuh-db\n' if make is Asking else '', intervals={**measure.NORMAL, **intervals},
             files={'etc/client.keys': keys(count), **{f'etc/shared/{g}/agent.conf': b'<agent_config/>\n' for g in GROUPS}})
    is_worker, agents = role == 'worker', rows(count, pending, role == 'worker')
    unsent = pending == 'groups' and not is_worker
    if make is lib.Node:
        n.write({'etc/client.keys': b''})
        n.start(ready=False)
        lib.wait(lambda: os.path.exists(n.path('queue/db/wdb')), 'the store to be made', 20)
        n.stop()
        fill(n, agents, unsent)
        n.write({'etc/client.keys': keys(count)})
        os.truncate(n.path('logs/cluster.log'), 0)
    else:
        n.wdb = StandIn(n.root, agents, unsent)
    return n


def settled(*nodes, quiet=0.5, limit=120):
    """When all of them have nothing to do: none has used 2 ms in that long."""
    used, since = [measure.cpu(n) for n in nodes], time.monotonic()
    end = since + limit
    while time.monotonic() < min(since + quiet, end):
        time.sleep(0.02)
        now = [measure.cpu(n) for n in nodes]
        if any(b - a > 0.002 for a, b in zip(used, now)):
            used, since = now, time.monotonic()


def forget_peak(n):
    for pid in measure.processes.tree(n.proc.pid):
        with open(f'/proc/{pid}/clear_refs', 'w') as f:
            f.write('5')


class Run:
    """A master and a worker; begin and end frame what is measured."""
    def __init__(self, make_master, make_worker, count, pending, intervals):
        self.count, self.pending = count, pending
        self.m = node(make_master, 'master', count, pending, intervals)
        self.w = node(make_worker, 'worker', count, pending, intervals, port=self.m.port)
        self.both = self.m, self.w

    def begin(self):
        self.kb = [measure.resident_kb(n) for n in self.both]
        for n in self.both:
            forget_peak(n)
        self.used = [measure.cpu(n) for n in self.both]

    def end(self, wall):
        settled(*self.both)
        out = {'wall': wall}
        for n, side, kb, used in zip(self.both, ('master', 'worker'), self.kb, self.used):
            out |= {f'{side}_cpu': measure.cpu(n) - used, f'{side}_kb': kb, f'{side}_peak': measure.peak_kb(n)}
        for n in self.both:
            n.kill()
        self.check()
        measure.finish(*self.both)
        return out

    def check(self):
        """Did all of it arrive?"""
        if self.pending == 'info':
            there = [self.m.wdb.told if hasattr(self.m, 'wdb') else number(self.m, "os_name = 'Debian GNU/Linux'")]
            if not hasattr(self.w, 'wdb'):
                there.append(self.count - number(self.w, "sync_status <> 'synced'"))
        else:
            there = [sum(map(bool, n.wdb.groups_of.values())) if hasattr(n, 'wdb') else number(n, 'group_hash is not null') for n in self.both]
        assert all(n == self.count for n in there), (self.pending, there)


def number(node, where):
    db = sqlite3.connect(node.path('queue/db/global.db'))
    n = db.execute(f'select count(*) from agent where id > 0 and {where}').fetchone()[0]
    db.close()
    return n


def info(make_master, make_worker, count):
    """All of a worker's rows are pending when it comes to a master that knows their names alone. The master takes its
    connection and says nothing until the worker is done with its own start."""
    r = Run(make_master, make_worker, count, 'info', HOURLY)
    r.m.start()
    settled(r.m)
    os.kill(r.m.proc.pid, signal.SIGSTOP)
    r.w.start()
    time.sleep(0.3)
    settled(r.w)
    r.begin()
    os.kill(r.m.proc.pid, signal.SIGCONT)
    tail = measure.Tail(r.w)
    began = tail.wait(r'\[Agent-info sync\] Starting')
    return r.end(tail.wait(r'\[Agent-info sync\] Finished in') - began)


def group_run(make_master, make_worker, count, pending, intervals):
    r = Run(make_master, make_worker, count, pending, intervals)
    r.m.start()
    r.w.start()
    measure.Tail(r.w).wait('Successfully connected')
    settled(*r.both)
    assert '[Local agent-groups] Starting' not in r.m.log(), 'the first round came before the nodes were quiet'
    r.begin()
    return r


def first_groups(make_master, make_worker, count):
    """The first round of a master, whose rows are all pending."""
    r = group_run(make_master, make_worker, count, 'groups', FIRST_ROUND)
    tail = measure.Tail(r.m)
    began = tail.wait(r'\[Local agent-groups\] Starting')
    return r.end(tail.wait(r'\[Agent-groups send\] Finished in') - began)


def full_groups(make_master, make_worker, count):
    """A worker without groups asks for the full list after one comparison."""
    r = group_run(make_master, make_worker, count, 'full', FULL)
    began = measure.Tail(r.w).wait('Sent request to obtain all agent-groups')
    return r.end(measure.Tail(r.m).wait(r'\[Agent-groups send full\] Finished in') - began)


KINDS = {'info': ('agent information, worker to master', info), 'groups': ('agent groups, first round', first_groups),
         'full': ('agent groups, full list', full_groups)}


# ---- a minute of ordinary life ----
SOON = {'master.agent_group_start_delay': 1}
NEVER = {'master.agent_group_start_delay': 3600, 'worker.sync_agent_info': 3600}
IDLE, INFO, GROUP, ALONE = 'nothing changes', 'information of 1 % changes', 'groups of 1 % change', 'both, and nobody is told'


def report(r, n):
    """Agent n reports to its worker."""
    if hasattr(r.w, 'wdb'):
        with r.w.wdb.lock:
            r.w.wdb.pending['syncreq_keepalive'].append({'id': n, 'version': 'Wazuh v4.14.7'})
    else:
        r.talk[1].ask('global update-keepalive ' + compact({'id': n, 'connection_status': 'active', 'sync_status': 'syncreq_keepalive'}))


def regroup(r, n):
    """Agent n is given other groups on the master."""
    others = groups(n) + ([] if GROUPS[10] in groups(n) else [GROUPS[10]])
    if hasattr(r.m, 'wdb'):
        with r.m.wdb.lock:
            r.m.wdb.groups_of[n] = others
            r.m.wdb.unsent.add(n)
    else:
        r.talk[0].ask('global set-agent-groups ' + compact(
            {'mode': 'override', 'sync_status': 'syncreq', 'data': [{'id': n, 'groups': others}]}))


CHANGES = {IDLE: (), INFO: (report,), GROUP: (regroup,), ALONE: (report, regroup)}


def living(make, count, what):
    """Master and worker that agree."""
    r = Run(make, make, count, '', NEVER if what == ALONE else SOON)
    r.m.start()
    r.w.start()
    measure.Tail(r.w).wait('Successfully connected')
    if not hasattr(r.m, 'wdb'):
        r.talk = [Talk(n) for n in r.both]
    return r


def minute(makes, count, seconds=60):
    """{(make, what): [master, worker]} seconds of processor time in a minute; all pairs at the same time."""
    runs = {(name, what): living(make, count, what) for what in CHANGES for name, make in makes.items() if what != ALONE or make is lib.Node}
    settled(*[n for r in runs.values() for n in r.both])
    for r in runs.values():
        r.begin()
    began, changes = time.monotonic(), max(1, count * seconds // 6000)
    for i in range(changes):
        for (_, what), r in runs.items():
            for do in CHANGES[what]:
                do(r, 1 + i * (count // changes))
        time.sleep(max(0, began + (i + 1) * seconds / changes - time.monotonic()))
    out = {}
    for key, r in runs.items():
        out[key] = [(measure.cpu(n) - used) * 60 / seconds for n, used in zip(r.both, r.used)]
        measure.finish(*r.both)
    return out
