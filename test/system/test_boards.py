#!/usr/bin/python3
"""Boards of other architectures: they build, their suites pass under qemu-user, they hold to their memory, and
their nodes and this machine's are one cluster, whatever their byte order and word size. And board/README's five
steps make a new board."""
import json
import os
import re
import shutil
import subprocess

import lib
import registration
from lib import Node, Skip, same, seconds, wait

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONF = 'store = embedded\n'
# The suites of one board run here, of the big-endian one; the others are built and join (`make cross-test BOARD=x`
# runs theirs: minutes of emulation each).
SUITES = 's390x'
JOIN = ('s390x', 'mipsel', 'armhf', 'qemu-aarch64')
built = {}


def make(*words, cwd=TOP):
    env = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'PICKET')}
    return subprocess.run(('nice', 'make', '--no-print-directory', *words), cwd=cwd, env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def settings(board):
    """What its board.mk says: {'QEMU': 'qemu-arm-static', ...}."""
    with open(f'{TOP}/board/{board}/board.mk') as f:
        return dict(re.findall(r'^(\w+) = ([^#\n]*?) *(?:#.*)?$', f.read(), re.M))


def needs(board):
    """Skips when this machine lacks what the board needs, and says how to get it."""
    s = settings(board)
    lacks = [p for p in (f'{s["GNU"]}-gcc', s['QEMU']) if not shutil.which(p)]
    if lacks:
        raise Skip(f'{" and ".join(lacks)} not found (make setup BOARD={board})')
    return s


def build(board):
    """Builds it once; its settings."""
    s = needs(board)
    if board not in built:
        built[board] = make(f'BOARD={board}')
    assert built[board].returncode == 0, built[board].stdout[-2000:]
    return s


class Foreign(Node):
    """A node of another board."""

    def __init__(self, board, *args, **more):
        self.run_by = [shutil.which(build(board)['QEMU']), f'{TOP}/build/{board}/picket']
        super().__init__(*args, conf=CONF, **more)

    def command(self, *args):
        return [*self.run_by, *args, '--root', self.root]


def suites(board):
    build(board)
    done = make(f'BOARD={board}', 'cross-test')
    last = done.stdout.splitlines()[-1]
    print(f'   {board}: {last}')
    counts = re.fullmatch(r'(\d+) passed, 0 failed', last)
    assert done.returncode == 0 and counts and int(counts[1]) > 1000, done.stdout[-4000:]


@seconds(800)
def test_suites_big_endian():
    suites(SUITES)


@seconds(300)
def test_builds_and_memory():
    """Each is of its architecture, within its flash and its memory."""
    skipped = []
    for board in JOIN:
        try:
            build(board)
        except Skip as e:
            skipped.append(str(e))
            continue
        done = make(f'BOARD={board}', 'memory')
        said = re.search(r'([\d,]+)  a daemon\'s, of ([\d,]+) that the board allows', done.stdout)
        assert done.returncode == 0 and said, done.stdout[-2000:]
        print(f'   {board}: {os.path.getsize(f"{TOP}/build/{board}/picket"):,} bytes of flash, {said[0]}')
    if skipped:
        raise Skip('; '.join(skipped))


@seconds(180)
def test_one_cluster():
    """A native master and workers of every other kind: a tree, agents registered at each, all asked at once."""
    boards = []
    for board in JOIN:
        try:
            build(board)
            boards.append(board)
        except Skip as e:
            print(f'   without {board}: {e}')
    if not boards:
        raise Skip('no other architecture can be built and run here')
    soon = {'master.agent_group_start_delay': 1, 'master.sync_agent_groups': 1, 'worker.sync_agent_groups': 2}
    m = Node('master', 'master', files=lib.some_files(), conf=CONF, intervals=soon)
    workers = [Foreign(b, 'worker', b, master_port=m.port, intervals=soon) for b in boards]
    for w in workers:
        same(m, w, 40)
    m.write({'etc/rules/local_rules.xml': b'<group name="another,">\n</group>\n', 'etc/lists/new': b'n' * 300000})
    m.remove('etc/decoders/local_decoder.xml')
    for w in workers:
        same(m, w, 40)
    for w in workers:  # as remoted's child asks: through the worker's socket, done by the master
        answer = json.loads(registration.ask(w, registration.add(f'at-{w.name}'), attempts=5))
        assert answer['error'] == 0 and answer['data']['name'] == f'at-{w.name}', answer
    known = {f'at-{w.name}' for w in workers}
    for n in [m, *workers]:
        wait(lambda: known <= {a['name'] for a in json.loads(n.run('agents', '-j').stdout or '[]')},
             f'{n.name} to know the agents', 30, 0.5)
    names = sorted(n.name for n in [m, *workers])

    def trees(n):
        """All nodes' trees, when they are one."""
        done = n.run('api', 'picket.node.get_tree', '--node', 'all', '-j', timeout=20)
        assert done.returncode == 0, done
        items = json.loads(done.stdout)['__wazuh_result__']['__object__']['affected_items']
        assert sorted(i['name'] for i in items) == names, items
        return len({(i['tree'], i['files']) for i in items}) == 1

    for n in (m, *workers):
        wait(lambda: trees(n), f'all trees to be one, as {n.name} sees it', 30, 1)
    assert m.run('hash', timeout=20).returncode == 0
    for n in [*workers, m]:
        assert n.stop(), n.said()[-500:]


@seconds(120)
def test_two_thousand_files_in_4_mib():
    """The small router as a master: 2,000 files, all at a native worker; more than its limit is told in words."""
    build('mipsel')
    with open(f'{TOP}/board/mipsel/limits.h') as f:
        assert '#define BOARD_RAM_BYTES (4u << 20)' in f.read()
    files = {f'etc/rules/{i % 40}/rule{i}.xml': b'<group name="%d"/>\n' % i * 20 for i in range(1990)}
    m = Foreign('mipsel', 'master', 'router', files=files)
    w = Node('worker', 'worker1', master_port=m.port, conf=CONF)
    same(m, w, 60)
    assert len(w.hashes()) == len(files)
    memory = json.loads(m.local(b'get_status').payload)['memory']
    print(f'   {json.dumps({k: v for k, v in memory.items() if k != "pools"})}')
    assert m.stop() and w.stop()


@seconds(300)
def test_a_new_board():
    """The commands of board/README's five steps, in a copy of the sources."""
    copy = os.path.join(lib.base(), 'copy')
    os.makedirs(f'{copy}/build/deps')
    for name in ('Makefile', 'tools', 'board', 'include', 'src'):
        (shutil.copytree if os.path.isdir(f'{TOP}/{name}') else shutil.copy2)(f'{TOP}/{name}', f'{copy}/{name}')
    shutil.copytree(f'{TOP}/build/deps/archives', f'{copy}/build/deps/archives')
    with open(f'{TOP}/board/README') as f:
        steps = re.findall(r'^    \$ (.*)$', f.read(), re.M)
    assert len(steps) == 5, steps
    env = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'PICKET')}
    for step in steps:
        done = subprocess.run(('nice', 'sh', '-ec', step), cwd=copy, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, (step, done.stdout[-2000:])
    assert os.path.getsize(f'{copy}/build/mybox/picket') > 500000
    # What does not fit its memory does not compile, and says why.
    with open(f'{copy}/board/mybox/limits.h') as f:
        limits = f.read()
    with open(f'{copy}/board/mybox/limits.h', 'w') as f:
        f.write(limits.replace('(4u << 20)', '(3u << 20)'))
    done = make('-k', 'BOARD=mybox', cwd=copy)
    assert done.returncode != 0 and 'BOARD_RAM_BYTES' in done.stdout, done.stdout[-2000:]


if __name__ == '__main__':
    lib.run(globals())
