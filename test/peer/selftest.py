#!/usr/bin/python3
"""Proves the Python peers: master against worker in each dialect, and both against real Wazuh when it is
at hand.

  selftest.py                                  the peers against each other
  WAZUH_SRC=DIR WAZUH_PEER=DIR selftest.py     and against a real wazuh-clusterd: WAZUH_SRC holds Wazuh's
  framework/
                                               and api/; WAZUH_PEER holds peer.py, which lays out and
                                               starts a node
Prints a line per check; the exit status is 1 when one failed.
"""
import os
import shutil
import sys
import tempfile
import time
import zlib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import agents as tables  # noqa: E402
import wire  # noqa: E402
from master import Master  # noqa: E402
from worker import Worker  # noqa: E402

FAILED = []
KEY = '0123456789abcdef0123456789abcdef'
FILES = {
    'etc/client.keys': b'001 a any ' + b'0' * 64 + b'\n',
    'etc/rules/local.xml': b'<group/>\n' * 900,
    'etc/shared/default/agent.conf': b'',
    'etc/shared/default/merged.mg': b'#default\n',
    'etc/lists/a list.txt': 'a:é\n'.encode(),
    'etc/decoders/d/e/f.xml': os.urandom(70000),
    'var/multigroups/abc/merged.mg': b'm',
}


def check(what, good, detail=''):
    print(f'{"ok  " if good else "FAIL"} {what}{"" if good else f": {detail}"}', flush=True)
    if not good:
        FAILED.append(what)


def until(what, test, timeout=20):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            if test():
                return check(what, True)
        except (OSError, IndexError, KeyError, TimeoutError):
            pass
        time.sleep(0.05)
    check(what, False, f'not within {timeout} s')


def put(root, files):
    for path, data in files.items():
        os.makedirs(os.path.dirname(f'{root}/{path}'), exist_ok=True)
        with open(f'{root}/{path}', 'wb') as f:
            f.write(data)


def hashes(root):
    return {p: m['hash'] for p, m in wire.scan(root).items()}


def code_of(action):
    try:
        return f'answered {action()!r}'
    except wire.Refused as e:
        return wire.error_code(e.reply.payload)
    except wire.Closed as e:
        return str(e)


def vectors():
    token = (
        b'gAAAAABrACGRuRM1a7qz6UaZ1knExhTt8H5xxMizrEIxcYBJ4mZrCw2Xeqxz7NdSiPUKwc6pxIeqPhZ9nU6fFovUU1T5IEsWwq3R7cJp'
        b'WJ_B3QMWQD4Pj2E='
    )
    check('Fernet vector of the reference', wire.fernet(KEY).decrypt(token) == b'worker1 wazuh worker 4.14.7')
    check('empty token is 100 bytes', len(wire.fernet(KEY).encrypt(b'')) == 100)
    check(
        'command padding',
        [wire.command_field(c) for c in (b'hello', b'ok ', b'syn_i_w_m_p', b'sync_i_w_m_p')]
        == [b'hello ------', b'ok  --------', b'syn_i_w_m_p ', b'sync_i_w_m_p'],
    )
    frames = wire.message(None, 7, b'sendsyn_res', b'x' * 6000000)
    check(
        'divided frames',
        [len(f) for f in frames] == [5242880, 6000000 - 5242860 + 20]
        and [f[8:20] for f in frames] == [b'sendsyn_resd', b'sendsyn_res-'],
    )
    check('BLAKE2b of nothing', wire.digest(b'').startswith('786a02f742015903c6c6fd852552d272'))
    blob = wire.package([('a', b'x'), ('b', b'')], {'k': 1})
    check(
        'package bytes',
        blob.startswith(b'a|//@@//|' + zlib.compress(b'x', 1) + b'|@@//@@|b|//@@//|')
        and wire.unpack(blob) == ({'a': b'x', 'b': b''}, {'k': 1}),
    )
    a = tables.Agents([{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}])
    none = a.global_hash()
    a.set_groups(1, ['default'])
    a.set_groups(2, ['default', 'web'])
    check(
        'group hashes (14.3)',
        none is None
        and tables.group_hash(['default']) == '37a8eec1'
        and tables.group_hash(['default', 'web']) == '5288d400'
        and a.global_hash() == '23bb1d54a4c5340dc7e8c0cb4f696b5b420a3262',
    )
    # The separator inside a stored (level 0) stream: a member ends where its stream ends.
    odd = wire.package([('a', b'1|@@//@@|2|//@@//|3')], {}, level=0)
    check('separator inside a member', wire.unpack(odd)[0] == {'a': b'1|@@//@@|2|//@@//|3'})


