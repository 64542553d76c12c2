"""The wire of a Wazuh cluster seen from the other end: frames, Fernet, requests, transfers, packages,
metadata.

Written from the protocol reference alone, so that it can disagree with the program under test. Section
numbers are the reference's. Nothing here knows a role; master.py and worker.py do. Memory is not bounded
here: a test peer keeps everything it saw.
"""
import base64
import collections
import hashlib
import json
import os
import random
import socket
import struct
import threading
import time
import traceback

from cryptography.fernet import Fernet, InvalidToken

from tree import (
    EXCLUDED_EXTENSIONS,
    EXCLUDED_FILES,
    ITEMS,
    MEMBER_END,
    METADATA,
    NAME_END,
    apply,
    compare,
    describe,
    digest,
    item_of,
    package,
    package_path,
    record,
    scan,
    unpack,
    wanted,
)  # noqa: F401  wire.x for all of it

HEADER = struct.Struct('!2I12s')
REQUEST_CHUNK = 5242880  # total size of one frame of a divided message; longest undivided plaintext (1)
FRAME_MAX = 256 << 20  # payload of one frame, error 3050
DIVIDED_MAX = 10  # half-received divided messages, error 3051
Event = collections.namedtuple('Event', 'when out counter command raw payload frames')
Reply = collections.namedtuple('Reply', 'command payload')


class Closed(Exception):
    """The connection ended while something was awaited."""


class Refused(Exception):
    """The peer answered err, or with an unexpected command."""

    def __init__(self, reply):
        super().__init__(f'{reply.command} {reply.payload[:300]!r}')
        self.reply = reply


# ---- dialects ------------------------------------------------------------------------------------------
class Dialect:
    """What differs between 4.4 and 4.14 (dialects E and F, section 10)."""

    def __init__(self, version):
        v = tuple(int(x) for x in version.split('.'))
        if not (4, 4) <= v < (4, 15):
            raise ValueError(f'no dialect for {version}')
        self.version = version
        self.ids_in_errors = v < (4, 6)  # WazuhClusterError carries "ids": []
        self.agent_http = v >= (4, 13)  # agent-info: chunks is an object
        self.confined = v >= (4, 14, 3)  # new_file only below queue/cluster
        self.limits = v >= (4, 14, 5)  # 3050, 3051, `error` for a huge new_str
        self.name_regex = v >= (4, 14, 6)  # 3060
        self.per_address = 10 if v >= (4, 14, 7) else None

    def error(self, code, extra=None, kind='WazuhClusterError', title=None):
        """The JSON payload of an `err` (3)."""
        titles = {
            'WazuhClusterError': 'Wazuh Cluster Error',
            'WazuhInternalError': 'Wazuh Internal Error',
            'WazuhError': 'Bad Request',
            'WazuhResourceNotFound': 'Resource Not Found',
        }
        body = {
            'type': 'about:blank',
            'title': title or titles[kind],
            'code': code,
            'extra_message': extra,
            'extra_remediation': None,
            'cmd_error': False,
            'dapi_errors': {},
        }
        if kind in ('WazuhError', 'WazuhResourceNotFound') or (
            kind == 'WazuhClusterError' and self.ids_in_errors
        ):
            body['ids'] = []
        return json.dumps({'__wazuh_exception__': {'__class__': kind, '__object__': body}}).encode()


def error_code(payload):
    """The code inside an err's JSON, or None for plain text."""
    try:
        return json.loads(payload)['__wazuh_exception__']['__object__']['code']
    except (ValueError, KeyError, TypeError):
        return None


# ---- frames --------------------------------------------------------------------------------------------
def command_field(name, flag=None):
    """12 bytes: name, a space, dashes. flag, byte 11 of a divided message: `d`, and `-` in its last frame
    (1)."""
    field = (name + b' ' + b'-' * 12)[:12]
    return field[:11] + flag if flag else field


def frame(counter, name, payload, flag=None):
    return HEADER.pack(counter & 0xFFFFFFFF, len(payload), command_field(name, flag)) + payload


def fernet(key):
    return Fernet(base64.b64encode(key.encode())) if key else None


def message(key, counter, name, plain):
    """All frames of one message as a list of bytes. key: a Fernet or None (local socket)."""
    token = key.encrypt(plain) if key else plain
    if len(plain) <= REQUEST_CHUNK:
        return [frame(counter, name, token)]
    step = REQUEST_CHUNK - HEADER.size
    cuts = [token[i : i + step] for i in range(0, len(token), step)]
    return [frame(counter, name, c, b'd' if i < len(cuts) - 1 else b'-') for i, c in enumerate(cuts)]


