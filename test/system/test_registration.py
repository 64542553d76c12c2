#!/usr/bin/python3
"""Registrations and other messages for the master's daemons between two pickets, asked as Wazuh's C daemons ask:
the master registers agents itself, or has a double of authd. test/interop does the same with a real Wazuh."""
import json
import os
import threading
import time

import lib
import registration as reg
from lib import Node, same, seconds, wait
from registration import ask, refused, register, to

CONF = 'store = embedded\n'
SOON = {'master.agent_group_start_delay': 1, 'master.sync_agent_groups': 1, 'worker.sync_agent_groups': 2}


def pair():
    if not hasattr(pair, 'nodes'):
        m = Node('master', 'master', files=lib.some_files(), conf=CONF, intervals=SOON)
        w = Node('worker', 'worker1', master_port=m.port, conf=CONF, intervals=SOON)
        pair.nodes = m, w
        joined(m, w)
    return pair.nodes


def reset():
    lib.stop_all()
    if hasattr(pair, 'nodes'):
        del pair.nodes


def joined(m, w):
    """The worker serves, and the master has read its client.keys."""
    wait(lambda: w.run('status').returncode == 0, f'{w.name} to join')
    wait(lambda: len(agents(m)) == len(reg.lines(m)), 'the master to know its agents')


def agents(node):
    """{id: agent} of `picket agents`."""
    done = node.run('agents', '--json')
    return {a['id']: a for a in json.loads(done.stdout)} if done.returncode == 0 else {}


def slots(node):
    pools = json.loads(node.local(b'get_status').payload)['memory']['pools']
    return {p['name']: p['used'] for p in pools if p['name'] in ('sendsyncs', 'strings', 'senders', 'windows')}


def hanging(master, path):
    daemon = reg.Daemon(master, path, lambda m: b'{"error":0}')
    daemon.answer = lambda m: daemon.hang
    return daemon


# ---- answers -------------------------------------------------------------------------------------------
def test_answers():
    m, w = pair()
    reg.check_answers(lambda q: ask(w, q), m)


def test_names_that_are_none():
    """What would be a broken line of client.keys, or somebody else's."""
    m, w = pair()
    before = m.read('etc/client.keys')
    for name in ('a b', 'a\nb', '', 'x', '.hidden', '!gone', '#comment', 'x' * 129, 'caf\u00e9', 'a/b', 'a\0b'):
        assert json.loads(ask(w, reg.add(name)))['error'] == 9005, name
    for key in ('two words', 'line\nbreak', 'x' * 257, ''):
        assert json.loads(ask(w, reg.add('zeta', key=key)))['error'] == 9009, key
    for number in ('0', '000', '-1', '1e3', '1 2', '999999999', 'x'):
        assert json.loads(ask(w, reg.add('zeta', id=number)))['error'] == 9010, number
    for ip in ('', 'any any', '10.0.0.1\n', '10.0.0.0/33', 'localhost'):
        assert json.loads(ask(w, reg.add('zeta', ip)))['error'] == 9006, ip
    assert m.read('etc/client.keys') == before


def test_daemons():
    m, w = pair()
    remoted, tasks = reg.check_daemons(lambda q: ask(w, q), m, exact=True)
    reg.check_broken(w, tasks, 'task-manager')
    remoted.leave()
    words, took = refused(w, to('remoted', {}))
    assert words == 'Error 1013 - Unable to connect with socket: remote' and took < 5, (words, took)
    for message in ({'daemon_name': 'authd'}, {'message': {}}, {'daemon_name': 'authd', 'message': 7}, {}, [],
                    b'{', b'x', b''):
        words, took = refused(w, message)
        assert words and took < 5, (message, words, took)
    tasks.leave()
    # wazuh-db is served by the master itself.
    assert ask(w, to('wazuh-db', 'global get-agent-info 0')).startswith(b'ok [{"id":0,'), 'wazuh-db'
    words, took = refused(m, reg.add('zeta'))
    assert 'sendsync' in words, words  # a master has no use for the command


