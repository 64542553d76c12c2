"""The distributed API. The client is Wazuh's own DistributedAPI class, in the trees of nodes of both makes; what a picket says is
compared, field by field, with what the real function says of the same files, agents and daemons (api_cases.py: the questions, and
every difference that is accepted, with its reason).

Compared are values and their kinds, and the order of items; not the order of keys and of failed items, which in Wazuh is that of
Python's sets. Where a real node stumbles (error 1000, the reason in its log alone), picket has the same error and may tell the
reason. A node that does not exist is, in picket's merged answers, among the error's own ids too, which nobody is shown. Daemons
that do not run (1017) are told in the order of the list of all daemons, not of the request."""
import json
import re
import threading
import time

import lib
from api_cases import A, ALL_NODES, C, DIFFERENT, HERE, LOGS, M, OF_AGENTS, OF_CLUSTER, OF_NODES, PERMISSIONS, PERMITTED, TO_AGENTS
from api_nodes import CONF, DAEMONS, Client, Daemons, own_files
from lib import Node, Skip, seconds, wait
from nodes import KNOWN, Wazuh
from test_agents import ask, do, set_groups

ASYNC = ('restart_agents', 'restart_agents_by_node', 'restart_agents_by_group', 'reload_ruleset', 'get_nodes_info', 'get_health_nodes',
         'get_node_ruleset_integrity', 'get_ruleset_sync_status')
LOCAL = ('get_nodes_info', 'get_health_nodes', 'get_node_ruleset_integrity')
INTEGRITY = 'wazuh.core.cluster.control.get_node_ruleset_integrity'
MADE = {}


# ---- agents --------------------------------------------------------------------------------------------------
def agents(count=24, now=1795000000):
    """All four states and systems, some owned by each node; number 25 never said anything."""
    for n in range(1, count + 1):
        k, state = n % 4, 'active' if n % 5 == 0 else ('active', 'disconnected', 'pending', 'never_connected')[n % 4]
        row = {'name': ('Debian GNU/Linux', 'Microsoft Windows Server', 'macOS')[k % 3], 'version': ('12.5', '10.0.17763', '14.1')[k % 3],
               'major': ('12', '10', '14')[k % 3], 'minor': ('5', '0', '1')[k % 3], 'codename': ('bookworm', '', 'Sonoma')[k % 3],
               'platform': ('debian', 'windows', 'darwin')[k % 3], 'arch': ('x86_64', 'x64', 'arm64')[k % 3], 'build': ('', '17763', '')[k % 3],
               'uname': ('Linux |h|6.1 \u00fc "q"', '', 'Darwin')[k % 3]} if k < 3 else {}
        yield {'id': n, 'name': f'agent{n}', 'ip': f'10.0.{n % 3}.{n}', **{f'os_{x}': v for x, v in row.items() if v},
               **({} if state == 'never_connected' else {'version': f'Wazuh v{("4.14.7", "4.9.2", "4.1.5", "3.13.6")[n // 2 % 4]}'}),
               **({'config_sum': f'{n:032x}', 'merged_sum': f'{n * 7:032x}'} if n % 3 else {}), **({'manager_host': 'worker-host'} if k else {}),
               'node_name': ('master-node', 'worker1', 'worker2', 'unknown')[k], 'last_keepalive': now - n * 100 if k < 3 else 0,
               'connection_status': state, 'disconnection_time': now - n * 10 if state == 'disconnected' else 0,
               'group_config_status': ('synced', 'not synced')[n % 2], 'status_code': n % 3}


KEYS = b''.join(b'%03d agent%d any %064x\n' % (n, n, n) for n in range(1, 26))


def tell_agents(node):
    """As their remoted would have told that node's store."""
    if isinstance(node, Wazuh):
        for a in agents():
            node.wdb.put(**a, groups=[])
        return
    wait(lambda: len(json.loads(ask(node, 'global sql select id from agent')[0][3:])) == 26, f'{node.name} to follow client.keys')
    wait(lambda: ask(node, 'global select-groups')[0].count('"name"') >= 3, f'{node.name} to know the groups')
    do(node, 'sync-agent-info-set', list(agents()))
    if node.role == 'master':
        set_groups(node, {n: [['default'], ['default', 'linux'], ['windows', 'default'], []][n % 4] for n in range(1, 25)})


