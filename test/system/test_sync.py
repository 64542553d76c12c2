#!/usr/bin/python3
"""picket masters and workers among themselves: whatever happens to either tree, the workers end up with
the master's."""
import os
import random
import signal
import stat
import time

import lib
from lib import Node, same, seconds, wait

ODD_NAMES = [
    'etc/rules/a b.xml',
    'etc/rules/été.xml',
    'etc/rules/日本語.xml',
    'etc/rules/\U0001f600.xml',
    'etc/rules/q"uote\'s.xml',
    'etc/rules/back\\slash.xml',
    'etc/rules/{}[],:.xml',
    'etc/rules/|@@--@@|.xml',
    'etc/rules/%s%n.xml',
    'etc/rules/-rf',
    'etc/rules/.hidden',
    'etc/rules/...',
    'etc/rules/' + 'n' * 200,
    'etc/shared/a/b/c/d/e/f/g/h/deep.txt',
    'etc/rules/null',
    'etc/decoders/local_rules.xml',
]


def pair():
    """One master and one worker, in sync, for the tests that leave them running."""
    if not hasattr(pair, 'nodes'):
        m = Node('master', 'master', files=lib.some_files())
        pair.nodes = m, Node('worker', 'worker1', master_port=m.port)
    same(*pair.nodes)
    return pair.nodes


def reset():
    for n in pair.__dict__.pop('nodes', ()):
        n.kill()


def settled(m, w):
    """In sync, and still so after two more checks: nothing flaps."""
    same(m, w)
    before = lib.snapshot(w.root, lib.VOLATILE)
    time.sleep(2.5)
    assert not lib.difference(
        before, lib.snapshot(w.root, lib.VOLATILE)
    ), 'the worker keeps changing its tree'
    same(m, w, 1)


def test_first_sync():
    m, w = pair()
    assert len(w.hashes()) == len(lib.some_files()), sorted(w.hashes())
    for path, data in lib.some_files().items():
        assert w.read(path) == data, path
    w.wait_log('Successfully connected to master')
    w.wait_log('Sync required')
    w.wait_log('Sync not required')
    assert w.read('etc/ossec.conf') != m.read('etc/ossec.conf')


def test_unchanged_files_stay():
    """A change of one file rewrites that file only."""
    m, w = pair()
    inode = {p: os.stat(w.path(p)).st_ino for p in w.hashes()}
    m.write({'etc/rules/local_rules.xml': b'<group name="another,">\n</group>\n'})
    same(m, w)
    moved = [p for p in inode if p != 'etc/rules/local_rules.xml' and os.stat(w.path(p)).st_ino != inode[p]]
    assert not moved, f'rewritten without need: {moved}'


def test_change_add_delete_rename():
    m, w = pair()
    m.write(
        {
            'etc/lists/audit-keys': b'audit:two\n',
            'etc/rules/new.xml': b'new',
            'etc/shared/default/list0.txt': b'',
        }
    )
    m.remove('etc/decoders/local_decoder.xml')
    os.rename(m.path('etc/rules/deep/er/more.xml'), m.path('etc/rules/deep/renamed.xml'))
    settled(m, w)
    assert w.read('etc/decoders/local_decoder.xml') is None and w.read('etc/rules/deep/er/more.xml') is None
    assert w.read('etc/lists/audit-keys') == b'audit:two\n'


def test_same_size_and_time():
    """New content of the same length and with the old time is still noticed."""
    m, w = pair()
    path = m.path('etc/rules/new-time.xml')
    m.write({'etc/rules/new-time.xml': b'AAAA'})
    same(m, w)
    old = os.stat(path)
    with open(path, 'r+b') as f:
        f.write(b'BBBB')
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    same(m, w)
    assert w.read('etc/rules/new-time.xml') == b'BBBB'


def test_empty_files():
    m, w = pair()
    m.write({'etc/rules/nothing.xml': b'', 'etc/shared/linux/agent.conf': b''})
    settled(m, w)
    assert w.read('etc/rules/nothing.xml') == b''
    m.write({'etc/rules/nothing.xml': b'something'})
    same(m, w)


