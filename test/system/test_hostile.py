#!/usr/bin/python3
"""The catalogue of attacks (test/peer/hostile.py) at a picket master and at picket workers.

After each attack: the tree is what it was, the process lives, an honest peer is served. Over the whole
suite the memory does not grow. The attacks on workers run side by side on four workers, each with a master
of its own."""
import os
import threading
import time

import lib  # first: it knows the way to the peers
import hostile
import hostile_master
import hostile_worker
import wire
from lib import Node, seconds, wait
from master import Master
from worker import Worker

SMALL = {
    'communication.max_zip_size': 64 << 20,
    'communication.min_zip_size': 1 << 20,  # bombs need not be enormous
    'master.max_locked_integrity_time': 3,
}
GROWTH_KB = 6000  # all that a node may touch for the first time while it is attacked, anonymous memory
WORKERS = 4
ONLY = os.environ.get('ATTACKS', '')  # a part of a name: only those attacks


def outside(below=''):
    """A folder beside the root that nobody may touch."""
    folder = os.path.join(lib.base(), below, 'outside')
    if not os.path.exists(folder):
        os.makedirs(folder)
        with open(os.path.join(folder, 'victim'), 'wb') as f:
            f.write(b'victim')
    return folder


def watched(node):
    """Everything that must not change: the tree but for its volatile folders, and what lies beside it."""
    out = lib.snapshot(node.root, lib.VOLATILE)
    out.update({b'outside/' + p: x for p, x in lib.snapshot(outside()).items()})
    out.update(
        {b'beside/' + os.fsencode(n): None for n in os.listdir(lib.base()) if not n.endswith('.console')}
    )
    return out


class Faults:
    """What went wrong, attack by attack; a test fails once with all of it."""

    def __init__(self):
        self.lines, self.count, self.lock, self.times = [], 0, threading.Lock(), []

    def add(self, attack, text):
        with self.lock:
            self.lines.append(f'{attack}: {text}')
        if os.environ.get('VERBOSE'):
            print(f'   {attack}: {text}', flush=True)

    def done(self, name, began):
        with self.lock:
            self.count += 1
            self.times.append((time.monotonic() - began, name))
        if os.environ.get('VERBOSE'):
            print(f'   {name} {time.monotonic() - began:.1f} s', flush=True)

    def verdict(self):
        slow = ', '.join(f'{n} {t:.1f} s' for t, n in sorted(self.times)[-4:])
        print(f'   {self.count} attacks; slowest: {slow}', flush=True)
        assert not self.lines, f'{len(self.lines)} of {self.count} attacks:\n     ' + '\n     '.join(
            self.lines
        )


def chosen(attacks):
    return [a for a in attacks if ONLY in a.__name__]


# ---- a master under attack -----------------------------------------------------------------------------
def master():
    if not hasattr(master, 'node') or not master.node.alive():
        master.node = Node('master', 'master', files=lib.some_files(), intervals=SMALL)
        with honest('warm-up') as w:
            w.sync()
        master.rss = master.node.rss()
        master.files = lib.open_files(master.node.proc.pid)
    return master.node


def honest(name='honest'):
    w = Worker(
        master.node.port,
        os.path.join(lib.base(), f'py-{name}'),
        key=lib.KEY,
        name=name,
        version=lib.VERSION,
        bind='127.0.3.3',
        timeout=8,
    )
    return w.reconnect(15)


def target():
    t = hostile.Target(master().port, lib.KEY, version=lib.VERSION)
    t.address()
    return t


def served(timeout=15):
    """An honest worker gets a keepalive answered and a check done."""
    with honest() as w:
        w.echo()
        w.sync(timeout)
        assert {
            p: m['hash'] for p, m in wire.scan(w.root).items()
        } == master.node.hashes(), 'it got other files'


@seconds(280)
def test_master():
    m, faults = master(), Faults()
    outside()
    os.makedirs(os.path.join(lib.base(), 'py-honest'), exist_ok=True)
    before = watched(m)
    for attack in chosen(hostile.AGAINST_MASTER):
        t, began = target(), time.monotonic()
        try:
            attack(t)
        except Exception as e:
            faults.add(attack.__name__, f'{type(e).__name__}: {e}')
        try:
            served()  # the attackers' connections are still open
        except Exception as e:
            faults.add(attack.__name__, f'an honest worker was not served: {type(e).__name__}: {e}')
        t.close()
        if not m.alive():
            faults.add(attack.__name__, f'the master died: status {m.proc.returncode}, {m.said()[-300:]!r}')
            m.start()
            master.rss, master.files = m.rss(), lib.open_files(m.proc.pid)
        changed = lib.difference(before, watched(m))
        if changed:
            faults.add(attack.__name__, f'changed the tree: {changed}')
            before = watched(m)
        faults.done(attack.__name__, began)
    faults.verdict()