# ---- nodes -----------------------------------------------------------------------------------------------------
def node(make, role, name, **more):
    files = {**own_files(role), **({'etc/client.keys': KEYS} if role == 'master' else {})}
    if make is Node:
        more['conf'] = f'store = embedded\nservices = {",".join(DAEMONS)}\n'
    return make(role, name, files=files, more=CONF, **more)


def cluster(master, worker1, worker2):
    """Nodes, their daemons and clients by name; made once."""
    key = master, worker1, worker2
    if KNOWN < (4, 14):
        raise Skip('the functions are those of 4.14')
    if key not in MADE:
        m = node(master, 'master', 'master-node')
        nodes = {'master-node': m, **{f'worker{n}': node(make, 'worker', f'worker{n}', master_port=m.port)
                                      for n, make in ((1, worker1), (2, worker2))}}
        daemons, clients = {n: Daemons(x) for n, x in nodes.items()}, {n: Client(x) for n, x in nodes.items()}
        for x in list(nodes.values())[1:]:
            lib.same(m, x)
        wait(lambda: len(json.loads(m.local(b'get_nodes', b'{}').payload)['items']) == 3, 'both workers to be there')
        for x in nodes.values():
            tell_agents(x)
        MADE[key] = nodes, daemons, clients
    return MADE[key]


def picket_cluster():
    """A picket master, a real worker1, a picket worker2."""
    return cluster(Node, Wazuh, Node)


def wazuh_cluster():
    return cluster(Wazuh, Node, Node)


# ---- questions ---------------------------------------------------------------------------------------------------
def put(client, how, f, kwargs=None, **more):
    """One question to a client: its answer, made comparable."""
    name = f.rpartition('.')[2]
    more = {'nodes': ALL_NODES, 'is_async': name in ASYNC, **({'local_client_arg': 'lc'} if name in LOCAL else {}), **more}
    return plain(client.raw(how, f, kwargs, **more))


def plain(v):
    if isinstance(v, dict):
        v = {k: plain(x) for k, x in v.items()}
        if 'failed_items_keys' in v:
            pairs = sorted(zip(v['failed_items_keys'], v['failed_items_values']), key=lambda p: json.dumps(p, sort_keys=True))
            v['failed_items_keys'], v['failed_items_values'] = [p[0] for p in pairs], [sorted(p[1]) for p in pairs]
            for e in v['failed_items_keys']:
                if e['__object__']['code'] == 1730:
                    e['__object__']['ids'] = []
        if isinstance(v.get('ids'), list):
            v['ids'] = sorted(v['ids'])
        if v.get('extra_remediation'):  # a list of fields
            v['extra_remediation'] = sorted(v['extra_remediation'].replace('. Wrong', ', Wrong').replace('fields: ', 'fields: , ').split(', '))
        return v
    if isinstance(v, str) and '->' in v:  # daemons that are not ready
        return sorted(re.split('[ (),]+', v))
    return [plain(x) for x in v] if isinstance(v, list) else v


def difference(a, b, at=''):
    """Where two JSON values differ first; '' nowhere."""
    if type(a) is not type(b):
        return f'{at}: {a!r}, not {b!r}'
    if isinstance(a, dict):
        if set(a) != set(b):
            return f'{at}: {sorted(a)}, not {sorted(b)}'
        return next((d for k in a if (d := difference(a[k], b[k], f'{at}.{k}'))), '')
    if isinstance(a, list):
        return next((d for i, (x, y) in enumerate(zip(a, b)) if (d := difference(x, y, f'{at}[{i}]'))), '') or \
            ('' if len(a) == len(b) else f'{at}: {len(a)} items, not {len(b)}')
    return '' if a == b else f'{at}: {a!r}, not {b!r}'


