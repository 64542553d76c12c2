#!/usr/bin/python3
"""The distributed API, the local socket and messages for daemons under five enemies: a worker that has the
cluster's key, a local program that may open the socket, a daemon that is none, a handler that misbehaves, and
a master that was taken over. After each attack the node lives, serves others, gives everything back, and
neither its log nor its memory has grown."""
import json
import os
import random
import socket
import struct
import subprocess
import threading
import time

import lib  # first: it knows the way to the peers
from lib import Node, seconds, wait
import hostile_api as api
import wire
from hostile_api import ApiWorker, Daemon, Program, exception, function, items, request
from master import Master

AGENTS = 300
SECRET = 'feed' * 16  # the key of each agent
KEYS = b''.join(b'%03d agent%d any %s\n' % (n, n, SECRET.encode()) for n in range(1, AGENTS + 1))
CONF = 'store = embedded\nservices = none\nauthd = builtin\nhandlers = etc/handlers\nhandler_seconds = 1\n'
STATUS = 'wazuh.manager.get_status'
LOG_LINES = 60  # most that one attack may write, beside what the node tells anyway
GROWTH_KB = int(os.environ.get('GROWTH_KB', 4000))  # what it may touch for the first time, anonymous memory
STALL_S = 1.5  # longest time it may be busy with one thing
MARKERS = ('__callable__', '__unhandled_exc__', '"exec"', '"eval"')


def dump(what):
    return json.dumps(what).encode()


def pools(node):
    status = json.loads(node.local(b'get_status').payload)
    return {p['name']: p['used'] for p in status['memory']['pools'] if p['used']}


class Quiet:
    """An attack: what must be as before when it is over, and how long others may wait meanwhile."""

    IDLE = {'messages': 1, 'local_clients': 1, 'local_desks': 1}  # the one who asks

    def __init__(self, node, peers=0, log_lines=LOG_LINES, stall_s=STALL_S):
        self.node, self.log_lines, self.stall_s, self.over, self.worst = node, log_lines, stall_s, False, 0
        self.idle = {**self.IDLE, **({'peers': peers} if peers else {})}
        self.thread = threading.Thread(target=self.pulse, daemon=True)

    def pulse(self):
        while not self.over:
            began = time.monotonic()
            self.node.local(b'get_config', timeout=60)
            self.worst = max(self.worst, time.monotonic() - began)
            time.sleep(0.02)

    def lines(self):
        return [s for s in self.node.log().splitlines() if 'Local integrity' not in s and 'Main]' not in s]

    def files(self):
        """Open ones but sockets: of them the scratch files of the spool."""
        folder, out = f'/proc/{self.node.proc.pid}/fd', 0
        for f in os.listdir(folder):
            try:
                out += not os.readlink(f'{folder}/{f}').startswith('socket:')
            except FileNotFoundError:
                pass
        return out

    def __enter__(self):
        self.before = len(self.lines()), self.files(), self.node.rss()[0]
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over = True
        self.thread.join(60)
        if kind:
            return
        n = self.node
        n.check_alive()
        assert self.worst < self.stall_s, f'the node did nothing else for {self.worst:.2f} s'
        assert api.ask(n, STATUS, {}, 'local_any')['class'] == 'AffectedItemsWazuhResult'
        wait(lambda: pools(n) == self.idle, lambda: f'the pools to be {self.idle}: {pools(n)}', 8)
        wait(lambda: self.files() <= self.before[1], 'its scratch files to be gone', 4)
        told = self.lines()[self.before[0] :]
        assert len(told) <= self.log_lines, f'{len(told)} lines of log, the last: {told[-3:]}'
        assert all(c.isprintable() for s in told for c in s), 'what others say goes to the log as it is'
        grown = n.rss()[0] - self.before[2]
        assert grown < GROWTH_KB, f'{grown} KB of memory more'


# ---- a master under attack -----------------------------------------------------------------------------
def handler(node, name, text, mode=0o755):
    path = node.path('etc/handlers', name)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)


def good(w, ident, text):
    return dump(items([{'id': '1', 'node': w.name}], sort_fields=['id']))


def worker(name, on_dapi=None):
    w = ApiWorker(
        master.node.port, key=lib.KEY, name=name, version=lib.VERSION, on_dapi=on_dapi, timeout=30
    ).reconnect()
    return w.keepalive(1)


def master():
    if not hasattr(master, 'node'):
        files = {**lib.some_files(), 'etc/client.keys': KEYS, 'etc/authd.pass': b'AUTHDPASS\n'}
        m = Node('master', 'master', files=files, conf=CONF, start=False)
        os.makedirs(m.path('etc/handlers'), 0o755)
        m.start()
        master.node = m
        wait(lambda: total(m) == AGENTS + 1, 'the agents')
        with Program(m) as p:  # what is only touched once
            p.ask_api(request(STATUS, {'node_list': '*'}, 'distributed_master', broadcasting=True))
    return master.node


def reset():
    for f in (master, seat):
        if hasattr(f, 'node'):
            f.node.kill()
            del f.node


def total(node, **kwargs):
    return api.ask(node, 'wazuh.agent.get_agents', {'limit': 1, **kwargs}).get('total_affected_items')