def dialect(version, folder):
    root = f'{folder}/w{version}'
    m = Master(files=dict(FILES), version=version, round_s=0.1)
    w = Worker(m.port, root, version=version).connect()
    try:
        check(f'{version}: greeting', w.greeting == b'Client worker1 added')
        first = w.sync()
        check(
            f'{version}: first sync',
            [o.kind for o in first] == ['files', 'ok']
            and hashes(root) == {p: wire.digest(d) for p, d in FILES.items()},
            first,
        )
        m.files['etc/rules/local.xml'] = b'changed'
        del m.files['etc/shared/default/merged.mg'], m.files['etc/shared/default/agent.conf']
        second = w.sync()
        todo = second[0].todo
        check(
            f'{version}: change and delete',
            {k: sorted(v) for k, v in todo.items()}
            == {
                'missing': [],
                'shared': ['etc/rules/local.xml'],
                'extra': ['etc/shared/default/agent.conf', 'etc/shared/default/merged.mg'],
            }
            and not os.path.exists(f'{root}/etc/shared/default'),
            todo,
        )
        w.send_agent_info({'syncreq': [{'id': 1}]}, ['[{"id":1}]'])
        session = m.session('worker1')
        until(f'{version}: agent information', lambda: session.agent_info and w.accepts[0][0] == b'syn_m_a_e')
        session.push_groups(chunks=['[{"data":[],"hash":"0"}]'])
        until(f'{version}: agent groups', lambda: session.group_results)
        check(f'{version}: echo', w.echo() and w.link.ask(b'echo', b'e' * 6000000) == b'e' * 6000000)
        greet = lambda **k: code_of(
            lambda: Worker(m.port, version=k.pop('v', version), **k).connect()
        )  # noqa: E731
        check(
            f'{version}: hello codes',
            [greet(), greet(name='master'), greet(name='n', cluster='x')] == [3028, 3029, 3030],
        )
        check(
            f'{version}: 3031', code_of(lambda: Worker(m.port, name='v', version='4.14.0').connect()) == 3031
        )
        for s in (session, w.link):
            check(f'{version}: nothing odd', not s.trouble and not s.frames.bare_headers, s.trouble)
    finally:
        w.close()
        m.close()


def agents(version):
    """Rows from worker to master and groups back, in the dialect of the version."""
    mine = [{'id': n, 'name': f'agent{n}'} for n in range(1, 1001)]
    m = Master(version=version, agents=tables.Agents(mine))
    w = Worker(m.port, version=version, agents=tables.Agents(mine)).connect()
    try:
        for n in range(1, 1000):
            w.agents.report(tables.full_row(n))
        http = m.dialect.agent_http
        chunks = w.agents.info(http)
        got = w.agent_info_round()
        check(
            f'{version}: agents arrive',
            got['updated_chunks'] == len(chunks) > (0 if http else 1)
            and not w.agents.pending
            and m.agents.rows[7]['os_uname'] == tables.full_row(7)['os_uname']
            and m.agents.rows[1000] == mine[999],
            got,
        )
        session = m.session('worker1')
        for n in range(1, 1001):
            m.agents.set_groups(n, ['default', f'g{n % 7}'])
        m.groups_round()
        until(f'{version}: groups arrive', lambda: w.agents.groups == m.agents.groups)
        until(f'{version}: and are told', lambda: session.group_results)
        w.agents.groups[5] = ['other']
        for _ in range(w.mismatch_limit):
            count = len(session.group_results)
            m.groups_round()
            until(f'{version}: a round', lambda: len(session.group_results) > count)
        until(f'{version}: the full list is asked for and helps', lambda: w.agents.groups == m.agents.groups)
        check(f'{version}: once', session.full_asked == 1)
        check(f'{version}: nothing odd', not session.trouble and not w.link.trouble, session.trouble)
    finally:
        w.close()
        m.close()


