"""Agent information and agent groups between a Wazuh and a picket, each with a wazuh-db of 3,000 agents: a picket's own
(embedded), read with sqlite3 and asked through its sockets, or the tests' (fake_wdb.py)."""
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import time
from datetime import datetime, timedelta, timezone

import lib
from fake_wdb import INFO
from lib import Node, seconds, wait
from nodes import HERE, KNOWN, PYTHON, WAYS, Wazuh, add_sources, environment, from_now_on, no_errors, script, version, wdb

AGENTS = 3000
LISTS = KNOWN >= (4, 13)  # three lists of agents over HTTP; before, chunks of text
SOON = {'worker.sync_agent_info': 1, 'master.agent_group_start_delay': 1, 'master.sync_agent_groups': 1, 'worker.sync_agent_groups': 2}
# Without names in what is told of groups an agent must have come with client.keys first.
LATE = {'master.agent_group_start_delay': 1 if LISTS else 6}
EMBEDDED = 'store = embedded\n'
GROUPS = (['default'], ['linux', 'default'], ['windows', 'default', 'linux'])
READ = 'GET /v1/agents/sync' if LISTS else 'global sync-agent-info-get'
WRITE = 'POST /v1/agents/sync' if LISTS else 'global sync-agent-info-set'


# ---- agents ------------------------------------------------------------------------------------------------
def agent(n, **more):
    """A row as a worker's services report it."""
    return {'id': n, 'name': f'agent-{n}', 'ip': f'10.0.{n // 250}.{n % 250}', 'os_name': 'Debian GNU/Linux', 'os_version': '12.5',
            'os_major': '12', 'os_minor': '5', 'os_codename': 'bookworm', 'os_platform': 'debian', 'os_arch': 'x86_64',
            'os_uname': f'Linux |h{n} |6.1.0 |"\\ \u00fc \u65e5|x86_64', 'version': f'Wazuh v{version()}', 'config_sum': f'{n:032x}',
            'merged_sum': f'{n * 7:032x}', 'manager_host': 'worker-host', 'node_name': 'worker1', 'last_keepalive': int(time.time()) - 5,
            'connection_status': 'active', 'group_config_status': 'synced', **more}


def client_keys(count=AGENTS):
    return b''.join(b'%03d agent-%d any %064x\n' % (n, n, n) for n in range(1, count + 1))


def files(count=AGENTS):
    return {**lib.some_files(), 'etc/client.keys': client_keys(count)}


def groups_of(n):
    return GROUPS[n % 3]


# ---- a picket's store ----------------------------------------------------------------------------------------
def rows(node, query, *args):
    """Of its file, as dictionaries."""
    try:
        with sqlite3.connect(f'file:{node.path("queue/db/global.db")}?mode=ro', uri=True, timeout=10) as db:
            db.row_factory = sqlite3.Row
            return [dict(r) for r in db.execute(query, args)]
    except sqlite3.OperationalError:
        return []  # not there yet


def one(node, n):
    return (rows(node, 'select * from agent where id = ?', n) or [None])[0]


def count(node, where):
    return (rows(node, f'select count(*) as n from agent where id > 0 and ({where})') or [{'n': -1}])[0]['n']


def groups_in(node):
    found = {r['id']: [] for r in rows(node, 'select id from agent where id > 0')}
    for r in rows(node, 'select id_agent, name from belongs join `group` on id = id_group order by id_agent, priority'):
        found[r['id_agent']].append(r['name'])
    return found


def ask(node, *commands):
    """On its wazuh-db's socket, one after the other: the replies."""
    out = []
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(node.path('queue/db/wdb'))
        with s.makefile('rb') as f:
            for text in commands:
                text = text.encode()
                s.sendall(struct.pack('<I', len(text)) + text)
                out.append(f.read(struct.unpack('<I', f.read(4))[0]).decode())
    return out


def do(node, name, *args):
    """The same with a JSON argument each; all must be good."""
    got = ask(node, *(f'global {name} {json.dumps(a)}' for a in args))
    assert set(got) <= {'ok'}, [x for x in got if x != 'ok'][:3]


def report(node, *agents, sync='syncreq'):
    """As remoted reports what an agent says when it starts; "ip" has another name there, and the keepalive is "now"."""
    args = [{('agent_ip' if k == 'ip' else k): v for k, v in a.items() if k not in ('name', 'last_keepalive', 'labels')} for a in agents]
    for a, arg in zip(agents, args):
        arg.update(sync_status=sync, **({'labels': a['labels']} if 'labels' in a else {}))
    do(node, 'update-agent-data', *args)


def all_pending(node, agents):
    """All of them known, and all to be told again, as remoted wants it when it starts: they are disconnected now."""
    do(node, 'sync-agent-info-set', *([{**a, 'disconnection_time': 0, 'status_code': 0} for a in agents[i:i + 100]]
                                      for i in range(0, len(agents), 100)))
    assert ask(node, 'global reset-agents-connection syncreq') == ['ok']


