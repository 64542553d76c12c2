"""What authd, remoted and modulesd of a worker send to the master's daemons, with a real Wazuh on one side: the C daemons' exact
frames go in at the worker's local socket. Then files and rulesets sent from node to node. The same between two pickets is
test/system/test_registration.py; what is common is test/system/registration.py."""
import json
import os
import threading
import time

import lib
import registration as reg
from api_nodes import DAEMONS, Client
from lib import Node, same, seconds
from nodes import KNOWN, WAYS, Wazuh, from_now_on, no_errors, pair
from registration import ask, refused, register, to
from test_agents import count, groups_in

SOON = {'master.agent_group_start_delay': 1, 'master.sync_agent_groups': 1, 'worker.sync_agent_groups': 2}
RELOAD = KNOWN >= (4, 13)


PAIRS = {}


def joined(way):
    """A pair whose picket keeps its agents, for all tests; behind a Wazuh master stands a double of authd."""
    if way not in PAIRS or not all(n.alive() for n in PAIRS[way]):
        end(*PAIRS.get(way, ()))
        m, w = PAIRS[way] = pair(way, conf='store = embedded\n', intervals=SOON, files={**lib.some_files(), **{
            f'var/run/{d}-{os.getpid()}.pid': b'' for d in DAEMONS}})
        same(m, w)
        if is_wazuh(m):
            m.authd = reg.Authd(m)
        else:
            lib.wait(lambda: count(m, '1') == len(reg.lines(m)), 'the master to know its agents')
    return PAIRS[way]


def is_wazuh(node):
    return isinstance(node, Wazuh)


def end(*nodes):
    for n in nodes:
        n.kill()


# ---- answers -----------------------------------------------------------------------------------------------
def both_answers_of_authd(way):
    """Of picket itself, or of a daemon behind a Wazuh master: the same words reach the worker's program."""
    m, w = joined(way)
    reg.check_answers(lambda q: ask(w, q), m)
    if is_wazuh(m):
        assert b': ' in m.authd.asked[0], m.authd.asked[0]  # printed anew
    lib.wait(lambda: reg.lines(w) == reg.lines(m), 'client.keys to come to the worker')


def both_other_daemons(way):
    """remoted and the task manager; daemons that break off, that are absent, that nobody knows."""
    m, w = joined(way)
    remoted, tasks = reg.check_daemons(lambda q: ask(w, q), m, exact=not is_wazuh(m))
    # A Wazuh master takes half an answer for one, and 4 GB of memory for what says that it is so long.
    without = ('says half', 'lies about its length') if is_wazuh(m) else ()
    reg.check_broken(w, tasks, 'task-manager', without)
    remoted.leave()
    words, _ = refused(w, to('remoted', {}))
    assert words.endswith('Error 1013 - Unable to connect with socket: remote'), words  # 4.4 says what was asked before that


def both_sendasync(way):
    m, w = joined(way)
    with reg.call(w, reg.add('asynchronous'), b'sendasync') as s:
        assert reg.hear(s) == b'Added request to sendsync requests queue'
        said = json.loads(reg.hear(s))
        assert reg.has_line(m, said['data']), said


def both_lengths(way):
    """A picket worker gives a C program nothing that it does not read; a Wazuh worker does, and the program refuses it."""
    m, w = joined(way)
    daemon = reg.Daemon(m, reg.TASK, lambda q: reg.answer_of(int(q)))
    for n in (1, 65535, 65536):
        assert ask(w, to('task-manager', str(n))) == reg.answer_of(n), n
    for n in (65537, 1 << 20):
        try:
            raise AssertionError(f'{n} bytes are answered with {len(ask(w, to("task-manager", str(n))))}')
        except reg.Err as e:
            assert not is_wazuh(w) and '65536' in str(e), e
        except reg.TooLong as e:
            assert is_wazuh(w) and e.args == (n,), e
    daemon.answer = lambda q: str(len(q)).encode()
    for n in (65536, 999_900):
        assert ask(w, to('task-manager', 'x' * n)) == str(n).encode(), n