def test_empty_folders_go():
    """remove_subdirs_if_empty: in etc/shared and var/multigroups, not in etc/rules (8)."""
    m, w = pair()
    m.write(
        {'etc/shared/gone/a.txt': b'a', 'etc/rules/kept/a.xml': b'a', 'var/multigroups/gone/merged.mg': b'm'}
    )
    same(m, w)
    for top in ('etc/shared/gone/a.txt', 'etc/rules/kept/a.xml', 'var/multigroups/gone/merged.mg'):
        m.remove(top)
        os.rmdir(os.path.dirname(m.path(top)))
    same(m, w)
    wait(lambda: not os.path.exists(w.path('etc/shared/gone')), 'etc/shared/gone to go', 5)
    assert not os.path.exists(w.path('var/multigroups/gone'))
    assert os.path.isdir(w.path('etc/rules/kept')) and os.path.isdir(w.path('etc/shared'))


def test_permissions():
    """0640 for etc/client.keys, 0660 elsewhere, 0770 for new folders (5.6, 8)."""
    m, w = pair()
    os.chmod(m.path('etc/rules/local_rules.xml'), 0o777)
    m.write({'etc/shared/fresh/sub/a.txt': b'a', 'etc/client.keys': b'009 z any ' + b'9' * 64 + b'\n'})
    same(m, w)
    mode = lambda p: stat.S_IMODE(os.stat(w.path(p)).st_mode)  # noqa: E731
    assert mode('etc/client.keys') == 0o640, oct(mode('etc/client.keys'))
    bad = {p: oct(mode(p)) for p in w.hashes() if p != 'etc/client.keys' and mode(p) != 0o660}
    assert not bad, bad
    assert mode('etc/shared/fresh') == mode('etc/shared/fresh/sub') == 0o770


def test_odd_names():
    m, w = pair()
    m.write({n: n.encode() for n in ODD_NAMES})
    settled(m, w)
    for n in ODD_NAMES:
        assert w.read(n) == n.encode(), n
    for n in ODD_NAMES[::2]:
        m.remove(n)
    settled(m, w)


def test_names_it_does_not_take():
    """JSON cannot carry what is not UTF-8, and include/fs/items.h leaves control characters out: the
    others are synchronised."""
    m, w = pair()
    odd = [
        b'etc/rules/\xff\xfe.xml',
        b'etc/rules/caf\xe9.xml',
        b'etc/lists/line\nfeed',
        b'etc/lists/tab\there',
        b'etc/lists/\x01',
        b'etc/lists/\x7fdel',
    ]
    m.write({n: b'odd' for n in odd})
    m.write({'etc/rules/after-odd.xml': b'after'})
    wait(lambda: w.read('etc/rules/after-odd.xml') == b'after', 'the others to be synchronised')
    for n in odd:
        os.unlink(os.path.join(os.fsencode(m.root), n))
    settled(m, w)


def test_excluded_names():
    m, w = pair()
    no = [
        'etc/shared/default/ar.conf',
        'etc/rules/ossec.conf',
        'etc/rules/x~',
        'etc/rules/x.tmp',
        'etc/lists/x.lock',
        'etc/lists/x.swp',
        'var/multigroups/1234abcd/other.mg',
        'etc/other.keys',
        'etc/deep/client.keys',
        'etc/rules/agents.merged',
    ]
    mine = {n: b'worker' for n in no}
    m.write({n: b'master' for n in no})
    w.write(mine)
    m.write({'etc/rules/beside.xml': b'beside'})
    settled(m, w)
    for n in no:
        assert w.read(n) == b'worker', f'{n} was touched: {w.read(n)}'


def test_multigroups_only_merged():
    m, w = pair()
    m.write(
        {
            'var/multigroups/ffff/merged.mg': b'mg',
            'var/multigroups/ffff/agent.conf': b'no',
            'var/multigroups/merged.mg': b'top',
        }
    )
    settled(m, w)
    assert w.read('var/multigroups/ffff/merged.mg') == b'mg' and w.read('var/multigroups/merged.mg') == b'top'
    assert w.read('var/multigroups/ffff/agent.conf') is None


def test_client_keys():
    m, w = pair()
    for text in (
        b'',
        b'001 a any ' + b'1' * 64 + b'\n',
        b''.join(b'%04d n any %064x\n' % (i, i) for i in range(20000)),
    ):
        m.write({'etc/client.keys': text})
        same(m, w)
        assert w.read('etc/client.keys') == text
    before = m.read('etc/client.keys')
    w.write({'etc/client.keys': b'666 evil any ' + b'6' * 64 + b'\n'})
    same(m, w)
    assert m.read('etc/client.keys') == before, 'a master took client.keys from a worker (3007)'


