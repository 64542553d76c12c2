"""cluster_control, and other questions on the local sockets of either make."""
import json
import os
import re
import subprocess
import time

import lib
from lib import Node, same, seconds
from nodes import HERE, KNOWN, PYTHON, WAYS, Wazuh, add_sources, environment, pair, script, version, wdb


def ask_all(node, names):
    """Wazuh's cluster_control in a node's tree names all nodes."""
    table = script(node, 'cluster_control.py', '-l')
    rows = [x.split() for x in table.stdout.strip().split('\n')]
    assert rows[0] == ['NAME', 'TYPE', 'VERSION', 'ADDRESS'], (table.stdout, table.stderr)
    got = {r[0]: r[1:3] for r in rows[1:]}
    assert got == {n: ['master' if n.startswith('master') else 'worker', version()] for n in names}, got
    brief = script(node, 'cluster_control.py', '-i')
    assert f'nodes ({len(names) - 1})' in brief.stdout and 'Last keep alive: 2' in brief.stdout, (brief.stdout, brief.stderr)
    more = script(node, 'cluster_control.py', '-i', 'more')
    for text in ['Cluster name: wazuh', 'Synchronized files: Shared: ', 'Permission to check integrity: ', 'Active agents: ', *names]:
        assert text in more.stdout, (text, more.stdout, more.stderr)
    one = script(node, 'cluster_control.py', '-l', '-fn', 'worker1')
    assert 'worker1' in one.stdout and 'master-node' not in one.stdout, (one.stdout, one.stderr)
    return more.stdout


@seconds(90)
def both_cluster_control(way):
    """On both nodes: a Wazuh's own and a picket's local socket, each master asked by each worker."""
    m, w = pair(way)
    same(m, w)
    lib.wait(lambda: 'Sync not required' in w.log(), 'a check that found nothing')
    for node in (m, w):
        if not isinstance(node, Wazuh):
            add_sources(node)
        said = ask_all(node, ['master-node', 'worker1'])
        total = len(lib.some_files())
        assert f'Missing: {total - 1}' in said or f'Missing: {total}' in said, f'{total} files were missing: {said}'
    for n in (m, w):
        n.kill()


# ---- word for word -----------------------------------------------------------------------------------------
DAEMONS = ('wazuh-modulesd', 'wazuh-analysisd', 'wazuh-execd', 'wazuh-db', 'wazuh-remoted')
UNKNOWN = (['-l', '-fn', 'nosuch'], ['-d', '-l', '-fn', 'nosuch'])  # these hang for 200 s at a Wazuh worker
CALLS = [*UNKNOWN, ['-l'], ['-l', '-fn', 'worker1'], ['-l', '-fn', 'worker1', 'master-node'], ['-l', '-fn'], ['-l', '-fn', 'worker1', '-fn', 'master-node'],
         ['--list-nodes', '--filter-node', 'worker1'], ['--list-n'], ['-d', '-l'], ['-dl'],
         ['-a'], ['-a', '-fn', 'worker1'], ['-a', '-fn', 'nosuch'], ['-a', '-fn', 'worker1', 'master-node'], ['-a', '-fs', 'active'],
         ['-a', '-fs', 'never_connected'], ['-a', '-fs', 'active', 'disconnected'], ['-a', '-fs', 'nosuch'], ['-a', '-fs'], ['-a', '-fs', 'all'],
         ['-a', '-fs', 'active', '-fn', 'worker1'], ['-a', '-fs', "a'b"], ['-d', '-a', '-fs', 'nosuch'],
         ['-i'], ['-i', 'more'], ['-i', 'MORE'], ['-i', 'x'], ['-i', ''], ['-i', '-fn', 'worker1'], ['-i', '-fn', 'nosuch'],
         ['-i', '-fn', 'worker1', 'nosuch'], ['-i', 'more', '-fn', 'worker1'], ['-i', 'more', '-fn', 'master-node'], ['-i', '-fn'], ['-d', '-i'],
         [], ['-d'], ['-h'], ['-u'], ['-x'], ['-l', 'more'], ['-l', '-a'], ['-fs', 'active'], ['-l', '-fs', 'active'], ['-fn', 'worker1'], ['--filter'],
         ['--fil', 'x', '-l'], ['-l=3'], ['-lx'], ['-li'], ['-la'], ['-fn=worker1', '-l'], ['--list-nodes=3'], ['-l', 'foo', 'bar'], ['-l', '-'], ['-5'],
         ['-f', 'x'], ['-imore'], ['-ix'], ['-i=more'], ['-i', '--', 'more'], ['--debug=1', '-l']]


