#!/usr/bin/python3
"""The program as a daemon: options, exit codes, pid file, one instance, signals, readiness, what it
refuses."""
import glob
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time

import lib
from lib import Node, Skip, same, wait

KEY = lib.KEY


def quiet(**more):
    """A node's tree, not started."""
    return Node(more.pop('role', 'worker'), more.pop('name', 'node'), start=False, **more)


def pid_files(n):
    return [os.path.basename(p) for p in glob.glob(n.path('var/run/wazuh-clusterd-*.pid'))]


def test_version():
    for args in (['-V'], ['version'], ['run', '-V']):
        done = subprocess.run([lib.PICKET, *args], capture_output=True, text=True, timeout=10)
        assert (
            done.returncode == 0
            and re.search(r'picket \d+\.\d+\.\d+', done.stdout)
            and '4.14.7' in done.stdout
        ), (args, done)


def test_help():
    for args in ([], ['help'], ['help', 'run'], ['help', 'status'], ['help', 'config']):
        done = subprocess.run([lib.PICKET, *args], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and len(done.stdout) > 200, (args, done)
        assert max(map(len, done.stdout.split('\n'))) <= 80, args


def test_usage_errors():
    for args in (
        ['run', '-x'],
        ['nonsense'],
        ['run', '--root'],
        ['run', '-c'],
        ['status', '--nonsense'],
        ['run', 'extra'],
    ):
        done = subprocess.run([lib.PICKET, *args], capture_output=True, text=True, timeout=10)
        assert done.returncode == 2 and done.stderr and not done.stdout, (args, done)


def test_good_configuration():
    n = quiet()
    assert n.run('run', '-t').returncode == 0
    done = n.run('check-config')
    assert done.returncode == 0 and n.name in done.stdout and KEY not in done.stdout + done.stderr, done
    assert not pid_files(n), 'a test of the configuration left a pid file'


WRONG = [
    ({'key': 'short'}, 'key'),
    ({'key': KEY[:-1] + '!'}, 'key'),
    ({'key': ''}, 'key'),
    ({'port': '80'}, 'port'),
    ({'port': '65535'}, 'port'),
    ({'port': 'x'}, 'port'),
    ({'node_type': 'boss'}, 'type'),
    ({'nodes': ''}, 'node'),
    ({'nodes': '<node>localhost</node>'}, 'localhost'),
    ({'disabled': 'perhaps'}, 'disabled'),
    ({'hidden': 'perhaps'}, 'hidden'),
]


def test_wrong_configurations():
    """-t names what is wrong and where, exits with 1, and never shows the key; run refuses the same."""
    for change, word in WRONG:
        n = quiet(name='wrong')
        n.write_config(**change)
        for args in (('run', '-t'), ('check-config',), ('run', '-f', '-r')):
            done = n.run(*args)
            said = done.stdout + done.stderr
            assert done.returncode == 1, (change, args, done)
            assert word in said.lower(), (change, args, said)
            assert KEY not in said, (change, args)
            if args[0] != 'check-config' and args[1] == '-t':
                assert 'ossec.conf:' in said, (change, said)
        assert KEY not in n.log() and not pid_files(n), change


def test_all_problems_at_once():
    n = quiet()
    n.write_config(port='80', node_type='boss', key='short')
    said = n.run('run', '-t')
    said = (said.stdout + said.stderr).lower()
    assert 'port' in said and 'type' in said and 'key' in said, said


def test_not_xml():
    for text in (
        '',
        '<ossec_config>',
        '<ossec_config><cluster></ossec_config>',
        '\0' * 100,
        '<' * 10000,
        '<ossec_config>' + '<a>' * 5000,
        '<ossec_config><cluster><key>' + 'k' * 200000,
    ):
        n = quiet()
        with open(n.path('etc/ossec.conf'), 'w') as f:
            f.write(text)
        done = n.run('run', '-t')
        assert done.returncode in (0, 1), (text[:40], done)  # an empty file has no cluster: disabled
        assert done.returncode == 1 or '<cluster>' not in text, (text[:40], done)


def test_open_to_others():
    """The key is in it: a file that others may read or write is refused."""
    n = quiet()
    for mode in (0o644, 0o642, 0o604):
        os.chmod(n.path('etc/ossec.conf'), mode)
        for args in (('run', '-t'), ('run', '-f', '-r')):
            done = n.run(*args)
            said = done.stdout + done.stderr
            assert done.returncode == 1 and 'ossec.conf' in said and KEY not in said, (oct(mode), done)
    os.chmod(n.path('etc/ossec.conf'), 0o640)
    assert n.run('run', '-t').returncode == 0


def test_disabled():
    n = quiet()
    n.write_config(disabled='yes')
    done = n.run('run', '-f', '-r')
    assert done.returncode == 0 and not pid_files(n), done
    n.write_config(disabled='no')
    with open(n.path('etc/ossec.conf'), 'w') as f:
        f.write('<ossec_config><global/></ossec_config>')
    assert n.run('run', '-f', '-r').returncode == 0


def test_other_file():
    """-c: another ossec.conf."""
    n = quiet()
    other = n.path('other.conf')
    shutil.move(n.path('etc/ossec.conf'), other)
    done = subprocess.run(
        [lib.PICKET, 'run', '-t', '-c', other, '--root', n.root], capture_output=True, text=True, timeout=10
    )
    assert done.returncode == 0, done


def test_picket_conf():
    for text, good in (
        ('spool_size = 1M\nlog_keep = 0\n# comment\n', True),
        ('nonsense = 1\n', False),
        ('spool_size = x\n', False),
        ('announced_version = 5.0.0\n', False),
        ('announced_version = 4.4.0\n', True),
        ('log_keep\n', False),
    ):
        n = quiet()
        with open(n.path('etc/picket.conf'), 'w') as f:
            f.write(text)
        done = n.run('run', '-t')
        assert (done.returncode == 0) == good, (text, done)
        assert good or 'picket.conf:1' in done.stdout + done.stderr, (text, done)


def test_cluster_json():
    """A broken cluster.json is refused; missing members have their defaults."""
    for text, good in (
        ('{}', True),
        ('{"intervals": {"worker": {"sync_integrity": 3}}}', True),
        ('{', False),
        ('[]', False),
        ('{"files": {"../etc/": {"permissions": "0o640", "files": ["all"]}}}', False),
        ('{"files": {"/etc/": {"permissions": "0o640", "files": ["all"]}}}', False),
        ('{"intervals": {"worker": {"sync_integrity": -1}}}', False),
        ('[' * 10000, False),
    ):
        n = quiet()
        with open(n.path('etc/cluster.json'), 'w') as f:
            f.write(text)
        done = n.run('run', '-t')
        assert (done.returncode == 0) == good, (text[:60], done)


def test_pid_file_and_one_instance():
    m = Node('master', 'single', files=lib.some_files())
    wait(lambda: pid_files(m), 'the pid file')
    assert pid_files(m) == [f'wazuh-clusterd-{m.proc.pid}.pid']
    assert m.read(f'var/run/{pid_files(m)[0]}').strip() == str(m.proc.pid).encode()
    done = m.run('run', '-f', '-r')
    assert done.returncode == 1 and (done.stderr or done.stdout), done
    assert m.alive() and pid_files(m) == [
        f'wazuh-clusterd-{m.proc.pid}.pid'
    ], 'the second one disturbed the first'
    assert m.local(b'echo', b'x').payload == b'x', 'the second one took the local socket away'
    assert m.stop()
    assert not pid_files(m) and not os.path.exists(m.path('queue/cluster/c-internal.sock')), os.listdir(
        m.path('queue/cluster')
    )


def test_stale_pid_file():
    """A pid file of a process that is gone, or of another program, does not keep it from starting."""
    n = quiet(role='master', name='stale')
    for pid in (os.getpid(), 4194000):
        with open(n.path(f'var/run/wazuh-clusterd-{pid}.pid'), 'w') as f:
            f.write(f'{pid}\n')
    n.start()
    n.check_alive()
    assert f'wazuh-clusterd-{n.proc.pid}.pid' in pid_files(n)
    assert n.stop()


def test_signals():
    for role in ('master', 'worker'):
        for sig in (signal.SIGTERM, signal.SIGINT):
            n = Node(role, f'signal-{role}')
            wait(lambda: pid_files(n), 'the pid file')
            began = time.monotonic()
            n.proc.send_signal(sig)
            status = n.proc.wait(5)
            assert status in (0, -sig), f'{sig}: status {status}'
            assert time.monotonic() - began < 2 and not pid_files(n), f'{sig}: left {pid_files(n)}'


def test_hangup_opens_the_log_anew():
    n = Node('worker', 'hup')
    wait(lambda: n.log(), 'a log')
    os.rename(n.path('logs/cluster.log'), n.path('logs/old.log'))
    n.proc.send_signal(signal.SIGHUP)
    wait(lambda: os.path.exists(n.path('logs/cluster.log')), 'a new log')
    wait(lambda: n.log(), 'a line in it', 10)  # it tries to reach its master every second
    n.check_alive()
    assert n.stop()


def test_log_rotates():
    n = quiet(name='rotate', conf='log_size = 16K\nlog_keep = 2\n')
    with open(n.path('logs/cluster.log'), 'w') as f:
        f.write('an old line\n' * 2000)
    n.start()
    wait(lambda: os.path.exists(n.path('logs/cluster.log.1')), 'the old log to be set aside', 10)
    wait(lambda: n.log(), 'a new log')
    assert os.path.getsize(n.path('logs/cluster.log')) < 20000
    assert n.stop()


def test_log_lines():
    m = Node('master', 'lines', files=lib.some_files())
    w = Node('worker', 'lines-worker', master_port=m.port)
    same(m, w)
    for n in (m, w):
        bad = [
            x
            for x in n.log().split('\n')
            if x
            and not re.match(
                r'\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARNING|ERROR|DEBUG|DEBUG2): \[[^]]+\] \[[^]]+\] \S', x
            )
        ]
        assert not bad, bad[:3]
        assert (
            stat.S_IMODE(os.stat(n.path('logs/cluster.log')).st_mode) & 0o007 == 0
        ), 'the log is open to others'
        assert KEY not in n.log()
    assert f"Serving on ('127.0.0.1', {m.port})" in m.log()
    assert m.stop() and w.stop()


def test_background():
    """Without -f the command ends when the daemon serves; its status says how it went."""
    n = quiet(role='master', name='background')
    done = n.run('run', '-r', timeout=15)
    assert done.returncode == 0, done
    pid = int(re.search(r'\d+', pid_files(n)[0]).group())
    try:
        assert n.local(b'echo', b'ready').payload == b'ready'  # at once
        with open(f'/proc/{pid}/stat') as f:
            assert f.read().rpartition(')')[2].split()[3] != str(os.getsid(0)), 'it stayed in the session'
        fds = {os.readlink(f'/proc/{pid}/fd/{k}') for k in (0, 1, 2)}
        assert fds == {'/dev/null'}, fds
        again = n.run('run', '-r', timeout=15)
        assert again.returncode == 1, again
    finally:
        os.kill(pid, signal.SIGTERM)
    wait(lambda: not os.path.exists(f'/proc/{pid}'), 'it to end', 5)
    assert not pid_files(n)


def test_background_port_taken():
    m = Node('master', 'taken')
    n = quiet(role='master', name='loser', port=m.port)
    done = n.run('run', '-r', timeout=15)
    said = done.stdout + done.stderr + n.log()
    assert done.returncode == 1 and 'in use' in said.lower(), (done, n.log())
    assert not pid_files(n)
    assert m.stop()


def test_gives_up_root():
    """Without -r a root process becomes wazuh:wazuh and writes as that user."""
    try:
        user = pwd.getpwnam('wazuh')
    except KeyError:
        raise Skip('there is no user wazuh on this machine')
    m = quiet(role='master', name='unprivileged', files=lib.some_files(), args=())
    w = quiet(name='unprivileged-worker', master_port=m.port, args=())
    for n in (m, w):
        subprocess.run(['chown', '-R', 'wazuh:wazuh', n.root], check=True)
        n.start()
    same(m, w)
    for n in (m, w):
        with open(f'/proc/{n.proc.pid}/status') as f:
            ids = {
                x.split(':')[0]: x.split()[1:] for x in f if x.startswith(('Uid', 'Gid', 'Groups', 'CapEff'))
            }
        assert set(ids['Uid']) == {str(user.pw_uid)} and set(ids['Gid']) == {str(user.pw_gid)}, ids
        assert '0' not in ids['Groups'] and int(ids['CapEff'][0], 16) == 0, ids
    assert os.stat(w.path('etc/client.keys')).st_uid == user.pw_uid
    assert m.stop() and w.stop()


def test_unusable_root():
    for root in ('/nonexistent', '/dev/null', '/proc'):
        done = subprocess.run(
            [lib.PICKET, 'run', '-f', '-r', '--root', root], capture_output=True, text=True, timeout=10
        )
        assert done.returncode == 1 and (done.stderr or done.stdout), (root, done)


def test_key_is_not_in_sight():
    """Not on the command line, not in the environment, not in what it prints, logs or reports."""
    m = Node('master', 'secret', files=lib.some_files())
    for name in ('cmdline', 'environ'):
        with open(f'/proc/{m.proc.pid}/{name}', 'rb') as f:
            assert KEY.encode() not in f.read()
    said = (
        m.said()
        + m.log()
        + m.run('status').stdout
        + m.run('status', '-j').stdout
        + m.run('check-config').stdout
    )
    assert KEY not in said
    assert m.stop()


if __name__ == '__main__':
    lib.run(globals())
