"""Files of a master reach a worker of the other make; each case runs in both ways (see nodes.WAYS)."""
import os
import random

import lib
from lib import Node, same, seconds
from nodes import Wazuh, no_errors, pair

PAIRS = {}


def settled(way):
    """The pair of that way, in sync; a new one when a case left a mess."""
    try:
        same(*PAIRS[way], 10)
    except (KeyError, AssertionError):
        for n in PAIRS.get(way, ()):
            n.kill()
        PAIRS[way] = pair(way, intervals={'communication.timeout_receiving_file': 60})
        same(*PAIRS[way], 30)
    return PAIRS[way]


def both_first_sync(way):
    m, w = settled(way)
    for path, data in lib.some_files().items():
        assert w.read(path) == data, path
    w.wait_log('Sync required')
    w.wait_log('Sync not required')
    no_errors(m, w)


def both_change(way):
    m, w = settled(way)
    m.write({'etc/rules/local_rules.xml': b'<group name="changed,">\n</group>\n'})
    same(m, w)


def both_add(way):
    m, w = settled(way)
    new = {'etc/rules/new.xml': b'new', 'etc/shared/new group/a b.txt': b'new', 'etc/lists/\u00fcml\u00e4ut \u65e5': b'new',
           'var/multigroups/0badcafe/merged.mg': b'new', 'etc/decoders/a/b/c/deep.xml': b'new'}
    m.write(new)
    same(m, w)
    assert all(w.read(p) == b'new' for p in new)


def both_delete(way):
    m, w = settled(way)
    m.write({'etc/shared/gone/a.txt': b'a', 'etc/rules/gone.xml': b'a'})
    same(m, w)
    m.remove('etc/rules/gone.xml')
    m.remove('etc/shared/gone/a.txt')
    os.rmdir(m.path('etc/shared/gone'))
    same(m, w)
    lib.wait(lambda: not os.path.exists(w.path('etc/shared/gone')), 'the empty folder to go', 5)


def both_extra_at_the_worker(way):
    m, w = settled(way)
    w.write({'etc/lists/extra': b'extra', 'etc/rules/local_rules.xml': b'spoiled'})
    same(m, w)
    assert w.read('etc/lists/extra') is None and m.read('etc/lists/extra') is None


def both_rename(way):
    m, w = settled(way)
    m.write({'etc/rules/before.xml': b'the same', 'etc/shared/before/x': b'x'})
    same(m, w)
    os.rename(m.path('etc/rules/before.xml'), m.path('etc/rules/after.xml'))
    os.rename(m.path('etc/shared/before'), m.path('etc/shared/after'))
    same(m, w)
    assert w.read('etc/rules/before.xml') is None and w.read('etc/rules/after.xml') == b'the same'


def both_empty_file(way):
    m, w = settled(way)
    m.write({'etc/rules/empty.xml': b'', 'etc/shared/linux/agent.conf': b''})
    same(m, w)
    assert w.read('etc/rules/empty.xml') == b''
    m.write({'etc/rules/empty.xml': b'no longer'})
    same(m, w)


@seconds(90)
def both_64_mib(way):
    m, w = settled(way)
    m.write({'etc/lists/large': random.Random(64).randbytes(64 << 20)})
    same(m, w, 60)
    m.remove('etc/lists/large')
    same(m, w)


@seconds(120)
def both_10000_files(way):
    m, w = settled(way)
    r = random.Random(10)
    m.write({f'etc/shared/g{n % 100}/f{n}.txt': r.randbytes(r.randrange(3000)) for n in range(10000)})
    same(m, w, 100)
    m.write({'etc/shared/g7/f7.txt': b'one of them'})
    same(m, w, 30)
    for n in PAIRS.pop(way):
        n.kill()


@seconds(60)
def test_two_wazuh_and_one_picket_on_a_picket():
    m = Node('master', 'master-node', files=lib.some_files(2))
    workers = [Wazuh('worker', 'w1', master_port=m.port), Wazuh('worker', 'w2', master_port=m.port),
               Node('worker', 'w3', master_port=m.port, files={'etc/rules/mine.xml': b'mine'})]
    for step in range(3):
        m.write({f'etc/rules/step{step}.xml': b'%d' % step, 'etc/lists/again': b'%d' % step})
        for w in workers:
            same(m, w)
    no_errors(m, *workers)
    for n in [m, *workers]:
        n.kill()