def test_lengths():
    """What a C program reads is 65,536 bytes; a real master would send it more."""
    m, w = pair()
    daemon = reg.Daemon(m, reg.TASK, lambda q: reg.answer_of(int(q)))
    for n in (1, 4095, 65535, 65536):
        assert ask(w, to('task-manager', str(n))) == reg.answer_of(n), n
    for n in (65537, 1 << 20):
        words, took = refused(w, to('task-manager', str(n)))
        assert '65536' in words and took < 5, (n, words, took)
    daemon.answer = lambda q: str(len(q)).encode()
    for n in (1, 65536, 999_900):
        assert ask(w, to('task-manager', 'x' * n)) == str(n).encode(), n
    words, took = refused(w, to('task-manager', 'x' * 1_000_001))
    assert words and took < 5, (words, took)
    daemon.leave()
    wait(lambda: not slots(m)['sendsyncs'] and not slots(w)['sendsyncs'], 'everything given back')


def test_sendasync():
    """An answer at once, and another one when the daemon has spoken."""
    m, w = pair()
    with reg.call(w, reg.add('asynchronous'), b'sendasync') as s:
        assert reg.hear(s) == b'Added request to sendsync requests queue'
        said = json.loads(reg.hear(s))
        assert reg.has_line(m, said['data']), said
    with reg.call(w, to('nobody', 'x'), b'sendasync') as s:
        assert reg.hear(s) == b'Added request to sendsync requests queue'
        try:
            raise AssertionError(reg.hear(s))
        except reg.Err as e:
            assert '1014' in str(e), e


# ---- who is gone ---------------------------------------------------------------------------------------
@seconds(90)
def test_a_daemon_that_hangs():
    """Whoever waits for it is told after half a minute; everybody else is served meanwhile."""
    m, w = pair()
    daemon = hanging(m, reg.TASK)
    told = []
    began = time.monotonic()
    waiting = threading.Thread(target=lambda: told.append(refused(w, to('task-manager', 'x'))), daemon=True)
    waiting.start()
    wait(lambda: daemon.asked, 'the daemon to be asked')
    gone = reg.call(w, to('task-manager', 'y'))  # its program does not wait
    wait(lambda: len(daemon.asked) == 2, 'the daemon to be asked again')
    gone.close()
    while time.monotonic() < began + 28:
        before = time.monotonic()
        assert json.loads(ask(w, reg.remove('77777')))['error'] == 9011
        assert time.monotonic() - before < 5 and not told, 'others wait'
        time.sleep(1)
    waiting.join(20)
    assert told and 'timed out' in told[0][0] and 29 < told[0][1] < 45, told
    wait(lambda: daemon.ends == 2, 'the daemon to be left alone')
    daemon.leave()
    wait(lambda: not slots(m)['sendsyncs'], 'slots given back')


def test_master_lost():
    """The program hears it at once: it asks again, and is served when the master is back."""
    m, w = pair()
    daemon = hanging(m, reg.TASK)
    told = []
    waiting = threading.Thread(target=lambda: told.append(refused(w, to('task-manager', 'x'))), daemon=True)
    waiting.start()
    wait(lambda: daemon.asked, 'the daemon to be asked')
    killed = time.monotonic()
    m.kill()
    waiting.join(5)
    assert told and '3023' in told[0][0] and time.monotonic() - killed < 5, told
    words, took = refused(w, reg.add('zeta'))
    assert '3023' in words and took < 5, (words, took)
    daemon.leave()
    m.start()
    assert reg.has_line(m, register(w, 'after-the-master'))


