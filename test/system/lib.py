"""The system tests' library: nodes made of the real binary, their trees, and a small runner.

PICKET (environment) is the binary; it runs as `PICKET run -f -r --root DIR`. Everything happens below one
temporary folder and on 127.0.0.0/8. Run a suite with names of tests as arguments to run only those; KEEP=1
keeps the folder.
"""
import atexit
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'peer'))
import wire  # noqa: E402

PICKET = os.environ.get('PICKET', '')
KEY = '0123456789abcdef0123456789abcdef'
VERSION = os.environ.get('WAZUH_VERSION', '4.14.7')
# Short intervals, so that a suite takes a minute; the names are cluster.json's own (reference, 8).
INTERVALS = {
    'worker.sync_integrity': 1,
    'worker.connection_retry': 1,
    'worker.keep_alive': 2,
    'worker.sync_agent_info': 2,
    'master.recalculate_integrity': 1,
    'master.check_worker_lastkeepalive': 2,
    'master.max_allowed_time_without_keepalive': 6,
    'communication.timeout_cluster_request': 3,
    'communication.timeout_receiving_file': 4,
}
SYNCED = ('etc/rules', 'etc/decoders', 'etc/lists', 'etc/shared', 'var/multigroups')
VOLATILE = ('queue/cluster', 'queue/db', 'queue/sockets', 'logs', 'var/run')
BASE = None
NODES = []


def base():
    """The temporary folder of this run."""
    global BASE
    if BASE is None:
        BASE = tempfile.mkdtemp(prefix='picket-test-')
        os.chmod(BASE, 0o755)
    return BASE


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def cluster_json(intervals):
    """Wazuh's cluster.json with these intervals: {'worker.keep_alive': 2, ...}."""
    files = {
        folder: {
            'permissions': oct(mode),
            'source': 'master',
            'files': names or ['all'],
            'recursive': deep,
            'restart': False,
            'remove_subdirs_if_empty': empty,
            'extra_valid': False,
            'description': folder,
        }
        for folder, (mode, names, deep, empty) in wire.ITEMS.items()
    }
    files['excluded_files'], files['excluded_extensions'] = list(wire.EXCLUDED_FILES), list(
        wire.EXCLUDED_EXTENSIONS
    )
    out = {
        'files': files,
        'distributed_api': {'enabled': True},
        'intervals': {
            'worker': {
                'sync_integrity': 9,
                'sync_agent_info': 10,
                'sync_agent_groups': 30,
                'timeout_agent_groups': 40,
                'keep_alive': 60,
                'connection_retry': 10,
                'max_failed_keepalive_attempts': 2,
                'agent_groups_mismatch_limit': 5,
            },
            'master': {
                'process_pool_size': 2,
                'sync_agent_groups': 10,
                'timeout_extra_valid': 40,
                'recalculate_integrity': 8,
                'timeout_agent_info': 40,
                'agent_group_start_delay': 30,
                'check_worker_lastkeepalive': 60,
                'max_allowed_time_without_keepalive': 120,
                'max_locked_integrity_time': 1000,
            },
            'communication': {
                'timeout_cluster_request': 20,
                'timeout_dapi_request': 200,
                'timeout_receiving_file': 120,
                'max_zip_size': 1073741824,
                'min_zip_size': 31457280,
                'compress_level': 1,
                'zip_limit_tolerance': 0.2,
            },
        },
    }
    for name, value in intervals.items():
        section, key = name.split('.')
        assert key in out['intervals'][section], name
        out['intervals'][section][key] = value
    return out


# ---- processes -----------------------------------------------------------------------------------------
def rss_kb(pid):
    """Resident memory of one process in KiB: the anonymous part, then the whole."""
    got = {}
    with open(f'/proc/{pid}/status') as f:
        for line in f:
            if line.startswith(('VmRSS', 'RssAnon')):
                got[line.split(':')[0]] = int(line.split()[1])
    return got.get('RssAnon', 0), got['VmRSS']