def set_groups(node, groups, sync='syncreq'):
    """As authd, remoted and the API set them: {id: [name, ...]}."""
    data = [{'id': n, 'name': f'agent-{n}', 'groups': g} for n, g in groups.items()]
    do(node, 'set-agent-groups', *({'mode': 'override', 'sync_status': sync, 'data': data[i:i + 250]} for i in range(0, len(data), 250)))


def hash_of(node):
    """The global hash that it shows to others."""
    answer = ask(node, 'global sync-agent-groups-get {"get_global_hash": true}')[0]
    assert answer.startswith('ok '), answer
    return json.loads(answer[3:])[-1]['hash']


# ---- nodes -----------------------------------------------------------------------------------------------------
def node(make, role, store=EMBEDDED, known=(), **more):
    """A Wazuh whose wazuh-db knows those agents; a picket with its own store, or with such a wazuh-db beside it."""
    name = 'master-node' if role == 'master' else 'worker1'
    more['intervals'] = {**SOON, **more.get('intervals', {})}
    if make is Wazuh:
        return Wazuh(role, name, agents=known, **more)
    n = Node(role, name, conf=store, start=False, args=('-r', '-d'), **more)
    if store != EMBEDDED:
        n.wdb = wdb(n, known)
        return n.start()
    n.start()
    wait(lambda: os.path.exists(n.path('queue/sockets/wdb-http.sock')), f'{name} to serve its agents')
    return n


def end(*nodes):
    for n in nodes:
        n.kill()


def knows_all(n, how_many=AGENTS):
    wait(lambda: count(n, '1') == how_many, f'{n.name} to follow client.keys', 30)
    wait(lambda: ask(n, 'global select-groups')[0].count('"name"') >= 3, f'{n.name} to know the groups')


def log_of(n, text):
    """The lines with it since the last start."""
    return [x for x in n.log()[n.mark:].split('\n') if text in x]


def told(want, have, columns=INFO[3:]):
    """In what an agent differs from what was told of it; '' in nothing. None and what is not there are the same."""
    return '; '.join(f'{c}: {have.get(c)!r}, not {want.get(c)!r}' for c in columns
                     if (have.get(c) or None) != (want.get(c) or None))


def same_agents(want, have):
    """have: {id: row}, want: rows."""
    bad = [f'agent {a["id"]}: {told(a, have[a["id"]])}' for a in want if told(a, have[a['id']])]
    assert not bad, f'{len(bad)} of {len(want)} differ: {bad[0]}'


def same_groups(master_hash, want, other_hash, have):
    """Functions that give the hash and the groups at either end."""
    wait(lambda: other_hash() == master_hash(), 'the hashes to agree', 30)
    want, have = want(), have()
    bad = [n for n in want if have.get(n) != want[n]]
    assert not bad and len(have) == len(want), f'{len(have)} agents, {len(want)} wanted; {len(bad)} differ: ' \
        f'{[(n, have.get(n), want[n]) for n in bad[:2]]}'


# ---- get_health ----------------------------------------------------------------------------------------------------
def health(m):
    return json.loads(m.local(b'get_health', b'null').payload)['nodes']['worker1']['status']


