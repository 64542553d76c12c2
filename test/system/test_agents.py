#!/usr/bin/python3
"""`picket agents` on a master and a worker that keep their agents themselves: listed, added, removed, grouped;
and etc/client.keys, edited by others, followed."""
import json
import os
import re
import signal
import sqlite3
import stat
import time

import lib
from lib import Node, wait

CONF = 'store = embedded\n'


def up(node):
    """Its local socket comes last."""
    wait(lambda: node.run('agents').returncode in (0, 1), f'{node.name} to answer')
    return node


def pair():
    if not hasattr(pair, 'nodes'):
        soon = {'master.agent_group_start_delay': 1, 'master.sync_agent_groups': 1}
        m = up(Node('master', 'master', files=lib.some_files(), conf=CONF, intervals=soon))
        if b'keeps no agents' in m.local(b'get_agents').payload:
            raise lib.Skip('this picket keeps no agents')
        w = Node('worker', 'worker1', master_port=m.port, conf=CONF, intervals={'worker.sync_agent_groups': 2})
        pair.nodes = m, up(w)
        wait(lambda: names(m) == names(w) == ['agent1', 'agent2', 'agent3'], 'both to follow client.keys', 15)
    return pair.nodes


def reset():
    lib.stop_all()
    if hasattr(pair, 'nodes'):
        del pair.nodes


def agents(node, *filters):
    done = node.run('agents', '--json', *filters)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return json.loads(done.stdout)


def names(node, *filters):
    return [a['name'] for a in agents(node, *filters)]


def keys(node):
    return node.read('etc/client.keys').decode().splitlines()


def run(node, *args, code=0):
    done = node.run('agents', *args)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_list():
    for n in pair():
        # a worker may hear of an agent's groups before it has read who that is
        wait(lambda: [(a['id'], a['ip']) for a in agents(n)] == [(f'00{i}', 'any') for i in (1, 2, 3)],
             'client.keys to be followed', 15)
        out = n.run('agents').stdout
        lines = out.splitlines()
        assert lines[0] == '3 agents' and lines[1].split() == 'ID NAME ADDRESS STATUS VERSION NODE'.split(), out
        assert out.isascii() and max(map(len, lines)) <= 80, out
        assert lines[2].split()[:4] == ['001', 'agent1', 'any', 'never'], out
        assert names(n, '--name', 'agent*', '--id', '2,3') == ['agent2', 'agent3']
        assert names(n, '--status', 'active') == []
        assert 'never_connected' in run(n, '--status', 'lost', code=1)


def test_hostile_filters():
    for n in pair():
        for value in ("' or '1'='1", 'a"b', 'a;b', '%', '[a]', ''):
            done = n.run('agents', f'--name={value}')
            assert done.returncode in (1, 2), (value, done)


def test_add():
    m, w = pair()
    mode = stat.S_IMODE(os.stat(m.path('etc/client.keys')).st_mode)
    assert run(m, 'add', 'fresh') == 'agent 004 fresh was added\n'
    assert stat.S_IMODE(os.stat(m.path('etc/client.keys')).st_mode) == mode
    assert re.fullmatch(r'004 fresh any [0-9a-f]{64}', keys(m)[3]), keys(m)
    assert names(m) == ['agent1', 'agent2', 'agent3', 'fresh']
    out = run(m, 'add', 'second', '--ip', '10.0.0.9', '--id', '100', '--key').splitlines()
    assert out[0] == 'agent 100 second was added' and out[1] == keys(m)[-1], out
    secret = out[1].split()[3]
    assert secret not in m.log() and secret not in m.said()
    wait(lambda: names(w) == names(m), 'the worker to know them', 15)
    # with one of the usual readers
    with sqlite3.connect(f'file:{m.path("queue/db/global.db")}?mode=ro', uri=True) as db:
        rows = db.execute('select id, name, register_ip, internal_key from agent where id > 3 order by id')
        assert [r[:3] for r in rows.fetchall()] == [(4, 'fresh', 'any'), (100, 'second', '10.0.0.9')]


def test_status_counts():
    """What is seen is how it is now, also by the first who looks."""
    m, w = pair()
    run(m, 'add', 'counted')
    for n in (m, w):
        wait(lambda: names(n) == names(m), 'to know it', 15)
        time.sleep(1.1)  # so old may figures be
        assert json.loads(n.run('status', '-j').stdout)['agents']['never_connected'] == len(names(n)), n.role
    run(m, 'remove', keys(m)[-1].split()[0])
    wait(lambda: names(w) == names(m), 'the worker to forget it', 15)


def test_add_refused():
    m, w = pair()
    before = keys(m)
    for args, word in (
        (('agent1',), 'taken, by agent 001'),
        (('x',), '2 to 128'),
        (('new', '--ip', '10.0.0.9'), 'taken, by agent 100 (second)'),
        (('new', '--ip', '10.0.0'), 'address'),
        (('new', '--id', '001'), 'taken'),
        (('new', '--id', '0'), '1 to 99999999'),
    ):
        assert word in run(m, 'add', *args, code=1), args
    assert 'on the master' in run(w, 'add', 'new', code=1)
    assert 'on the master' in run(w, 'remove', '001', code=1)
    assert 'on the master' in run(w, 'group', '001', 'default', code=1)
    run(m, 'add', code=2)
    run(m, 'group', '1', code=2)
    assert keys(m) == before


