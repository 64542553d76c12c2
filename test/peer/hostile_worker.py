"""The attacks on a worker: masters that turned, and masters strange from the beginning. hostile.py
says what an attack is.
"""
import json
import os
import random
import struct
import threading
import time

import wire
from hostile import (
    AGAINST_WORKER,
    BROKEN,
    NO,
    against_worker,
    ends,
    many,
    named,
    nested,
    refused_or_closed,
    refuses,
    strange_master,
    zeros,
)


# ---- a master that turned ------------------------------------------------------------------------------
class Victim:
    """outside: a folder beside the root that nobody may touch. over is set when the attack has ended."""

    def __init__(self, root, files, outside):
        self.root, self.files, self.outside = root, files, outside
        self.used, self.over = False, threading.Event()

    def turn(self, s):
        """One syn_m_c belongs to one check: before each but the first, lets the worker begin another
        check."""
        if self.used:
            begun = threading.Event()

            def hold(*_):
                begun.set()
                self.over.wait(60)

            s.master.attack, s.integrity_busy = hold, False
            end = time.monotonic() + 8
            while not begun.wait(0.05):
                if s.closed.is_set():
                    raise wire.Closed(s.why)
                assert time.monotonic() < end, 'the worker began no other check'
            s.errors.clear()
        self.used = True


def outcome(s, since, seconds=8):
    """What the worker did with what it was given: 'error' (it reported), 'closed', 'on' (it went on
    asking)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if s.closed.is_set():
            return 'closed'
        for e in s.events[since:]:
            if not e.out and e.command in (b'syn_i_w_m_r', b'cancel_task'):
                return 'error'
        if any(not e.out and e.command == b'syn_i_w_m_p' for e in s.events[since:]):
            return 'on'
        time.sleep(0.02)
    return 'nothing'


def give(s, v, blob):
    """A package, whatever is in it, by the honest way; the outcome."""
    v.turn(s)
    since = len(s.events)
    try:
        s.push_package(blob, strict=False)
    except wire.Refused:
        pass
    return outcome(s, since)


def todo(missing=(), shared=(), extra=(), key=None):
    one = lambda items: {
        p: wire.describe(p, d, key or wire.item_of(p) or 'etc/rules/') for p, d in items
    }  # noqa: E731
    return {'missing': one(missing), 'shared': one(shared), 'extra': one(extra)}


def give_file(s, v, path, data=b'evil', **more):
    """One file with everything right but its path."""
    return give(s, v, wire.package([(path, data)], todo([(path, data)], **more)))


def bad_package(name, blob):
    def attack(s, v):
        result = give(s, v, blob)
        assert result in ('error', 'closed'), f'a broken package was taken silently: {result}'

    return named(f'package_{name}', attack)


AGAINST_WORKER += [bad_package(n, b) for n, b in BROKEN.items()]

EVIL_PATHS = {
    'dotdot': '../outside/evil',
    'dotdot_inside': 'etc/rules/../../../outside/evil',
    'dotdot_item': 'etc/rules/../ossec.conf',
    'absolute': '/tmp/picket-evil',
    'outside_items': 'bin/evil',
    'ossec_conf': 'etc/ossec.conf',
    'excluded_name': 'etc/shared/default/ar.conf',
    'excluded_extension': 'etc/rules/evil.tmp',
    'tilde': 'etc/rules/evil~',
    'not_listed': 'etc/evil.keys',
    'not_listed_deep': 'var/multigroups/evil/other.mg',
    'not_recursive': 'etc/deep/client.keys',
    'own_state': 'queue/cluster/evil',
    'item_folder': 'etc/rules/',
    'item_itself': 'etc/rules',
    'empty_part': 'etc/rules//evil',
    'dot_part': 'etc/rules/./evil',
    'trailing_dot': 'etc/rules/evil/.',
    'newline': 'etc/rules/evil\nname',
    'escape': 'etc/rules/\x1b[2Jevil',
    'too_long': 'etc/rules/' + 'e' * 300,
    'too_deep': 'etc/rules/' + 'e/' * 60 + 'evil',
    'backslash_dots': 'etc/rules/..',
    'merged_name': 'etc/rules/evil.merged',
    'pid_file': 'var/run/wazuh-clusterd-1.pid',
    'endless': 'etc/rules/' + 'evil/' * 2000,
}


def evil_path(name, path):
    def attack(s, v):
        give_file(s, v, path)

    return named(f'path_{name}', attack)


AGAINST_WORKER += [evil_path(n, p) for n, p in EVIL_PATHS.items()]


@against_worker
def path_nul(s, v):
    give(s, v, wire.package([('etc/rules/evil\0.xml', b'evil')], todo([('etc/rules/evil\0.xml', b'evil')])))


@against_worker
def path_wrong_item(s, v):
    """The item key decides mode and rules, so it must be the path's own."""
    give_file(s, v, 'etc/ossec.conf', key='etc/shared/')
    give_file(s, v, 'var/multigroups/evil/evil.txt', key='etc/rules/')
    give_file(s, v, 'etc/rules/evil-key.xml', key='no/such/item/')


