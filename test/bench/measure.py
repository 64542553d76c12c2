"""What one run takes: time by the worker's log, processor time and memory of all processes of a node, bytes sent."""
import os
import re
import subprocess
import time

import lib
import processes
import sets

NORMAL = {f'{section}.{key}': value for section, keys in lib.cluster_json({})['intervals'].items() for key, value in keys.items()}
FAST = {**NORMAL, 'worker.sync_integrity': 1, 'master.recalculate_integrity': 1}


def cpu(node):
    """Seconds so far; the clock of a process is exact and counts its ended threads too (clock_getcpuclockid(3))."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in processes.tree(node.proc.pid))


def proc_kb(node, name, word):
    total = 0
    for pid in processes.tree(node.proc.pid):
        with open(f'/proc/{pid}/{name}') as f:
            total += int(re.search(rf'^{word}:\s+(\d+) kB', f.read(), re.M)[1])
    return total


def resident_kb(node):
    """Counted page by page; what status says is rounded by some dozen pages. Shared pages count in each process."""
    return proc_kb(node, 'smaps_rollup', 'Rss')


def peak_kb(node):
    return proc_kb(node, 'status', 'VmHWM')


def sent(port):
    """Bytes that a master has sent on its connections, or None."""
    try:
        said = subprocess.run(['ss', '-tinH', f'sport = :{port}'], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return None
    return sum(int(x) for x in re.findall(r'bytes_sent:(\d+)', said))


class Tail:
    """A node's log as it grows."""
    def __init__(self, node):
        self.node, self.text, self.at, self.file = node, '', 0, None

    def wait(self, pattern, seconds=60):
        """The moment a line with that pattern was there, looking behind the one found before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.file is None and os.path.exists(self.node.path('logs/cluster.log')):
                self.file = open(self.node.path('logs/cluster.log'), errors='replace')
            self.text += self.file.read() if self.file else ''
            found = re.compile(pattern).search(self.text, self.at)
            if found:
                self.at = found.end()
                return time.monotonic()
            self.node.check_alive()
            time.sleep(0.0005)
        raise AssertionError(f'{self.node.name}: no line with {pattern}: {self.text[-500:]}')


def master(make, kind, intervals=FAST):
    """A master that has counted its files. make: the class of node."""
    m = make('master', 'master-node', start=False, intervals=intervals)
    least = sets.put(kind, m)
    m.start()
    tail = Tail(m)
    while True:
        tail.wait(r'Calculated metadata of \d+ files')
        if int(re.findall(r'Calculated metadata of (\d+) files', tail.text[:tail.at])[-1]) >= least:
            return m


def same(m, w):
    said = subprocess.run(['diff', '-rq', m.path('etc/shared'), w.path('etc/shared')], capture_output=True, text=True).stdout
    assert not said, said[:300]


def sync(make_master, make_worker, kind, intervals=FAST, keep=False):
    """A worker with an empty tree meets a master that has the set: from its permission to "Finished"."""
    m = master(make_master, kind, intervals)
    w = make_worker('worker', 'worker1', master_port=m.port, start=False, intervals=intervals)
    w.start()
    tail = Tail(w)
    tail.wait('Successfully connected')
    begin = tail.wait(r'\[Integrity check\] Starting')
    used = cpu(m), cpu(w)
    out = {'wall': tail.wait(r'\[Integrity sync\] Finished in') - begin}
    out |= {'master_cpu': cpu(m) - used[0], 'worker_cpu': cpu(w) - used[1], 'master_kb': peak_kb(m), 'worker_kb': peak_kb(w),
            'sent': sent(m.port)}
    same(m, w)
    if keep:
        return out, m, w
    finish(m, w)
    return out


def finish(*nodes):
    """Ends nodes and removes their trees: memory is what holds them."""
    for n in nodes:
        n.kill()
        subprocess.run(['rm', '-rf', n.root], check=True)
        lib.NODES.remove(n)


def start(make):
    """Seconds from the start of a master to its taking a connection."""
    m = make('master', 'master-node', start=False)
    sets.put('20', m)
    began = time.monotonic()
    m.start(ready=False)
    while True:
        try:
            lib.socket.create_connection(('127.0.0.1', m.port), 1).close()
            break
        except OSError:
            time.sleep(0.0002)
    took = time.monotonic() - began
    finish(m)
    return took


def echo(program, m, size=100, count=2000):
    """Median round trip in microseconds, and the master's processor time for one."""
    used = cpu(m)
    said = subprocess.run([program, str(m.port), m.key, f'bench {m.cluster} worker {m.version}', str(size), str(count)],
                          capture_output=True, text=True, check=True).stdout
    return float(said.split()[0]), (cpu(m) - used) / count * 1e6


def large(make, sizes):
    """Resident kB of master and worker after each of these random files has passed: [(bytes, kB, kB, seconds), ...]."""
    _, m, w = sync(make, make, '20', keep=True)
    out = []
    for size in sizes:
        path = m.path('etc/shared/large')
        with open(path + '.tmp', 'wb') as f:  # the extension is excluded until it is whole
            for _ in range(0, size, 1 << 20):
                f.write(os.urandom(1 << 20))
        os.rename(path + '.tmp', path)
        began = time.monotonic()
        lib.wait(lambda: os.path.exists(w.path('etc/shared/large')) and os.path.getsize(w.path('etc/shared/large')) == size,
                 f'{size} bytes', 300, 0.02)
        out.append((size, resident_kb(m), resident_kb(w), time.monotonic() - began))
        same(m, w)
        os.unlink(path)
        lib.wait(lambda: not os.path.exists(w.path('etc/shared/large')), 'the file to go', 30)
    finish(m, w)
    return out


def busy(seconds=1.0):
    """Processors in use by others, on average."""
    def used():
        with open('/proc/stat') as f:
            v = [int(x) for x in f.readline().split()[1:]]
        return sum(v[:3]) + sum(v[5:8])
    before = used()
    time.sleep(seconds)
    return (used() - before) / os.sysconf('SC_CLK_TCK') / seconds
