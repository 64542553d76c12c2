"""What local programs ask of a node: how long it takes, what it costs, and that memory does not grow of it.

A program in C (ask.c) asks on the local sockets of a master and a worker, with and without Wazuh's around it. Agents are
in a picket's own store; Wazuh's master has the same store, of a picket beside it, as its wazuh-db, whose processor time
is not counted."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import agent_runs
import lib
import measure

ASK = os.path.join(os.path.dirname(lib.PICKET), 'bench', 'ask')
DAEMONS = 'wazuh-modulesd', 'wazuh-analysisd', 'wazuh-execd', 'wazuh-db', 'wazuh-remoted'
BOTH = ['master-node', 'worker1']
OFTEN = {'worker.sync_integrity': 1, 'master.recalculate_integrity': 1}


# ---- questions ----
def dapi(name, kwargs=None, request_type='local_master', **more):
    """A request of the distributed API as Wazuh's class encodes it."""
    module, _, qualified = name.rpartition('.')
    if module.endswith('.Agent'):
        module, qualified = module[:-6], f'Agent.{qualified}'
    f = {'__callable__': {'__name__': qualified.split('.')[-1], '__module__': module, '__qualname__': qualified, '__type__': 'function'}}
    return json.dumps({'f': f, 'f_kwargs': kwargs or {}, 'request_type': request_type, 'wait_for_complete': False, 'from_cluster': False,
                       'is_async': False, 'rbac_permissions': {'rbac_mode': 'black'}, 'broadcasting': False, 'nodes': [], **more})


def add(name):
    return json.dumps({'daemon_name': 'authd', 'message': {'arguments': {'name': name, 'ip': 'any'}, 'function': 'add'}})


OVERVIEW = {'limit': None, 'select': ['id', 'name', 'ip', 'status', 'version', 'node_name'], 'filters': {'status': 'all'}}
SORTED = {'sort': {'fields': ['name'], 'order': 'desc'}, 'limit': 500}
NODES = 'get_nodes', '{}', 'worker1'
# title: who is asked, command, payload, what is in the answer
CALLS = {
    'get_nodes': ('m', *NODES),
    'get_nodes, at the worker': ('w', *NODES),
    'get_health': ('m', 'get_health', 'null', 'n_active_agents'),
    'get_health, at the worker': ('w', 'get_health', 'null', 'n_active_agents'),
    'get_status of the manager': ('m', 'dapi', dapi('wazuh.manager.get_status'), 'wazuh-clusterd'),
    'the same, at the worker': ('w', 'dapi', dapi('wazuh.manager.get_status'), 'wazuh-clusterd'),
    'get_basic_info of the worker, at the master': ('m', 'dapi_fwd', 'worker1 ' + dapi('wazuh.manager.get_basic_info', None, 'distributed_master',
                                                                                      from_cluster=True), 'openssl_support'),
    'the same, at the worker, through the master': ('w', 'dapi', dapi('wazuh.manager.get_basic_info', {'node_id': 'worker1'}, 'distributed_master',
                                                                     nodes=BOTH), 'openssl_support'),
    'ruleset status of two nodes, merged': ('w', 'dapi', dapi('wazuh.cluster.get_ruleset_sync_status', {'node_list': BOTH, 'master_md5': {}},
                                                             'distributed_master', is_async=True, nodes=BOTH), '"total_affected_items": 2'),
    'sendsync to an authd on the master': ('w', 'sendsync', add('agent'), '"error":0'),
}
AGENT_CALLS = {
    'get_agents': ('m', 'dapi', dapi('wazuh.agent.get_agents'), '"agent00001"'),
    'get_agents sorted by name': ('m', 'dapi', dapi('wazuh.agent.get_agents', SORTED), '"agent'),
    'overview of all agents': ('m', 'dapi', dapi('wazuh.core.agent.Agent.get_agents_overview', OVERVIEW), '"agent00001"'),
}