@against_worker
def path_through_link(s, v):
    """A folder that is a link leads out of the tree: neither written through nor deleted through."""
    link = f'{v.root}/etc/rules/link'
    os.symlink(v.outside, link)
    try:
        give_file(s, v, 'etc/rules/link/evil.xml')
        give(s, v, wire.package([], todo(extra=[('etc/rules/link/victim', b'x')])))
    finally:
        os.unlink(link)


@against_worker
def path_is_link(s, v):
    """The destination itself is a link: what it points to stays as it is."""
    link = f'{v.root}/etc/lists/evil-link'
    os.symlink(f'{v.outside}/victim', link)
    try:
        give_file(s, v, 'etc/lists/evil-link')
    finally:
        os.unlink(link)  # a file or the link


@against_worker
def path_through_file(s, v):
    path = next(p for p in v.files if p.startswith('etc/rules/'))
    give_file(s, v, path + '/evil')


@against_worker
def delete_elsewhere(s, v):
    names = [
        'etc/ossec.conf',
        '../outside/victim',
        '/etc/hostname',
        'etc/rules',
        'etc/rules/',
        'etc',
        '',
        '.',
        'queue/cluster',
        'etc/rules/../ossec.conf',
        'etc/../etc/ossec.conf',
        f'{v.outside}/victim',
        'etc/cluster.json',
        'etc/picket.conf',
    ]
    give(s, v, wire.package([], todo(extra=[(n, b'x') for n in names])))


@against_worker
def member_without_metadata(s, v):
    give(s, v, wire.package([('etc/rules/evil.xml', b'evil'), ('etc/ossec.conf', b'evil')], todo()))


@against_worker
def metadata_without_member(s, v):
    give(s, v, wire.package([], todo([('etc/rules/evil.xml', b'evil')])))


@against_worker
def wrong_hash(s, v):
    meta = todo([('etc/rules/evil.xml', b'what was promised')])
    give(s, v, wire.package([('etc/rules/evil.xml', b'evil')], meta))
    path = next(p for p in v.files if p.startswith('etc/rules/'))
    give(s, v, wire.package([(path, b'evil')], todo(shared=[(path, v.files[path])])))


@against_worker
def odd_hashes(s, v):
    for value in (None, 7, '', 'x', '0' * 127, '0' * 129, 'g' * 128, [], {}):
        meta = todo([('etc/rules/evil.xml', b'evil')])
        meta['missing']['etc/rules/evil.xml']['hash'] = value
        give(s, v, wire.package([('etc/rules/evil.xml', b'evil')], meta))
        if s.closed.is_set():
            return


@against_worker
def member_twice(s, v):
    """Two members of one name; whichever counts, its content must be what the metadata says."""
    meta = todo([('etc/rules/evil.xml', b'promised')])
    give(s, v, wire.package([('etc/rules/evil.xml', b'evil'), ('etc/rules/evil.xml', b'evil too')], meta))


@against_worker
def metadata_twice(s, v):
    one = json.dumps(todo([('etc/rules/evil.xml', b'promised')])).encode()
    blob = (
        wire.package([('etc/rules/evil.xml', b'evil')], one)
        + wire.MEMBER_END
        + wire.record(wire.METADATA, one)
    )
    give(s, v, blob)


@against_worker
def package_bomb(s, v):
    meta = json.dumps(todo([('etc/rules/evil.xml', b'evil')])).encode()
    give(
        s,
        v,
        b'etc/rules/evil.xml'
        + wire.NAME_END
        + zeros(300 << 20)
        + wire.MEMBER_END
        + wire.record(wire.METADATA, meta),
    )


@against_worker
def package_huge_metadata(s, v):
    give(s, v, wire.package([], b'{"missing": ' + many(390000) + b', "shared": {}, "extra": {}}'))


@against_worker
def package_not_sections(s, v):
    for meta in (
        {},
        {'missing': 7, 'shared': [], 'extra': None},
        {'missing': {}},
        {'missing': {'etc/rules/evil.xml': 7}, 'shared': {}, 'extra': {}},
        {'other': {}},
    ):
        give(s, v, wire.package([('etc/rules/evil.xml', b'evil')], meta))
        if s.closed.is_set():
            return