# ---- many, and what is on disk -----------------------------------------------------------------------------
@seconds(60)
def both_fifty_registrations(way):
    m, w = joined(way)
    from_now_on(m), from_now_on(w)
    reg.check_many(m, w)
    no_errors(*(n for n in (m, w) if not is_wazuh(n)))  # a Wazuh worker misses the C programs' answers to its frames


@seconds(120)
def test_picket_master_killed_after_each_answer():
    """Asked through a Wazuh worker; every key that was answered is on disk."""
    m, w = joined('picket master')
    reg.check_killed(m, w)


@seconds(60)
def test_registered_at_a_wazuh_worker():
    """`picket agents` of the master, get_agents of Wazuh's API on either node, and the worker's wazuh-db with the groups."""
    m, w = joined('picket master')
    data = register(w, 'seen', groups='windows,linux')
    if KNOWN < (4, 13):  # its own services follow client.keys, before groups are told of
        w.wdb.put(int(data['id']), name='seen', ip='any')
    lib.wait(lambda: w.wdb.agent(int(data['id'])) and w.wdb.groups(int(data['id'])) == ['windows', 'linux'], "the worker's groups", 20)
    listed = json.loads(m.run('agents', '--json').stdout)
    assert [(a['name'], a['groups']) for a in listed if a['id'] == data['id']] == [('seen', ['windows', 'linux'])], listed
    for node in (m, w):
        c = Client(node)
        got = c.raw('dapi', 'wazuh.agent.get_agents', {'agent_list': [data['id']]}, request_type='local_master')
        items = got.get('__wazuh_result__', {}).get('__object__', {}).get('affected_items')
        assert items and (items[0]['name'], items[0]['group'], items[0]['status']) == ('seen', ['windows', 'linux'], 'never_connected'), got
        c.close()


@seconds(60)
def test_registered_at_a_picket_worker():
    """The same the other way round: the agent's line and groups come from a Wazuh master and its wazuh-db."""
    m, w = joined('wazuh master')
    data = register(w, 'seen', groups='windows,linux')
    m.wdb.put(int(data['id']), name='seen', ip='any', groups=['windows', 'linux'], group_sync_status='syncreq')  # authd does that
    lib.wait(lambda: reg.has_line(w, data), 'its line')
    lib.wait(lambda: groups_in(w).get(int(data['id'])) == ['windows', 'linux'], 'its groups', 20)
    lib.wait(lambda: [(a['name'], a['ip']) for a in json.loads(w.run('agents', '--json').stdout) if a['id'] == data['id']] ==
             [('seen', 'any')], 'the worker to list it')


# ---- who is gone -------------------------------------------------------------------------------------------
@seconds(60)
def both_nodes_lost(way):
    """A picket worker's program hears at once that the master is gone (a Wazuh worker's waits); a picket master forgets what a worker
    asked that is gone. Then everything goes on."""
    m, w = joined(way)
    daemon = reg.Daemon(m, reg.REMOTE, lambda q: b'{}')
    daemon.answer = lambda q: daemon.hang
    told = []

    def wait_for_it():
        try:
            told.append(refused(w, to('remoted', 'x'), timeout=20))
        except Exception as e:
            told.append(e)
    threading.Thread(target=wait_for_it, daemon=True).start()
    lib.wait(lambda: daemon.asked, 'the daemon to be asked')
    m.kill()
    if not is_wazuh(w):
        lib.wait(lambda: told, 'the program to be told', 3)
        assert 'not connected to master' in told[0][0], told
    daemon.leave()
    m.start()
    again = register(w, 'after-the-master', attempts=30, timeout=5)
    assert reg.has_line(m, again), again
    if not is_wazuh(m):  # a Wazuh master does nothing else while it waits for a daemon
        daemon.come()
        daemon.answer = lambda q: daemon.hang
        asked = len(daemon.asked)
        s = reg.call(w, to('remoted', 'y'))
        lib.wait(lambda: len(daemon.asked) > asked, 'the daemon to be asked again')
        ends = daemon.ends
        w.kill()
        s.close()
        lib.wait(lambda: daemon.ends > ends, 'the master to let go')
        daemon.leave()
        w.start()
        assert reg.has_line(m, register(w, 'after-the-worker', attempts=30, timeout=5))