@lib.seconds(60)
def test_groups():
    m, w = pair()
    for group in ('web', 'eu'):
        m.write({f'etc/shared/{group}/agent.conf': b'<agent_config/>\n'})
    assert 'etc/shared/nosuch' in run(m, 'group', '001', 'nosuch', code=1)

    def grouped():
        return m.run('agents', 'group', '001', 'web,eu').returncode == 0

    wait(grouped, 'the folders to be groups', 15)
    assert agents(m, '--id', '1')[0]['groups'] == ['web', 'eu']
    assert names(m, '--group', 'web') == ['agent1']
    wait(lambda: agents(w, '--id', '1')[0]['groups'] == ['web', 'eu'], 'the worker to be told', 45)
    run(m, 'group', '001', '--remove', 'web')
    run(m, 'group', '001', '--add', 'default')
    assert agents(m, '--id', '1')[0]['groups'] == ['eu', 'default']
    assert 'no agent 777' in run(m, 'group', '777', 'web', code=1)


def test_remove():
    m, w = pair()
    before = names(m)
    first, last = (run(m, 'add', n).split()[1] for n in ('leaving', 'leaving-too'))
    assert run(m, 'remove', first) == f'agent {first} leaving was removed\n'
    assert not any(k.startswith(first) for k in keys(m))
    assert f'no agent {first}' in run(m, 'remove', first.lstrip('0'), code=1)
    run(m, 'remove', last)  # the highest: its id is not given again
    assert keys(m)[-1].startswith(f'{last} !leaving-too any ')
    assert names(m) == before
    wait(lambda: names(w) == before, 'the worker to forget them', 15)
    assert run(m, 'add', 'third') == f'agent {int(last) + 1:03d} third was added\n'


def test_edited_by_others():
    """authd and manage_agents write the file, too."""
    m, w = pair()
    text = m.read('etc/client.keys').replace(b' agent2 ', b' renamed ')
    m.write({'etc/client.keys': text + b'200 by-hand any %064x\n' % 200})
    for n in (m, w):
        wait(lambda: 'by-hand' in names(n) and 'renamed' in names(n), f'{n.name} to follow', 20)
    assert run(m, 'add', 'after').startswith('agent 201 ')


def test_emptied_and_missing():
    """Believed when it stays so; a missing file changes nothing."""
    m = up(Node('master', 'alone', files=lib.some_files(), conf=CONF))
    wait(lambda: len(agents(m)) == 3, 'three agents')
    text = m.read('etc/client.keys')
    m.remove('etc/client.keys')
    time.sleep(3)
    assert len(agents(m)) == 3
    m.write({'etc/client.keys': bytes(1000)})  # as a power cut leaves it
    m.wait_log('is damaged')
    assert len(agents(m)) == 3
    m.write({'etc/client.keys': text})
    time.sleep(2)
    assert len(agents(m)) == 3
    m.write({'etc/client.keys': b''})
    wait(lambda: len(agents(m)) == 0, 'nobody', 20)
    assert m.stop()


def test_killed_while_adding():
    """What was acknowledged is there after kill -9, and the file and the store agree."""
    m = up(Node('master', 'killed', files=lib.some_files(), conf=CONF))
    wait(lambda: len(agents(m)) == 3, 'three agents')
    for round in range(3):
        done = []
        for k in range(3):
            out = run(m, 'add', f'n-{round}-{k}')
            done.append(out.split()[2])
        m.kill()
        left = [k.split()[1] for k in keys(m)]
        assert set(done) <= set(left), (done, left)
        up(m.start())
        wait(lambda: sorted(names(m)) == sorted(left), 'the store to agree with the file')
        assert not os.path.exists(m.path('etc/.client.keys.new'))
    assert m.stop()


@lib.seconds(60)
def test_many():
    """3,000 agents: all pages, in order, each once."""
    lines = b''.join(b'%03d agent-%d any %064x\n' % (n, n, n) for n in range(1, 3001))
    m = up(Node('master', 'many', files={'etc/client.keys': lines}, conf=CONF))
    wait(lambda: m.run('agents').stdout.startswith('3000 agents\n'), 'all of them', 30)
    assert names(m) == [f'agent-{n}' for n in range(1, 3001)]
    assert len(m.run('agents').stdout.splitlines()) == 3002
    assert names(m, '--name', 'agent-299*') == [f'agent-{n}' for n in (299, *range(2990, 3000))]
    assert m.stop()


def test_no_node():
    m = Node('master', 'down', conf=CONF, start=False)
    began = time.monotonic()
    assert 'NOT RUNNING' in run(m, code=3)
    assert 'NOT RUNNING' in run(m, 'add', 'x', code=3)
    assert time.monotonic() - began < 2
    up(m.start())
    m.proc.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        assert 'does not answer' in run(m, code=4)
        assert time.monotonic() - began < 3
    finally:
        m.proc.send_signal(signal.SIGCONT)
    assert m.stop()


if __name__ == '__main__':
    lib.run(globals())
