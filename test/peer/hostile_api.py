"""Requests of the distributed API, well formed and not, and those who send or answer them: local programs and
workers that do as they are told (reference, sections 4.3, 4.4, 13 and 15)."""
import json
import os
import socket
import struct
import threading
import time

import wire
from worker import Worker


def function(name):
    """{"__callable__": ...} of "wazuh.core.agent.Agent.get_agents_overview"."""
    module, qualname = name.rsplit('.', 1)
    if module.rsplit('.', 1)[-1][:1].isupper():
        module, cls = module.rsplit('.', 1)
        qualname = f'{cls}.{qualname}'
    return {
        '__callable__': {
            '__name__': name.rsplit('.', 1)[1],
            '__module__': module,
            '__qualname__': qualname,
            '__type__': 'function',
        }
    }


def request(name, kwargs=None, kind='local_master', **more):
    """The JSON of a request as an API sends it, as bytes."""
    body = {
        'f': function(name) if isinstance(name, str) else name,
        'f_kwargs': {} if kwargs is None else kwargs,
        'request_type': kind,
        'wait_for_complete': False,
        'from_cluster': False,
        'is_async': False,
        'local_client_arg': None,
        'basic_services': [],
        **more,
    }
    return json.dumps(body).encode()


def items(found, failed=(), cls='AffectedItemsWazuhResult', **more):
    """An answer with items. failed: [(error code, [ids])]."""
    body = {
        'affected_items': list(found),
        'sort_fields': None,
        'sort_casting': ['int'],
        'sort_ascending': [True],
        'total_affected_items': len(found),
        'total_failed_items': sum(len(ids) for _, ids in failed),
        'dikt': {},
        'older_than': None,
        'failed_items_keys': [exception(code) for code, _ in failed],
        'failed_items_values': [ids for _, ids in failed],
        'all_msg': 'all',
        'some_msg': 'some',
        'none_msg': 'none',
        **more,
    }
    return {'__wazuh_result__': {'__class__': cls, '__object__': body}}


def exception(code, cls='WazuhError'):
    return {
        '__class__': cls,
        '__object__': json.loads(wire.Dialect('4.14.7').error(code, kind=cls))['__wazuh_exception__'][
            '__object__'
        ],
    }


def parse(text):
    """An answer as its object, with the class as a member of its own: {'class': ..., ...}."""
    whole = json.loads(text)
    if not isinstance(whole, dict):
        return {'class': 'plain', 'value': whole}
    for marker in ('__wazuh_result__', '__wazuh_exception__'):
        if marker in whole:
            return {'class': whole[marker]['__class__'], **whole[marker]['__object__']}
    return {'class': 'plain', **whole}


class Program(wire.Link):
    """A local program: asks, and takes what comes later."""

    def __init__(self, node, timeout=20):
        s = socket.socket(socket.AF_UNIX)
        s.connect(node.path('queue/cluster/c-internal.sock'))
        super().__init__(s, None, self.take, timeout=timeout, name='program')
        self.answers, self.came = [], threading.Condition()
        self.start()

    def take(self, link, command, data):
        if command == b'dapi_res':
            data = link.take_string(data)
        elif command not in (b'dapi_err', b'control_res', b'send_f_res'):
            return link.common(command, data)
        with self.came:
            self.answers.append((command.decode(), data))
            self.came.notify_all()
        return b'ok', b'Distributed api response received'

    def next_answer(self, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        with self.came:
            while not self.answers:
                if self.closed.is_set():
                    raise wire.Closed(self.why)
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError('no answer')
                self.came.wait(min(left, 0.2))
            return self.answers.pop(0)

    def send_request(self, body, command=b'dapi', timeout=None):
        return super().request(command, body, timeout)

    def ask_api(self, body, command=b'dapi', timeout=None):
        """('dapi_res', text), ('dapi_err', text) or ('err', words of the refusal)."""
        reply = self.send_request(body, command, timeout)
        if reply.command != b'ok':
            return reply.command.decode(), reply.payload
        return self.next_answer(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(node, name, kwargs=None, kind='local_master', timeout=20, **more):
    """One call by a program of its own: the answer parsed; a refusal is {'class': ...} as well."""
    with Program(node, timeout) as p:
        _, text = p.ask_api(request(name, kwargs, kind, **more))
        try:
            return parse(text)
        except ValueError:
            return {'class': 'words', 'words': text}


class ApiWorker(Worker):
    """A worker that answers API requests by on_dapi(worker, id, request text): bytes, or None for silence.
    Answers to its own requests are in answers: (command, id, text)."""

    def __init__(self, *args, on_dapi=None, **more):
        super().__init__(*args, **more)
        self.on_dapi, self.requests, self.answers, self.came = on_dapi, [], [], threading.Condition()

    def serve(self, link, command, data):
        if command == b'dapi':
            ident, text = data.split(b' ', 1)
            self.requests.append((ident, text))
            if self.on_dapi:
                link.spawn(self.reply, link, ident, text)
            return b'ok', b'Added request to API requests queue'
        if command in (b'dapi_res', b'sendsyn_res'):
            ident, string = data.split(b' ', 1)
            return self.took(command, ident, link.take_string(string))
        if command in (b'dapi_err', b'sendsyn_err'):
            ident, words = data.split(b' ', 1)
            return self.took(command, ident, words)
        return super().serve(link, command, data)

    def took(self, command, ident, text):
        with self.came:
            self.answers.append((command, ident, text))
            self.came.notify_all()
        return b'ok', b'Response forwarded to worker'

    def reply(self, link, ident, text):
        answer = self.on_dapi(self, ident, text)
        if answer is not None:
            link.request(b'dapi_res', ident + b' ' + link.send_string(answer))

    def wait_answers(self, count, timeout=20):
        end = time.monotonic() + timeout
        with self.came:
            while len(self.answers) < count:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f'{len(self.answers)} of {count} answers')
                self.came.wait(min(left, 0.2))
            return list(self.answers)

    def ask_api(self, body, ident=b'77', timeout=20):
        """(command, text) of the answer to a request of ours; (b'err', words) when it is refused."""
        before = len(self.answers)
        reply = self.link.request(b'dapi', ident + b' ' + body, timeout)
        if reply.command != b'ok':
            return reply.command, reply.payload
        command, _, text = self.wait_answers(before + 1, timeout)[before]
        return command, text


class Daemon:
    """A program at a unix socket of a daemon. act(socket, message) does what it likes with a connection."""

    def __init__(self, path, act):
        self.path, self.act, self.seen = path, act, []
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(path)
        self.s.listen(64)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.s.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            head = b''
            while len(head) < 4:
                head += s.recv(4 - len(head)) or self.over()
            n, data = struct.unpack('<I', head)[0], b''
            while len(data) < n:
                data += s.recv(min(65536, n - len(data))) or self.over()
            self.seen.append(data)
            self.act(s, data)
        except OSError:
            pass
        finally:
            s.close()

    def over(self):
        raise OSError('closed')

    def close(self):
        self.s.close()
        os.unlink(self.path)