def test_damage_is_repaired():
    m, w = pair()
    w.write(
        {
            'etc/rules/local_rules.xml': b'damaged',
            'etc/rules/extra.xml': b'extra',
            'etc/shared/extra/extra.txt': b'extra',
        }
    )
    w.remove('etc/lists/empty')
    with open(w.path('etc/lists/audit-keys'), 'r+b') as f:
        f.truncate(3)
    before = lib.snapshot(m.root, lib.VOLATILE)
    settled(m, w)
    assert w.read('etc/rules/extra.xml') is None and not os.path.exists(w.path('etc/shared/extra'))
    assert not lib.difference(
        before, lib.snapshot(m.root, lib.VOLATILE)
    ), 'the master took something from the worker'


def test_folder_in_the_way():
    """A folder at the worker where the master has a file, and the other way round: an empty one makes way; one
    that holds what is nobody's to delete stays, and the rest is synchronised."""
    m, w = pair()
    os.makedirs(w.path('etc/lists/hollow'))
    w.write({'etc/lists/clash/ar.conf': b'excluded', 'etc/lists/clash2': b'a file'})
    m.write({'etc/lists/clash': b'a file', 'etc/lists/hollow': b'another', 'etc/lists/clash2/inside': b'x', 'etc/lists/beside': b'beside'})
    wait(lambda: w.read('etc/lists/beside') == b'beside', 'the rest to be synchronised')
    assert w.read('etc/lists/hollow') == b'another'
    assert w.read('etc/lists/clash/ar.conf') == b'excluded'
    m.remove('etc/lists/clash')
    m.remove('etc/lists/clash2/inside')
    os.rmdir(m.path('etc/lists/clash2'))
    w.remove('etc/lists/clash/ar.conf')
    os.rmdir(w.path('etc/lists/clash'))
    settled(m, w)


def test_changing_under_the_scan():
    """A file that is rewritten all the time does not keep the others from following, and ends right."""
    m, w = pair()
    end = time.monotonic() + 4
    n = 0
    while time.monotonic() < end:
        n += 1
        with open(m.path('etc/lists/busy'), 'wb') as f:
            f.write(b'%d\n' % n * random.randrange(1, 3000))
        if n == 20:
            m.write({'etc/lists/quiet': b'quiet'})
        time.sleep(0.01)
    wait(lambda: w.read('etc/lists/quiet') == b'quiet', 'the quiet file')
    settled(m, w)


def test_two_workers():
    m, w = pair()
    second = Node('worker', 'worker2', master_port=m.port, files={'etc/rules/mine.xml': b'mine'})
    same(m, second)
    m.write({'etc/rules/for-both.xml': b'both'})
    same(m, w)
    same(m, second)
    assert second.read('etc/rules/mine.xml') is None
    assert second.stop()


def test_worker_comes_first():
    port = lib.free_port()
    w = Node('worker', 'early', master_port=port, files={'etc/lists/x': b'x'})
    time.sleep(1.5)
    w.check_alive()
    assert w.read('etc/lists/x') == b'x'
    m = Node('master', 'late-master', port=port, files=lib.some_files(2))
    same(m, w)
    w.stop()
    m.stop()


def test_empty_master_first_round():
    """Before its first scan is done a master grants no check: a worker's files are not "extra" (5.4)."""
    files = {f'etc/shared/g{n % 7}/f{n}.txt': os.urandom(2000) for n in range(800)}
    m = Node('master', 'slow-master', files=files, start=False)
    w = Node('worker', 'eager', master_port=m.port, files=files)
    inode = {p: os.stat(w.path(p)).st_ino for p in w.hashes()}
    m.start(ready=False)
    w.wait_log('Sync not required', 20)
    moved = [p for p in inode if not os.path.exists(w.path(p)) or os.stat(w.path(p)).st_ino != inode[p]]
    assert not moved, f'{len(moved)} files were deleted or rewritten'
    m.stop()
    w.stop()


PATIENT = {'communication.timeout_receiving_file': 30}  # a loaded machine may need more than the tests' usual 4 s