class Frames:
    """Bytes in, (counter, command, raw command field, payload, divided) out. FrameError ends the
    connection."""

    def __init__(self):
        self.bytes = bytearray()
        self.bare_headers = (
            0  # reads that ended exactly after a header: a real Wazuh peer loses step then (12.1)
        )

    def push(self, data):
        self.bytes += data
        out = []
        while len(self.bytes) >= HEADER.size:
            counter, length, field = HEADER.unpack_from(self.bytes)
            if length > FRAME_MAX:
                raise ValueError(f'frame of {length} bytes')
            if len(self.bytes) < HEADER.size + length:
                if len(self.bytes) == HEADER.size:
                    self.bare_headers += 1
                break
            payload = bytes(self.bytes[HEADER.size : HEADER.size + length])
            del self.bytes[: HEADER.size + length]
            out.append((counter, field[:11].split(b' ')[0], field, payload, field[11:] == b'd'))
        return out


# ---- one connection ------------------------------------------------------------------------------------
class Link:
    """One connection, either end: sends requests and waits for replies, answers requests through `serve`.

    serve(link, command, payload) returns (command, payload), a list of such pairs (a hostile peer answers
    twice), or None for no answer. It runs in the reading thread, so it must not wait for a request of its
    own: use spawn(). answer, when set, is called as answer(link, command, payload, result) and returns
    what is really sent."""

    def __init__(self, sock, key, serve=None, dialect=None, timeout=20, name=''):
        self.sock, self.fernet, self.serve = sock, fernet(key), serve
        self.dialect = dialect or Dialect('4.14.7')
        self.timeout, self.name = timeout, name
        self.counter = random.getrandbits(32)
        self.answer = None
        self.box, self.events, self.trouble = {}, [], []
        self.files, self.received, self.strings, self.cancelled = {}, {}, {}, {}
        self.lock, self.sending = threading.Condition(), threading.Lock()
        self.closed, self.why = threading.Event(), ''
        self.frames, self.divided = Frames(), {}
        self.bytes_in = 0
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass  # a unix socket
        self.thread = threading.Thread(target=self._read, daemon=True)

    def start(self):
        self.thread.start()
        return self

    # -- in --
    def _read(self):
        try:
            while True:
                data = self.sock.recv(262144)
                if not data:
                    return self._end('closed by the peer')
                self.bytes_in += len(data)
                for got in self.frames.push(data):
                    self._frame(*got)
        except (OSError, ValueError, InvalidToken, Closed) as e:
            self._end(f'{type(e).__name__}: {e}')

    def _frame(self, counter, command, field, payload, divided):
        pieces = self.divided.get(counter)
        if divided:
            if pieces is None and len(self.divided) >= DIVIDED_MAX:
                raise ValueError('3051: too many divided messages')
            self.divided.setdefault(counter, []).append(payload)
            return
        count = 1
        if pieces is not None:
            count += len(pieces)
            payload = b''.join(pieces) + payload
            del self.divided[counter]
        plain = self.fernet.decrypt(payload) if self.fernet else payload
        self.events.append(Event(time.monotonic(), False, counter, command, field, plain, count))
        with self.lock:
            if counter in self.box:
                if self.box[counter] is not None:
                    self.box[counter] = Reply(command, plain)
                    self.lock.notify_all()
                else:
                    del self.box[counter]  # late: swallowed once
                return
        self._request(counter, command, plain)

    def _request(self, counter, command, plain):
        try:
            result = self.serve(self, command, plain) if self.serve else self.common(command, plain)
        except Refused as e:
            result = (b'err', e.reply.payload)
        except Exception as e:  # as Wazuh does: anything unexpected is error 1000
            self.trouble.append(f'{command!r}: {e!r}')
            result = (b'err', self.dialect.error(1000, str(e), 'WazuhInternalError'))
        if self.answer:
            result = self.answer(self, command, plain, result)
        for reply in [result] if isinstance(result, tuple) else result or []:
            self.send(reply[0], reply[1], counter)

    def _end(self, why):
        with self.lock:
            if not self.closed.is_set():
                self.why = why
            self.closed.set()
            self.lock.notify_all()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.on_close()

    def on_close(self):
        pass

    def close(self):
        self._end('closed by us')

    # -- out --
    def raw(self, data):
        with self.sending:
            try:
                self.sock.sendall(data)
            except OSError as e:
                raise Closed(str(e)) from e

    def send(self, command, plain, counter):
        frames = message(self.fernet, counter, command, plain)
        self.events.append(
            Event(time.monotonic(), True, counter, command, frames[-1][8:20], plain, len(frames))
        )
        try:
            for f in frames:
                self.raw(f)  # header and payload in one write (12.1)
        except Closed:
            if not self.closed.is_set():
                raise

    def next_counter(self):
        with self.lock:
            self.counter = (self.counter + 1) & 0xFFFFFFFF
            return self.counter

    def request(self, command, plain=b'', timeout=None):
        """The peer's Reply, whatever its command. TimeoutError, Closed."""
        counter = self.next_counter()
        with self.lock:
            self.box[counter] = ()
        self.send(command, plain, counter)
        return self.wait(counter, timeout)

    def wait(self, counter, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        with self.lock:
            while not isinstance(self.box[counter], Reply):
                if self.closed.is_set():
                    raise Closed(f'{self.name}: {self.why}')
                left = end - time.monotonic()
                if left <= 0:
                    self.box[counter] = None
                    raise TimeoutError(f'{self.name}: no reply')
                self.lock.wait(left)
            return self.box.pop(counter)

    def ask(self, command, plain=b'', timeout=None):
        """The payload of an `ok`; Refused for anything else."""
        reply = self.request(command, plain, timeout)
        if reply.command != b'ok':
            raise Refused(reply)
        return reply.payload

    def spawn(self, work, *args):
        """Runs work beside the reader; what it raises is noted in trouble (the end of a connection is
        not)."""

        def run():
            try:
                work(*args)
            except Closed:
                pass
            except Exception as e:
                self.trouble.append(f'{getattr(work, "__name__", "work")}: {e!r}')
                if os.environ.get('PEER_TRACE'):
                    traceback.print_exc()

        t = threading.Thread(target=run, daemon=True)
        t.start()
        return t

    def seen(self, command, out=False):
        """The requests and replies with that command, oldest first."""
        return [e for e in list(self.events) if e.command == command and e.out == out]

    # -- transfers we send (4.1) --
    def send_file(self, path, data, chunk=REQUEST_CHUNK, task=None, strict=True):
        """path with leading slash. A cancelled task stops after the chunk in flight, file_end still
        follows. Not strict: errors are not noticed, as with Wazuh's own senders (12.9, 12.13)."""
        ask = self.ask if strict else self.request
        name = path.encode()
        ask(b'new_file', name)
        digest, step = hashlib.sha256(), chunk - len(name) - 1
        for i in range(0, len(data), step):
            if task in self.cancelled:
                break
            part = data[i : i + step]
            ask(b'file_upd', name + b' ' + part)
            digest.update(part)
        ask(b'file_end', name + b' ' + digest.digest())

    def send_string(self, data, chunk=REQUEST_CHUNK):
        """The string's id, to be given to the command that consumes it."""
        ident = self.ask(b'new_str', str(len(data)).encode())
        step = chunk - len(ident) - 1
        for i in range(0, len(data), step):
            self.ask(b'str_upd', ident + b' ' + data[i : i + step])
        return ident

    def take_string(self, ident):
        total, data = self.strings.pop(ident)
        if len(data) != total:
            raise ValueError(f'string {ident!r} has {len(data)} of {total} bytes')
        return bytes(data)

    # -- requests every node answers (4.1) --
    def common(self, command, data):
        if command == b'echo':
            return b'ok', data
        if command == b'new_file':
            path = '/' + os.path.normpath(data.decode().lstrip('/'))
            if self.dialect.confined and not path.startswith('/queue/cluster/'):
                return b'err', b'Write path not allowed'
            self.files[data] = bytearray()
            return b'ok ', b'Ready to receive new file'
        if command == b'file_upd':
            name, part = data.split(b' ', 1)
            self.files[name] += part
            return b'ok', b'File updated'
        if command == b'file_end':
            name, digest = data.split(b' ', 1)
            content = bytes(self.files.pop(name))
            if hashlib.sha256(content).digest() != digest:
                return b'err', b"File wasn't correctly received. Checksums aren't equal."
            self.received[name] = content
            return b'ok', b'File received correctly'
        if command == b'new_str':
            total = int(data)
            if self.dialect.limits and total > FRAME_MAX:
                return b'error', b'Requested size exceeds maximum allowed limit'
            ident = str(random.getrandbits(32)).encode()
            self.strings[ident] = (total, bytearray())
            return b'ok', ident
        if command == b'str_upd':
            ident, part = data.split(b' ', 1)
            total, content = self.strings[ident]
            content += part[: total - len(content)]
            return b'ok', b'String updated'
        if command == b'err_str':
            for ident, (total, content) in list(self.strings.items()):
                if total == int(data) and content[:1] in (b'', b'\0'):
                    del self.strings[ident]
                    return b'ok', ident
            return b'ok', b'None'
        if command == b'cancel_task':
            task, error = data.split(b' ', 1)
            self.cancelled[task.decode()] = json.loads(error)
            return b'ok', b'Request received correctly'
        return b'err', f"unknown command '{command}'".encode()


def connect(host, port, bind=None, timeout=10):
    s = socket.socket(socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if bind:
        s.bind((bind, 0))
    s.settimeout(timeout)
    s.connect((host, port))
    s.settimeout(None)
    return s


def local_request(path, command, payload=b'', timeout=10, later=False):
    """One question on the local socket (4.4): a Reply; with later, also the request that the daemon sends
    back."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(path)
    box = []
    event = threading.Event()

    def serve(link, name, data):
        box.append(Reply(name, data))
        event.set()
        return b'ok', b'Response received'

    link = Link(s, None, serve, timeout=timeout)
    s.settimeout(None)
    link.start()
    try:
        reply = link.request(command, payload)
        if not later:
            return reply
        event.wait(timeout)
        return reply, box[0] if box else None
    finally:
        link.close()