def wazuh_says(node, calls):
    """{arguments: (exit code, stdout, stderr)} of Wazuh's program, in that node's tree."""
    done = subprocess.run([PYTHON, f'{HERE}/control_calls.py'], cwd='/', env=environment(node.root), input=json.dumps(calls),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    return {tuple(c): tuple(said) for c, said in zip(calls, json.loads(done.stdout))}


def picket_says(node, calls):
    """The same of picket under that program's name."""
    link, out = node.path('bin', 'cluster_control'), {}
    os.makedirs(node.path('bin'), exist_ok=True)
    if not os.path.lexists(link):
        os.symlink(lib.PICKET, link)
    for c in calls:
        done = subprocess.run([link, *c], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        out[tuple(c)] = (done.returncode, done.stdout, done.stderr)
    return out


def errors(stderr):
    """Without the lines of -d, which are the program's own: asyncio's, and where in it something happened."""
    return [x for x in stderr.split('\n') if x.startswith('ERROR: ')]


def agrees(call, real, ours):
    """Picket ends with 1 after an error; Wazuh's program says it and ends with 0, unless it is asked to tell more (-d)."""
    if errors(real[2]):
        real = (1, *real[1:])
    if any(x.startswith('-d') for x in call):
        real, ours = ((c, out, errors(err)) for c, out, err in (real, ours))
    return real == ours


def same_program(node, calls):
    """Both programs asked that node: byte for byte the same, dates too; what changes meanwhile is asked for again."""
    for attempt in range(4):
        real, ours = wazuh_says(node, calls), picket_says(node, calls)
        if not attempt:
            first = real
            if KNOWN < (4, 5):  # its words about health were fewer; picket has those of 4.14.7
                calls = [c for c in calls if not re.search(r'^-d?i|^-d -i', ' '.join(c))]
        calls = [c for c in calls if not agrees(c, real[tuple(c)], ours[tuple(c)])]
        if not calls:
            return first
        time.sleep(1)
    c = tuple(calls[0])
    raise AssertionError(f'at {node.name}, {calls}: {c}:\n{real[c]}\n{ours[c]}')


def timeless(said):
    """Without times and durations. And a master of 4.6 or later never tells when the periodic agent-groups ended, nor how many chunks
    they had, a slip of its own; picket tells it."""
    code, out, err = said
    out = re.sub(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z', 'TIME', out)
    out = re.sub(r'\d+\.\d+s', 'LONG', out)
    out = re.sub(r'Agent-groups: (TIME|n/a)', 'Agent-groups: ...', out)
    out = re.sub(r'Agents-groups:\n( *Last synchronization: ).*\n( *Number of synchronized chunks: )\d+', r'Agents-groups:\n\1...\n\2...', out)
    return code, out, errors(err) if 'DEBUG' in err else err


def control_agents():
    now = int(time.time())
    return [{'id': 1, 'name': 'agent1', 'ip': 'any', 'groups': ['default']},
            {'id': 2, 'name': 'agent2', 'ip': '10.0.0.2', 'groups': ['default', 'linux'], 'version': f'Wazuh v{version()}',
             'node_name': 'worker1', 'connection_status': 'active', 'last_keepalive': now},
            {'id': 3, 'name': 'an-agent-of-a-longer-name', 'ip': 'any', 'groups': ['windows'], 'version': 'Wazuh v4.1.0',
             'node_name': 'master-node', 'connection_status': 'disconnected', 'last_keepalive': now - 3000},
            {'id': 1004, 'name': 'agent4', 'ip': 'any', 'groups': [], 'connection_status': 'pending'}]


def control_node(make, role, name, **more):
    """With the tests' wazuh-db, whatever make it is, and pid files of all daemons that are asked for."""
    slow = {f'worker.{x}': 5 for x in ('sync_integrity', 'sync_agent_info', 'sync_agent_groups')}
    slow |= {'worker.keep_alive': 60, 'master.max_allowed_time_without_keepalive': 120, 'master.agent_group_start_delay': 1,
             'communication.timeout_cluster_request': 20}
    files = {f'var/run/{d}-{os.getpid()}.pid': b'' for d in DAEMONS}
    files |= lib.some_files() if role == 'master' else {'etc/client.keys': b''}
    node = make(role, name, files=files, intervals=slow, start=False, **more)
    node.agents, node.wdb = control_agents(), wdb(node, control_agents())
    return node.start(timeout=30)


@seconds(120)
def test_control_word_for_word():
    """Wazuh's program says of every pair of nodes what it says of a Wazuh's own; and picket's says what Wazuh's does."""
    masters = [control_node(make, 'master', 'master-node') for make in (Wazuh, Wazuh, Node, Node)]
    for m in masters:  # before that, a Wazuh master has none of the worker's files, and lets it remove them
        m.wait_log('Calculated metadata of')
    pairs = [(m, control_node(make, 'worker', 'worker1', master_port=m.port)) for m, make in zip(masters, (Wazuh, Node) * 2)]
    for m, w in pairs:
        same(m, w)
    for m, w in pairs:  # a check after the first synchronisation, and a round of groups
        lib.wait(lambda: 'Updated 1 chunks' in w.log() and m.log().count('Integrity check') > 3, 'the nodes to be at rest', 30)
    expected = None
    for m, w in pairs:
        said = []
        for node in (m, w):
            if not isinstance(node, Wazuh):
                add_sources(node)
            hangs = isinstance(node, Wazuh) and node is w
            got = same_program(node, [c for c in CALLS if not (hangs and c in UNKNOWN)])
            said.append({c: timeless(x) for c, x in got.items()})
        expected = expected or said
        expected[1].update({tuple(c): expected[0][tuple(c)] for c in UNKNOWN})  # as at the master
        for node, want, got in zip((m, w), expected, said):
            for c in got:
                assert got[c] == want[c], f'{c} at {type(node).__name__} {node.name}: \n{got[c]}\nwant\n{want[c]}'
    for m, w in pairs:
        m.kill()
        w.kill()


@seconds(60)
def both_unknown_node(way):
    """A name nobody has: 1730 on the master. (A Wazuh worker loses that answer and lets the client wait; a picket's does not.)"""
    m, w = pair(way)
    same(m, w)
    for node in (m,) if WAYS[way][1] is Wazuh else (m, w):
        question = json.dumps({'filter_node': 'nobody', 'offset': 0, 'limit': 500, 'sort': None, 'search': None, 'select': None,
                               'filter_type': 'all'}).encode()
        got = node.local(b'get_nodes', question, later=True, timeout=3) if node is w else (node.local(b'get_nodes', question), None)
        assert '1730' in str(got), f'{node.name} answers {got}'
    for n in (m, w):
        n.kill()


def test_local_socket_of_a_picket_worker():
    """get_nodes and get_health through a Wazuh master, in its own words."""
    m, w = pair('wazuh master')
    same(m, w)
    question = json.dumps({'filter_node': None, 'offset': 0, 'limit': 500, 'sort': None, 'search': None, 'select': None,
                           'filter_type': 'all'}).encode()
    first, later = w.local(b'get_nodes', question, later=True)
    assert first.payload == b'Sent request to master node', first
    asked = m.local(b'get_nodes', question)
    assert json.loads(later.payload) == json.loads(asked.payload), (later, asked)
    assert [n['name'] for n in json.loads(later.payload)['items']] == ['master-node', 'worker1']
    _, later = w.local(b'get_health', b'null', later=True)
    assert list(json.loads(later.payload)['nodes']['worker1']['status']) == \
        list(json.loads(m.local(b'get_health', b'null').payload)['nodes']['worker1']['status'])
    for n in (m, w):
        n.kill()


def shape(value):
    """A JSON value with only its keys, in their order, and the kinds of its leaves."""
    return {k: shape(v) for k, v in value.items()} if isinstance(value, dict) else type(value).__name__


@seconds(60)
def test_answers_have_the_same_shape():
    """get_health of a picket master and of a Wazuh master, word for word but for the values."""
    got = []
    for make in (Wazuh, Node):
        m = make('master', 'master-node', files=lib.some_files())
        w = Wazuh('worker', 'worker1', master_port=m.port)
        same(m, w)
        lib.wait(lambda: 'Sync not required' in w.log(), 'a check that found nothing')
        got.append(json.loads(m.local(b'get_health', b'null').payload))
        for n in (m, w):
            n.kill()
    real, ours = (json.dumps(shape(x), indent=1) for x in got)
    assert real == ours, f'{real}\n{ours}'
