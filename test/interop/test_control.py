"""cluster_control, and other questions on the local sockets of either make."""
import json
import os
import re
import subprocess

import lib
from lib import Node, same, seconds
from nodes import WAYS, Wazuh, add_sources, pair, script, version


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


# Of 4.14.7; older ones say some of it in other words.
COMMAND_LINES = ('-l', '-l -fn worker1', '-l -fn', '-a', '-a -fs active', '-a -fs active never_connected', '-a -fn nosuch', '-i',
                 '-i more', '-i MORE -fn worker1', '-i -fn master-node', '-i -fn', '-u', '', '-h', '-fs active', '-x', '-l -a',
                 '--list', '--list-n', '-la', '-imore', '-i=more', '-f x', '-l foo bar', '-lx', '-fn=worker1 -l', '-a -fs',
                 '--list-nodes=3', '-i -- more', '-5', '-l -')


def masked(text):
    """Without what differs from one moment to the next: dates and how long things took, permissions that come and go."""
    return re.sub(r'Permission (.*): (True|False)', r'Permission \1: any',
                  re.sub(r'\d+\.\d+s ', 'SECONDS ', re.sub(r'(\d{4}-\d\d-\d\dT[\d:.]+Z|n/a)', 'DATE', re.sub(
                      r'(n/a|[\d.]+s) \(', 'SPAN (', text))))


@seconds(240)
def both_same_words(way):
    """picket called as cluster_control prints, byte for byte, what Wazuh's program prints; against either daemon."""
    if version() != '4.14.7':
        raise lib.Skip('the words of 4.14.7')
    m, w = pair(way)
    same(m, w)
    lib.wait(lambda: 'Sync not required' in w.log(), 'a check that found nothing')
    os.makedirs(lib.base() + '/bin', exist_ok=True)
    link = lib.base() + '/bin/cluster_control'
    if not os.path.lexists(link):
        os.symlink(lib.PICKET, link)
    for node in (m, w):
        if not isinstance(node, Wazuh):
            add_sources(node)
        for line in COMMAND_LINES:
            theirs = script(node, 'cluster_control.py', *line.split())
            ours = subprocess.run([link, '--root', node.root, *line.split()], capture_output=True, text=True, timeout=30,
                                  stdin=subprocess.DEVNULL)
            for ours_said, theirs_said in ((ours.stdout, theirs.stdout), (ours.stderr, theirs.stderr)):
                assert masked(ours_said) == masked(theirs_said), (node.name, line, ours_said, theirs_said)
            # An error is 1; Wazuh's program says 0 of what it caught.
            code = 1 if theirs.stderr.startswith('ERROR: ') else theirs.returncode
            assert ours.returncode == code, (node.name, line, ours, theirs)
    for n in (m, w):
        n.kill()


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