@seconds(60)
def test_slow_loris_ends():
    """A stranger's unfinished header or body ends within the time of a frame (30 s; 4.14.7), progress or
    not."""
    m = master()
    t = target()
    begun = time.monotonic()
    kinds = {
        'nothing': b'',
        'half a header': b'\0' * 10,
        'header': wire.frame(1, b'hello', b'x' * 200)[:20],
        'half a body': wire.frame(1, b'hello', b'x' * 200)[:100],
    }
    socks = {k: t.sock(40) for k in kinds}
    for k, s in socks.items():
        s.sendall(kinds[k])
    drip = t.sock()
    body, sent, dead = wire.frame(1, b'hello', b'x' * 400), 0, False
    while time.monotonic() - begun < 33 and not dead:
        try:
            drip.sendall(body[sent : sent + 1])
            sent += 1
        except OSError:
            dead = True
        time.sleep(0.3)
    assert dead, 'a byte every 0.3 s keeps a connection open'
    for k, s in socks.items():
        if k != 'nothing':
            hostile.closes_silently(s, max(0.2, 33 - (time.monotonic() - begun)))
    t.close()
    m.check_alive()


@seconds(60)
def test_attackers_do_not_delay():
    """An honest worker's keepalive is answered within a second while others shout."""
    m = master()
    t = target()
    stop = threading.Event()

    def shout(n):
        while not stop.is_set():
            try:
                w = t.worker(f'shout-{n}')
                for _ in range(20):
                    w.link.request(b'echo', b'e' * 300000)
                w.close()
                s = t.sock()
                s.sendall(b'\xff' * 1000)
                s.close()
            except Exception:
                time.sleep(0.02)

    threads = [threading.Thread(target=shout, args=(n,), daemon=True) for n in range(3)]
    with honest('punctual') as w:
        for th in threads:
            th.start()
        worst = 0
        end = time.monotonic() + 5
        while time.monotonic() < end:
            began = time.monotonic()
            w.echo()
            worst = max(worst, time.monotonic() - began)
            time.sleep(0.02)
        stop.set()
    for th in threads:
        th.join(5)
    t.close()
    print(f'   slowest answer {worst * 1000:.0f} ms', flush=True)
    assert worst < 1, f'{worst:.2f} s'
    m.check_alive()


@seconds(60)
def test_master_memory():
    m = master()
    served()
    t = target()
    hostile_master.ten_thousand_connections(t)
    t.close()
    time.sleep(1)
    one = m.rss()
    t = target()
    hostile_master.ten_thousand_connections(t)
    hostile_master.hello_flood(t)
    t.close()
    time.sleep(1)
    two, files = m.rss(), lib.open_files(m.proc.pid)
    print(
        f'   KiB (anonymous, all): at first {master.rss}, after the attacks {one}, after as many again {two}',
        flush=True,
    )
    assert two[0] - one[0] <= 64, f'ten thousand more connections cost {two[0] - one[0]} KiB'
    assert two[0] - master.rss[0] <= GROWTH_KB, f'{two[0] - master.rss[0]} KiB more than at first'
    assert files <= master.files + 4, f'open files: {master.files} at first, {files} now'
    left = [p for p, x in lib.snapshot(m.path('queue/cluster')).items() if p.endswith(b'.zip')]
    assert not left, f'left behind in queue/cluster: {left[:5]}'


def test_master_log():
    """What strangers send does not reach the log raw, the key does not reach it at all, and it does not
    grow without bound."""
    log = master().log() + master().said()
    assert lib.KEY not in log and lib.KEY[:16] not in log and lib.KEY[16:] not in log, 'the key is in the log'
    odd = sorted({c for c in log if c not in '\n\t' and not c.isprintable()})
    assert not odd, f'unprintable characters in the log: {odd[:8]!r}'
    assert len(log) < 4 << 20, f'{len(log)} bytes of log'
    assert master().stop()