@seconds(90)
def test_three_thousand_files():
    r = random.Random(3)
    m = Node(
        'master',
        'big',
        files={
            f'etc/{"lists" if n % 3 else "rules"}/d{n % 40}/f{n}.txt': r.randbytes(n % 3000)
            for n in range(3000)
        },
        intervals=PATIENT,
    )
    w = Node('worker', 'big-worker', master_port=m.port, intervals=PATIENT)
    began = time.monotonic()
    same(m, w, 60)
    print(f'   3000 files in {time.monotonic() - began:.1f} s, memory {m.rss()} {w.rss()} KiB', flush=True)
    for n in range(0, 3000, 2):
        m.remove(f'etc/{"lists" if n % 3 else "rules"}/d{n % 40}/f{n}.txt')
    same(m, w, 40)
    test_three_thousand_files.nodes = m, w


@seconds(90)
def test_one_large_file():
    m, w = getattr(test_three_thousand_files, 'nodes', None) or pair()
    data = random.Random(5).randbytes(20 << 20)
    m.write({'etc/lists/large': data})
    began = time.monotonic()
    same(m, w, 60)
    print(f'   20 MB in {time.monotonic() - began:.1f} s, memory {m.rss()} {w.rss()} KiB', flush=True)
    assert w.read('etc/lists/large') == data
    left = [p for p in lib.snapshot(w.path('queue/cluster')) if p.endswith(b'.zip')]
    assert not left, f'left behind: {left}'


@seconds(120)
def test_worker_killed():
    """kill -9 at random moments of a sync: every file of the worker is old, new or absent, never a
    mixture; a new start ends right."""
    r = random.Random(7)
    tree = lambda mark: {
        f'etc/rules/k{n}.xml': (b'%s %d ' % (mark, n)) * (1 + n * 37 % 4000) for n in range(120)
    }  # noqa: E731
    m = Node('master', 'km', files=tree(b'one'))
    w = Node('worker', 'kw', master_port=m.port)
    same(m, w)
    old = tree(b'one')
    for turn in range(6):
        new = tree(b'turn%d' % turn)
        w.mark = len(w.log())
        m.write(new)
        wait(
            lambda: any(w.read(p) != old[p] for p in ('etc/rules/k0.xml', 'etc/rules/k119.xml'))
            or 'Sync required' in w.log()[w.mark :]
            or os.listdir(w.path('queue/cluster/kw')),
            'a sync to begin',
            10,
            0.001,
        )
        time.sleep(r.random() * 0.02)
        w.kill()
        torn = [p for p in new if w.read(p) not in (old[p], new[p])]
        assert not torn, f'turn {turn}: torn or missing {torn[:5]}'
        w.start()
        same(m, w)
        odd = [
            p
            for p in lib.snapshot(w.root, lib.VOLATILE)
            if p.endswith(b'.tmp') and not p.startswith(b'etc/cluster')
        ]
        assert not odd, f'left behind: {odd}'
        old = new
    m.kill()
    w.kill()


@seconds(60)
def test_master_killed():
    m = Node('master', 'mk', files=lib.some_files(4))
    w = Node('worker', 'wk', master_port=m.port)
    same(m, w)
    before = lib.snapshot(w.root, lib.VOLATILE)
    m.kill()
    m.write({'etc/rules/written-meanwhile.xml': b'meanwhile'})
    time.sleep(1)
    assert not lib.difference(
        before, lib.snapshot(w.root, lib.VOLATILE)
    ), 'the worker changed files without a master'
    m.start()
    same(m, w)
    m.proc.send_signal(
        signal.SIGSTOP
    )  # a frozen master: the worker notices by its keepalives, and comes back
    time.sleep(9)
    m.proc.send_signal(signal.SIGCONT)
    m.write({'etc/rules/after-freeze.xml': b'after'})
    same(m, w, 25)
    m.stop()
    w.stop()


def test_all_quiet():
    """Nodes in sync cost next to nothing and write nothing."""
    m, w = pair()
    settled(m, w)
    ticks = lambda n: sum(
        int(x) for x in open(f'/proc/{n.proc.pid}/stat').read().rpartition(')')[2].split()[11:13]
    )  # noqa: E731
    before, files = [ticks(n) for n in (m, w)], [lib.open_files(n.proc.pid) for n in (m, w)]
    time.sleep(4)
    used = [ticks(n) - b for n, b in zip((m, w), before)]
    assert max(used) <= 20, f'{used} hundredths of a second of processor time in 4 s'
    now = [lib.open_files(n.proc.pid) for n in (m, w)]
    assert all(a <= b + 6 for a, b in zip(now, files)), f'open files {files} -> {now}'


if __name__ == '__main__':
    lib.run(globals())