@against_worker
def end_names_another(s, v):
    """syn_m_c_e for a file that was not sent, or is not a package."""
    for path in (
        'etc/ossec.conf',
        'etc/client.keys',
        '../outside/victim',
        f'queue/cluster/{s.node}/never.zip',
        '',
    ):
        v.turn(s)
        task = s.ask(b'syn_m_c').decode()
        since = len(s.events)
        try:
            s.request(b'syn_m_c_e', f'{task} {path}'.encode())
        except wire.Closed:
            return
        assert outcome(s, since) != 'nothing', f'{path!r}: the worker waits for ever'
        if s.closed.is_set():
            return


@against_worker
def end_of_unknown_task(s, v):
    refuses(s, b'syn_m_c_e', b'no-such-task queue/cluster/x/x.zip')


@against_worker
def files_never_come(s, v):
    """syn_m_c, and then nothing: the worker gives up (the tests set timeout_receiving_file to 4 s)."""
    task = s.ask(b'syn_m_c').decode()
    end = time.monotonic() + 10
    while time.monotonic() < end and not s.closed.is_set() and task not in s.cancelled:
        if [e for e in s.seen(b'syn_i_w_m') if e.when > end - 10]:
            return  # it began anew by itself
        time.sleep(0.05)
    assert s.closed.is_set() or task in s.cancelled, 'it neither cancelled the task nor began anew'


@against_worker
def master_gives_up(s, v):
    """syn_m_c_r in the middle."""
    task = s.ask(b'syn_m_c').decode()
    s.ask(b'syn_m_c_r', task.encode() + b' ' + s.dialect.error(3039))


@against_worker
def write_elsewhere_at_worker(s, v):
    for path in (
        b'/etc/x',
        b'/etc/rules/evil.xml',
        b'/../outside/evil',
        b'/queue/cluster/../../etc/ossec.conf',
        b'',
        b'/',
    ):
        refuses(s, b'new_file', path)
    refuses(s, b'new_file', b'/etc/x', text=b'Write path not allowed')


@against_worker
def file_out_of_order_at_worker(s, v):
    path = f'/queue/cluster/{s.node}/order.zip'.encode()
    refuses(s, b'file_upd', path + b' data')
    task = s.ask(b'syn_m_c')
    s.ask(b'new_file', path)
    refuses(s, b'file_upd', path + b'x data')
    s.ask(b'file_upd', path + b' data')
    refuses(
        s,
        b'file_end',
        path + b' ' + bytes(32),
        text=b"File wasn't correctly received. Checksums aren't equal.",
    )
    s.ask(b'syn_m_c_r', task + b' ' + s.dialect.error(3039))


@against_worker
def strings_at_worker(s, v):
    refuses(s, b'new_str', b'300000000', commands=(b'error',))
    refuses(s, b'str_upd', b'1 data')
    refused_or_closed(s, b'new_str', b'x')
    if not s.closed.is_set():
        assert s.ask(b'err_str', b'5') == b'None'


@against_worker
def unknown_commands_at_worker(s, v):
    refuses(s, b'xyz', b'', text=b"unknown command 'b'xyz''")
    for name in (b'hello', b'syn_i_w_m', b'syn_i_w_m_p', b'syn_a_w_m'):  # only a worker says these
        refuses(s, name, b'x')
    assert s.request(b'echo-m', b'keepalive') == (b'ok-c', b'keepalive')


@against_worker
def bad_groups(s, v):
    s.request(b'syn_g_m_w', b'12345')  # Wazuh answers ok and fails later
    for text in (
        '',
        'x',
        '[]',
        '{}',
        '{"chunks": 7}',
        '{"chunks": ["x"]}',
        '{"chunks": ["[]"]}',
        nested(5000).decode(),
    ):
        try:
            s.push_groups(text=text)
        except (wire.Refused, wire.Closed):
            pass
        if s.closed.is_set():
            return


@against_worker
def broken_token_at_worker(s, v):
    s.raw(wire.frame(s.next_counter(), b'echo-m', b'gAAAAA' + b'A' * 94))
    ends(s)


@against_worker
def frame_too_long_at_worker(s, v):
    s.raw(struct.pack('!2I12s', 1, 0xFFFFFFFF, b'echo-m -----') + b'x')
    ends(s)


@against_worker
def half_divided_at_worker(s, v):
    for n in range(11):
        s.raw(wire.frame(1000 + n, b'echo', b'gAAA', b'd'))
    ends(s)


@against_worker
def replies_to_nothing_at_worker(s, v):
    for n in range(20):
        s.send(random.choice([b'ok', b'err', b'xx']), b'x' * n, random.getrandbits(32))
    s.request(b'echo-m', b'x')