def open_files(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def stop_all():
    for node in NODES:
        node.kill()


def clean():
    stop_all()
    if BASE and not os.environ.get('KEEP'):
        shutil.rmtree(BASE, ignore_errors=True)


atexit.register(clean)


class Node:
    """One picket. files: {path: bytes} written before it starts. below: a folder of its own for its root
    to lie in."""

    def __init__(
        self,
        role,
        name,
        port=None,
        files=None,
        key=KEY,
        cluster='wazuh',
        master_port=None,
        intervals=None,
        conf='',
        more='',
        start=True,
        args=('-r',),
        below='',
        version=VERSION,
    ):
        self.role, self.name, self.key, self.cluster = role, name, key, cluster
        self.port = port or master_port or free_port()
        self.root = os.path.join(base(), below, f'{name}-{len(NODES)}')
        self.proc, self.args, self.conf, self.more = None, list(args), conf, more
        self.version, self.mark, self.console_mark = version, 0, 0
        self.intervals = {**INTERVALS, **(intervals or {})}
        NODES.append(self)
        self.lay_out()
        self.write(files or {})
        if start:
            self.start()

    # -- its tree --
    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def lay_out(self):
        for d in SYNCED + (
            'queue/cluster',
            'logs',
            'var/run',
            'queue/db',
            'queue/sockets',
            'framework/wazuh/core/cluster',
        ):
            os.makedirs(self.path(d), 0o770, exist_ok=True)
        self.write_config()
        with open(self.path('etc/cluster.json'), 'w') as f:
            json.dump(cluster_json(self.intervals), f)
        with open(self.path('etc/picket.conf'), 'w') as f:  # every line of Wazuh's log: tests wait for them
            f.write(f'announced_version = {self.version}\nlog_compat = yes\n{self.conf}')
        os.chmod(self.path('etc/picket.conf'), 0o640)

    def write_config(self, **change):
        """etc/ossec.conf, mode 0640: the key is in it."""
        f = {
            'name': self.cluster,
            'node_name': self.name,
            'node_type': self.role,
            'key': self.key,
            'port': self.port,
            'bind_addr': '127.0.0.1',
            'nodes': '<node>127.0.0.1</node>',
            'hidden': 'no',
            'disabled': 'no',
            **change,
        }
        body = ''.join(f'    <{k}>{v}</{k}>\n' for k, v in f.items() if v is not None)
        with open(self.path('etc/ossec.conf'), 'w') as out:
            out.write(f'<ossec_config>\n  <cluster>\n{body}  </cluster>\n</ossec_config>\n{self.more}')
        os.chmod(self.path('etc/ossec.conf'), 0o640)

    def write(self, files):
        for path, data in files.items():
            full = os.path.join(os.fsencode(self.root), os.fsencode(path))
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full + b'.tmp', 'wb') as f:
                f.write(data)
            os.rename(full + b'.tmp', full)

    def read(self, path):
        try:
            with open(os.path.join(os.fsencode(self.root), os.fsencode(path)), 'rb') as f:
                return f.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, path):
        os.unlink(self.path(path))

    def hashes(self):
        """{path: hash} of the synchronised files."""
        return {p: m['hash'] for p, m in wire.scan(self.root).items()}

    # -- the process --
    def command(self, *args):
        return [PICKET, *args, '--root', self.root]

    def run(self, *args, timeout=10):
        """Runs the binary once with these arguments in this tree."""
        return subprocess.run(
            self.command(*args),
            capture_output=True,
            text=True,
            errors='replace',
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def start(self, ready=True, timeout=15):
        self.mark, self.console_mark = len(self.log()), len(self.said())
        self.console = open(os.path.join(base(), f'{os.path.basename(self.root)}.console'), 'ab')
        self.proc = subprocess.Popen(
            self.command('run', '-f', *self.args),
            stdin=subprocess.DEVNULL,
            stdout=self.console,
            stderr=self.console,
        )
        if ready and self.role == 'master':
            self.wait_port(timeout)
        return self

    def wait_port(self, timeout=15):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.check_alive()
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f'{self.name} does not listen; console: {self.said()[-500:]}')

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def check_alive(self):
        if not self.alive():
            raise AssertionError(
                f'{self.name} is not running (status {self.proc and self.proc.returncode}); its last words: '
                f'{self.said()[-800:] or self.log()[-800:]}'
            )

    def said(self):
        try:
            with open(os.path.join(base(), f'{os.path.basename(self.root)}.console'), errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def log(self):
        try:
            with open(self.path('logs/cluster.log'), errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def wait_log(self, text, timeout=15):
        """Waits for a line with that text written since the last start."""
        wait(
            lambda: text in self.log()[self.mark :] or text in self.said()[self.console_mark :],
            f'{self.name} to log "{text}"',
            timeout,
        )

    def stop(self, timeout=10):
        """SIGTERM; true when it ended in order: by itself, or by the same signal given to itself, as Wazuh
        does."""
        self.check_alive()
        self.proc.terminate()
        try:
            return self.proc.wait(timeout) in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'{self.name} did not end {timeout} s after SIGTERM')

    def kill(self):
        if self.alive():
            self.proc.kill()
        if self.proc:
            self.proc.wait()

    def rss(self):
        return rss_kb(self.proc.pid)

    def local(self, command, payload=b'', **more):
        """A question on its local socket."""
        return wire.local_request(self.path('queue/cluster/c-internal.sock'), command, payload, **more)


# ---- trees ---------------------------------------------------------------------------------------------
def snapshot(top, skip=()):
    """{path: (kind, mode, content hash or link)} of everything below top but the named folders."""
    out, top = {}, os.fsencode(top)
    skip = {os.path.join(top, os.fsencode(s)) for s in skip}
    for folder, dirs, names in os.walk(top):
        dirs[:] = [d for d in dirs if os.path.join(folder, d) not in skip]
        for name in dirs + names:
            full = os.path.join(folder, name)
            try:
                st = os.lstat(full)
                if stat.S_ISLNK(st.st_mode):
                    what = os.readlink(full)
                elif stat.S_ISREG(st.st_mode):
                    with open(full, 'rb') as f:
                        what = wire.digest(f.read())
                else:
                    what = None
            except FileNotFoundError:
                continue
            out[os.path.relpath(full, top)] = (stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), what)
    return out