def result(answer):
    """The object of a result; an error is the test's."""
    assert '__wazuh_result__' in answer, answer
    return answer['__wazuh_result__']['__object__']


def items(answer):
    return result(answer)['affected_items']


def code(answer):
    return answer['__wazuh_exception__']['__object__']['code'] if '__wazuh_exception__' in answer else 0


def failed(answer):
    """{id: error code}."""
    r = result(answer)
    return {i: e['__object__']['code'] for e, ids in zip(r['failed_items_keys'], r['failed_items_values']) for i in ids}


def stumbled(ours, real):
    return isinstance(real, dict) and code(real) == code(ours) == 1000 and \
        real['__wazuh_exception__']['__object__']['extra_message'] is None


class Found:
    """Gathers what differs; says it all at once."""
    def __init__(self):
        self.count, self.bad = 0, []

    def same(self, question, ours, real):
        self.count += 1
        if (d := difference(ours, real)) and not stumbled(ours, real):
            self.bad.append(f'{question}: {d}')

    def end(self, least):
        assert not self.bad, f'{len(self.bad)} of {self.count} differ; picket says\n  ' + '\n  '.join(x[:600] for x in self.bad[:12])
        assert self.count >= least, f'only {self.count} questions'


# ---- a node alone --------------------------------------------------------------------------------------------------
@seconds(90)
def test_a_picket_answers_as_the_functions():
    """All native functions on a picket master, asked over its local socket, and run in its tree."""
    nodes, daemons, clients = picket_cluster()
    me, d, found = clients['master-node'], daemons['master-node'], Found()
    d.take()
    for f, kwargs in [*OF_NODES, *((M + 'ossec_log', x) for x in LOGS), *HERE, *OF_CLUSTER, *OF_AGENTS]:
        kind = 'local_any' if (f, kwargs) in HERE else 'local_master'
        real = put(me, 'here', f, kwargs)
        asked = d.take()
        ours = put(me, 'socket', f, kwargs, request_type=kind)
        found.same((f, kwargs), ours, real)
        found.same((f, kwargs, 'what daemons were asked'), d.take(), asked)
    found.end(400)


@seconds(60)
def test_agents_are_told_the_same():
    """Restart and reconnection: the same datagrams to remoted, the same ids failed."""
    nodes, daemons, clients = picket_cluster()
    me, d, found = clients['master-node'], daemons['master-node'], Found()
    for f, kwargs in TO_AGENTS:
        real = put(me, 'here', f, kwargs)
        asked = d.take()
        found.same((f, kwargs), put(me, 'socket', f, kwargs), real)
        found.same((f, kwargs, 'what remoted was asked'), d.take(), asked)
    found.end(48)


@seconds(60)
def test_permissions():
    """White and black mode, over nodes, agents and groups."""
    nodes, daemons, clients = picket_cluster()
    me, found = clients['master-node'], Found()
    for rights in PERMISSIONS:
        for f, kwargs in PERMITTED:
            kind = 'local_any' if (f, kwargs) in HERE else 'local_master'
            ours, real = put(me, 'socket', f, kwargs, rbac_permissions=rights, request_type=kind), put(me, 'here', f, kwargs, rbac_permissions=rights)
            found.same((f, kwargs, rights), ours, real)
    found.end(300)


def test_accepted_differences():
    """They are still there, and no larger than their reasons."""
    nodes, daemons, clients = picket_cluster()
    me = clients['master-node']
    for f, kwargs, theirs, own, reason in DIFFERENT:
        real, ours = put(me, 'here', f, kwargs), put(me, 'socket', f, kwargs)
        assert (code(real), code(ours)) == (theirs, own), f'{f} {kwargs}: {real} {ours}'
        assert difference(ours, real), f'{f} {kwargs} is no longer different: {reason}'


# ---- workers ---------------------------------------------------------------------------------------------------------
def of_node(clients, master, name):
    """What a master's node is asked: all of a node, a few pages of its log, and whether its ruleset is the master's."""
    integrity = put(clients[master], 'here', INTEGRITY)
    md5 = result(integrity)['result'] if '__wazuh_result__' in integrity else integrity
    yield from OF_NODES
    yield from ((M + 'ossec_log', x) for x in LOGS[::3])
    yield from ((C + 'get_ruleset_sync_status', {'master_md5': x}) for x in (md5, {**md5, 'etc/rules/more.xml': '0'}, {}))