# ---- workers under attack ------------------------------------------------------------------------------
class Seat:
    """One picket worker, its Python master, and the attacks it gets."""

    def __init__(self, number):
        self.master = Master(
            files=dict(lib.some_files(number)), key=lib.KEY, version=lib.VERSION, round_s=0.2, timeout=6
        )
        self.node = Node(
            'worker', f'victim{number}', master_port=self.master.port, intervals=SMALL, below=f'seat{number}'
        )
        self.outside = outside(f'seat{number}')
        self.honest()
        self.rss, self.files = self.node.rss(), lib.open_files(self.node.proc.pid)
        self.before = watched_by(self)

    def session(self, timeout=15):
        """The newest live session."""
        return self.master.session(self.node.name, timeout)

    def honest(self, timeout=20):
        """Waits until the worker has the files, and a check begun from now on found nothing to do."""
        count = sum(len(s.checks) for s in self.master.all_sessions)
        m = self.master

        def test():
            self.node.check_alive()
            return sum(len(s.checks) for s in m.all_sessions) > count and any(
                s.answers and s.answers[-1] == 'ok' and not s.closed.is_set() for s in list(m.sessions)
            )

        want = {p: wire.digest(d) for p, d in m.files.items()}
        wait(lambda: test() and self.node.hashes() == want, 'a check that finds the right files', timeout)

    def attack(self, attack, faults):
        began, result = time.monotonic(), []

        def run(session, task, theirs):
            victim = hostile_worker.Victim(self.node.root, self.master.files, self.outside)
            try:
                attack(session, victim)
            except wire.Closed:
                pass
            except Exception as e:
                faults.add(attack.__name__, f'{type(e).__name__}: {e}')
            finally:
                victim.over.set()
                session.answer = None
                result.append(1)

        for s in self.master.all_sessions:
            s.answers.clear()
        self.master.attack = run
        try:
            wait(lambda: result, 'the worker to begin a check and the attack to end', 40)
            self.honest()
        except Exception as e:
            faults.add(attack.__name__, f'afterwards: {e}')
            self.node.kill()  # the next attack deserves a worker that works
            self.node.start()
        self.master.attack = None
        self.after(attack.__name__, faults)
        faults.done(attack.__name__, began)

    def after(self, name, faults):
        if not self.node.alive():
            faults.add(
                name, f'the worker died: status {self.node.proc.returncode}, {self.node.said()[-300:]!r}'
            )
            self.node.start()
            self.honest()
            self.rss, self.files = self.node.rss(), lib.open_files(self.node.proc.pid)
        changed = lib.difference(self.before, watched_by(self))
        if changed:
            faults.add(name, f'changed the tree: {changed}')
            self.before = watched_by(self)
        with self.master.lock:
            dead = [s for s in self.master.all_sessions if s.closed.is_set()]
            self.master.all_sessions = [s for s in self.master.all_sessions if s not in dead]

    def strange(self, attack, faults):
        """The next connection of the worker meets this master."""
        began = time.monotonic()
        taken = []

        def once(sock):
            if taken:
                return False
            taken.append(1)
            return hostile_worker.serve_strangely(attack)(sock)

        self.master.on_accept = once
        for s in list(self.master.sessions):
            s.close()
        try:
            wait(lambda: taken, 'the worker to come back', 10)
            self.honest()
        except Exception as e:
            faults.add(attack.__name__, f'afterwards: {e}')
        self.master.on_accept = None
        self.after(attack.__name__, faults)
        faults.done(attack.__name__, began)


def watched_by(seat):
    out = lib.snapshot(seat.node.root, lib.VOLATILE)
    out.update({b'outside/' + p: x for p, x in lib.snapshot(seat.outside).items()})
    out.update({b'beside/' + os.fsencode(n): None for n in os.listdir(os.path.dirname(seat.node.root))})
    out[b'/tmp/picket-evil'] = os.path.exists('/tmp/picket-evil')
    return out


def seats():
    if not hasattr(seats, 'all'):
        seats.all = [Seat(n) for n in range(1, WORKERS + 1)]
    return seats.all


@seconds(280)
def test_workers():
    faults, lock = Faults(), threading.Lock()
    jobs = [('attack', a) for a in chosen(hostile.AGAINST_WORKER)] + [
        ('strange', a) for a in chosen(hostile.STRANGE_MASTERS)
    ]

    def work(seat):
        while True:
            with lock:
                if not jobs:
                    return
                kind, attack = jobs.pop(0)
            try:
                getattr(seat, kind)(attack, faults)
            except Exception as e:
                faults.add(attack.__name__, f'the test itself: {type(e).__name__}: {e}')

    threads = [threading.Thread(target=work, args=(s,), daemon=True) for s in seats()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    faults.verdict()


def test_workers_memory():
    for s in seats():
        now, files = s.node.rss(), lib.open_files(s.node.proc.pid)
        print(
            f'   {s.node.name}: KiB (anonymous, all) {s.rss} -> {now}, open files {s.files} -> {files}',
            flush=True,
        )
        assert now[0] - s.rss[0] <= GROWTH_KB, f'{s.node.name}: {now[0] - s.rss[0]} KiB more than at first'
        assert files <= s.files + 4, f'{s.node.name}: open files {s.files} -> {files}'
    time.sleep(6)  # transfers cut off end by their timeouts
    for s in seats():
        left = [p for p, x in lib.snapshot(s.node.path('queue/cluster')).items() if p.endswith(b'.zip')]
        assert len(left) <= 1, f'{s.node.name} left behind: {left[:5]}'


def test_workers_log():
    for s in seats():
        log = s.node.log() + s.node.said()
        assert lib.KEY not in log and lib.KEY[16:] not in log, 'the key is in the log'
        odd = sorted({c for c in log if c not in '\n\t' and not c.isprintable()})
        assert not odd, f'unprintable characters in the log: {odd[:8]!r}'
        assert s.node.stop()


if __name__ == '__main__':
    lib.run(globals())
