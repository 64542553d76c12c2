"""The attacks on a master: strangers, and workers that turned. hostile.py says what an attack is."""
import hashlib
import random
import socket
import struct
import threading
import time

import wire
from hostile import (
    BROKEN,
    GOOD,
    NO,
    against_master,
    break_token,
    closes_silently,
    ends,
    many,
    nested,
    refused_or_closed,
    refuses,
    zeros,
)


# ---- strangers at a master -----------------------------------------------------------------------------
@against_master
def wrong_key(t):
    s = t.sock()
    s.sendall(wire.frame(1, b'hello', wire.fernet('x' * 32).encrypt(t.hello())))
    closes_silently(s)


@against_master
def garbage(t):
    for seed in range(8):
        s = t.sock()
        s.sendall(b'\xff' * 8 + random.Random(seed).randbytes(4000))
        closes_silently(s)
    s = t.sock()
    s.sendall(b'GET / HTTP/1.1\r\nHost: cluster\r\n\r\n')  # length "/ HT": 790 MB
    closes_silently(s)


@against_master
def broken_tokens(t):
    """A hello whose token was changed at each interesting place: never an answer, always the end."""
    for what, token in break_token(t.fernet.encrypt(t.hello())):
        s = t.sock()
        s.sendall(wire.frame(1, b'hello', token))
        try:
            closes_silently(s)
        except AssertionError as e:
            raise AssertionError(f'{what}: {e}')


@against_master
def broken_tokens_in_session(t):
    for what, token in break_token(t.fernet.encrypt(b'keepalive')):
        w = t.worker()
        w.link.raw(wire.frame(w.link.next_counter(), b'echo-c', token))
        try:
            ends(w.link)
        except AssertionError as e:
            raise AssertionError(f'{what}: {e}')
        assert not w.link.seen(b'ok-m'), what
        t.close()


@against_master
def token_of_another_time(t):
    """No lifetime is enforced (1): a token from 1970 or 2100 is as good as any."""
    w = t.worker(connect=False)
    w.connect(hello=False)
    for second in (0, 4102444800):
        counter = w.link.next_counter()
        w.link.box[counter] = ()
        w.link.raw(wire.frame(counter, b'echo', w.link.fernet.encrypt_at_time(b'when', second)))
        assert w.link.wait(counter) == (b'ok', b'when')