def real_master(Peer, src, folder, version):
    """Our worker against Wazuh's master."""
    port = 21516
    peer = Peer(
        'master',
        src,
        f'{folder}/real-m',
        port=port,
        key=KEY,
        node_name='real',
        wdb=True,
        intervals={
            'master.recalculate_integrity': 1,
            'master.agent_group_start_delay': 1,
            'master.sync_agent_groups': 1,
        },
    )
    root = f'{folder}/our-w'
    put(root, {'etc/lists/extra': b'extra', 'etc/rules/local_rules.xml': b'mine'})
    w = Worker(port, root, key=KEY, version=version)
    try:
        peer.start()
        time.sleep(1.5)  # its first scan: before it, every file would be extra (5.4)
        w.connect()
        check('real master: greeting', w.greeting == b'Client worker1 added', w.greeting)
        first = w.sync()
        same = hashes(root) == hashes(peer.root)
        check(
            'real master: first sync',
            first[0].kind == 'files' and first[-1].kind == 'ok' and same and len(hashes(root)) > 15,
            first,
        )
        check(
            'real master: extra and shared',
            'etc/lists/extra' in first[0].todo['extra']
            and 'etc/rules/local_rules.xml' in first[0].todo['shared'],
        )
        put(peer.root, {'etc/rules/été 1.xml': b'new', 'etc/lists/empty': b''})
        peer.own()
        until(
            'real master: a new file follows',
            lambda: w.sync() and hashes(root).get('etc/lists/empty') and hashes(root) == hashes(peer.root),
        )
        check('real master: keepalive', w.echo())
        nodes = w.link.ask(
            b'get_nodes',
            b'{"filter_node": null, "offset": 0, "limit": 500, "sort": null, "search": '
            b'null, "select": null, "filter_type": "all"}',
        )
        check('real master: get_nodes', b'"worker1"' in nodes and b'"real"' in nodes, nodes)
        check('real master: divided echo', w.link.ask(b'echo', b'z' * 6000000) == b'z' * 6000000)
        w.send_agent_info({'syncreq_keepalive': [{'id': 1, 'version': 'v'}]}, ['[]'])
        until('real master: agent information', lambda: [a for a in w.accepts if a[0] == b'syn_m_a_e'])
        if not w.dialect.ids_in_errors:  # 4.4 sends them when there are any, later ones always
            until('real master: agent groups', lambda: w.groups)
        bad = Worker(port, key=KEY, version=version, name='worker1')
        code = code_of(bad.connect)
        # 4.4 cannot write this error's JSON (the name in it is bytes) and hangs up instead
        check('real master: 3028', code == 3028 or (w.dialect.ids_in_errors and 'closed' in str(code)), code)
        if w.dialect.confined:
            no = (b'err', b'Write path not allowed')
            check('real master: write path', w.link.request(b'new_file', b'/etc/x') == no)
        if w.dialect.limits:
            check('real master: huge string', w.link.request(b'new_str', b'300000000').command == b'error')
        check('real master: unknown', w.link.request(b'xyz').payload == b"unknown command 'b'xyz''")
        check('real master: nothing odd', not w.link.trouble, w.link.trouble)
    finally:
        w.close()
        peer.stop()


def real_worker(Peer, src, folder, version):
    """Wazuh's worker against our master."""
    m = Master(files=dict(FILES), key=KEY, version=version, round_s=0.5)
    peer = Peer(
        'worker',
        src,
        f'{folder}/real-w',
        port=m.port,
        key=KEY,
        node_name='realw',
        intervals={
            'worker.sync_integrity': 1,
            'worker.keep_alive': 1,
            'worker.sync_agent_info': 1,
            'worker.connection_retry': 1,
        },
        seed=[{'id': 1, 'name': 'agent1', 'connection_status': 'active', 'sync_status': 'syncreq'}],
    )
    try:
        peer.start()
        s = m.session('realw')
        want = lambda: {p: wire.digest(d) for p, d in m.files.items()}  # noqa: E731
        until('real worker: first sync', lambda: hashes(peer.root) == want())
        m.files['etc/rules/ü.xml'] = b'unicode'
        del m.files['etc/lists/a list.txt']
        until('real worker: change and delete', lambda: hashes(peer.root) == want())
        until('real worker: in sync', lambda: s.answers and s.answers[-1] == 'ok')
        until('real worker: keepalive', lambda: s.seen(b'echo-c'))
        if m.dialect.agent_http:  # the stand-in for wazuh-db has none to give over its older socket
            until('real worker: agent information', lambda: s.agent_info)
        s.push_groups(chunks=['[{"data":[],"hash":null}]'])
        until('real worker: agent groups', lambda: s.group_results)
        bad = {**m.files, 'etc/rules/bad.xml': b'what was promised'}

        def wrong(session, task, theirs):
            todo = wire.compare({p: wire.describe(p, d) for p, d in bad.items()}, theirs)
            session.push_package(wire.package([], todo))  # the promised member is not there

        m.attack = wrong
        until(
            'real worker: goes on after a bad package',
            lambda: s.errors or (m.attack is None and s.answers[-1] == 'ok'),
        )
        check('real worker: unknown', s.request(b'xyz').payload == b"unknown command 'b'xyz''")
        check('real worker: nothing odd', not s.trouble, s.trouble)
    finally:
        peer.stop()
        m.close()


def main():
    folder = tempfile.mkdtemp(prefix='peer-')
    os.chmod(folder, 0o755)  # a real node runs as another user
    try:
        vectors()
        for version in ('4.4.0', '4.9.2', '4.12.0', '4.13.0', '4.14.7'):
            dialect(version, folder)
            agents(version)
        src = os.environ.get('WAZUH_SRC')
        if src:
            sys.path.insert(0, os.environ.get('WAZUH_PEER', os.path.join(HERE, '..', 'interop')))
            from peer import Peer

            version = os.environ.get('WAZUH_VERSION', '4.14.7')
            real_master(Peer, src, folder, version)
            real_worker(Peer, src, folder, version)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f'{len(FAILED)} failed')
    return 1 if FAILED else 0


if __name__ == '__main__':
    sys.exit(main())