def ahead(pid, always=False):
    """Its processes are preferred to all others of this machine (always: run before them), where that is allowed: nodes are
    measured here, not who shares their processors. Of a processor that somebody before all others keeps busy for a second,
    Linux gives 50 ms to those who wait: on a machine with other work a node that hashes a gigabyte is stopped for so long."""
    for p in measure.processes.tree(pid):
        try:
            os.setpriority(os.PRIO_PROCESS, p, -20)
            os.sched_setscheduler(p, os.SCHED_FIFO if always else os.SCHED_OTHER, os.sched_param(int(always)))
        except PermissionError:
            pass


class Asker:
    """ask.c, asking until it is stopped or done."""
    def __init__(self, pair, call, count=1000000, how='new', pause=0):
        node, command, payload, expect = call
        self.proc = subprocess.Popen([ASK, pair.path(node), command, str(count), how, str(pause), expect], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ahead(self.proc.pid)
        self.proc.stdin.write(payload.encode())
        self.proc.stdin.close()
        self.proc.stdin = None

    def end(self):
        self.proc.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        """Microseconds of each answer; answer's bytes and the machine's lateness are kept."""
        out, err = self.proc.communicate(timeout=600)
        assert self.proc.returncode == 0, err.decode(errors='replace')
        first, *rest = out.decode().split('\n')[:-1]
        self.bytes, self.late = (float(x) for x in first.split())
        return [float(x) for x in rest]


# ---- nodes ----
class Authd:
    """A double of Wazuh's, below a master: each registration is answered at once."""
    def __init__(self, node):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(node.path('queue/sockets/auth'))
        self.socket.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        said = json.dumps({'error': 0, 'data': {'id': '001', 'name': 'agent', 'ip': 'any', 'key': 64 * '0'}}, separators=(',', ':')).encode()
        while True:
            s = self.socket.accept()[0]
            with s, s.makefile('rb') as f:
                f.read(struct.unpack('<I', f.read(4))[0])
                s.sendall(struct.pack('<I', len(said)) + said)


class Pair:
    """A master that knows so many agents and a worker, connected and quiet."""
    def __init__(self, make, count, intervals=agent_runs.HOURLY, authd='daemon'):
        ours = make is lib.Node
        files = {f'var/run/{d}-{os.getpid()}.pid': b'' for d in DAEMONS}
        files |= {'api/configuration/api.yaml': b'', 'api/configuration/security/installation_uid': b'3f2a6c1e-0000-4000-8000-000000000000'}
        conf = f'services = {",".join(DAEMONS)}\nauthd = {authd}\n' if ours else ''
        self.store = agent_runs.node(lib.Node, 'master', count, '', intervals)
        self.m = self.store if ours else make('master', 'master-node', start=False, intervals={**measure.NORMAL, **intervals})
        self.w = make('worker', 'worker1', master_port=self.m.port, start=False, intervals={**measure.NORMAL, **intervals}, conf=conf)
        for n in (self.m, self.w):
            n.write(files)
        if ours:
            with open(self.m.path('etc/picket.conf'), 'a') as f:
                f.write(conf)
        else:
            self.m.write({'etc/client.keys': agent_runs.keys(count)})
            self.store.start()
            self.m.wdb = self.store
            for name in ('queue/db/wdb', 'queue/sockets/wdb-http.sock'):
                lib.wait(lambda: os.path.exists(self.store.path(name)), 'the store', 20)
                os.symlink(self.store.path(name), self.m.path(name))
        self.authd = Authd(self.m) if authd == 'daemon' else None
        self.m.start()
        self.w.start()
        measure.Tail(self.w).wait('Successfully connected')
        lib.wait(lambda: os.path.exists(self.path('w')), 'the local socket', 20)
        for n in (self.m, self.w, self.store):
            ahead(n.proc.pid)
        agent_runs.settled(self.m, self.w)

    def path(self, node):
        return getattr(self, node).path('queue/cluster/c-internal.sock')

    def ask(self, call, count, how='new'):
        return Asker(self, call, count, how).wait()

    def cpu(self):
        return measure.cpu(self.m) + measure.cpu(self.w)

    def kb(self):
        return [measure.resident_kb(n) for n in (self.m, self.w)]

    def end(self):
        measure.finish(*{self.w, self.m, self.store})


# ---- what is measured ----
def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def latencies(pairs, calls, runs, count=100, most=1.0):
    """{(title, name): {'new': [us, ...], 'one': [us, ...], 'cpu': seconds of a call, 'bytes': of its answer}}; the pairs in
    turns. A turn is `count` calls, fewer when they would take longer than `most` seconds."""
    got = {}
    for title, call in calls.items():
        turns = {name: max(3, min(count, int(most * 1e6 / min(pair.ask(call, 3))))) for name, pair in pairs.items()}
        for _ in range(runs):
            for name, pair in pairs.items():
                row = got.setdefault((title, name), {'new': [], 'one': [], 'cpu': 0})
                used, asker = pair.cpu(), Asker(pair, call, turns[name])
                row['new'] += asker.wait()
                row['cpu'] += (pair.cpu() - used) / turns[name] / runs
                row['bytes'] = asker.bytes
                row['one'] += pair.ask(call, turns[name], 'one')
    return got


def growth(pair, calls, most=20):
    """{title: [(calls, master kB, worker kB), ...]} after 100, 1,000 and 10,000 of them; fewer when they would take longer
    than `most` seconds."""
    got = {}
    for title, call in calls.items():
        took, done, got[title] = percentile(pair.ask(call, 10), 0.5) / 1e6, 0, []
        for upto in (100, 1000, 10000):
            upto = min(upto, max(30, int(most / took)))
            if upto > done:
                pair.ask(call, upto - done)
                done = upto
                got[title].append((done, *pair.kb()))
    return got


# ---- get_nodes meanwhile ----
LARGE = 'etc/shared/large'


def prepare(pair, size):
    with open(pair.m.path('large'), 'wb') as f:
        for done in range(0, size, 1 << 20):
            f.write(os.urandom(min(1 << 20, size - done)))


def sync_large(pair, _):
    """The worker takes what was prepared from the master."""
    began, copy = time.monotonic(), pair.w.path(LARGE)
    size = os.path.getsize(pair.m.path('large'))
    os.rename(pair.m.path('large'), pair.m.path(LARGE))
    lib.wait(lambda: os.path.exists(copy) and os.path.getsize(copy) == size, f'{size} bytes', 300, 0.02)
    return f'{size >> 20} MiB in {time.monotonic() - began:.1f} s'


def tidy(pair):
    """Not while anything is measured: to free a gigabyte keeps the kernel busy."""
    if os.path.exists(pair.m.path(LARGE)):
        os.unlink(pair.m.path(LARGE))
        lib.wait(lambda: not os.path.exists(pair.w.path(LARGE)), 'the file to go', 60)


def nothing(_, seconds):
    time.sleep(seconds)
    return ''


def asking(call):
    """Others ask that, one after the other, with pauses so that the master is not stopped for it (see ahead)."""
    def work(pair, seconds):
        other = Asker(pair, call, pause=10000)
        time.sleep(seconds)
        took = other.end()
        return f'{len(took)} of {percentile(took, 0.5) / 1e3:.1f} ms'
    return work


REGISTER = 'w', 'sendsync', add('new######'), '"error":0'


def meanwhile(pair, work, seconds):
    """How get_nodes is answered by the master: [us, ...], how late the machine itself woke who asks, what work said."""
    asker = Asker(pair, CALLS['get_nodes'], pause=500)
    ahead(asker.proc.pid, always=True)
    ahead(pair.m.proc.pid, always=True)
    said = work(pair, seconds)
    return asker.end(), asker.late, said