def served(*workers):
    """Calls of each kind are answered at once, those of workers too."""
    m = master()
    names = [w.name for w in workers]
    for name, kwargs, kind in (
        (STATUS, {}, 'local_master'),
        ('wazuh.agent.get_agents', {'limit': 3}, 'local_master'),
        ('wazuh.agent.get_agent_groups', {}, 'local_master'),
        ('wazuh.manager.read_ossec_conf', {}, 'local_any'),
        *([(STATUS, {'node_list': names}, 'distributed_master')] if names else []),
    ):
        began = time.monotonic()
        got = api.ask(m, name, kwargs, kind, timeout=8)
        assert got['class'].endswith('Result') and 'code' not in got, (name, got)
        assert time.monotonic() - began < 2, name
    for w in workers:
        command, text = w.ask_api(request(STATUS))
        assert command == b'dapi_res' and api.parse(text)['total_affected_items'] == 1, (command, text[:300])


def shapes():
    """Answers that are none: (name, bytes)."""
    unknown, call = {'__unhandled_exc__': {'__class__': 'exit', '__args__': []}}, function('os.system')
    yield from {
        'unknown exception': dump(unknown),  # CVE-2025-24016
        'function': dump(call),  # CVE-2026-25769
        'escaped': b'{"\\u005f_unhandled_exc__": {"__class__": "exit", "__args__": []}}',
        'both': b'{"__wazuh_result__": {"__class__": "WazuhResult", "__object__": {}}, "__callable__": {}}',
        'deep': b'[' * 100000,
        'deep objects': b'{"a":' * 100000,
        'number': b'7',
        'zeros': bytes(1000),
        'noise': random.Random(1).randbytes(100000),
        'half a character': b'{"a": "\\ud800"}',
        'no UTF-8': b'{"a": "\xff\xfe"}',
        'cut': dump(items([1]))[:-3],
        'twice': dump(items([1])) * 2,
        'half a result': b'{"__wazuh_result__": {"__class__": "AffectedItemsWazuhResult"}}',
        'class': dump(items([1], cls='__import__')),
        'error class': dump({'__wazuh_exception__': {'__class__': 'exit', '__object__': {'code': 1}}}),
        'dapi_errors': dump(
            {'__wazuh_exception__': {**exception(1000), '__object__': {'code': 1, 'dapi_errors': unknown}}}
        ),
    }.items()
    for name, item in ('item', unknown), ('item', call), ('item', items([1])), ('item', [[{'a': call}]]):
        yield name, dump(items([item]))
    for cast in ['exec'], ['eval'], ['int', '__import__'], {}, [7], [None], ['int'] * 500, 'int':
        yield f'sort_casting {str(cast)[:20]}', dump(items([1], sort_casting=cast))  # CVE-2026-44901
    for more in (
        {'sort_fields': ['x.' * 3000]},
        {'sort_fields': 'id'},
        {'sort_fields': [['id']]},
        {'sort_ascending': 'x'},
        {'sort_ascending': {}},
        {'total_affected_items': 10**30},
        {'total_affected_items': -5},
        {'total_affected_items': 'x'},
        {'dikt': unknown},
        {'dikt': {'a': call}},
        {'dikt': [1]},
        {'all_msg': call},
        {'nosuch': unknown},
        {'failed_items_keys': [exception(1701)] * 3, 'failed_items_values': [['1']]},
        {'failed_items_keys': [], 'failed_items_values': [['1']] * 9},
        {'failed_items_keys': [7], 'failed_items_values': [7]},
        {'failed_items_keys': [call], 'failed_items_values': [['1']]},
        {'failed_items_keys': [{**exception(1701), '__class__': 'exit'}], 'failed_items_values': [['1']]},
        {'failed_items_keys': [exception(1701)], 'failed_items_values': [[call]]},
        {'failed_items_keys': [exception(1701)], 'failed_items_values': [list(range(5000))]},
    ):
        yield str(more)[:40], dump(items([{'id': 'x'}], **more))


def test_forged_answers():
    """Among answers of several nodes: what is more than data never comes out, and the asker hears something."""
    m = master()
    w, answer = worker('honest', good), [b'']
    mallory = worker('mallory', lambda *_: answer[0])
    with Quiet(m, peers=2):
        for name, answer[0] in shapes():
            for nodes in (['mallory', 'honest'], ['honest', 'mallory'], ['mallory', 'nosuch']):
                with Program(m, timeout=10) as p:
                    kind, text = p.ask_api(request(STATUS, {'node_list': nodes}, 'distributed_master'))
                if kind == 'dapi_res':
                    found = [s for s in MARKERS if s.encode() in text or b'\\u005f' in text]
                    assert not found, (name, nodes, text[:300])
                else:
                    assert kind == 'dapi_err' and len(text) < 2000, (name, kind, text[:300])
        served(w)
    mallory.close()
    w.close()