@seconds(60)
def test_a_picket_worker_answers_a_wazuh_master():
    """The class on a Wazuh master forwards to a picket worker, whose answer is what the real function says in the worker's tree."""
    nodes, daemons, clients = wazuh_cluster()
    d, found = daemons['worker1'], Found()
    for f, kwargs in of_node(clients, 'master-node', 'worker1'):
        d.take()
        real = put(clients['worker1'], 'here', f, kwargs)
        asked = d.take()
        ours = put(clients['master-node'], 'dapi', f, {**kwargs, 'node_id': 'worker1'}, request_type='distributed_master')
        found.same((f, kwargs), ours, real)
        found.same((f, kwargs, 'what daemons were asked'), d.take(), asked)
    found.end(90)


@seconds(60)
def test_workers_ask_their_master():
    """The class on a worker asks the local socket, and hears what the real function says in the master's tree: a picket worker of
    a Wazuh master, a Wazuh worker and a picket worker of a picket master."""
    for make, names in ((wazuh_cluster, ['worker1']), (picket_cluster, ['worker1', 'worker2'])):
        nodes, daemons, clients = make()
        # A real one serves no core function that is not marked for it; a real worker asks for none.
        questions = [q for q in OF_CLUSTER if 'core' not in q[0]] if make is wazuh_cluster else [*OF_CLUSTER, *OF_AGENTS[::4]]
        found = Found()
        for f, kwargs in questions:
            real = put(clients['master-node'], 'here', f, kwargs)
            for name in names:
                found.same((name, f, kwargs), put(clients[name], 'dapi', f, kwargs, request_type='local_master'), real)
        found.end(len(questions))


# ---- several nodes -----------------------------------------------------------------------------------------------------
EVERY = {'request_type': 'distributed_master', 'broadcasting': True}
SOME = {'request_type': 'distributed_master'}
FAN_OUT = [
    *((f, {'node_list': '*', **kwargs}, EVERY) for f, kwargs in OF_NODES if not kwargs.get('raw')),
    *((M + 'get_status', {'node_list': x}, SOME) for x in (['worker1', 'worker2'], ['worker2', 'nope'], ['nope'], ['master-node'])),
    *((M + 'get_basic_info', {'node_id': x}, SOME) for x in (*ALL_NODES, 'nope')),
    *((M + 'ossec_log', {'node_list': '*', **x}, EVERY) for x in ({'limit': 4}, {'limit': 2, 'offset': 3}, {'q': 'level=error', 'limit': 5})),
    *((M + 'restart', {'node_list': x}, {'wait_for_complete': True, 'broadcasting': x == '*', **SOME}) for x in ('*', ['worker1'], ['worker2', 'nope'])),
    *((f, {'agent_list': x}, SOME) for f in (A + 'reconnect_agents', A + 'restart_agents')
      for x in (['001', '005', '004', '010', '020'], ['001', '777'], ['888', '777'], ['005'], ['003', '007'], ['000', '004'], '*')),
    *((A + 'restart_agents_by_node', {'node_id': x, 'agent_list': '*'}, SOME) for x in ALL_NODES),
    *((f, {'node_list': '*'}, {'rbac_permissions': r, **EVERY}) for r in PERMISSIONS[-5:] for f in (M + 'get_status', M + 'restart', M + 'validation')),
    *((M + 'get_status', {'node_list': ['worker1', 'worker2']}, {'rbac_permissions': r, **SOME}) for r in PERMISSIONS[-5:]),
    *((A + 'reconnect_agents', {'agent_list': ['001', '005', '010', '777']}, {'rbac_permissions': r, **SOME}) for r in PERMISSIONS[-6:]),
    (C + 'get_ruleset_sync_status', {'node_list': '*', 'master_md5': {}}, EVERY)]