def plausible(m, name):
    """A block of get_health: two moments just past, in their order, and some chunks; its chunks."""
    block = health(m).get(name)
    if block is None and KNOWN < (4, 5):  # 4.4 tells of agent information alone
        return 1
    if isinstance(m, Wazuh) and name == 'last_sync_agentgroup' and block['date_end'] == 'n/a':  # 4.14's never ends
        block.update(date_end=block['date_start'], n_synced_chunks=1)
    keys = ['date_start', 'date_end'] if 'date_start' in block else ['date_start_master', 'date_end_master']
    start, until = (datetime.strptime(block[k], '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=timezone.utc) for k in keys)
    now = datetime.now(timezone.utc)
    assert now - timedelta(seconds=120) < start <= until <= now + timedelta(seconds=1), (name, block)
    return block['n_synced_chunks']


def control_shows(m):
    """Wazuh's cluster_control in the master's tree prints the blocks with dates."""
    if not isinstance(m, Wazuh):
        add_sources(m)
    said = script(m, 'cluster_control.py', '-i', 'more')
    for part in ('Agents-info', 'Agents-groups') if KNOWN >= (4, 5) else ('Agents-info',):
        ended = r'n/a \(\d{4}-\S+ - n/a\)|' if isinstance(m, Wazuh) and part == 'Agents-groups' else ''
        found = re.search(rf'{part}:\n +Last synchronization: ({ended}[\d.]+s \(\d{{4}}-\S+ - \d{{4}}-\S+\))\.\n'
                          r' +Number of synchronized chunks: \d+\.', said.stdout)
        assert found, (part, said.stdout, said.stderr)


# ---- information, worker to master -----------------------------------------------------------------------------------
@seconds(90)
def test_information_picket_master():
    """All agents, changed ones, keepalives and states reach a picket's file, unknown agents are not made; the Wazuh worker
    understands the results."""
    labelled = {'labels': [{'key': 'site', 'value': 'lab "1"'}, {'key': 'os', 'value': 'x'}]}
    known = [agent(n, sync_status='syncreq', **(labelled if n % 100 == 0 else {})) for n in range(1, AGENTS + 6)]
    m = node(Node, 'master', files=files())
    knows_all(m)
    w = node(Wazuh, 'worker', known=known, master_port=m.port)
    wait(lambda: count(m, 'version is not null') == AGENTS, 'the information of all agents', 30)
    same_agents(known[:AGENTS], {r['id']: r for r in rows(m, 'select * from agent')})
    assert count(m, '1') == AGENTS, 'agents were made that are not in client.keys'
    assert rows(m, 'select count(*) as n from labels')[0]['n'] == 2 * AGENTS // 100
    assert rows(m, 'select key, value from labels where id = 200 order by key desc') == labelled['labels']
    assert count(m, "sync_status <> 'synced'") == 0
    done = r'\[Agent-info sync\] Finished in [\d.]+s\. Updated (\d+) chunks\.'
    wait(lambda: re.search(done, w.log()), 'the worker to hear the result')
    chunks = int(re.search(done, w.log())[1])
    assert chunks == 1 if LISTS else chunks > 10, chunks
    assert plausible(m, 'last_sync_agentinfo') == chunks
    wait(lambda: json.loads(m.run('status', '-j').stdout)['agents']['active'] == AGENTS, 'the status to count them', 3)
    control_shows(m)

    changed = [agent(n, version='Wazuh v4.2.0', os_version='13', labels=[], connection_status='pending') for n in range(100, 160)]
    for a in changed:
        w.wdb.put(sync_status='syncreq', **a)
    wait(lambda: count(m, "version = 'Wazuh v4.2.0'") == 60, 'the changed agents', 20)
    same_agents(changed, {r['id']: r for r in rows(m, 'select * from agent')})
    assert not rows(m, 'select * from labels where id = 100')

    w.wdb.put(7, sync_status='syncreq_keepalive', last_keepalive=int(time.time()), version='Wazuh v4.1.0')
    w.wdb.put(8, sync_status='syncreq_status', connection_status='disconnected', disconnection_time=1763633111, status_code=3)
    w.wdb.put(AGENTS + 1, sync_status='syncreq_status', connection_status='disconnected')
    before = time.time()
    wait(lambda: one(m, 8)['connection_status'] == 'disconnected', 'a new state', 20)
    assert (one(m, 8)['disconnection_time'], one(m, 8)['status_code']) == (1763633111, 3)
    seven = one(m, 7)
    assert seven['version'] == 'Wazuh v4.1.0' and seven['connection_status'] == 'active' and seven['last_keepalive'] >= before - 3, seven
    assert count(m, '1') == AGENTS
    no_errors(m, w)
    end(m, w)


@seconds(60)
def test_information_picket_master_troubled():
    """The worker's wazuh-db fails, the master's file is locked by somebody, the worker tells something impossible: it is
    told, nothing else suffers, and what comes after arrives."""
    m = node(Node, 'master', files=files(50))
    knows_all(m, 50)
    w = node(Wazuh, 'worker', known=[agent(n, sync_status='syncreq') for n in range(1, 51)], master_port=m.port)
    wait(lambda: count(m, 'version is not null') == 50, 'the information of all agents', 20)
    from_now_on(w)
    w.wdb.fail(READ, 2)
    w.wdb.put(1, sync_status='syncreq', os_version='13')
    w.wait_log('Could not obtain data from wazuh-db')
    wait(lambda: one(m, 1)['os_version'] == '13', 'the agent after the failures')

    other = sqlite3.connect(m.path('queue/db/global.db'), isolation_level=None)
    other.execute('begin immediate')
    from_now_on(w)
    w.wdb.put(2, sync_status='syncreq', os_version='14')
    wait(lambda: w.wdb.agent(2)['sync_status'] == 'synced', 'the worker to read its agent')
    time.sleep(0.5)
    assert m.run('status').returncode in (0, 150)
    other.execute('rollback')
    other.close()
    wait(lambda: one(m, 2)['os_version'] == '14', 'the agent that was told while the file was locked', 10)
    no_errors(w)

    m.write({'etc/rules/after.xml': b'after'})
    lib.same(m, w)
    end(m, w)


@seconds(120)
def test_information_wazuh_master():
    """What is reported to a picket worker's own store reaches the master's wazuh-db; rows count as told when the master has
    said so, and not before; what changes meanwhile is told again, and nothing is lost by a master that fails or is killed."""
    m = node(Wazuh, 'master', known=[{'id': n, 'name': f'agent-{n}', 'ip': 'any'} for n in range(1, AGENTS + 1)], files=files())
    w = node(Node, 'worker', master_port=m.port)
    knows_all(w)
    now = [agent(n) for n in range(1, AGENTS + 1)]

    def stored(where, *args):
        return m.wdb.rows(f'select count(*) as n from agent where {where}', *args)[0]['n']

    with m.wdb.hold(WRITE) as held:  # the master has the string, and is not done with it
        all_pending(w, now)
        report(w, agent(100, labels='site:lab\nos:x'))
        assert held.wait(20), 'nothing came'
        report(w, agent(1, os_version='changed meanwhile'))
        assert count(w, "sync_status = 'syncreq'") == AGENTS, 'rows count as told before the master said so'
    wait(lambda: stored("version is not null") == AGENTS, 'all agents at the master', 30)
    wait(lambda: m.wdb.agent(1)['os_version'] == 'changed meanwhile', 'the agent that changed meanwhile', 20)
    wait(lambda: count(w, "sync_status <> 'synced'") == 0, 'all to be marked', 20)
    same_agents(rows(w, 'select * from agent where id > 0'), {r['id']: r for r in m.wdb.rows('select * from agent')})
    assert sorted(x['key'] for x in m.wdb.labels(100)) == ['os', 'site'], m.wdb.labels(100)
    assert plausible(m, 'last_sync_agentinfo') >= 1
    control_shows(m)
    no_errors(m, w)

    do(w, 'update-keepalive', {'id': 5, 'connection_status': 'active', 'sync_status': 'syncreq_keepalive'})
    do(w, 'update-connection-status', {'id': 6, 'connection_status': 'disconnected', 'sync_status': 'syncreq_status', 'status_code': 0})
    wait(lambda: m.wdb.agent(6)['connection_status'] == 'disconnected' and m.wdb.agent(6)['disconnection_time'] > 1e9, 'a state', 20)
    assert m.wdb.agent(5)['last_keepalive'] >= now[4]['last_keepalive']
    wait(lambda: count(w, "sync_status <> 'synced'") == 0, 'both to be marked', 20)

    m.wdb.fail(WRITE, 2)  # its wazuh-db says no, and it names no error when it is an HTTP one
    report(w, *(agent(n, os_version='after failures') for n in range(10, 40)))
    wait(lambda: stored("os_version = 'after failures'") == 30, 'agents after failures', 30)
    wait(lambda: count(w, "sync_status <> 'synced'") == 0, 'them to be marked', 20)

    with m.wdb.hold(WRITE) as held:
        m.wdb.fail(WRITE, 1)  # what the killed one asked for is not done
        all_pending(w, [agent(n, os_version='after the kill') for n in range(1, AGENTS + 1)])
        assert held.wait(20), 'nothing came'
        m.kill()
    assert stored("os_version = 'after the kill'") == 0
    assert count(w, "sync_status = 'syncreq'") == AGENTS
    m.start()
    wait(lambda: stored("os_version = 'after the kill'") == AGENTS, 'what the killed master had been told', 40)
    wait(lambda: count(w, "sync_status <> 'synced'") == 0, 'them to be marked', 20)
    end(m, w)


# ---- groups, master to worker --------------------------------------------------------------------------------------------
@seconds(120)
def test_groups_picket_master():
    """All groups, changes and removals of a picket master reach the Wazuh worker's wazuh-db; a hash that differs five times
    brings the full list."""
    m = node(Node, 'master', files=files())
    knows_all(m)
    set_groups(m, {n: groups_of(n) for n in range(1, AGENTS + 1)})
    w = node(Wazuh, 'worker', known=() if LISTS else [{'id': n, 'name': f'agent-{n}'} for n in range(1, AGENTS + 1)], master_port=m.port)

    def agree():
        same_groups(lambda: hash_of(m), lambda: groups_in(m), w.wdb.hash, w.wdb.all_groups)

    agree()
    assert groups_in(m) == {n: groups_of(n) for n in range(1, AGENTS + 1)}
    assert w.wdb.agent(1234)['name'] == 'agent-1234'
    assert plausible(m, 'last_sync_agentgroup') >= 1

    for args in (('5', 'linux,default'), ('6', '--add', 'windows'), ('8', '--remove', 'linux')):
        done = m.run('agents', 'group', *args)
        assert done.returncode == 0, done
    agree()
    assert (w.wdb.groups(5), w.wdb.groups(6)) == (['linux', 'default'], ['default', 'windows']), (w.wdb.groups(5), w.wdb.groups(6))

    m.write({'etc/shared/fresh/agent.conf': b'<agent_config/>\n'})
    wait(lambda: m.run('agents', 'group', '9', 'fresh,default').returncode == 0, 'the new group')
    agree()
    for name in ('agent.conf',):
        m.remove(f'etc/shared/fresh/{name}')
    subprocess.run(['rmdir', m.path('etc/shared/fresh')], check=True)
    wait(lambda: w.wdb.groups(9) == ['default'], 'the group that is gone to leave its agent', 20)

    assert m.run('agents', 'remove', '10').returncode == 0
    w.wdb.delete(10)  # a worker's own services follow client.keys
    agree()
    no_errors(m, w)

    from_now_on(w)
    w.wdb.set_groups(12, ['windows'])
    w.wdb.set_groups(2000, [])
    assert w.wdb.hash() != hash_of(m)
    w.wait_log('Sent request to obtain all agent-groups information from the master node', 20)
    agree()
    m.wait_log('[Agent-groups send full] Finished')
    assert 'last_sync_full_agentgroup' not in health(m) or plausible(m, 'last_sync_full_agentgroup') >= 1
    control_shows(m) if log_of(m, '[Agent-info sync] Finished') else None
    end(m, w)


@seconds(120)
def test_groups_wazuh_master():
    """The same of a Wazuh master, in a picket worker's own store; `picket status` compares the hashes."""
    known = [{'id': n, 'name': f'agent-{n}', 'ip': 'any', 'groups': groups_of(n)} for n in range(1, AGENTS + 1)]
    m = node(Wazuh, 'master', known=known, files=files(), intervals=LATE)
    w = node(Node, 'worker', master_port=m.port)
    LISTS or knows_all(w)

    def agree():
        same_groups(m.wdb.hash, m.wdb.all_groups, lambda: hash_of(w), lambda: groups_in(w))

    def status():
        return json.loads(w.run('status', '-j').stdout)['agents']

    agree()
    assert hash_of(w) == m.wdb.hash()
    wait(lambda: status().get('groups_as_master') is True, 'the status to say that they are as the master\'s')
    assert "as the master's" in w.run('status').stdout
    assert plausible(m, 'last_sync_agentgroup') >= 1

    m.wdb.put(5, groups=['windows'], group_sync_status='syncreq')
    m.wdb.put(6, groups=['a-new-one', 'default'], group_sync_status='syncreq')  # its folder may come later
    agree()
    assert groups_in(w)[6] == ['a-new-one', 'default']

    m.wdb.delete(10)
    m.write({'etc/client.keys': client_keys().replace(b'010 agent-10 any', b'010 !agent-10 any')})
    wait(lambda: one(w, 10) is None, 'the agent to go', 20)
    agree()
    no_errors(m, w)

    from_now_on(w)
    set_groups(w, {12: ['windows'], 2000: ['linux']}, sync='synced')
    assert hash_of(w) != m.wdb.hash()
    wait(lambda: status().get('groups_as_master') is False, 'the status to say that they differ')
    m.wait_log('[Agent-groups send full] Finished', 30)
    agree()
    wait(lambda: status().get('groups_as_master') is True, 'the status to say that they are as the master\'s')
    assert 'last_sync_full_agentgroup' not in health(m) or plausible(m, 'last_sync_full_agentgroup') >= 1
    end(m, w)


@seconds(60)
def test_few_groups_wazuh_master():
    """A result that follows at once upon the full list finds the Wazuh master ready for it."""
    known = [{'id': n, 'name': f'agent-{n}', 'groups': ['default']} for n in range(1, 4)]
    m = node(Wazuh, 'master', known=known, files=files(3), intervals=LATE)
    w = node(Node, 'worker', master_port=m.port, intervals={'worker.agent_groups_mismatch_limit': 1})
    knows_all(w, 3)
    wait(lambda: groups_in(w) == {n: ['default'] for n in (1, 2, 3)}, 'the groups to come', 20)
    for turn in range(1, 4):
        set_groups(w, {1: ['windows']}, sync='synced')
        wait(lambda: m.log().count('[Agent-groups send full] Finished') >= turn, 'a full list', 20)
        wait(lambda: groups_in(w).get(1) == ['default'], 'the groups to be right', 20)
    no_errors(m, w)
    end(m, w)


# ---- a picket with a wazuh-db beside it --------------------------------------------------------------------------------------
def beside_wazuh_db(make_master, make_worker):
    """Information up and groups down, with a wazuh-db at each end; one that is gone for a while."""
    masters = [{'id': n, 'name': f'agent-{n}', 'groups': groups_of(n)} for n in range(1, AGENTS + 1)]
    now = [agent(n, sync_status='syncreq') for n in range(1, AGENTS + 1)]
    m = node(make_master, 'master', store='store = wazuh-db\n', known=masters, files=files())
    w = node(make_worker, 'worker', store='', known=now, master_port=m.port)  # auto finds it
    same_groups(m.wdb.hash, m.wdb.all_groups, w.wdb.hash, w.wdb.all_groups)
    wait(lambda: m.wdb.rows('select count(*) as n from agent where version is not null')[0]['n'] == AGENTS, 'all agents at the master', 30)
    same_agents(now, {r['id']: r for r in m.wdb.rows('select * from agent')})
    m.wdb.put(5, groups=['windows'], group_sync_status='syncreq')
    w.wdb.put(5, sync_status='syncreq', version='new')
    wait(lambda: w.wdb.groups(5) == ['windows'] and m.wdb.agent(5)['version'] == 'new', 'the changes', 20)
    assert plausible(m, 'last_sync_agentinfo') >= 1 and plausible(m, 'last_sync_agentgroup') >= 1
    no_errors(m, w)

    w.wdb.set_groups(12, ['default', 'linux'])
    wait(lambda: w.wdb.groups(12) == groups_of(12), 'the full list', 25)

    from_now_on(m)
    from_now_on(w)
    for n in (m, w):
        n.wdb.leave()
    for n in (m, w):
        if not isinstance(n, Wazuh):
            n.wait_log('does not answer' if 'does not answer' in n.log() else 'wazuh-db', 15)
            wait(lambda: json.loads(n.run('status', '-j').stdout)['agents'].get('why'), 'the status to say so', 15)
    m.write({'etc/rules/meanwhile.xml': b'meanwhile'})
    lib.same(m, w)
    for n in (m, w):
        n.wdb.come()
    m.wdb.put(6, groups=['windows'], group_sync_status='syncreq')
    w.wdb.put(6, sync_status='syncreq', version='newer')
    wait(lambda: w.wdb.groups(6) == ['windows'] and m.wdb.agent(6)['version'] == 'newer', 'the changes after that', 40)
    return m, w


@seconds(90)
def both_beside_wazuh_db(way):
    end(*beside_wazuh_db(*WAYS[way]))


@seconds(90)
def test_beside_wazuh_db_two_pickets():
    end(*beside_wazuh_db(Node, Node))


@seconds(90)
def test_marked_on_reading():
    """wazuh-db marks rows when they are read. A picket worker keeps what a Wazuh master has not confirmed: failures there,
    and its death, lose nothing."""
    m = node(Wazuh, 'master', known=[{'id': n, 'name': f'agent-{n}'} for n in range(1, AGENTS + 1)], files=files())
    w = node(Node, 'worker', store='store = wazuh-db\n', known=[agent(n) for n in range(1, AGENTS + 1)], master_port=m.port)
    w.wait_log('Successfully connected to master')

    def stored(text):
        return m.wdb.rows('select count(*) as n from agent where os_version = ?', text)[0]['n']

    def pending(text):
        with w.wdb.lock:
            for n in range(1, AGENTS + 1):
                w.wdb.put(n, os_version=text, sync_status='syncreq')

    m.wdb.fail(WRITE, 2 if LISTS else 30)  # chunks: more than one round of them
    pending('after failures')
    wait(lambda: stored('after failures') == AGENTS, 'what the master could not store', 40)
    wait(lambda: re.search(r'Updated [1-9]\d* chunks\.$', (log_of(w, '[Agent-info sync] Finished') or [''])[-1]), 'a good result')
    with m.wdb.hold(WRITE) as held:
        m.wdb.fail(WRITE, 1)
        pending('after the kill')
        assert held.wait(20), 'nothing came'
        m.kill()
    assert not w.wdb.rows("select id from agent where sync_status <> 'synced'")
    m.start()
    wait(lambda: stored('after the kill') == AGENTS, 'what the killed master had been told', 40)
    end(m, w)


# ---- Wazuh's clients at a picket's sockets -------------------------------------------------------------------------------------
def clients(n, *questions):
    done = subprocess.run([PYTHON, f'{HERE}/wdb_clients.py'], input=json.dumps(questions), env=environment(n.root), cwd='/',
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-1500:]
    return json.loads(done.stdout)


def served():
    """A picket master alone, with Wazuh's programs in its tree; 3,000 agents of which the first 40 have spoken."""
    if not hasattr(served, 'node'):
        m = served.node = node(Node, 'master', files=files())
        add_sources(m)
        knows_all(m)
        set_groups(m, {n: groups_of(n) for n in range(1, AGENTS + 1)})
        report(m, *(agent(n, node_name='master-node', **({'labels': 'site:lab'} if n == 3 else {})) for n in range(1, 41)), sync='synced')
        do(m, 'update-connection-status', *({'id': n, 'connection_status': 'disconnected', 'sync_status': 'synced', 'status_code': 0}
                                            for n in range(31, 41)))
        # wazuh-db tells of no agent that was registered within this second
        wait(lambda: len(ask(m, 'global sync-agent-groups-get {"condition": "all"}')[0]) > 20, 'the agents to be a second old')
    return served.node


def test_text_clients():
    """clusterd's and the API's classes for the text socket."""
    m = served()
    add = {'id': AGENTS + 1, 'name': 'by-authd', 'ip': '10.9.9.9', 'register_ip': '10.9.9.9', 'internal_key': 'k' * 64, 'date_add': 1763633000}
    got = clients(
        m, ['text', 'global sync-agent-groups-get {"get_global_hash": true}'],
        ['text', 'global sync-agent-groups-get {"condition": "all", "set_synced": false, "get_global_hash": false, "last_id": 0}'],
        ['text', 'global sync-agent-info-get {}'], ['text', 'global recalculate-agent-group-hashes'],
        ['text', 'global set-agent-groups {"mode":"override","sync_status":"synced","data":[{"id":1,"name":"agent-1","groups":["windows"]}]}'],
        ['text', 'global no-such-command'],
        ['sql', 'global sql select id, name from agent where id > 0'],
        ['sql', 'global sql select id from agent where id > 10 limit 5 offset 20'],
        ['sql', 'global sql select count(*) from agent where id > 0'],
        ['sql', 'global sql select name from agent where (id = 0)'],
        ['sql', 'global sql delete from agent where id = 1'],
        ['send', f'global insert-agent {json.dumps(add)}'], ['send', f'global find-agent {json.dumps({"name": "by-authd", "ip": "10.9.9.9"})}'],
        ['send', f'global select-agent-name {AGENTS + 1}'], ['send', f'global delete-agent {AGENTS + 1}'],
        ['send', 'global get-labels 3'], ['send', 'global get-agent-info 3'], ['send', 'global get-group-agents linux last_id 2990'])
    got_hash, page, info, again, put, unknown, all_, some, number, manager, delete, made, found, name, gone, labels, three, members = got
    assert got_hash[0] == 'ok' and json.loads(got_hash[1])[0]['data'] == [] and re.fullmatch('[0-9a-f]{40}', json.loads(got_hash[1])[0]['hash'])
    assert page[0] == 'due' and len(page[1]) <= 65024, (page[0], len(page[1]))
    first = json.loads(page[1])[0]['data'][:2]
    assert first == [{'id': n, **({'name': f'agent-{n}'} if LISTS else {}), 'groups': groups_of(n)} for n in (1, 2)] or \
        first == [{'id': n, 'name': f'agent-{n}', 'groups': groups_of(n)} for n in (1, 2)], first
    assert info == ['ok', '[]'] and again == ['ok'] and put == ['ok'], (info, again, put)
    assert 'no-such-command' in unknown['error'], unknown
    assert all_ == [{'id': n, 'name': f'agent-{n}'} for n in range(1, AGENTS + 1)], all_[:3]
    assert some == [{'id': n} for n in range(31, 36)], some
    assert number == AGENTS, number
    assert manager and manager[0]['name'], manager
    assert 'error' in delete and one(m, 1), delete
    assert made == ['ok'] and json.loads(found[1]) == [{'id': AGENTS + 1}] and json.loads(name[1]) == [{'name': 'by-authd'}] and gone == ['ok'], got
    assert json.loads(labels[1]) == [{'id': 3, 'key': 'site', 'value': 'lab'}], labels
    assert json.loads(three[1])[0]['os_name'] == 'Debian GNU/Linux', three
    assert json.loads(members[1]) == [n for n in range(2991, AGENTS + 1) if 'linux' in groups_of(n)], members
    set_groups(m, {1: groups_of(1)})


def test_api_queries():
    """The API's own queries, with all they put into SQL."""
    m = served()
    got = clients(
        m, ['query', 'WazuhDBQueryAgents', {'limit': 10, 'sort': {'fields': ['id'], 'order': 'desc'}}],
        ['query', 'WazuhDBQueryAgents', {'limit': 500, 'filters': {'status': ['disconnected']}, 'select': ['id', 'name', 'group', 'status']}],
        ['query', 'WazuhDBQueryAgents', {'limit': 5, 'search': {'value': 'agent-12', 'negation': False}, 'select': ['name']}],
        ['query', 'WazuhDBQueryAgents', {'limit': 5, 'query': 'os.platform=debian;id>20', 'select': ['id', 'os.name', 'version']}],
        ['query', 'WazuhDBQueryAgents', {'limit': 5, 'filters': {'older_than': '7d'}, 'select': ['id']}],
        ['query', 'WazuhDBQueryAgents', {'limit': 5, 'filters': {'group': 'windows', 'node_name': 'master-node'}, 'select': ['id', 'ip'],
                                         'sort': {'fields': ['os.version', 'ip'], 'order': 'asc'}}],
        ['query', 'WazuhDBQueryGroup', {'limit': 10, 'sort': {'fields': ['count'], 'order': 'desc'}}],
        ['query', 'WazuhDBQueryGroupByAgents', {'filter_fields': ['status'], 'select': ['status'], 'query': 'id!=000', 'offset': 0, 'limit': 4,
                                                'min_select_fields': [], 'count': True, 'get_data': True, 'sort': None, 'search': None}],
        ['query', 'WazuhDBQueryMultigroups', {'group_id': 'linux', 'limit': 3, 'sort': {'fields': ['id'], 'order': 'asc'}, 'select': ['id']}],
        ['call', 'get_agents_info'], ['call', 'expand_group', 'linux'], ['call', 'get_manager_name'])
    bad = [x for x in got if isinstance(x, dict) and 'error' in x]
    assert not bad, bad
    last, lost, search, platform, older, windows, groups, by_state, members, ids, linux, manager = got
    assert last['totalItems'] == AGENTS + 1 and last['items'][0]['id'] == f'{AGENTS:03d}', last
    assert sorted(x['id'] for x in lost['items']) == [f'{n:03d}' for n in range(31, 41)], lost
    assert all(x['status'] == 'disconnected' and x['group'] == groups_of(int(x['id'])) for x in lost['items']), lost
    assert search['totalItems'] == len([n for n in range(1, AGENTS + 1) if f'agent-{n}'.startswith('agent-12')]), search
    assert platform['totalItems'] == 20 and platform['items'][0]['os']['name'] == 'Debian GNU/Linux', platform
    assert windows['totalItems'] == len([n for n in range(1, 41) if 'windows' in groups_of(n)]), windows
    in_groups = {g: sum(g in groups_of(n) for n in range(1, AGENTS + 1)) for g in ('default', 'linux', 'windows')}
    assert {x['name']: x['count'] for x in groups['items']} == in_groups, groups
    assert {x['status']: x['count'] for x in by_state['items']}['disconnected'] == 10, by_state
    assert members['items'] == [{'id': '001'}, {'id': '002'}, {'id': '004'}], members
    assert len(ids) == AGENTS + 1 and ids[0] == '000' and len(linux) == in_groups['linux'] and manager, (len(ids), len(linux), manager)


def test_http_client():
    """Every method of WazuhDBHTTPClient."""
    if not LISTS:
        raise lib.Skip('this Wazuh has no such class')
    m = served()
    sync = {'syncreq': [agent(50, version='by http', labels=[{'key': 'a', 'value': 'b'}], disconnection_time=0, status_code=0,
                              os_build='')], 'syncreq_keepalive': [{'id': 51, 'version': 'kept'}],
            'syncreq_status': [{'id': 52, 'version': 'v', 'connection_status': 'disconnected', 'disconnection_time': 1763633000, 'status_code': 2}]}
    ids, groups, of_two, members, nobody, summary, of_some, nothing, posted, restart, but = clients(
        m, ['http', 'get_agents_ids'], ['http', 'get_agents_groups'], ['http', 'get_agent_groups', '2'], ['http', 'get_group_agents', 'linux'],
        ['http', 'get_group_agents', 'nosuch'], ['http', 'get_agents_summary', [str(n) for n in range(1, AGENTS + 1)]],
        ['http', 'get_agents_summary', ['001', '040', '3000']],
        ['http', 'get_agents_sync'], ['http', 'set_agents_sync', sync], ['http', 'get_agents_restart_info', ['001', '031', '2'], False],
        ['http', 'get_agents_restart_info', list(range(1, 29)), True])
    assert ids == list(range(1, AGENTS + 1)), ids[:3]
    assert {int(g['id']): g['groups'] for g in groups} == groups_in(m)
    assert of_two == groups_of(2), of_two
    assert sorted(members) == [n for n in range(1, AGENTS + 1) if 'linux' in groups_of(n)] and nobody == [], (members[:5], nobody)
    assert summary == {'status': {'active': 30, 'disconnected': 10, 'never_connected': AGENTS - 40, 'pending': 0}, 'os': {'debian': 40},
                       'groups': {g: sum(g in groups_of(n) for n in range(1, AGENTS + 1)) for g in ('default', 'linux', 'windows')}}, summary
    assert of_some == {'status': {'active': 1, 'disconnected': 1, 'never_connected': 1, 'pending': 0}, 'os': {'debian': 2},
                       'groups': {'default': 3, 'linux': 2}}, of_some
    assert restart == [{'id': n, 'version': f'Wazuh v{version()}'} for n in ('001', '002')], restart
    assert [x['id'] for x in but] == ['000', '029', '030', '050', '051'], but  # the manager is one, and active
    assert set(nothing) <= {'syncreq', 'syncreq_keepalive', 'syncreq_status'}, nothing
    assert posted is None, posted
    assert one(m, 50)['version'] == 'by http' and rows(m, 'select key, value from labels where id = 50') == [{'key': 'a', 'value': 'b'}]
    assert one(m, 51)['connection_status'] == 'active' and one(m, 51)['version'] == 'kept'
    assert (one(m, 52)['connection_status'], one(m, 52)['disconnection_time'], one(m, 52)['status_code']) == ('disconnected', 1763633000, 2)


def test_all_pages():
    """Each of the two lists of several pages, read to its end as clusterd reads it."""
    m = served()
    data, last = [], 0
    while True:
        status, page = ask(m, f'global sync-agent-groups-get {{"condition": "all", "set_synced": false, "last_id": {last}}}')[0].split(' ', 1)
        data += json.loads(page)[0]['data']
        last = data[-1]['id']
        if status == 'ok':
            break
    assert {x['id']: x['groups'] for x in data} == groups_in(m)
    all_pending(m, [agent(n, node_name='master-node') for n in range(1, AGENTS + 1)])
    info, status = [], 'due'
    while status == 'due':
        status, page = ask(m, 'global sync-agent-info-get {}')[0].split(' ', 1)
        info += json.loads(page)
    assert [x['id'] for x in info] == list(range(1, AGENTS + 1)), len(info)
    assert count(m, "sync_status <> 'synced'") == 0
    served.node.kill()
