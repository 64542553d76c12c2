#!/usr/bin/python3
"""The command line: screens, JSON and exit codes against running nodes, nodes that are down or hang, and a
double of the local socket that answers what is asked as the reference has it (sections 4.4 and 15)."""
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import lib
from lib import Node, same, seconds, wait

HEADER = struct.Struct('!2I12s')


def pair():
    if not hasattr(pair, 'nodes'):
        m = Node('master', 'master', files=lib.some_files())
        pair.nodes = m, Node('worker', 'worker1', master_port=m.port)
    same(*pair.nodes)
    return pair.nodes


def reset():
    if hasattr(pair, 'nodes'):
        for n in pair.nodes:
            n.kill()
        del pair.nodes


# ---- the double ----------------------------------------------------------------------------------------
class Double:
    """answers: {command: bytes, or function of the payload}; an Exception's text is an err. dapi's answer
    comes as a string, in pieces of `chunk` bytes."""

    def __init__(self, answers, chunk=1000, silent=False):
        self.root = tempfile.mkdtemp(prefix='cli-', dir=lib.base())
        os.makedirs(os.path.join(self.root, 'queue/cluster'))
        os.makedirs(os.path.join(self.root, 'var/run'))
        os.makedirs(os.path.join(self.root, 'logs'))
        self.answers, self.chunk, self.silent, self.asked = answers, chunk, silent, []
        self.server = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(self.root)
        self.server.bind('queue/cluster/c-internal.sock')
        os.chdir(here)
        self.server.listen(5)
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        """Nobody listens any more: the thread that waits in accept() would take one more connection."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()

    def serve(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.client, args=(s,), daemon=True).start()

    @staticmethod
    def receive(s):
        head = b''
        while len(head) < 20:
            got = s.recv(20 - len(head))
            if not got:
                raise EOFError
            head += got
        counter, n, name = HEADER.unpack(head)
        body = b''
        while len(body) < n:
            body += s.recv(n - len(body))
        return counter, name.split(b' ')[0].decode(), body

    @staticmethod
    def send(s, counter, name, body):
        s.sendall(HEADER.pack(counter, len(body), name.encode() + b' ' + b'-' * (11 - len(name))) + body)

    def request(self, s, counter, name, body):
        self.send(s, counter, name, body)
        while True:
            got, answer, text = self.receive(s)
            if got == counter:
                assert answer == 'ok', (name, answer, text)
                return text

    def client(self, s):
        if self.silent:
            time.sleep(30)
        try:
            while True:
                counter, name, body = self.receive(s)
                if name == 'echo':
                    self.send(s, counter, 'ok', body)
                    continue
                self.asked.append((name, body))
                answer = self.answers.get(name, Exception(f"unknown command 'b'{name}''"))
                if callable(answer):
                    answer = answer(body)
                if isinstance(answer, Exception):
                    self.send(s, counter, 'err', str(answer).encode())
                elif name in ('dapi', 'send_file'):
                    self.send(s, counter, 'ok', b'Added request to API requests queue')
                    mine = 7
                    ident = self.request(s, mine, 'new_str', str(len(answer)).encode())
                    for at in range(0, len(answer), self.chunk):
                        mine += 1
                        self.request(s, mine, 'str_upd', ident + b' ' + answer[at : at + self.chunk])
                    self.request(s, mine + 1, 'dapi_res' if name == 'dapi' else 'send_f_res', ident)
                else:
                    self.send(s, counter, 'ok', answer)
        except (EOFError, OSError):
            s.close()

    def run(self, *args, timeout=20, env=None):
        return subprocess.run([lib.PICKET, *args, '--root', self.root], capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def dump(value):
    return json.dumps(value).encode()


def items(affected, message='All done', failed=(), total=None):
    """AffectedItemsWazuhResult as a node encodes it (section 15). failed: [(code, ids)]."""
    return dump({'__wazuh_result__': {'__class__': 'AffectedItemsWazuhResult', '__object__': {
        'affected_items': affected, 'sort_fields': None, 'sort_casting': ['int'], 'sort_ascending': [True],
        'total_affected_items': len(affected) if total is None else total,
        'total_failed_items': sum(len(i) for _, i in failed), 'dikt': {},
        'all_msg': message, 'some_msg': 'Some failed', 'none_msg': 'None done',
        'failed_items_keys': [{'__object__': {'type': 'about:blank', 'title': 'Bad Request', 'code': code,
                                              'extra_message': None, 'extra_remediation': None,
                                              'cmd_error': False, 'dapi_errors': {}, 'ids': []},
                               '__class__': 'WazuhError'} for code, _ in failed],
        'failed_items_values': [list(i) for _, i in failed]}}})


def exception(code, errors=()):
    return dump({'__wazuh_exception__': {'__class__': 'WazuhInternalError', '__object__': {
        'type': 'about:blank', 'title': 'Wazuh Internal Error', 'code': code, 'extra_message': None,
        'extra_remediation': None, 'cmd_error': False, 'dapi_errors': dict(errors)}}})


NODES = dump({'items': [{'name': n, 'type': t, 'version': '4.14.7', 'ip': ip} for n, t, ip in (
    ('boss', 'master', '10.0.0.1'), ('w2', 'worker', '10.0.0.3'), ('w1', 'worker', '10.0.0.2'))],
    'totalItems': 3})
CONFIG = dump({'name': 'wazuh', 'node_name': 'w1', 'node_type': 'worker'})


def fits_screen(text, lines=24):
    rows = text.split('\n')
    assert len(rows) <= lines and all(len(r) <= 80 for r in rows), text
    assert all(0x20 <= ord(c) < 0x7f or c == '\n' for c in text), ascii(text)


# ---- real nodes ----------------------------------------------------------------------------------------
def test_nodes():
    m, w = pair()
    for n in (m, w):
        wait(lambda: n.run('nodes').returncode == 0, f'{n.name} to be well')
        got = n.run('nodes')
        assert got.stderr == '' and got.stdout.startswith('OK: 2 nodes, all connected and in sync\n'), got
        rows = [r.split()[:4] for r in got.stdout.split('\n')[2:4]]
        assert rows == [['master', 'master', lib.VERSION, '127.0.0.1'],
                        ['worker1', 'worker', lib.VERSION, '127.0.0.1']], got.stdout
        fits_screen(got.stdout)
        told = json.loads(n.run('nodes', '-j').stdout)
        assert told['well'] and told['why'] is None and [x['name'] for x in told['nodes']] == ['master', 'worker1']


def test_health_is_a_boolean():
    m, w = pair()
    wait(lambda: w.run('health').returncode == 0, 'health')
    quiet = w.run('health', '-q')
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, '', '')
    m.kill()
    try:
        wait(lambda: w.run('health', '-q').returncode == 1, 'the worker to notice', 20)
        got = w.run('health')
        assert got.returncode == 1 and got.stdout.startswith('NOT WELL: worker1 '), got
        check = w.run('check')
        assert check.returncode == 2 and check.stdout.startswith('CLUSTER CRITICAL - worker1 is not connected'), check
        assert m.run('health').returncode == 1
    finally:
        m.start()
    wait(lambda: w.run('health', '-q').returncode == 0, 'the worker to be well again', 30)


def test_check_line():
    for n in pair():
        wait(lambda: n.run('check').returncode == 0, 'check')
        got = n.run('check')
        assert got.stdout.count('\n') == 1 and got.stderr == '', got
        words, _, data = got.stdout.strip().partition(' |')
        assert words.startswith(f'CLUSTER OK - {n.name} '), got.stdout
        values = dict(v.split('=') for v in data.split())
        assert values['behind'] == '0;0;1000;0' and values['nodes'] == '2;;;0', values
    bad = pair()[0].run('check', '-w', 'x')
    assert bad.returncode == 3 and bad.stdout.startswith('CLUSTER UNKNOWN - '), bad
    bad = pair()[0].run('check', '--nosuch')
    assert bad.returncode == 3 and bad.stdout.startswith('CLUSTER UNKNOWN - '), bad


def test_check_thresholds():
    _, w = pair()
    wait(lambda: 'keepalive=' in w.run('check').stdout, 'a keepalive')
    time.sleep(1.1)
    assert w.run('check', '-w', '0,0').returncode in (0, 1)
    wait(lambda: w.run('check', '-w', '0,0').returncode == 1, 'a keepalive that is older than 0 s')
    wait(lambda: w.run('check', '-w', '0,0', '-c', '0,0').returncode == 2, 'the same, critical')


def test_files():
    for n in pair():
        wait(lambda: n.run('files').returncode == 0, 'nothing behind')
        got = n.run('files')
        assert got.stdout.startswith('OK: nothing is behind; this node has '), got
        fits_screen(got.stdout)
        told = json.loads(n.run('files', '-j').stdout)
        assert told['unsynced'] == [] and told['node'] == n.name, told


def control(node, *args, name='cluster_control'):
    """Called by that name, through a link in the node's own bin folder, so that it finds the root itself."""
    link = node.path('bin', name) if isinstance(node, Node) else os.path.join(node.root, 'bin', name)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    if not os.path.lexists(link):
        os.symlink(lib.PICKET, link)
    return subprocess.run([link, *args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


def test_cluster_control():
    m, w = pair()
    for n in (m, w):
        got = control(n, '-l')
        assert got.stdout == ('NAME     TYPE    VERSION  ADDRESS    \n'
                              f'master   master  {lib.VERSION}   127.0.0.1  \n'
                              f'worker1  worker  {lib.VERSION}   127.0.0.1  \n'), got
        got = control(n, '-l', '-fn', 'worker1')
        assert got.stdout.split('\n')[1].split()[0] == 'worker1' and got.stdout.count('\n') == 2, got
        brief = control(n, '-i').stdout
        assert brief.startswith('Cluster name: wazuh\n\nLast completed synchronization for connected nodes (1):\n'
                                '    worker1 (127.0.0.1): Integrity check: 2'), brief
        assert brief.endswith('Z.\n\n'), brief
        more = control(n, '-i', 'more').stdout
        assert more.startswith('Cluster name: wazuh\n\nConnected nodes (1):\n\n    master (127.0.0.1)\n'), more
        assert '                Permission to check integrity: True.\n' in more and more.endswith('.\n\n'), more
    for n in (m, w):
        got = control(n, '-l', '-fn', 'nosuch')
        assert (got.returncode, got.stdout, got.stderr) == (1, '', 'ERROR: Error 1730 - Node does not exist\n'), got
    got = control(m, '-fs', 'active')
    assert got.returncode == 1 and got.stderr == 'ERROR: Wrong arguments.\n', got
    assert got.stdout.startswith('\n    cluster_control.py [-h] [-d] [-fn [FILTER_NODE ...]] '), got.stdout
    got = control(m, '-x')
    assert got.returncode == 2 and got.stderr.endswith('cluster_control.py: error: unrecognized arguments: -x\n'), got


@seconds(60)
def test_real_answers():
    """The questions of hash, wait-sync, files --dry-run, api and cluster_control -a, answered by real nodes."""
    m, w = pair()
    for n in (m, w):
        wait(lambda: n.run('hash').stdout.startswith('OK: 2 nodes agree\n'), 'one tree')
        got = n.run('api', 'wazuh.cluster.get_nodes_info')
        assert got.returncode == 0 and got.stdout.split('\n')[1].split() == ['NAME', 'TYPE', 'VERSION', 'IP'], got
        got = n.run('api', 'wazuh.manager.get_basic_info', '--node', 'worker1', '-j')
        result = json.loads(got.stdout)['__wazuh_result__']['__object__']
        assert [x['path'] for x in result['affected_items']] == [w.root], result
        got = n.run('api', 'nosuch.f')
        assert got.returncode == 1 and got.stdout.startswith('FAILED: Error 1000'), got
        got = control(n, '-a')
        assert got.stdout.split('\n')[0].split() == ['ID', 'NAME', 'IP', 'STATUS', 'VERSION', 'NODE', 'NAME'], got
    wait(lambda: w.run('files', '--dry-run').stdout.startswith('OK: nothing would change; '), 'nothing to change')
    m.write({'etc/rules/wait.xml': b'news'})
    got = w.run('wait-sync', '--timeout', '20', timeout=30)
    assert got.returncode == 0 and w.read('etc/rules/wait.xml') == b'news', got
    m.write({'queue/cluster/worker1/sent.bin': b'z' * 300000})
    got = m.run('send-file', 'queue/cluster/worker1/sent.bin', 'worker1')
    assert got.returncode == 0 and got.stdout.startswith('OK: 292 kB sent to worker1 in '), got
    assert w.read('queue/cluster/worker1/sent.bin') == b'z' * 300000
    got = m.run('send-file', 'queue/cluster/worker1/sent.bin', 'nosuch')
    assert got.returncode == 1 and got.stderr.startswith('picket: Error 3022 - Unknown node ID'), got


# ---- without a node ------------------------------------------------------------------------------------
def test_not_running():
    d = Double({})
    d.close()
    for command, code in (('status', 3), ('nodes', 3), ('health', 1), ('files', 3), ('hash', 3), ('wait-sync', 3),
                          ('agents', 3)):
        got = d.run(command)
        assert got.returncode == code and got.stdout == '', (command, got)
        assert got.stderr == f'NOT RUNNING: no node in {d.root} (start it: picket run)\n', (command, got)
    got = d.run('check')
    assert got.returncode == 2 and got.stdout.startswith('CLUSTER CRITICAL - no node in '), got
    got = control(d, '-l')
    assert (got.returncode, got.stderr) == (1, 'ERROR: Cluster is not running.\n'), got
    with open(os.path.join(d.root, 'var/run/wazuh-clusterd-12.pid'), 'w') as f:
        f.write('12\n')
    assert d.run('status').returncode == 1 and d.run('nodes').returncode == 1 and d.run('files').returncode == 3


@seconds(60)
def test_hung():
    """Takes connections and answers nothing: said within 2 seconds."""
    d = Double({}, silent=True)
    for command, code in (('status', 4), ('nodes', 4), ('health', 1), ('check', 2), ('files', 4), ('hash', 4),
                          ('agents', 4)):
        began = time.monotonic()
        got = d.run(command)
        took = time.monotonic() - began
        assert got.returncode == code and took < 2, (command, got, took)
        assert 'does not answer' in (got.stdout if command == 'check' else got.stderr), (command, got)


def test_wrong_root():
    got = subprocess.run([lib.PICKET, 'status', '--root', '/nonexistent'], capture_output=True, text=True)
    assert got.returncode == 4 and '--root names' in got.stderr, got


# ---- the double's answers ------------------------------------------------------------------------------
def test_another_daemon():
    """Knows get_config, get_nodes and get_health, as Wazuh's own; names of three nodes in a stable order."""
    d = Double({'get_config': CONFIG, 'get_nodes': NODES, 'get_health': dump({'n_connected_nodes': 2, 'nodes': {}})})
    got = d.run('nodes')
    assert got.returncode == 0 and [r.split()[0] for r in got.stdout.split('\n')[2:5]] == ['boss', 'w1', 'w2'], got
    assert "Wazuh's own daemon" in got.stdout
    got = d.run('status')
    assert got.returncode == 0 and got.stdout.startswith("RUNNING: w1, Wazuh's own daemon, answers\n"), got


def test_api_question():
    """What is asked, in the shape of section 15."""
    d = Double({'get_nodes': NODES, 'dapi': items([])})
    d.run('api', 'wazuh.core.agent.Agent.get_agents_overview', 'limit=5', 'search=a b', 'select=["id"]', '--node', 'w1',
          '--agents', '001,002', '--type', 'distributed_master')
    asked = json.loads(dict(d.asked)['dapi'])
    assert asked['f'] == {'__callable__': {'__name__': 'get_agents_overview', '__module__': 'wazuh.core.agent',
                                           '__qualname__': 'Agent.get_agents_overview', '__type__': 'function'}}, asked
    assert asked['f_kwargs'] == {'limit': 5, 'search': 'a b', 'select': ['id'], 'agent_list': ['001', '002'],
                                 'node_id': 'w1'}, asked
    assert asked['request_type'] == 'distributed_master' and asked['from_cluster'] is False, asked
    assert asked['nodes'] == ['boss', 'w2', 'w1'], asked
    d.asked.clear()
    d.run('api', 'wazuh.cluster.get_nodes_info')
    asked = json.loads(dict(d.asked)['dapi'])
    assert asked['request_type'] == 'local_master' and asked['is_async'] is True, asked
    assert asked['local_client_arg'] == 'lc' and asked['f_kwargs'] == {}, asked
    d.asked.clear()
    d.run('api', 'wazuh.manager.get_status', '--node', 'all')
    asked = json.loads(dict(d.asked)['dapi'])
    assert asked['f_kwargs'] == {'node_list': '*'} and asked['broadcasting'] is True, asked
    d.asked.clear()
    d.run('api', 'wazuh.manager.restart')  # nobody named: this node, not the whole cluster
    asked = json.loads(dict(d.asked)['dapi'])
    assert asked['request_type'] == 'local_any' and asked['f_kwargs'] == {} and 'broadcasting' not in asked, asked


def test_api_table_and_blocks():
    d = Double({'get_nodes': NODES, 'dapi': items([{'id': '001', 'name': 'a'}, {'id': '002', 'name': 'long', 'os': 'x'}])},
               chunk=7)
    got = d.run('api', 'wazuh.agent.get_agents')
    assert (got.returncode, got.stdout) == (0, 'OK: All done (2)\nID   NAME  OS\n001  a     -\n002  long  x\n'), got
    d.answers['dapi'] = items([{'name': 'a', 'os': {'arch': 'x86', 'of': ['b', 1, None]}, 'when':
                                {'__wazuh_datetime__': '2026-11-20'}}])
    got = d.run('api', 'wazuh.agent.get_agents')
    assert got.stdout == 'OK: All done (1)\nname:    a\nos.arch: x86\nos.of:   b, 1, -\nwhen:    2026-11-20\n\n', got.stdout
    d.answers['dapi'] = items(['001', '002'], total=9)
    assert d.run('api', 'x.y').stdout == 'OK: All done (2 of 9)\n001\n002\n'
    d.answers['dapi'] = dump({'__wazuh_result__': {'__class__': 'WazuhResult', '__object__': {
        'str_priority': None, 'result': {'data': {'enabled': 'yes', 'running': 'yes'}}}}})
    got = d.run('api', 'wazuh.cluster.get_status_json')
    assert (got.returncode, got.stdout) == (0, 'enabled: yes\nrunning: yes\n'), got


def test_api_failures():
    d = Double({'get_nodes': NODES, 'dapi': items(['001'], failed=[(1701, ['003', '004']), (1730, ['w9'])])})
    got = d.run('api', 'x.y')
    assert got.returncode == 1 and got.stdout.startswith('PARTLY FAILED: Some failed (1 done)\n001\nfailed: 003, 004: '
                                                         'Error 1701'), got
    assert 'failed: w9: Error 1730 - Node does not exist\n' in got.stdout, got.stdout
    d.answers['dapi'] = exception(3022, {'w1': {'error': 'no \x1b[2J such node'}})
    got = d.run('api', 'x.y')
    assert got.returncode == 1, got
    assert got.stdout == 'FAILED: Error 3022 - Unknown node ID\nat w1: no ?[2J such node\n', got.stdout
    d.answers['dapi'] = Exception(exception(3023).decode())
    got = d.run('api', 'x.y')
    assert got.returncode == 1 and 'Error 3023' in got.stderr, got
    for args, words in ((('api', 'x.y', 'novalue'), 'is not KEY=VALUE'), (('api', 'x.y', '--type', 'z'), 'no type'),
                        (('api',), 'usage: picket api')):
        got = d.run(*args)
        assert got.returncode == 2 and words in got.stderr and got.stdout == '', got


def test_api_json_and_list():
    raw = items([{'id': '001'}], failed=[(1701, ['003'])])
    d = Double({'get_nodes': NODES, 'dapi': raw}, chunk=3)
    got = d.run('api', 'x.y', '--json')
    assert got.returncode == 1 and got.stdout == raw.decode() + '\n', got
    rows = json.loads(d.run('api', '--list', '--json').stdout)
    named = {r['function']: r for r in rows}
    assert named['wazuh.manager.get_status']['type'] == 'distributed_master' and len(rows) > 20, rows
    plain = d.run('api', '--list').stdout
    assert all(len(x) <= 80 for x in plain.split('\n')) and 'picket.node.get_tree' in plain, plain


def test_api_long_answer():
    """5 MB of items: as they come, in the memory there is."""
    many = items([{'id': f'{i:05}', 'text': 'x' * 200} for i in range(20000)])
    d = Double({'get_nodes': NODES, 'dapi': many}, chunk=100000)
    got = d.run('api', 'x.y')
    assert got.returncode == 0 and sum(x.startswith('id: ') for x in got.stdout.split('\n')) == 20000, got.stdout[:200]
    assert got.stdout.endswith('OK: All done (20000)\n')


def agents(n):
    return dump({'__wazuh_result__': {'__class__': 'WazuhResult', '__object__': {'str_priority': None, 'result': {
        'items': [{'id': f'{i:03}', 'name': f'agent{i}', 'ip': 'any', 'status': 'active', 'version': 'Wazuh v4.14.7',
                   'node_name': 'w1'} for i in range(n)] + [{'id': '99999', 'name': 'Zo\u00eb'}], 'totalItems': n + 1}}}})


@seconds(60)
def test_cluster_control_agents():
    """Columns as wide as the widest of all rows, also when they do not fit the memory and are asked for twice."""
    for n in (2, 20000):
        d = Double({'dapi': agents(n)}, chunk=60000)
        got = control(d, '-a', '-fn', 'w1', '-fs', 'active', 'disconnected')
        rows = [('ID', 'NAME', 'IP', 'STATUS', 'VERSION', 'NODE NAME')]
        rows += [(f'{i:03}', f'agent{i}', 'any', 'active', 'Wazuh v4.14.7', 'w1') for i in range(n)]
        rows += [('99999', 'Zo\u00eb') + ('unknown',) * 4]
        sizes = [max(len(r[c]) for r in rows) + 2 for c in range(6)]
        want = ''.join(''.join(x.ljust(s) for x, s in zip(r, sizes)) + '\n' for r in rows)
        assert got.stdout == want, (got.stdout[:300], want[:300], got.stderr)
        asked = json.loads(d.asked[0][1])
        assert asked['f_kwargs']['filters'] == {'status': 'active,disconnected', 'node_name': 'w1'}, asked
        assert asked['f_kwargs']['limit'] is None and sorted(asked) == ['f', 'f_kwargs', 'from_cluster',
                                                                        'wait_for_complete'], asked


def files_double(mine, masters, native=True):
    def dapi(body):
        asked = json.loads(body)
        name = asked['f']['__callable__']['__name__']
        if name == 'get_manifest' and native:
            return items([{'path': p, 'hash': h} for p, h in
                          (mine if asked['request_type'] == 'local_any' else masters).items()])
        if name == 'get_node_ruleset_integrity':
            assert asked['request_type'] == 'local_master' and asked['is_async'], asked
            return dump({'__wazuh_result__': {'__class__': 'WazuhResult', '__object__': {'str_priority': None,
                                                                                         'result': masters}}})
        return Exception(exception(1000).decode())

    return Double({'get_config': CONFIG, 'dapi': dapi, 'get_hash': dump(mine)}, chunk=3001)


@seconds(60)
def test_files_dry_run():
    h = lambda i: f'{i:0128x}'
    mine = {'etc/same': h(1), 'etc/changed': h(2), 'etc/gone': h(3), 'etc/sp \u00e4 "q".xml': h(4)}
    masters = {'etc/changed': h(1 << 500), 'etc/new': h(5), 'etc/same': h(1), 'etc/sp \u00e4 "q".xml': h(4)}
    d = files_double(mine, masters)
    got = d.run('files', '--dry-run')
    assert got.returncode == 1, got
    assert got.stdout == ('WOULD CHANGE: 1 to create, 1 to update, 1 to delete\n  update  etc/changed\n  create  etc/new\n'
                          '  delete  etc/gone\n'), got.stdout
    told = json.loads(d.run('files', '--dry-run', '--json').stdout)
    assert told == {'changes': [{'path': 'etc/changed', 'change': 'update'}, {'path': 'etc/new', 'change': 'create'},
                                {'path': 'etc/gone', 'change': 'delete'}], 'compared': 'all', 'create': 1, 'update': 1,
                    'delete': 1}, told
    got = files_double(mine, mine).run('files', '--dry-run')
    assert (got.returncode, got.stdout) == (0, 'OK: nothing would change; 4 files compared\n'), got
    got = files_double(mine, masters, native=False).run('files', '--dry-run')
    assert got.returncode == 1 and 'Only rules, decoders and lists could be compared' in got.stdout, got
    assert '  create  etc/new\n' in got.stdout and '1 to delete' in got.stdout, got.stdout
    got = files_double(mine, {}).run('files', '--dry-run')  # that is no list to go by
    assert got.returncode == 4 and 'names no files' in got.stderr, got
    big = {f'etc/shared/{i}': h(i) for i in range(20000)}
    other = {**big, 'etc/shared/5': h(9 << 490)}
    del other['etc/shared/77']
    got = files_double(big, other).run('files', '--dry-run')
    assert got.stdout == ('WOULD CHANGE: 0 to create, 1 to update, 1 to delete\n  update  etc/shared/5\n'
                          '  delete  etc/shared/77\n'), got.stdout[:300]


def trees(answer):
    return Double({'get_status': dump({'node': 'w1', 'type': 'worker', 'state': 'connected', 'in_sync': True}),
                   'get_config': CONFIG, 'get_nodes': NODES, 'dapi': answer})


def tree(name, c, age=0):
    return {'name': name, 'tree': c * 64, 'files': 12, 'scanned_s': age}


def test_hash():
    got = trees(items([tree('boss', 'a'), tree('w1', 'a'), tree('w2', 'a')])).run('hash')
    assert got.returncode == 0 and got.stdout.startswith('OK: 3 nodes agree\n'), got
    fits_screen(got.stdout)
    d = trees(items([tree('w2', 'b'), tree('w1', 'a'), tree('boss', 'a')]))
    got = d.run('hash')
    assert got.returncode == 1 and got.stdout.startswith('DIFFER: '), got
    assert [r.split()[0] for r in got.stdout.split('\n')[2:5]] == ['boss', 'w1', 'w2'], got.stdout
    assert got.stdout.split('\n')[4].endswith('differs'), got.stdout
    asked = json.loads(dict(d.asked)['dapi'])
    assert asked['request_type'] == 'distributed_master' and asked['f_kwargs'] == {'node_list': '*'}, asked
    got = trees(items([tree('boss', 'a'), tree('w1', 'a')], failed=[(3000, ['w2'])])).run('hash', '-j')
    told = json.loads(got.stdout)
    assert got.returncode == 4 and told['agree'] is None and told['nodes'][2]['why'].startswith('Error 3000'), got


@seconds(30)
def test_wait_sync():
    """What was scanned before the command began does not count."""
    began = time.monotonic()

    def answer(_):
        age = time.monotonic() - began
        return items([tree('boss', 'b', 0 if age > 2 else 9), tree('w1', 'b'), tree('w2', 'b' if age > 2 else 'a')])

    got = trees(answer).run('wait-sync', '--timeout', '15')
    assert got.returncode == 0 and got.stdout.startswith('OK: 3 nodes agree after '), got
    assert time.monotonic() - began > 2
    got = trees(items([tree('boss', 'b'), tree('w1', 'b'), tree('w2', 'a')])).run('wait-sync', '--timeout', '2')
    assert got.returncode == 1 and got.stdout.startswith('BEHIND: after 2s: ') and 'w2' in got.stdout, got
    got = trees(items([tree('boss', 'b'), tree('w1', 'a')])).run('wait-sync', '--timeout', '1', '-q')
    assert (got.returncode, got.stdout) == (1, ''), got


def test_send_file():
    d = Double({'send_file': b'3145728'})
    got = d.run('send-file', 'queue/cluster/w1/x', 'w1')
    assert got.returncode == 0 and got.stdout.startswith('OK: 3.0 MB sent to w1 in 0.'), got
    assert d.asked == [('send_file', b'queue/cluster/w1/x w1')], d.asked
    assert json.loads(d.run('send-file', 'a', 'w1', '-j').stdout)['bytes'] == 3145728
    d.answers['send_file'] = Exception(exception(3022).decode())
    got = d.run('send-file', 'a', 'w9')
    assert got.returncode == 1 and got.stderr == 'picket: Error 3022 - Unknown node ID\n', got
    d.answers['send_file'] = exception(3034)
    got = d.run('send-file', 'a', 'w1')
    assert got.returncode == 1 and 'Error 3034' in got.stderr, got


# ---- the log -------------------------------------------------------------------------------------------
def log_line(n, level='INFO', text='hello'):
    return f'2026/11/20 10:31:{n % 60:02} {level}: [Master] [Main] {text} {n}\n'


def test_log():
    d = Double({})
    path = os.path.join(d.root, 'logs/cluster.log')
    assert d.run('log').returncode == 1
    lines = [log_line(n, 'ERROR' if n % 50 == 0 else 'INFO', 'x' * (n % 300)) for n in range(1000)]
    with open(path, 'w') as f:
        f.writelines(lines)
    assert d.run('log').stdout == ''.join(lines[-20:])
    assert d.run('log', '-n', '300').stdout == ''.join(lines[-300:])
    assert d.run('log', '-n', '100000').stdout == ''.join(lines)
    assert d.run('log', '-n', '0').stdout == ''
    assert d.run('log', '-n', '3', '--level', 'error').stdout == ''.join(lines[n] for n in (850, 900, 950))
    assert d.run('log', '-n', '2000', '--level', 'warning').stdout == ''.join(lines[::50])
    with open(path, 'a') as f:
        f.write('Traceback:\n  \x1b[2J\n' + 'no end')
    assert d.run('log', '-n', '3').stdout == 'Traceback:\n  ?[2J\nno end'
    bad = d.run('log', '--level', 'loud')
    assert bad.returncode == 2 and 'no level' in bad.stderr, bad


def test_log_follow():
    d = Double({})
    path = os.path.join(d.root, 'logs/cluster.log')
    with open(path, 'w') as f:
        f.write(log_line(1))
    p = subprocess.Popen([lib.PICKET, 'log', '-f', '--root', d.root], stdout=subprocess.PIPE)
    os.set_blocking(p.stdout.fileno(), False)
    seen = b''

    def has(text):
        nonlocal seen
        seen += p.stdout.read() or b''
        return text in seen

    try:
        wait(lambda: has(b'hello 1\n'), 'the first line')
        with open(path, 'a') as f:
            f.write(log_line(2))
        wait(lambda: has(b'hello 2\n'), 'an added line')
        with open(path, 'a') as f:
            f.write(log_line(3))
        os.rename(path, path + '.1')
        with open(path, 'w') as f:
            f.write(log_line(4))
        wait(lambda: has(b'hello 4\n'), 'a line after a rotation')
        assert b'hello 3\n' in seen, seen
        p.send_signal(signal.SIGINT)
        assert p.wait(5) == 0
        assert seen.decode() == ''.join(map(log_line, (1, 2, 3, 4))), seen
    finally:
        p.kill()


# ---- terminals -----------------------------------------------------------------------------------------
def on_terminal(args, env, until, timeout=10):
    """What the program writes to a terminal until that text has come; then Ctrl-C. (output, exit status)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(env)
        os.execv(lib.PICKET, [lib.PICKET, *args])
    out, end = b'', time.monotonic() + timeout
    while until not in out and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got = os.read(fd, 4096)
            except OSError:
                break
            if not got:
                break
            out += got
    os.write(fd, b'\x03')
    status = os.waitpid(pid, 0)[1]
    os.close(fd)
    return out, os.waitstatus_to_exitcode(status)


def test_watch():
    d = Double({'get_config': CONFIG, 'get_nodes': NODES})
    out, code = on_terminal(['nodes', '--watch', '0.2', '--root', d.root], {'TERM': 'xterm'}, b'\x1b[H\x1b[J\x1b[1;32mOK',
                            10)
    assert code == 0 and b'\x1b[H\x1b[J\x1b[1;32mOK\x1b[0m: 3 nodes' in out + b'\x1b[0m: 3 nodes', (out, code)
    for env in ({'TERM': 'xterm', 'NO_COLOR': '1'}, {'TERM': 'dumb'}, {}):
        out, code = on_terminal(['nodes', '--watch=0.2', '--root', d.root], env, b'LAST SEEN')
        assert b'\x1b[1' not in out and code == 0, (env, out, code)
        assert (b'\x1b[J' in out) == ('NO_COLOR' in env), (env, out)
    p = subprocess.Popen([lib.PICKET, 'nodes', '--watch', '0.1', '--root', os.path.relpath(d.root)], stdout=subprocess.PIPE)
    time.sleep(1)
    p.send_signal(signal.SIGINT)
    out = p.communicate(timeout=5)[0].decode()
    assert p.returncode == 0 and out.count('OK: 3 nodes') >= 3 and '\n\nOK: 3 nodes' in out and '\x1b' not in out, out


def test_closed_pipe():
    """`picket log | head` ends in silence."""
    d = Double({})
    with open(os.path.join(d.root, 'logs/cluster.log'), 'w') as f:
        f.writelines(map(log_line, range(100000)))
    got = subprocess.run(f'{lib.PICKET} log -n 100000 --root {d.root} | head -n 1', shell=True, capture_output=True,
                         text=True, timeout=10)
    assert got.stdout == log_line(0) and got.stderr == '', got


# ---- texts ---------------------------------------------------------------------------------------------
def test_help():
    words = subprocess.run([lib.PICKET, 'help'], capture_output=True, text=True).stdout
    fits_screen(words)
    for topic in ('run', 'status', 'nodes', 'health', 'check', 'agents', 'files', 'hash', 'wait-sync', 'api', 'send-file',
                  'log', 'json', 'exit', 'check-config'):
        got = subprocess.run([lib.PICKET, 'help', topic], capture_output=True, text=True)
        assert got.returncode == 0 and got.stdout, topic
        if topic != 'check-config':
            fits_screen(got.stdout)
        if topic not in ('json', 'exit', 'run', 'check-config'):
            again = subprocess.run([lib.PICKET, topic, '--help'], capture_output=True, text=True)
            assert again.stdout == got.stdout, topic
        assert f'  picket {topic} ' in words or topic in ('json', 'exit'), topic


SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'src')


def test_man_pages():
    if not shutil.which('mandoc'):
        raise lib.Skip('mandoc is not installed')
    for page in ('man/picket.8', 'man/picket.conf.5'):
        got = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', os.path.join(SRC, page)], capture_output=True,
                             text=True)
        assert got.returncode == 0 and not got.stdout, got.stdout


def test_man_page_names_all():
    """Each command, and each key of picket.conf, has its paragraph."""
    with open(os.path.join(SRC, 'man/picket.8')) as f:
        page = f.read()
    overview = subprocess.run([lib.PICKET, 'help'], capture_output=True, text=True).stdout
    for line in overview.split('\n'):
        if line.startswith('  picket ') and 'TOPIC' not in line:
            assert f'.It Ic {line.split()[1]}' in page, line
    with open(os.path.join(SRC, 'man/picket.conf.5')) as f:
        page = f.read()
    words = subprocess.run([lib.PICKET, 'help', 'config'], capture_output=True, text=True).stdout
    keys = [x.lstrip('#').split()[0] for x in words.split('All keys:')[1].split('\n') if ' = ' in x and x[:2] != '# ']
    assert keys
    for key in keys:
        assert f'.It Ic {key}' in page, key


def test_completion():
    """bash offers the commands, then a command's options."""
    script = os.path.join(SRC, 'completion/picket.bash')

    def offered(*words):
        line = f'. {script}; COMP_WORDS=({" ".join(words)} ""); COMP_CWORD={len(words)}; _picket; echo "${{COMPREPLY[*]}}"'
        return subprocess.run(['bash', '-c', line], capture_output=True, text=True, check=True).stdout.split()

    overview = subprocess.run([lib.PICKET, 'help'], capture_output=True, text=True).stdout
    commands = {x.split()[1] for x in overview.split('\n') if x.startswith('  picket ')}
    assert set(offered('picket')) == commands, (set(offered('picket')) ^ commands)
    for command in commands - {'help', 'version', 'run'}:
        for option in offered('picket', command):
            if option in ('--root', '--help', 'list', 'add', 'remove', 'group') or option.startswith('--') is False:
                continue
            words = subprocess.run([lib.PICKET, 'help', command], capture_output=True, text=True).stdout
            assert option in words or option in ('--json', '--quiet'), (command, option)


if __name__ == '__main__':
    lib.run(globals())