@against_worker
def double_replies(s, v):
    s.answer = lambda l, c, p, r: [r, r] if r else r
    time.sleep(2.5)
    s.answer = None


def odd_answer(name, command, answers):
    """For 1.5 s each, that command is answered like this; None is no answer."""

    def attack(s, v):
        for a in answers:
            s.answer = lambda l, c, p, r: a if c == command else r
            s.integrity_busy = False
            l_end = time.monotonic() + 1.5
            while time.monotonic() < l_end and not s.closed.is_set():
                time.sleep(0.05)
        s.answer = None

    return named(f'answer_{name}', attack)


AGAINST_WORKER += [
    odd_answer(
        'permission',
        b'syn_i_w_m_p',
        [(b'ok', b''), (b'ok', b'true'), (b'ok', b'T' * 100000), NO, (b'what', b'True')],
    ),
    odd_answer(
        'start', b'syn_i_w_m', [(b'ok', b''), (b'ok', b'a b c'), (b'ok', b'i' * 9000), (b'ok', b'\xff\n'), NO]
    ),
    odd_answer('new_file', b'new_file', [NO, (b'err', b'\xff\xfe'), (b'ok', b'')]),
    odd_answer('file_upd', b'file_upd', [NO]),
    odd_answer('file_end', b'file_end', [NO]),
    odd_answer(
        'end',
        b'syn_i_w_m_e',
        [
            NO,
            (b'err', b'{"__wazuh_exception__": {"__class__": "os.system", "__object__": {"code": "x"}}}'),
            (b'err', nested(2000)),
        ],
    ),
]


@against_worker
def cancel_a_check(s, v):
    """cancel_task for the worker's own running task, from the answer to its syn_i_w_m on."""

    def hook(l, c, p, r):
        if c == b'syn_i_w_m':
            l.spawn(l.request, b'cancel_task', r[1] + b' ' + l.dialect.error(3039))
        return r

    s.answer = hook
    s.integrity_busy = False
    time.sleep(1.5)
    s.answer = None


def gone_at(name, command):
    def attack(s, v):
        if command in (b'syn_m_c', b'syn_m_c_e', b'file_upd'):  # after our own request
            s.ask(b'syn_m_c')
            if command == b'syn_m_c':
                return s.close()
            blob = wire.package([('etc/rules/evil.xml', b'evil')], todo([('etc/rules/evil.xml', b'evil')]))
            path = wire.package_path(s.node, 'master')
            if command == b'syn_m_c_e':
                s.send_file(path, blob)
                return s.close()
            s.ask(b'new_file', path.encode())
            s.raw(
                wire.frame(s.next_counter(), b'file_upd', s.fernet.encrypt(path.encode() + b' ' + blob))[:60]
            )
            return s.close()

        def hook(l, c, p, r):
            if c == command:
                l.close()
                return None
            return r

        s.answer = hook
        s.integrity_busy = False
        s.closed.wait(5)

    return named(f'gone_at_{name}', attack)


AGAINST_WORKER += [
    gone_at(n.decode(), n)
    for n in (
        b'syn_i_w_m_p',
        b'syn_i_w_m',
        b'new_file',
        b'file_end',
        b'syn_i_w_m_e',
        b'syn_m_c',
        b'syn_m_c_e',
        b'file_upd',
    )
]


@against_worker
def silent_master(s, v):
    """Answers nothing any more: after the request time (3 s in the tests) and its retries the worker comes
    anew."""
    s.answer = lambda l, c, p, r: None
    s.closed.wait(5)
    s.close()


# ---- a master that is strange from the beginning -------------------------------------------------------
@strange_master
def greets_with_garbage(sock):
    sock.sendall(random.Random(3).randbytes(3000))


@strange_master
def greets_with_length(sock):
    sock.sendall(struct.pack('!2I12s', 1, 0xFFFFFFFF, b'ok ---------') + b'x' * 50)


@strange_master
def hangs_up(sock):
    sock.close()


@strange_master
def hangs_up_after_hello(sock):
    sock.recv(4096)


@strange_master
def echoes(sock):
    """Sends the worker's own hello back, counter and all: the worker must not take it for a master's word."""
    data = sock.recv(4096)
    sock.sendall(data)


@strange_master
def silent(sock):
    """Takes the hello and says nothing for 5 s."""
    sock.settimeout(5)
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass


def serve_strangely(attack):
    """For Master.on_accept: takes one socket, in a thread of its own."""

    def take(sock):
        def run():
            try:
                attack(sock)
                time.sleep(0.1)
            except OSError:
                pass
            finally:
                sock.close()

        threading.Thread(target=run, daemon=True).start()
        return True

    return take