@against_master
def frame_too_long(t):
    """3050: more than 256 MiB is never waited for."""
    for length in ((256 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF):
        s = t.sock()
        s.sendall(struct.pack('!2I12s', 1, length, b'hello ------') + b'x' * 100)
        closes_silently(s)
        w = t.worker()
        w.link.raw(struct.pack('!2I12s', 1, length, b'echo-c -----') + b'x' * 100)
        ends(w.link)
        t.close()


@against_master
def header_only(t):
    """Slow loris: headers without a body, and headers byte by byte. They must not cost the others
    anything; that they end is slow_loris_ends' matter."""
    for _ in range(8):
        t.sock().sendall(wire.frame(1, b'hello', b'x' * 200)[:20])
    for _ in range(8):
        t.sock().sendall(b'\0')


@against_master
def half_divided(t):
    """3051: ten half-received divided messages are let be, the eleventh ends the connection."""
    w = t.worker()
    token = w.link.fernet.encrypt(b'half')
    for n in range(10):
        w.link.raw(wire.frame(1000 + n, b'echo', token[:40], b'd'))
    w.echo()
    w.link.raw(wire.frame(1010, b'echo', token[:40], b'd'))
    ends(w.link)


@against_master
def divided_join(t):
    """The pieces of a divided message are one token: in two frames, and in a hundred, and garbage in
    between ends it."""
    w = t.worker()
    for step in (50, 1):
        counter = w.link.next_counter()
        w.link.box[counter] = ()
        token = w.link.fernet.encrypt(b'in pieces')
        cuts = [token[i : i + step] for i in range(0, len(token), step)]
        for i, cut in enumerate(cuts):
            w.link.raw(wire.frame(counter, b'echo', cut, b'd' if i < len(cuts) - 1 else b'-'))
        assert w.link.wait(counter) == (b'ok', b'in pieces')
    w.link.raw(wire.frame(9, b'echo', b'gAAA!', b'd') + wire.frame(9, b'echo', b'AAAA', b'-'))
    ends(w.link)


@against_master
def hello_refusals(t):
    """Section 2, in its order; a refused node stays registered until its connection ends."""

    def code(payload, expected):
        w = t.worker(connect=False)
        w.connect(hello=False)
        refuses(w.link, b'hello', payload, expected)
        w.close()

    code(f'{t.master_name} {t.cluster} worker {t.version}'.encode(), 3029)
    code(f'm1 other worker {t.version}'.encode(), 3030)
    code(f'm1 {t.cluster} worker 4.14.6'.encode(), 3031)
    code(b'm1 other worker 4.14.6', 3030)
    code(f'{t.master_name} other worker 4.14.6'.encode(), 3029)
    for bad in ('w.9', 'w/9', '../w', 'w*', 'é', 'w\n', '-w;', '$(id)'):
        code(f'{bad} {t.cluster} worker {t.version}'.encode(), 3060)
    w = t.worker('m2')
    code(t.hello('m2'), 3028)
    refuses(w.link, b'hello', t.hello('m2'), 3028)
    refuses(w.link, b'hello', t.hello('m3'), 3028)
    w.echo()


@against_master
def hello_malformed(t):
    """Not four words, or words that are too long: an error or the end, never a session."""
    words = t.hello().split(b' ')
    for payload in (
        b'',
        b' ',
        b'   ',
        b'a b c',
        b' '.join(words + [b'x']),
        b' '.join(words[:3]),
        b'\0' * 40,
        b'\xff\xfe a b c',
        b'w\0' + t.hello()[7:],
        b'n' * 300 + t.hello()[7:],
        b'n' * 100000 + t.hello()[7:],
        t.hello() + b'1' * 5000,
        b'  '.join(words),
    ):
        w = t.worker(connect=False)
        w.connect(hello=False)
        refused_or_closed(w.link, b'hello', payload)
        w.close()


@against_master
def hello_flood(t):
    """300 good greetings, one after another, each gone at once; a name is free again when its connection
    has ended."""
    for n in range(300):
        w = t.worker(f'flood-{n % 3}')
        w.close()
        t.opened.clear()


@against_master
def too_many_workers(t):
    """More good workers than there is room for: the newest are refused, and room returns when they leave."""
    for n in range(90):
        w = t.worker(f'crowd-{n}', connect=False)
        try:
            w.connect()
        except (wire.Closed, wire.Refused, TimeoutError, OSError):
            break
    assert n >= 20, f'only {n} workers were let in'
    t.close()
    t.worker('crowd-0')


@against_master
def ten_thousand_connections(t):
    """Connections that bring nothing or rubbish. They are reset, so that the machine's ports do not run
    out."""
    linger, made = struct.pack('ii', 1, 0), 0
    rubbish = [b'', b'\0', b'x' * 19, b'\xff' * 64, wire.frame(1, b'hello', b'x' * 100)]
    for n in range(10000):
        s = socket.socket(socket.AF_INET)
        s.settimeout(10)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        s.bind((f'127.0.2.{1 + n % 250}', 0))
        try:
            s.connect(('127.0.0.1', t.port))
            s.sendall(rubbish[n % len(rubbish)])
            made += 1
        except OSError:
            pass
        s.close()
    assert made > 5000, f'only {made} of 10000 connections came about'


@against_master
def commands_before_hello(t):
    """Wazuh serves some of these; whatever happens, nothing may be changed or given away (get_nodes lists
    nodes)."""
    for command, payload in (
        (b'syn_i_w_m_p', b''),
        (b'syn_i_w_m', b''),
        (b'syn_i_w_m_e', b'x /etc/client.keys'),
        (b'new_file', b'/queue/cluster/evil.zip'),
        (b'new_file', b'/etc/rules/evil.xml'),
        (b'new_str', b'100'),
        (b'dapi', b'1 {}'),
        (b'sendsync', b'1 {}'),
        (b'cancel_task', b'x {}'),
        (b'syn_w_g_c', b''),
        (b'echo-c', b'keepalive'),
    ):
        w = t.worker(connect=False)
        w.connect(hello=False)
        try:
            w.link.request(command, payload, timeout=3)
        except (wire.Closed, TimeoutError):
            pass
        w.close()


# ---- workers that turned -------------------------------------------------------------------------------
@against_master
def unknown_commands(t):
    w = t.worker()
    refuses(w.link, b'xyz', b'', text=b"unknown command 'b'xyz''")
    refuses(w.link, b'syn_x_y_z_w', b'x' * 5000, text=b"unknown command 'b'syn_x_y_z_w''")
    for name in (
        b'syn_m_c',
        b'syn_m_c_ok',
        b'syn_g_m_w',
        b'echo-m',
        b'control_res',
    ):  # only a master says these
        refuses(w.link, name, b'x')
    w.echo()


@against_master
def odd_command_names(t):
    for name in (b'', b' ', b'\xff\xfe', b'a\0b', b"x'y", b'%s%n', b'\x1b[2J'):
        w = t.worker()
        refused_or_closed(w.link, name, b'')
        t.close()


@against_master
def write_elsewhere(t):
    w = t.worker()
    for path in (
        b'/etc/x',
        b'etc/rules/x.xml',
        b'/etc/client.keys',
        b'/../x',
        b'/queue/cluster/../x',
        b'/queue/cluster/mallory/../../../etc/rules/x.xml',
        b'/queue/clusterx/y',
        b'//etc/x',
        b'/queue/cluster/./../../etc/rules/y.xml',
        b'/tmp/evil',
        b'/var/run/x',
        b'',
        b'/',
    ):
        refuses(w.link, b'new_file', path)
    refuses(w.link, b'new_file', b'/etc/x', text=b'Write path not allowed')
    refuses(w.link, b'new_file', b'/queue/cluster/mallory/../../../etc/x', text=b'Write path not allowed')
    w.echo()


@against_master
def write_into_others(t):
    """A worker's files are its own: other workers' folders and names with NUL or endless ones bring
    nothing."""
    w = t.worker()
    for path in (
        b'/queue/cluster/honest/x.zip',
        b'/queue/cluster/c-internal.sock',
        b'/queue/cluster/mallory/a\0b',
        b'/queue/cluster/mallory/' + b'n' * 300,
        b'/queue/cluster/mallory/' + b'd/' * 600 + b'x',
        b'/queue/cluster/mallory',
        b'/queue/cluster/mallory/sub/x.zip',
        b'/queue/cluster/.journal',
        b'/queue/cluster/.stage/0',
    ):
        try:
            reply = w.link.request(b'new_file', path)
            if reply.command == b'ok':
                w.link.request(b'file_upd', path + b' evil')
                w.link.request(b'file_end', path + b' ' + b'0' * 32)
        except wire.Closed:
            w = t.worker()


@against_master
def file_out_of_order(t):
    w = t.worker()
    path = b'/queue/cluster/mallory/order.zip'
    refuses(w.link, b'file_upd', path + b' data')
    refuses(w.link, b'file_end', path + b' ' + b'0' * 32)
    w.wait_permission()
    w.link.ask(b'syn_i_w_m')
    w.link.ask(b'new_file', path)
    refuses(w.link, b'file_upd', b'/queue/cluster/mallory/another.zip data')
    refuses(w.link, b'file_upd', path)  # no space
    w.link.ask(b'file_upd', path + b' data')
    refuses(
        w.link,
        b'file_end',
        path + b' ' + b'0' * 32,
        text=b"File wasn't correctly received. Checksums aren't equal.",
    )
    refuses(w.link, b'file_upd', path + b' more')
    refuses(w.link, b'file_end', path + b' short')
    w.link.request(b'new_file', path)
    w.link.request(b'new_file', path)  # again: begins anew, or is refused
    w.echo()


@against_master
def many_files(t):
    """Two hundred files begun and never ended, from one worker; another one can still send."""
    w = t.worker()
    for n in range(200):
        refused = w.link.request(b'new_file', f'/queue/cluster/mallory/{n}.zip'.encode()).command == b'err'
        if refused:
            break
    t.worker('mallory-2').check({}, timeout=15)


@against_master
def strings(t):
    """new_str, str_upd, err_str at and beyond their edges."""
    w = t.worker()
    refuses(w.link, b'new_str', b'300000000', commands=(b'error',))
    for size in (b'99999999999999999999999999', b'-1', b'x', b'', b'1 1', b'0x10'):
        refused_or_closed(w.link, b'new_str', size)
    refuses(w.link, b'str_upd', b'1 data')
    refuses(w.link, b'str_upd', b'none data')
    refuses(w.link, b'str_upd', b'')
    ident = w.link.ask(b'new_str', b'7')
    assert w.link.ask(b'err_str', b'8') == b'None'
    assert w.link.ask(b'err_str', b'7') == ident
    refuses(w.link, b'str_upd', ident + b' data')
    ident = w.link.ask(b'new_str', b'4')
    w.link.ask(b'str_upd', ident + b' 12345678')  # more than announced: dropped (12.12)
    w.echo()


@against_master
def many_strings(t):
    """A thousand strings announced and never sent; then another worker's string still finds room."""
    w = t.worker()
    for _ in range(1000):
        if w.link.request(b'new_str', b'260000000').command != b'ok':
            break
    other = t.worker('mallory-2')
    other.link.ask(b'new_str', b'100')


@against_master
def bad_agent_info(t):
    w = t.worker()
    w.link.request(b'syn_a_w_m', b'12345')  # Wazuh answers ok and fails later
    w.link.request(b'syn_a_w_m', b'')
    for text in (
        b'',
        b'x',
        b'[]',
        b'{}',
        b'{"chunks": 7}',
        b'{"set_data_command": "global sql drop table agent"}',
        nested(5000),
        b'{"set_data_command": "global sync-agent-info-set", "payload": {}, "chunks": {"syncreq": [7]}}',
    ):
        try:
            w.link.request(b'syn_a_w_m', w.link.send_string(text))
        except (wire.Closed, wire.Refused):
            w = t.worker()


@against_master
def bad_cancel(t):
    w = t.worker()
    w.link.ask(b'cancel_task', b'None ' + w.dialect.error(3039))
    w.link.ask(b'cancel_task', b'no-such-task ' + w.dialect.error(3039))
    for payload in (
        b'',
        b'None',
        b'None not json',
        b'x ' + nested(3000),
        b'x {"__callable__": {"__name__": "system"}}',
    ):
        try:
            w.link.request(b'cancel_task', payload)
        except wire.Closed:
            w = t.worker()
    w.echo()


@against_master
def end_without_file(t):
    """syn_i_w_m_e for a task or a file that is not there, or that is not the worker's to name."""
    w = t.worker()
    refused_or_closed(w.link, b'syn_i_w_m_e', b'no-such-task queue/cluster/mallory/x.zip')
    for path in (
        'queue/cluster/mallory/never-sent.zip',
        'etc/client.keys',
        '../../etc/passwd',
        '/etc/passwd',
        'queue/cluster/mallory',
        '',
    ):
        w = t.worker(f'm-{len(path)}')
        w.wait_permission()
        task = w.link.ask(b'syn_i_w_m').decode()
        try:
            w.link.request(b'syn_i_w_m_e', f'{task} {path}'.encode())
            time.sleep(0.1)
            assert not w.link.seen(b'syn_m_c') and not w.link.seen(b'syn_m_c_ok'), f'{path}: taken as a check'
        except wire.Closed:
            pass
        w.close()


def side_by_side(t, name, jobs):
    """Each job (what, function of a worker) with a worker of its own, all at once; AssertionErrors are
    gathered."""
    wrong, threads = [], []

    def run(what, job, w):
        try:
            job(w)
        except (TimeoutError, wire.Closed, wire.Refused, ValueError, KeyError):
            pass
        except Exception as e:
            wrong.append(f'{what}: {e}')

    for n, (what, job) in enumerate(jobs):
        threads.append(threading.Thread(target=run, args=(what, job, t.worker(f'{name}-{n}')), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert not wrong, '; '.join(wrong)


def never_a_check(blob):
    def job(w):
        outcome = w.check(blob=blob, timeout=4)
        assert outcome.kind == 'error', f'taken as a check: {outcome}'

    return job


@against_master
def broken_packages(t):
    side_by_side(t, 'broken', [(n, never_a_check(b)) for n, b in BROKEN.items()])


@against_master
def check_not_objects(t):
    """JSON, but not metadata: values of other types where an object or a hash belongs."""
    values = (b'7', b'"x"', b'null', b'[]', b'{}', b'{"hash": 7}', b'{"hash": null}', b'{"hash": {}}')
    side_by_side(
        t,
        'value',
        [(v, lambda w, v=v: w.check(b'{"etc/rules/a.xml": ' + v + b'}', timeout=3)) for v in values],
    )


@against_master
def check_evil_paths(t):
    """Invented names are at the most told to be deleted at the one who invented them."""
    evil = [
        '../../etc/passwd',
        '/etc/passwd',
        'etc/ossec.conf',
        'etc/rules/../ossec.conf',
        'etc/rules/a.tmp',
        '',
        'x' * 5000,
        'etc/rules/' + 'd/' * 200 + 'x',
        'etc/rules/a\nb',
        'etc/rules/\x00',
        'etc/rules/\ud800',
        'queue/cluster/honest/x',
    ]
    w = t.worker()
    meta = {
        p: {
            **wire.describe('etc/rules/x', b'x'),
            'cluster_item_key': random.choice(['etc/rules/', 'none', '']),
        }
        for p in evil
    }
    try:
        outcome = w.check(meta, timeout=5)
        if outcome.kind == 'files':
            assert not (set(outcome.todo['shared']) | set(outcome.todo['missing'])) & set(evil), outcome
    except (TimeoutError, wire.Closed, wire.Refused):
        pass
    for text in (
        b'{"etc/rules/\xff.xml": {}}',
        b'{"etc/rules/\x01.xml": {}}',
        b'{"etc/rules/\\udc80.xml": {}}',
    ):  # not JSON, strictly
        try:
            w.check(text, timeout=2)
        except (TimeoutError, wire.Closed, wire.Refused):
            w.close()
            w = t.worker()


@against_master
def check_huge(t):
    """90 MB of metadata: beyond what a master may keep, whatever it answers."""
    w = t.worker(timeout=30)
    try:
        w.check(many(390000), timeout=20)
    except (TimeoutError, wire.Closed, wire.Refused):
        pass


@against_master
def check_bomb(t):
    w = t.worker()
    blob = b'etc/rules/bomb.xml' + wire.NAME_END + zeros(300 << 20) + wire.MEMBER_END + GOOD
    try:
        w.check(blob=blob, timeout=6)
    except (TimeoutError, wire.Closed, wire.Refused):
        pass


@against_master
def check_no_file_end(t):
    """The file is cut off, and the end announced all the same (pitfall 9)."""
    w = t.worker()
    w.wait_permission()
    task = w.link.ask(b'syn_i_w_m').decode()
    path = wire.package_path('mallory', 'mallory')
    w.link.ask(b'new_file', path.encode())
    w.link.ask(b'file_upd', path.encode() + b' ' + GOOD)
    try:
        w.link.request(b'syn_i_w_m_e', f'{task} {path[1:]}'.encode())
        time.sleep(0.3)
    except wire.Closed:
        return
    assert not w.link.seen(b'syn_m_c') and not w.link.seen(
        b'syn_m_c_ok'
    ), 'an unfinished file was taken as a check'


@against_master
def check_wrong_digest(t):
    w = t.worker()
    w.wait_permission()
    task = w.link.ask(b'syn_i_w_m').decode()
    path = wire.package_path('mallory', 'mallory')
    w.link.ask(b'new_file', path.encode())
    w.link.ask(b'file_upd', path.encode() + b' ' + GOOD)
    refuses(w.link, b'file_end', path.encode() + b' ' + bytes(32))
    try:
        w.link.request(b'syn_i_w_m_e', f'{task} {path[1:]}'.encode())
        time.sleep(0.3)
    except wire.Closed:
        return
    assert not w.link.seen(b'syn_m_c') and not w.link.seen(
        b'syn_m_c_ok'
    ), 'a file with a wrong digest was taken as a check'


@against_master
def disconnect_everywhere(t):
    """The worker goes away after each step of a check, and inside a frame; its name is free again soon."""

    def at(step):
        w = t.worker()
        link = w.link
        if step == 'hello':
            return w
        w.wait_permission()
        if step == 'permission':
            return w
        task = link.ask(b'syn_i_w_m').decode()
        path = wire.package_path('mallory', 'mallory')
        name, blob = path.encode(), wire.package([], {})
        if step == 'start':
            return w
        link.ask(b'new_file', name)
        if step == 'new_file':
            return w
        if step == 'inside a frame':
            link.raw(wire.frame(5, b'file_upd', link.fernet.encrypt(name + b' ' + blob))[:50])
            return w
        link.ask(b'file_upd', name + b' ' + blob)
        if step == 'file_upd':
            return w
        link.ask(b'file_end', name + b' ' + hashlib.sha256(blob).digest())
        if step == 'file_end':
            return w
        gone = {
            'syn_m_c': b'syn_m_c',
            'got new_file': b'new_file',
            'got file_upd': b'file_upd',
            'got file_end': b'file_end',
            'got end': b'syn_m_c_e',
        }.get(step)

        def hook(l, command, payload, result):
            if command == gone:
                l.close()
                return None
            return result

        link.answer = hook
        link.ask(b'syn_i_w_m_e', f'{task} {path[1:]}'.encode())
        if gone:
            link.closed.wait(5)
        return w

    for step in (
        'hello',
        'permission',
        'start',
        'new_file',
        'inside a frame',
        'file_upd',
        'file_end',
        'end',
        'syn_m_c',
        'got new_file',
        'got file_upd',
        'got file_end',
        'got end',
    ):
        at(step).close()


@against_master
def cancel_in_transfer(t):
    """The worker cancels while files come: the master still ends file and task (5.5), and serves again."""
    w = t.worker()

    def hook(l, command, payload, result):
        if command == b'new_file' and w.tasks:
            l.spawn(l.request, b'cancel_task', [*w.tasks][-1].encode() + b' ' + w.dialect.error(3039))
        return result

    w.link.answer = hook
    try:
        w.check({}, timeout=6)
    except (TimeoutError, wire.Closed, wire.Refused, ValueError, KeyError):
        pass


@against_master
def refuse_the_files(t):
    """The worker answers err to each step of the files it asked for."""

    def refusing(step):
        def job(w):
            w.link.answer = lambda l, c, p, r: NO if c == step else r
            w.check({}, timeout=3)

        return job

    side_by_side(
        t,
        'refusing',
        [(s, refusing(s)) for s in (b'syn_m_c', b'new_file', b'file_upd', b'file_end', b'syn_m_c_e')],
    )


@against_master
def odd_task_ids(t):
    """Task ids are opaque (12.10), but not endless, and not more than one word."""

    def naming(ident):
        def job(w):
            w.link.answer = lambda l, c, p, r: (b'ok', ident) if c == b'syn_m_c' else r
            w.check({}, timeout=3)

        return job

    side_by_side(
        t, 'naming', [(i[:9], naming(i)) for i in (b'', b'a b', b'x' * 5000, b'\n', b'\xff\xfe', b'%s%n')]
    )


@against_master
def replies_to_nothing(t):
    """Replies nobody waits for, twice given, and by another command: Wazuh takes an unknown counter for a
    request."""
    w = t.worker()
    for n in range(20):
        w.link.send(
            random.choice([b'ok', b'err', b'ok-m', b'error', b'xx']), b'x' * n, random.getrandbits(32)
        )
    w.link.answer = lambda l, c, p, r: [r, r] if r else r
    try:
        w.check({}, timeout=5)
    except (TimeoutError, wire.Closed, wire.Refused, ValueError, KeyError):
        pass
    w2 = t.worker('mallory-2')
    w2.echo()


@against_master
def silent_worker(t):
    """Never answers the master: it must give up on that one alone. (Its later reply is swallowed.)"""
    w = t.worker()
    late = []

    def hush(l, command, payload, result):
        late.append([e.counter for e in l.events if not e.out][-1])
        return None

    w.link.answer = hush
    w.wait_permission()
    w.start_check({})
    other = t.worker('mallory-2')
    other.sync_ok = other.check({}, timeout=10)
    end = time.monotonic() + 6
    while not late and time.monotonic() < end:
        time.sleep(0.05)
    assert late, 'the master asked nothing'


@against_master
def late_reply(t):
    """The answer comes after the master gave up (its request time is set to 3 s by the tests): swallowed
    once (1)."""
    w = t.worker()
    held = []

    def hold(l, command, payload, result):
        if command == b'syn_m_c' and not held:
            held.append([e.counter for e in l.events if not e.out][-1])
            return None
        return result

    w.link.answer = hold
    w.wait_permission()
    w.start_check({})
    time.sleep(4.5)
    if held and not w.link.closed.is_set():
        w.link.send(b'ok', b'late-task', held[0])
        w.echo()


@against_master
def storm_of_permissions(t):
    """Permission is given once in a round (5.4), however often one asks."""
    w = t.worker()
    began, yes = time.monotonic(), 0
    for _ in range(300):
        yes += w.permission()
    rounds = (time.monotonic() - began) / t.round_s
    assert yes <= rounds + 2, f'{yes} permissions in {rounds:.1f} rounds'


@against_master
def pipelined(t):
    """A thousand requests without waiting: every one is answered, in order."""
    w = t.worker()
    counters = [w.link.next_counter() for _ in range(1000)]
    for c in counters:
        w.link.box[c] = ()
    w.link.raw(b''.join(wire.frame(c, b'echo', w.link.fernet.encrypt(b'%d' % c)) for c in counters))
    for c in counters:
        assert w.link.wait(c) == (b'ok', b'%d' % c)
    order = [e.counter for e in w.link.events if not e.out and e.counter in set(counters)]
    assert order == counters, 'answers are not in the order of the requests'


@against_master
def never_reads(t):
    """Asks for megabytes and reads none: the master must neither grow nor wait."""
    s = t.sock()
    hello = wire.frame(1, b'hello', t.fernet.encrypt(t.hello('deaf')))
    s.sendall(hello)
    s.recv(4096)
    s.settimeout(1)
    big = wire.frame(2, b'echo', t.fernet.encrypt(b'e' * 100000))
    try:
        for _ in range(300):
            s.sendall(big)
    except OSError:
        pass