# ---- files and rulesets ------------------------------------------------------------------------------------
@seconds(60)
def both_send_file(way):
    """From either node to the other, of any length; and a node that nobody knows."""
    m, w = pair(way)
    same(m, w)
    for a, b, to_node in ((m, w, b'worker1'), (w, m, b'None')):
        for n in (0, 1, 300_000, 12_000_000):
            path, data = f'queue/cluster/worker1/from-{a.name}-{n}.bin', os.urandom(n)
            for node in (a, b):
                os.makedirs(os.path.dirname(node.path(path)), exist_ok=True)
            a.write({path: data})
            reply = a.local(b'send_file', a.path(path).encode() + b' ' + to_node, timeout=20)
            assert (reply.command, reply.payload) == (b'ok', b'Forwarding file to master node'), reply
            lib.wait(lambda: b.read(path) == data, f'{n} bytes from {a.name} to come', 10)
    assert lib.wire.error_code(m.local(b'send_file', b'etc/client.keys nobody').payload) == 3022
    end(m, w)


@seconds(60)
def test_reload_of_the_ruleset():
    """sendrreload at a Wazuh worker and at a picket worker: the same answer, and the same bytes for analysisd when the next check has
    ended; once each."""
    if not RELOAD:
        raise lib.Skip('as of 4.13')
    m = Wazuh('master', 'master-node', files=lib.some_files())
    workers = [make('worker', f'worker-{make.__name__}', master_port=m.port) for make in (Wazuh, Node)]
    for w in workers:
        same(m, w)
        w.analysisd = reg.Daemon(w, 'queue/sockets/analysis', lambda q: b'{"error":0,"data":"ok"}')
    replies = [w.local(b'sendrreload') for w in workers]
    assert replies[0] == replies[1] and json.loads(replies[0].payload) == {'success': True}, replies
    lib.wait(lambda: all(w.analysisd.asked for w in workers), 'every analysisd to be told')
    for w in workers:
        w.local(b'sendrreload')
    lib.wait(lambda: all(len(w.analysisd.asked) == 2 for w in workers), 'every analysisd to be told again')
    time.sleep(1.5)  # two more checks, of which none tells it
    assert workers[0].analysisd.asked == workers[1].analysisd.asked and len(workers[0].analysisd.asked) == 2, workers[1].analysisd.asked
    assert lib.wire.error_code(m.local(b'sendrreload').payload) != 0
    end(m, *workers)


def test_hash_of_the_ruleset():
    """get_hash of a Wazuh and of a picket, master and worker, with the same files: the same text, but for the order, which is the file
    system's."""
    files = {**lib.some_files(), 'etc/rules/\u00fcml\u00e4ut "q" \\.xml': b'x', 'etc/lists/a.cdb': b'no', 'etc/decoders/deep/d.xml': b''}
    got, pairs = {}, [(way, *pair(way, files=files)) for way in WAYS]
    for way, m, w in pairs:
        same(m, w)
        for node in (m, w):
            lib.wait(lambda: len(json.loads(node.local(b'get_hash').payload)) >= 5, f'{node.name} to know its files')
            text = node.local(b'get_hash').payload.decode()
            assert text == json.dumps(json.loads(text)), text
            got[way, node.role] = json.loads(text)
        end(m, w)
    assert len({json.dumps(x, sort_keys=True) for x in got.values()}) == 1, got