def difference(before, after):
    """The paths that came, went or changed, in words; '' when none."""
    came, gone = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    changed = sorted(p for p in set(before) & set(after) if before[p] != after[p])
    words = [
        f'{w}: {p[:5]}{" and more" if len(p) > 5 else ""}'
        for w, p in (('new', came), ('gone', gone), ('changed', changed))
        if p
    ]
    return '; '.join(words)


def same(master, worker, timeout=20):
    """Waits until the worker's synchronised files are the master's."""

    def test():
        worker.check_alive()
        return master.hashes() == worker.hashes()

    try:
        wait(test, 'the trees to be equal', timeout)
    except AssertionError:
        a, b = master.hashes(), worker.hashes()
        raise AssertionError(
            f'{worker.name} differs after {timeout} s: lacks {sorted(set(a) - set(b))[:5]}, has besides '
            f'{sorted(set(b) - set(a))[:5]}, differs in {sorted(p for p in set(a) & set(b) if a[p] != b[p])[:5]}'
        )


def wait(test, what, timeout=15, pause=0.05):
    end = time.monotonic() + timeout
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f'waited {timeout} s for {what}')
        time.sleep(pause)


def some_files(seed=1):
    """A small tree such as a manager has, every item and a few odd names in it."""
    r = random.Random(seed)
    files = {
        'etc/client.keys': b''.join(b'%03d agent%d any %064x\n' % (n, n, n) for n in range(1, 4)),
        'etc/rules/local_rules.xml': b'<group name="local,">\n</group>\n',
        'etc/rules/deep/er/more.xml': r.randbytes(3000),
        'etc/decoders/local_decoder.xml': b'<decoder/>\n',
        'etc/lists/audit-keys': b'audit:one\n',
        'etc/lists/empty': b'',
        'var/multigroups/1234abcd/merged.mg': b'!5 a.txt\nhello\n',
    }
    for group in ('default', 'linux', 'windows'):
        files[f'etc/shared/{group}/agent.conf'] = f'<agent_config><!-- {group} --></agent_config>\n'.encode()
        files[f'etc/shared/{group}/merged.mg'] = r.randbytes(500)
        for n in range(3):
            files[f'etc/shared/{group}/list{n}.txt'] = f'{group} {n}\n'.encode() * 40
    return files


# ---- the runner ----------------------------------------------------------------------------------------
class Late(BaseException):
    pass


def seconds(n):
    """Decorator: the time a test may take."""

    def mark(f):
        f.seconds = n
        return f

    return mark


class Skip(Exception):
    pass


def run(space, default_seconds=40):
    """Runs the functions test_* of a module, in their order; exits with 1 when one failed. After a failure
    reset() of the module, if there is one, throws away the nodes that the tests share."""
    if not PICKET or not os.access(PICKET, os.X_OK):
        print(f'PICKET is "{PICKET}", which is not a program\n0 passed, 1 failed')
        sys.exit(1)
    if os.geteuid() != 0:
        print('needs root (the nodes keep root with -r)\n0 passed, 1 failed')
        sys.exit(1)
    tests = [f for n, f in space.items() if n.startswith('test_') and callable(f)]
    if sys.argv[1:]:
        tests = [f for f in tests if any(a in f.__name__ for a in sys.argv[1:])]

    def late(*_):
        raise Late()

    def stopped(*_):
        clean()
        os._exit(1)

    signal.signal(signal.SIGALRM, late)
    signal.signal(signal.SIGTERM, stopped)
    passed = failed = skipped = 0
    for f in tests:
        began, name = time.monotonic(), f.__name__[5:]
        signal.alarm(getattr(f, 'seconds', default_seconds))
        try:
            f()
            passed += 1
            print(f'ok {name} ({time.monotonic() - began:.1f} s)', flush=True)
        except Skip as e:
            skipped += 1
            print(f'skip {name}: {e}', flush=True)
        except (Exception, Late) as e:
            failed += 1
            where = traceback.extract_tb(e.__traceback__)
            at = next(
                (x for x in reversed(where) if os.path.basename(x.filename).startswith('test_')), where[-1]
            )
            reason = 'not done in time' if isinstance(e, Late) else f'{type(e).__name__}: {e}'
            print(f'FAIL {name}: {reason} [line {at.lineno}, {time.monotonic() - began:.1f} s]', flush=True)
            if os.environ.get('TRACE'):
                traceback.print_exc()
            signal.alarm(0)
            space.get('reset', lambda: None)()
        finally:
            signal.alarm(0)
    stop_all()
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''), flush=True)
    clean()
    sys.stdout.flush()
    os._exit(1 if failed else 0)  # reader threads of peers may still be running