@seconds(60)
def test_answers_of_several_nodes_are_merged():
    """Three nodes of both makes behind a picket master. The class in the master's tree forwards and merges by itself; asked over the
    local sockets of the three, the picket does."""
    nodes, daemons, clients = picket_cluster()
    found, d = Found(), daemons['master-node']
    for n, (f, kwargs, more) in enumerate(FAN_OUT):
        for x in daemons.values():
            x.take()
        real = put(clients['master-node'], 'dapi', f, kwargs, **more)
        asked = {k: x.take() for k, x in daemons.items()}
        how = ('master-node', 'socket') if n % 3 == 0 else (ALL_NODES[n % 3], 'dapi')
        found.same((how, f, kwargs, more), put(clients[how[0]], how[1], f, kwargs, **more), real)
        found.same((how, f, kwargs, 'what daemons were asked'), {k: x.take() for k, x in daemons.items()}, asked)
    found.end(2 * len(FAN_OUT))
    told = put(clients['worker1'], 'dapi', A + 'restart_agents', {'agent_list': ['010', '005', '004', '001']}, **SOME)
    assert items(told) == ['004', '005', '010'] and failed(told) == {'001': 1707}, told
    for name, agent in (('master-node', '004'), ('worker1', '005'), ('worker2', '010')):  # each from its own node
        assert [x[1].split(' ')[3] for x in daemons[name].take()] == [agent], name
    # Nobody can ask so over the API. The real class joins three raw files with "|", and stumbles over an empty list.
    raw = put(clients['worker2'], 'dapi', M + 'read_ossec_conf', {'node_list': '*', 'raw': True}, **EVERY)
    none = put(clients['worker2'], 'dapi', M + 'get_status', {'node_list': []}, **SOME)
    assert (code(raw), items(none)) == (1000, []), (raw, none)


@seconds(60)
def test_a_wazuh_master_merges_pickets():
    """A Wazuh master with two picket workers, asked by one of them: what it merges is what the real functions say in the three trees.
    (Answers of other functions than these it cannot sort.)"""
    nodes, daemons, clients = wazuh_cluster()
    found = Found()
    for f in (M + 'restart', M + 'validation', M + 'get_api_config', 'wazuh.analysis.reload_ruleset'):
        parts = [put(clients[n], 'here', f) for n in ALL_NODES]
        got = put(clients['worker2'], 'dapi', f, {'node_list': '*'}, **EVERY)
        found.same(f, items(got), [i for x in parts for i in items(x)])
        found.same((f, 'the words'), {k: v for k, v in result(got).items() if 'affected_items' not in k},
                   {k: v for k, v in result(parts[0]).items() if 'affected_items' not in k})
    found.end(8)


# ---- errors --------------------------------------------------------------------------------------------------------
UNSERVED = [*(f'{x}.{y}' for x, y in (('os', 'system'), ('subprocess', 'call'), ('wazuh.core.utils', 'delete_wazuh_file'), ('builtins', 'eval'),
                                      ('wazuh.manager', 'nope'), ('wazuh', 'manager'), ('api.util', 'raise_if_exc'))),
            M + 'update_ossec_conf', A + 'add_agent']


def test_functions_that_no_picket_serves():
    """The name of a function is never more than a name: each gets error 1000 from a picket, over whichever way it came."""
    nodes, daemons, clients = picket_cluster()
    far = wazuh_cluster()[2]
    for f in UNSERVED:
        for client, how, more in ((clients['master-node'], 'socket', {}), (clients['worker1'], 'dapi', {}), (clients['worker2'], 'socket', {}),
                                  (far['master-node'], 'dapi', {'kwargs': {'node_id': 'worker1'}, **SOME})):
            answer = put(client, how, f, **more)
            assert code(answer) == 1000, f'{f} {how} {more}: {answer}'
    by = answer['__wazuh_exception__']['__object__']['dapi_errors']
    assert list(by) == ['worker1'] and by['worker1']['logfile'] == 'WAZUH_HOME/logs/cluster.log', by