def test_worker_lost():
    """What a worker asked for that is gone is not answered, and holds nothing."""
    m, w = pair()
    daemon = hanging(m, reg.REMOTE)
    s = reg.call(w, to('remoted', 'x'))
    wait(lambda: daemon.asked, 'the daemon to be asked')
    assert slots(m)['sendsyncs'] == 1, slots(m)
    w.kill()
    try:
        raise AssertionError(reg.hear(s))
    except (reg.Empty, ConnectionError):
        s.close()
    wait(lambda: daemon.ends == 1 and not slots(m)['sendsyncs'], 'the master to let go', 8)
    daemon.leave()
    w.start()
    joined(m, w)
    assert reg.has_line(m, register(w, 'after-the-worker'))


# ---- many, and what is on disk -------------------------------------------------------------------------
def test_fifty_at_once():
    m, w = pair()
    reg.check_many(m, w)
    wait(lambda: not slots(m)['sendsyncs'] and not slots(w)['sendsyncs'], 'everything given back')


def test_seen_everywhere():
    """`picket agents` and get_agents of the API on both nodes, with the groups."""
    m, w = pair()
    data = register(w, 'seen', groups='windows,linux')
    same(m, w)

    def seen(node):
        done = node.run('api', 'wazuh.agent.get_agents', f'agent_list=["{data["id"]}"]', '-j')
        assert done.returncode == 0, (done.stdout, done.stderr)
        items = json.loads(done.stdout)['__wazuh_result__']['__object__']['affected_items']
        return [(a['id'], a['name'], a['group']) for a in items] == [(data['id'], 'seen', ['windows', 'linux'])]
    for node in (m, w):
        # With an address: the name alone may have come with its groups, before its line of client.keys.
        wait(lambda: agents(node).get(data['id'], {}).get('ip') == 'any', f'{node.name} to list it')
        wait(lambda: agents(node)[data['id']]['groups'] == ['windows', 'linux'], f'{node.name} to know its groups')
        wait(lambda: seen(node), f'the API at {node.name} to tell of it')
    assert json.loads(ask(w, reg.remove(data['id'])))['error'] == 0
    wait(lambda: data['id'] not in agents(m) and data['id'] not in agents(w), 'it to go everywhere')


@seconds(120)
def test_killed_after_each_answer():
    m, w = pair()
    reg.check_killed(m, w)


# ---- a daemon of its own -------------------------------------------------------------------------------
def test_authd_of_the_master():
    """Where one runs, it is asked; where the administrator says so, nobody else is."""
    m = Node('master', 'master', files=lib.some_files(), conf=CONF)
    w = Node('worker', 'worker1', master_port=m.port, conf=CONF)
    joined(m, w)
    authd = reg.Authd(m)
    reg.check_answers(lambda q: ask(w, q), m)
    asked = len(authd.asked)
    assert asked > 20, asked
    reg.check_many(m, w, 20, 'theirs')
    authd.leave()
    data = register(w, 'ours')  # by the master itself
    wait(lambda: agents(m).get(data['id'], {}).get('name') == 'ours', 'it to be listed')
    assert len(authd.asked) == asked + 20, len(authd.asked)
    m.kill()
    with open(m.path('etc/picket.conf'), 'a') as f:
        f.write('authd = daemon\n')
    m.start()
    wait(lambda: w.run('status').returncode == 0, 'the worker to be back')
    words, _ = refused(w, reg.add('zeta'))
    assert '1013' in words, words
    m.kill()
    w.kill()


def test_cannot_write():
    """client.keys cannot be written: no key is given that is not there, and the next one is."""
    m, w = pair()
    before = m.read('etc/client.keys')
    os.mkdir(m.path('etc/.client.keys.new'))  # where the new file would be made
    said = json.loads(ask(w, reg.add('unwritten')))
    assert said == {'error': 9001, 'message': 'Internal error'}, said
    assert m.read('etc/client.keys') == before
    os.rmdir(m.path('etc/.client.keys.new'))
    assert reg.has_line(m, register(w, 'unwritten'))


lib.run(globals())