def test_answers_of_others():
    """A worker answers for another, for who never asked, twice, too late, with strings that are not there."""
    m = master()
    asked = threading.Event()
    slow = worker('slow', lambda w, ident, text: asked.set())  # and says nothing
    mallory = worker('mallory')
    with Quiet(m):
        p = Program(m)
        reply = p.send_request(request(STATUS, {'node_list': ['slow']}, 'distributed_master'))
        assert reply.command == b'ok' and asked.wait(5)
        ident = slow.requests[-1][0]
        local = [b'%d' % n for n in range(1, 40)]
        odd = [b'', b'*', b'-1', b'0', b'\xff', b'a' * 64, b'a' * 65536, ident[:-1], ident + b'0', b'Local']
        for i in [ident, *local]:
            string = mallory.link.send_string(dump(items(['forged'])))
            reply = mallory.link.request(b'dapi_res', i + b' ' + string)
            assert reply.command == b'err', (i, reply)
        for i in odd:
            assert mallory.link.request(b'dapi_res', i + b' 1').command == b'err', i
            assert mallory.link.request(b'dapi_err', i + b' forged').command == b'err', i
        for payload in (b'', b' ', ident, ident + b' ', b' ' + ident, ident + b' 99', ident + b'\0' * 300):
            assert mallory.link.request(b'dapi_res', payload).command == b'err', payload
        assert not p.answers, p.answers
        string = slow.link.send_string(dump(items(['true'])))
        assert slow.link.ask(b'dapi_res', ident + b' ' + string)
        assert api.parse(p.next_answer()[1])['affected_items'] == ['true']
        for again in (string, slow.link.send_string(b'x')):
            assert slow.link.request(b'dapi_res', ident + b' ' + again).command == b'err'
        # begun, never ended; and a promise of a string that is cut off
        for n in range(10):
            slow.link.request(b'new_str', b'100000000')
        p.send_request(request(STATUS, {'node_list': ['slow']}, 'distributed_master'))
        wait(lambda: len(slow.requests) == 2, 'the second request')
        slow.close()
        kind, text = p.next_answer(5)
        assert kind == 'dapi_err' and wire.error_code(text) == 3032, (kind, text)
        p.close()
        mallory.close()
        wait(lambda: 'peers' not in pools(m), 'both to be gone', 8)
        served()