MALFORMED = ['', ' ', '{', '[]', 'null', '1', '"x"', '{}', '{"f": 1}', '{"f": {"__callable__": 1}}', '{"f": {"__callable__": {}}}',
             '{"f": {"__callable__": {"__name__": "get_status", "__module__": "wazuh.manager"}}}', '[' * 5000, '{"f":' * 3000]
WHOLE = '{"f": {"__callable__": {"__name__": "get_status", "__module__": "wazuh.manager", "__qualname__": "get_status", "__type__": "function"}}'


def test_malformed_requests():
    """Each has an answer at once, and harms nobody; a Wazuh master behind a picket worker has one for the same, or for none."""
    nodes, daemons, clients = picket_cluster()
    texts = [*MALFORMED, *(WHOLE + x for x in ('', ', "f_kwargs": []}', ', "f_kwargs": 1}', ', "request_type": "nope"}', ', "nope": 1}',
                                               ', "rbac_permissions": 1}', ', "nodes": {}}', ', "f_kwargs": {"a": }}'))]
    for name in ('master-node', 'worker2'):
        for command in ('dapi', 'dapi_fwd'):
            for text in texts:
                began = time.monotonic()
                said = clients[name].raw('text', 'json.loads', {'command': command, 'text': ('worker1 ' if command == 'dapi_fwd' else '') + text})
                assert time.monotonic() - began < 3 and said, f'{command} {text[:50]!r} on {name}: {time.monotonic() - began:.1f} s, {said}'
    assert items(put(clients['worker2'], 'dapi', M + 'validation', {'node_list': '*'}, **EVERY))[2]['status'] == 'OK'


def test_services_that_do_not_run():
    """1017, in the real one's words, for those that a request waits for; then all is well again."""
    for make, name, ask in ((picket_cluster, 'master-node', {'how': 'socket'}), (wazuh_cluster, 'worker1', {})):
        nodes, daemons, clients = make()
        me, found = nodes[name], Found()
        for change in ('wazuh-execd.failed', 'wazuh-db.start', '.restart', 'wazuh-apid.failed'):
            me.write({f'var/run/{change}': b''})
            for more in ({}, {'basic_services': ['wazuh-db', 'wazuh-execd']}, {'basic_services': ['wazuh-remoted']}):
                real = put(clients[name], 'here', M + 'get_basic_info', **more)
                if ask:
                    ours = put(clients[name], 'socket', M + 'get_basic_info', **more)
                else:
                    ours = put(clients['master-node'], 'dapi', M + 'get_basic_info', {'node_id': name}, **SOME, **more)
                found.same((change, more), ours, real)
            me.remove(f'var/run/{change}')
        found.end(12)
        assert result(put(clients['master-node'], 'dapi', M + 'get_basic_info', {'node_id': name}, **SOME))


# ---- much ----------------------------------------------------------------------------------------------------------
@seconds(60)
def test_megabytes():
    """Requests with 15,000 hashes or 20,000 agents that there are not, answers of several megabytes from a log of long lines: between
    the makes, in both directions, as the real functions say it."""
    lines = b''.join(b'2026/11/20 10:%02d:%02d sca: INFO: %06d %s\n' % (n // 60 % 60, n % 60, n, b'x"y\\ ' * 400) for n in range(1800))
    hashes = {'master_md5': {f'etc/rules/{n:090}.xml': f'{n:064x}' for n in range(15000)}}
    for make in picket_cluster, wazuh_cluster:
        nodes, daemons, clients = make()
        nodes['worker1'].write({'logs/ossec.log': lines})
        for f, kwargs, least in ((M + 'ossec_log', {'limit': None}, 4e6), (C + 'get_ruleset_sync_status', hashes, 0)):
            real = put(clients['worker1'], 'here', f, kwargs)
            got = put(clients['worker2'], 'dapi', f, {'node_id': 'worker1', **kwargs}, **SOME)
            assert not (d := difference(got, real)) and len(json.dumps(got)) > least, (f, d, len(json.dumps(got)))
        nodes['worker1'].write({'logs/ossec.log': own_files('worker')['logs/ossec.log']})
    nodes, daemons, clients = picket_cluster()
    many = [f'{n:06}' for n in range(100000, 120000)]
    real = put(clients['master-node'], 'here', A + 'get_agents', {'agent_list': many})
    for how, who in (('socket', 'master-node'), ('dapi', 'worker1'), ('dapi', 'worker2')):
        got = put(clients[who], how, A + 'get_agents', {'agent_list': many}, request_type='local_master')
        assert not (d := difference(got, real)), (who, d)
    got = put(clients['worker1'], 'dapi', A + 'reconnect_agents', {'agent_list': [*many, '004', '005', '010']}, **SOME)
    assert items(got) == ['004', '005', '010'] and len(failed(got)) == len(many) and set(failed(got).values()) == {1701}
    got = put(clients['worker1'], 'dapi', A + 'get_agents', {'agent_list': many * 5}, request_type='local_master')
    assert code(got) == 1000 and 'Too many agents' in json.dumps(got), json.dumps(got)[:300]


# ---- nodes that go away ----------------------------------------------------------------------------------------------
class Later(threading.Thread):
    """A question whose answer takes a while."""
    def __init__(self, *question, **more):
        super().__init__(daemon=True)
        self.question, self.more, self.answer, self.at = question, more, None, None
        self.start()

    def run(self):
        self.answer, self.at = put(*self.question, **self.more), time.monotonic()

    def within(self, seconds, since):
        self.join(max(0.0, since + seconds - time.monotonic()))
        assert self.at, f'no answer after {seconds} s'
        return self.answer


@seconds(60)
def test_workers_that_go_away():
    """Killed while they work on their part: the others' parts are told at once, and why theirs are missing."""
    nodes, daemons, clients = picket_cluster()
    com = 'queue/sockets/com'
    for name in ('worker1', 'worker2'):
        with daemons[name].hold(com) as came:
            asked = [Later(clients['master-node'], 'socket', M + 'validation', {'node_list': '*'}, **EVERY)]
            asked.append(Later(clients['worker2' if name == 'worker1' else 'worker1'], 'dapi', M + 'validation', {'node_list': [name]}, **SOME))
            assert came.wait(10), f'{name} was not asked'
            wait(lambda: len([x for x in asked if x.is_alive()]) == 2, 'both to wait')
            time.sleep(0.3)
            nodes[name].kill()
            since = time.monotonic()
            every, one = (x.within(5, since) for x in asked)
        assert [i['name'] for i in items(every)] == [n for n in ALL_NODES if n != name] and list(failed(every)) == [name], every
        assert code(one) or list(failed(one)) == [name], one
        gone = put(clients['master-node'], 'socket', M + 'validation', {'node_list': [name]}, **SOME)
        assert failed(gone) == {name: 1730}, gone
        nodes[name].start()
        wait(lambda: len(json.loads(nodes['master-node'].local(b'get_nodes', b'{}').payload)['items']) == 3, f'{name} to come back', 20)
        assert items(put(clients['master-node'], 'socket', M + 'validation', {'node_list': [name]}, **SOME)) == [{'name': name, 'status': 'OK'}]


@seconds(60)
def test_a_master_that_goes_away():
    """Who asked over a picket worker hears it at once, and so does who asks then (3023)."""
    nodes, daemons, clients = wazuh_cluster()
    with daemons['master-node'].hold('queue/sockets/com') as came:
        asked = Later(clients['worker2'], 'dapi', M + 'validation', {'node_list': ['master-node']}, **SOME)
        assert came.wait(10), 'the master was not asked'
        time.sleep(0.3)
        nodes['master-node'].kill()
        assert code(asked.within(5, time.monotonic())), asked.answer
    wait(lambda: code(put(clients['worker2'], 'dapi', M + 'validation', {'node_list': '*'}, **EVERY)) == 3023, 'the worker to say that it is alone')
    for nodes, daemons, clients in MADE.values():
        for x in nodes.values():
            x.kill()
        for x in clients.values():
            x.close()