def test_long_answers():
    """A hundred megabytes from one node, and from two at once that are merged."""
    m = master()
    size = [20 << 20]
    a, b = [worker(n, lambda *_: dump(items(['x' * 1000] * (size[0] // 1000)))) for n in ('one', 'two')]
    with Quiet(m, peers=2):
        for nodes in (['one'], ['one', 'two']):
            with Program(m, timeout=30) as p:
                kind, text = p.ask_api(request(STATUS, {'node_list': nodes}, 'distributed_master'))
                assert kind == 'dapi_res' or len(text) < 2000, (kind, text[:300])
        size[0] = 100 << 20
        with Program(m, timeout=30) as p:  # goes in the middle
            p.send_request(request(STATUS, {'node_list': ['one']}, 'distributed_master'))
            time.sleep(0.5)
        a.close()
        a = worker('one', good)
        served(a)
    a.close()
    b.close()


def flood(w, body, count):
    """So many requests, none waits for its reply. How many were taken."""
    counters = [w.link.next_counter() for _ in range(count)]
    for n, c in enumerate(counters):
        with w.link.lock:
            w.link.box[c] = ()
        w.link.send(b'dapi', b'%d ' % n + body, c)
    return counters


@seconds(60)
def test_floods():
    """Ten thousand requests of one worker, of each kind: others are served meanwhile."""
    m = master()
    handler(m, 'wazuh.x.writable', '#!/bin/sh\n', 0o777)
    mallory, w = worker('mallory'), worker('honest', good)
    with Quiet(m, peers=1):
        for body in (
            request(STATUS),
            request('os.system'),
            request('wazuh.x.writable'),
            b'[' * 3000,
            request(STATUS, {'node_list': ['mallory']}, 'distributed_master'),
            request(STATUS, {'node_list': '*'}, 'distributed_master', broadcasting=True),
        ):
            counters = flood(mallory, body, 1700)
            served(w)
            for c in counters:
                mallory.link.wait(c, 30)
        mallory.close()
        served(w)
    w.close()


def test_places_parts_and_windows():
    """Two workers ask each other, and all, and answer nothing; one begins ten long messages and ends none."""
    m = master()
    one, two, w, x = worker('one'), worker('two'), worker('honest', good), worker('other', good)
    nodes = {'node_list': ['one', 'two', 'honest', 'other']}
    with Quiet(m, peers=2):
        for a in (one, two):
            for n in range(45):
                a.link.request(b'dapi', b'%d ' % n + request(STATUS, nodes, 'distributed_master'))
        served()
        with Program(m) as p:  # programs have places and parts of their own
            kind, text = p.ask_api(request(STATUS, {'node_list': ['honest', 'other']}, 'distributed_master'))
            assert kind == 'dapi_res', text[:300]
        for a in (one, two):
            for n in range(10):
                a.link.raw(wire.frame(1000 + n, b'dapi', a.link.fernet.encrypt(b'x' * 3000), b'd'))
        time.sleep(0.2)
        served()
        one.close()
        two.close()
        served(w, x)
    w.close()
    x.close()


def test_requests_of_every_shape():
    """Each is answered, with an error, and does nothing."""
    m = master()
    mallory = worker('mallory')
    f, callable_ = request(STATUS), function(STATUS)['__callable__']
    names = [
        'os.system',
        'wazuh.core.utils.execute',
        'builtins.exec',
        'wazuh..x',
        'wazuh.' + 'x' * 9000,
        'a\0.b',
    ]
    bodies = [request(n) for n in names]
    bodies += [
        request({'__callable__': {**callable_, k: v}}) for k in callable_ for v in (7, None, [], '', 'x/../y')
    ]
    bodies += [request({'__callable__': {**callable_, '__wazuh__': {}}}), request({}), request([f.decode()])]
    bodies += [request({'__unhandled_exc__': {'__class__': 'exit', '__args__': []}})]
    bodies += [
        request(STATUS, {'a': forged})
        for forged in (
            {'__unhandled_exc__': {'__class__': 'exit', '__args__': []}},
            function('os.system'),
            [{'b': {'__wazuh_result__': {}}}],
        )
    ]
    bodies += [f[:n] for n in range(0, len(f), 17)]
    bodies += [f.replace(b'"f_kwargs"', b'"f"'), f + f, f[:-1] + b', "f": {}}', f[:-1] + b', "nosuch": 1}']
    bodies += [f.replace(b'local_master', kind) for kind in (b'', b'exec', b'local_master\\u0000')]
    for key in (
        'rbac_permissions',
        'nodes',
        'basic_services',
        'api_timeout',
        'current_user',
        'wait_for_complete',
    ):
        for value in (
            7,
            -1,
            10**40,
            'x' * 70000,
            [[]],
            {'a': {}},
            {'rbac_mode': 7},
            [['x']],
            {'rbac_mode': 'x' * 9000},
        ):
            bodies.append(request(STATUS, **{key: value}))
    for ids in (
        '*' * 70,
        ['*', '*'],
        ['x' * 65536],
        [-1],
        ['\ud800'],
        [None],
        [{}],
        'ü',
        ['001'] * 200000,
        [' 1'] * 9,
    ):
        bodies.append(request('wazuh.agent.get_agents', {'agent_list': ids, 'limit': 1}))
    for nodes in ('../..', ['a/b'], ['x' * 5000], [7], {}, ['nosuch'] * 3000, '\0', ['*'], ''):
        bodies.append(request(STATUS, {'node_list': nodes}, 'distributed_master'))
        bodies.append(request(STATUS, {'node_id': nodes}, 'distributed_master'))
    with Quiet(m, peers=1):
        for body in bodies:
            kind, text = mallory.ask_api(body)
            got = api.parse(text) if kind != b'err' or text[:1] == b'{' else {'code': 3000}
            fine = (
                got.get('code') or got.get('total_affected_items') in (0, 1) or got.get('total_failed_items')
            )
            assert fine, (body[:300], text[:300])
        for ident in (b'', b' ', b'\xff', b'a' * 64, b'a' * 65536, b'\0'):
            assert mallory.link.request(b'dapi', ident + b' ' + f).command == b'err', ident[:80]
        million = request('wazuh.agent.get_agents', {'agent_list': [f'{n:03}' for n in range(1000000)]})
        assert mallory.link.request(b'dapi', b'1 ' + million).command in (b'ok', b'err')
        served()
    mallory.close()


def test_questions_to_the_store():
    """SQL through every argument: no key of an agent comes out, nobody else's row, and nothing is written."""
    m = master()
    before = m.read('etc/client.keys'), total(m)
    texts = [
        "' or 1=1--",
        "x' union select internal_key from agent--",
        'internal_key',
        "1; delete from agent",
        "%' or '1'='1",
        "id=1) or (1=1",
        '(select internal_key from agent)',
        "a') ; attach '/tmp/x' as x; --",
        '\\',
        '%' * 300,
        '_' * 300,
        "'" * 300,
        '\0',
        '\ud800',
        'x' * 70000,
    ]
    shapes = [*texts, *([t] for t in texts), -1, 1.5, True, [], {}, [[]], ['id'] * 400, 10**40, None]
    shapes += [{'fields': [t], 'order': 'asc'} for t in texts] + [
        {'value': t, 'negation': True} for t in texts
    ]
    shapes += [{'fields': ['id'], 'order': "desc; delete from agent"}, {texts[0]: 1}, {'name': texts}]
    arguments = ('select', 'sort', 'search', 'q', 'filters', 'distinct', 'limit', 'offset', 'agent_list')
    white = {'rbac_mode': 'white', 'agent:read': {'agent:id:007': 'allow'}, 'group:read': {}}
    with Quiet(m):
        with Program(m) as p:
            for name in (
                'get_agents',
                'get_agents_in_group',
                'get_agent_groups',
                'get_agents_summary_status',
            ):
                for argument in (*arguments, 'group_list'):
                    for shape in shapes:
                        kwargs = {'limit': 3, **({'group_list': ['default']} if 'in_group' in name else {})}
                        body = request(
                            f'wazuh.agent.{name}', {**kwargs, argument: shape}, rbac_permissions=white
                        )
                        kind, text = p.ask_api(body)
                        where = name, argument, str(shape)[:80], text[:300]
                        assert kind == 'dapi_res' and SECRET.encode() not in text, where
                        got = api.parse(text)
                        if 'affected_items' in got and name.startswith('get_agents'):
                            found = {i.get('id', '007') for i in got['affected_items']}
                            assert found <= {'007'} and got['total_affected_items'] <= 1, where
        for q in (
            '(' * 10000 + 'id=1' + ')' * 10000,
            '(' * 10000,
            'id=1;' * 20000,
            '~' * 4000,
            'name~' + '%a' * 1900,
        ):
            api.ask(m, 'wazuh.agent.get_agents', {'q': q, 'limit': 1})
        assert (m.read('etc/client.keys'), total(m)) == before
        served()


def test_permissions():
    """Rules of every shape: what is not understood allows nothing."""
    m = master()
    allow = {'agent:id:*': 'allow'}
    with Quiet(m):
        for rules, mode, want in (
            ({'agent:id:*': 'allow', 'agent:id:005': 'deny'}, 'white', AGENTS),
            ({'agent:id:005': 'deny', 'agent:id:*': 'allow'}, 'white', AGENTS + 1),
            ({'agent:id:005': 'allow'}, 'white', 1),
            ({'agent:id:5': 'allow'}, 'white', 0),
            ({"agent:id:005' or 1=1--": 'allow'}, 'white', 0),
            ({'agent:group:default': 'allow'}, 'white', AGENTS),
            ({"agent:group:default')) or 1=1--": 'allow'}, 'white', 0),
            ({'agent:group:%': 'allow'}, 'white', 0),
            ({'agent:id:*&group:id:x': 'allow'}, 'white', 0),
            ({'*:*:*': 'allow'}, 'white', 0),
            ({'agent:id:*:*': 'allow'}, 'white', 0),
            ({'agent': 'allow'}, 'black', 0),
            ({'agent:id:*': 'ALLOW'}, 'white', 0),
            ({'agent:id:*': True}, 'white', 0),
            (allow, 'WHITE', AGENTS + 1),
            ({}, 'white\0', 0),
            ({}, 'x', 0),
        ):
            permissions = {'rbac_mode': mode, 'agent:read': rules}
            got = api.ask(m, 'wazuh.agent.get_agents', {'limit': 1}, rbac_permissions=permissions)
            assert got.get('total_affected_items', 0) == want, (permissions, got)
        long = {'rbac_mode': 'white', 'agent:read': {f'agent:id:{n:03}': 'deny' for n in range(9000)}}
        assert api.ask(m, 'wazuh.agent.get_agents', rbac_permissions=long).get(
            'code'
        ), 'part of a list of denials'
        twice = (
            request('wazuh.agent.get_agents')[:-1]
            + b', "rbac_permissions": {"rbac_mode": "black"}' * 2
            + b'}'
        )
        with Program(m) as p:
            assert api.parse(p.ask_api(twice)[1]).get('code')
        none = {'rbac_mode': 'white'}
        for name, kwargs in (
            (STATUS, {}),
            ('wazuh.manager.read_ossec_conf', {'raw': True}),
            ('wazuh.manager.restart', {}),
            ('wazuh.agent.get_agent_groups', {}),
            ('wazuh.stats.totals', {'date': '2020-01-01'}),
            ('wazuh.manager.ossec_log', {}),
            ('wazuh.cluster.get_node_wrapper', {}),
        ):
            for flags in ({}, {'from_cluster': True}, {'broadcasting': True}, {'wait_for_complete': True}):
                for kind in ('local_any', 'local_master', 'distributed_master'):
                    got = api.ask(m, name, kwargs, kind, rbac_permissions=none, **flags)
                    assert got.get('code') or not got.get('affected_items'), (name, kind, flags, got)


def test_secrets_and_paths():
    """Neither key nor password to who may not change the configuration; no path leads out."""
    m = master()
    key = lib.KEY
    conf = m.read('etc/ossec.conf')
    written = (
        f'<ossec_config><cluster><key>{key}</key></cluster></ossec_config>',
        f'<ossec_config><cluster><!-- <key>old</key> -->\n<key>{key}</key></cluster></ossec_config>',
        f'<ossec_config><cluster ><key\n>{key}</key></cluster></ossec_config>',
        f'<ossec_config><cluster><key>x</key><key>{key}</key></cluster></ossec_config>',
        f'<ossec_config><!-- {key} --><cluster><key> {key} </key></cluster></ossec_config>',
        f'<ossec_config><cluster><key>{key}',
    )
    paths = ['../../etc/passwd', '/etc/passwd', 'etc/authd.pass', '..', '.', '\0', 'a/../../b', 'x' * 5000]
    with Quiet(m):
        for text in written:
            m.write({'etc/ossec.conf': text.encode()})
            for kwargs in ({'raw': True}, {}, {'section': 'cluster'}, {'section': 'cluster', 'field': 'key'}):
                for name in ('wazuh.manager.read_ossec_conf', 'wazuh.cluster.read_config_wrapper'):
                    for permissions in ({'rbac_mode': 'black'}, None):
                        got = api.ask(m, name, kwargs, 'local_any', rbac_permissions=permissions)
                        assert key not in json.dumps(got), (name, kwargs, got)
        m.write({'etc/ossec.conf': conf})
        os.chmod(m.path('etc/ossec.conf'), 0o640)
        for path in paths:
            for name, argument in (
                ('wazuh.manager.read_ossec_conf', 'section'),
                ('wazuh.stats.totals', 'date'),
                ('wazuh.agent.get_agents_in_group', 'group_list'),
                ('wazuh.agent.get_agent_groups', 'group_list'),
                ('wazuh.agent.get_agent_groups', 'hash_algorithm'),
                ('wazuh.manager.ossec_log', 'tag'),
                ('wazuh.manager.get_basic_info', 'node_id'),
            ):
                for value in (path, [path]):
                    text = json.dumps(api.ask(m, name, {argument: value}, 'local_any'))
                    assert 'root:' not in text and 'AUTHDPASS' not in text, (name, value, text)
            reply = m.local(b'send_file', os.fsencode(path) + b' nosuch')
            assert reply.command == b'err', (path, reply)
        served()


# ---- messages for daemons ------------------------------------------------------------------------------
def sendsync(w, body, timeout=20):
    before = len(w.answers)
    reply = w.link.request(b'sendsync', body if isinstance(body, bytes) else b'5 ' + dump(body))
    return w.wait_answers(before + 1, timeout)[before][2] if reply.command == b'ok' else reply.payload


def registered(w, function='add', **arguments):
    return json.loads(
        sendsync(w, {'daemon_name': 'authd', 'message': {'function': function, 'arguments': arguments}})
    )


def test_registrations():
    """Line breaks, blanks, other people's names and ids: no line of client.keys that is not one agent's."""
    m = master()
    w = worker('mallory')
    before = m.read('etc/client.keys')
    odd = [
        'a\nb 999 x any k',
        'a b',
        '',
        '..',
        '../x',
        'a/b',
        'a\0b',
        'ü',
        '!x',
        '#x',
        'x' * 129,
        None,
        7,
        [],
    ]
    force = {'enabled': True, 'key_mismatch': False, 'after_registration_time': 0}
    force['disconnected_time'] = {'enabled': False, 'value': 0}
    with Quiet(m, peers=1):
        for name in [*odd, 'agent1', 'a\u2028b', "a';--", '%']:
            assert registered(w, name=name, ip='any')['error'], name
        for ip in ['any\n5 x any k', '1.2.3.4/33', 'any any', '', '1.2.3.4 ', '::1/200', 'any\0', 7]:
            assert registered(w, name='good', ip=ip)['error'] == 9006, ip
        for groups in ['nosuch', '../..', 'default\n', '/etc', '.', '*', 7, 'default,nosuch', 'x' * 60000]:
            assert registered(w, name='good', ip='any', groups=groups)['error'] in (9014, 9002), groups
        for ident in ['000', '0', '-1', '1e3', ' 5', '5\n6 evil any k', '', '100000000', '001', '\u0663']:
            assert registered(w, name='good', ip='any', id=ident)['error'], ident
        for key in ['', 'a b', 'k\n999 evil any z', 'k' * 3000, '\x7f' * 64, 'é' * 40]:
            assert registered(w, name='good', ip='any', key=key)['error'] == 9009, key
        for value in ({}, True, [], {**force, 'after_registration_time': '99999999999d'}):
            assert registered(w, name='agent5', ip='any', force=value)['error'], value
        for ident in ['000', '0', '', '*', '1 or 1=1', '2\n3', None, 99999999]:
            assert registered(w, 'remove', id=ident)['error'], ident
        assert m.read('etc/client.keys') == before
        # who takes the highest id does not lock the others out
        last = registered(w, name='highest', ip='any', id='99999999')['data']['id']
        first = registered(w, name='after', ip='any')
        assert last == '99999999' and first['error'] == 0, first
        assert (
            registered(w, 'remove', id=last)['error']
            == registered(w, 'remove', id=first['data']['id'])['error']
            == 0
        )
        assert registered(w, name='later', ip='any')['error'] == 0
        for n in range(300):  # and refusals do not fill the log
            assert registered(w, name='agent1', ip='any')['error'] == 9008
        lines = [s.split(b' ') for s in m.read('etc/client.keys').splitlines()]
        assert all(len(s) == 4 and s[0].isdigit() for s in lines) and len(lines) == AGENTS + 2, len(lines)
    w.close()


def daemon(node, kind):
    """At the socket of remoted."""

    def act(s, data):
        long = {'stream': 0xFFFFFFFF, 'huge': 900 << 20, 'zero': 0, 'short': 100, 'more': 3, 'big': 8 << 20}
        if kind == 'half':
            s.sendall(b'\1\0')
        elif kind != 'gone' and kind != 'silent':
            s.sendall(struct.pack('<I', long[kind]))
        if kind in ('short', 'more', 'stream', 'huge'):
            s.sendall(b'abc')
        while kind in ('stream', 'huge', 'more'):
            s.sendall(bytes(65536))
        if kind == 'big':
            s.sendall(b'y' * long[kind])
        if kind == 'silent':
            s.settimeout(30)
            s.recv(1)

    return Daemon(node.path('queue/sockets/remote'), act)


def test_daemons():
    """That stream for ever, lie about lengths, say nothing; and names of daemons that are paths."""
    m = master()
    w, other = worker('mallory'), worker('honest', good)
    message = {'daemon_name': 'remoted', 'message': {'a': 'x' * 3000}}
    with Quiet(m):
        for name in ('../../etc/passwd', '/etc/passwd', '', '\0', 'authd\0', 'wazuh-db ', 'x' * 100000):
            assert sendsync(w, {**message, 'daemon_name': name}).startswith(b'Error 1014'), name
        for name in (['authd'], None, 7, {}):
            assert sendsync(w, {**message, 'daemon_name': name}) == b"'daemon_name'", name
        for body in (
            b'',
            b'5',
            b'5 ',
            b'5 {',
            b'5 []',
            b'x' * 64 + b' {}',
            b'\xff {}',
            b'5 ' + b'[' * 100000,
        ):
            assert sendsync(w, body), body[:40]
        for text in ('x' * 1000001, 7, None, '\ud800', 'a\0b'):
            assert sendsync(w, {**message, 'message': text}).startswith(b'Error'), str(text)[:20]
        for sql in ('delete from agent', "attach '/tmp/x' as x", 'select 1; delete from agent'):
            got = sendsync(w, {'daemon_name': 'wazuh-db', 'message': 'global sql ' + sql})
            assert got.startswith(b'err '), (sql, got)
        for kind in ('half', 'zero', 'short', 'gone', 'stream', 'huge'):
            d = daemon(m, kind)
            assert sendsync(w, message).startswith(b'Error 1014'), kind
            d.close()
        for kind, want in (('more', b'abc'), ('big', b'y' * (8 << 20))):
            d = daemon(m, kind)
            assert sendsync(w, message) == want, kind
            d.close()
        d = daemon(m, 'silent')
        for _ in range(40):
            w.link.request(b'sendsync', b'5 ' + dump(message))
        served(other)
        assert registered(other, 'remove', id='7777')['error'] == 9011
        w.close()
        other.close()
        d.close()


# ---- local programs ------------------------------------------------------------------------------------
def raw(node):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(node.path('queue/cluster/c-internal.sock'))
    return s


def head(length, command=b'dapi', counter=7):
    return struct.pack('!2I', counter, length) + (command + b' ' + b'-' * 11)[:12]


def test_local_programs():
    """600 connections, half frames, enormous lengths, deaf programs, commands of others."""
    m = master()
    body = request('wazuh.agent.get_agents')
    with Quiet(m, stall_s=25):  # there are not 600 places: who comes late waits for those who say nothing
        crowd = [raw(m) for _ in range(480)]
        for n, s in enumerate(crowd[:40]):
            try:
                s.sendall(
                    [
                        b'',
                        b'\0' * 7,
                        head(100),
                        head(0),
                        head(0xFFFFFFFF) + b'x',
                        head(len(body)) + body[:50],
                        head(len(body)) + body,
                        head(5, b'hello') + b'a b c',
                    ][n % 8]
                )
            except OSError:
                pass
        m.local(b'get_config', timeout=20)  # behind those who keep a desk, a second each
        served()
        for s in crowd:
            s.close()
        for command in (
            *(b'hello', b'syn_i_w_m', b'syn_m_c', b'dapi_res', b'dapi_err', b'sendsyn_res', b'control_res'),
            *(b'syn_g_m_w', b'cancel_task', b'new_file', b'file_upd', b'file_end', b'echo-c', b'', b'\xff'),
            *(b'sendsync', b'sendasync', b'sendrreload', b'send_file', b'dapi_fwd', b'new_str', b'str_upd'),
        ):
            for payload in (b'', b'x', b'1 2', b'a b c d', b'\0' * 300, body, b'7 ' + body):
                try:
                    m.local(command, payload, timeout=5)
                except wire.Closed:
                    pass
        assert m.local(b'echo', b'x' * (1 << 20)).command in (b'ok', b'err')
        with raw(m) as s:
            s.sendall(head(100 << 20, b'echo'))
            try:
                for _ in range(100):
                    s.sendall(bytes(1 << 20))
            except OSError:
                pass
        deaf = [raw(m) for _ in range(20)]
        for s in deaf:  # ask for long answers, read nothing
            s.setblocking(False)
            try:
                for n in range(50):
                    s.sendall(head(len(body), counter=n) + body)
            except OSError:
                pass
        wait(lambda: 'code' not in api.ask(m, STATUS), 'the deaf ones to lose their places', 15, 0.5)
        served()
        for s in deaf:
            s.close()
    served()


# ---- handlers ------------------------------------------------------------------------------------------
def test_handlers():
    m = master()
    sh, py = '#!/bin/sh\n', '#!/usr/bin/python3\nimport sys\n'
    programs = {
        'bomb': py + 'while 1: sys.stdout.write("{\\"a\\": \\"" + "x" * 100000)\n',
        'shout': py + 'while 1: sys.stderr.write("\\x1b[2J\\r\\nx" * 1000)\n',
        'sleep': sh + 'sleep 77\n',
        'stop': sh + 'kill -STOP $$\n',
        'kill': sh + 'kill -9 $$\n',
        'children': sh + 'sleep 77 & sleep 77 & echo "{}"\n',
        'forged': sh + 'echo \'{"__callable__": {}}\'\n',
        'nested': sh + 'echo \'{"a": [{"__unhandled_exc__": {}}]}\'\n',
        'class': sh + 'echo \'{"__wazuh_result__": {"__class__": "os", "__object__": {}}}\'\n',
        'deep': py + 'print("[" * 100000)\n',
        'noise': py + 'sys.stdout.buffer.write(bytes(range(256)) * 100)\n',
        'nothing': sh,
        'failed': sh + 'printf "\\033[2J\\377\\n" >&2; exit 3\n',
        'memory': py + 'x = b"x" * (1 << 30)\n',
        'nobody': '#!/nosuch\n',
    }
    for name, text in programs.items():
        handler(m, f'wazuh.h.{name}', text)
    handler(m, 'wazuh.h.good', sh + 'cat >/dev/null; echo "{\\"user\\": \\"$PICKET_USER\\"}"\n')
    handler(m, 'wazuh.h.writable', sh + 'echo "{}"\n', 0o777)
    handler(m, 'wazuh.h.setuid', sh + 'echo "{}"\n', 0o4755)
    handler(m, 'wazuh.h.no_program', sh + 'echo "{}"\n', 0o644)
    os.symlink('/bin/true', m.path('etc/handlers/wazuh.h.link'))
    os.mkdir(m.path('etc/handlers/wazuh.h.folder'))
    os.mkfifo(m.path('etc/handlers/wazuh.h.fifo'))
    refused = [
        'writable',
        'setuid',
        'no_program',
        'link',
        'folder',
        'fifo',
        'nosuch',
        '../../../bin/true',
        'good\0',
    ]
    with Quiet(m):
        for name in [*programs, *refused, 'good ', 'good\n', '.good', '*']:
            got = api.ask(m, f'wazuh.h.{name}', {'a': 'x' * 100000}, 'local_any')
            assert name == 'children' or got.get('code'), (name, got)
            assert '\x1b' not in json.dumps(got, ensure_ascii=False), got
        got = api.ask(m, 'wazuh.h.good', {}, 'local_any', current_user='$(id)')
        assert got['result'] == {'user': ''}, got
        with Program(m) as p:  # nobody waits for the answer
            p.send_request(request('wazuh.h.sleep', {}, 'local_any'))
            wait(lambda: 'api_calls' in pools(m), 'its start', 5)
        wait(lambda: 'api_calls' not in pools(m), 'its end', 5)
        served()
        left = subprocess.run(['ps', '-eo', 'args'], capture_output=True, text=True).stdout
        assert 'sleep 77' not in left, 'a child of a handler is left'


def test_master_ends():
    m = master()
    assert m.stop()
    assert not [c for c in m.log() + m.said() if c not in '\n\t' and not c.isprintable()]


# ---- a master that was taken over ----------------------------------------------------------------------
def seat():
    if not hasattr(seat, 'node'):
        seat.m = Master(files=lib.some_files(), key=lib.KEY, version=lib.VERSION, round_s=0.3)
        seat.node = Node('worker', 'worker1', master_port=seat.m.port, conf=CONF, start=False)
        os.makedirs(seat.node.path('etc/handlers'), 0o755)
        seat.asked, seat.came = [], []
        seat.m.COMMANDS = seat.m.COMMANDS | {b'dapi', b'dapi_res', b'dapi_err', b'sendsync'}
        seat.m._dapi = lambda s, data: (
            seat.asked.append(data),
            (b'ok', b'Added request to API requests queue'),
        )[1]
        seat.m._sendsync = lambda s, data: (seat.asked.append(data), (b'ok', b'Added'))[1]
        seat.m._dapi_res = lambda s, data: came(s, data.split(b' ')[0], s.take_string(data.split(b' ')[1]))
        seat.m._dapi_err = lambda s, data: came(s, *data.split(b' ', 1))
        seat.node.start()
        wait(lambda: 'ok' in seat.m.session('worker1').answers, 'the files of the master to be there')
    return seat.m.session('worker1')


def came(s, ident, text):
    seat.came.append((ident, text))
    return b'ok', b'Forwarded response'


def told(s, body, ident=b'9'):
    """What the worker answers to its master."""
    before = len(seat.came)
    reply = s.request(b'dapi', ident + b' ' + body)
    if reply.command != b'ok':
        return reply.payload
    wait(lambda: len(seat.came) > before, f'an answer to {body[:80]}', 10)
    return seat.came[before][1]


def test_requests_of_the_master():
    """It may ask what a master may ask, and no more."""
    s = seat()
    w = seat.node
    tree = lib.snapshot(w.root, lib.VOLATILE)
    with Quiet(w):
        for name, kwargs, kind, flags in (
            ('os.system', {}, 'local_any', {}),
            ('wazuh.core.utils.execute', {'command': 'id'}, 'local_any', {}),
            (STATUS, {'node_list': ['worker1', 'master']}, 'distributed_master', {}),
            (STATUS, {}, 'local_master', {}),
            ('wazuh.manager.read_ossec_conf', {'raw': True}, 'distributed_master', {'from_cluster': True}),
            ('wazuh.h.nosuch', {}, 'local_any', {}),
            ('wazuh.stats.totals', {'date': '../../../etc/passwd'}, 'local_any', {}),
        ):
            text = told(s, request(name, kwargs, kind, **flags))
            assert lib.KEY.encode() not in text and b'root:' not in text and text, (name, text[:300])
        for body in (b'', b'{', b'[' * 100000, bytes(3000), request(STATUS)[:-9], b'x' * 200000):
            text = told(s, body)
            assert text, (body[:20], text, seat.came[-3:])
        for command in (b'dapi_res', b'dapi_err', b'sendsyn_res', b'sendsyn_err'):
            for payload in (b'', b'1', b'1 1', b'*' * 300, b'0 0', b'99999999999999999999 x', b'\xff \xff'):
                got = s.request(command, payload).command
                assert got == b'err' or command == b'sendsyn_err', (command, payload)
    changed = lib.difference(tree, lib.snapshot(w.root, lib.VOLATILE))
    assert not changed, changed


def test_answers_of_the_master():
    """Late, twice, for others, endless, none: the local program hears something, or it is gone."""
    s = seat()
    w = seat.node
    with Quiet(w):
        programs = [Program(w) for _ in range(12)]
        seat.asked.clear()
        for p in programs:
            assert p.send_request(request(STATUS, {}, 'distributed_master')).command == b'ok'
        wait(lambda: len(seat.asked) == 12, 'the requests')
        ids = [a.split(b' ')[0] for a in seat.asked]
        for i in (b'0', b'99', b'-1', b'1e1', ids[0] + b'x', b'0' * 200 + ids[0]):
            reply = s.request(b'dapi_res', i + b' ' + s.send_string(b'{"a": 1}'))
            assert reply.command == b'err' or i.lstrip(b'0') == ids[0], (i, reply)
        assert s.ask(b'dapi_res', ids[1] + b' ' + s.send_string(b'{"b": 1}'))
        assert s.request(b'dapi_res', ids[1] + b' ' + s.send_string(b'{"c": 1}')).command == b'err'
        assert programs[1].next_answer() == ('dapi_res', b'{"b": 1}')
        s.ask(b'dapi_err', ids[2] + b' ' + b'\x1b[2J\xff' * 1000)
        assert programs[2].next_answer()[0] == 'dapi_err'
        s.request(b'dapi_res', ids[3] + b' 4711')
        assert programs[3].next_answer()[0] == 'dapi_err'
        programs[4].close()
        time.sleep(0.2)
        assert s.request(b'dapi_res', ids[4] + b' ' + s.send_string(b'x')).command == b'err'
        s.close()  # the others hear of it at once
        for p in programs[5:]:
            kind, text = p.next_answer(5)
            assert kind == 'dapi_err' and wire.error_code(text) == 3023, (kind, text)
        for p in programs:
            p.close()
        seat()
    assert w.local(b'get_config').command == b'ok'


def test_worker_ends():
    assert seat.node.stop()
    seat.m.close()
    assert not [c for c in seat.node.log() + seat.node.said() if c not in '\n\t' and not c.isprintable()]


if __name__ == '__main__':
    lib.run(globals())
