"""A Wazuh worker, honest unless told otherwise: hello, keepalives, integrity checks of a folder or of an
invention.

A check is driven by the test: w = Worker(port); w.connect(); w.sync(). What the master sends back is
applied to root when there is one. Everything seen is in link.events.
"""
import json
import os
import queue
import threading
import time
import uuid

import agents as tables
import wire


class Outcome:
    """How a check ended. kind: 'ok', 'files', 'error'. todo and members as received for 'files'."""

    def __init__(self, kind, todo=None, members=None, detail=None):
        self.kind, self.todo, self.members, self.detail = kind, todo, members or {}, detail

    def __repr__(self):
        counts = {k: len(v) for k, v in (self.todo or {}).items()}
        return f'<{self.kind} {counts} {self.detail or ""}>'


class Worker:
    def __init__(
        self,
        port,
        root=None,
        key='0123456789abcdef0123456789abcdef',
        name='worker1',
        cluster='wazuh',
        version='4.14.7',
        host='127.0.0.1',
        bind=None,
        timeout=20,
        agents=None,
    ):
        """agents: an Agents of its own, followed and compared when groups come; None: groups are only
        kept."""
        self.host, self.port, self.root, self.key, self.name = host, port, root, key, name
        self.cluster, self.version, self.bind, self.timeout = cluster, version, bind, timeout
        self.dialect = wire.Dialect(version)
        self.link, self.stop, self.outcomes, self.groups = None, threading.Event(), queue.Queue(), []
        self.on_syn_m_c = None  # hook: called before syn_m_c is answered
        self.on_package = None  # hook: called with the bytes of each package before it is read
        self.tasks, self.accepts, self.reports = set(), [], []
        self.agents, self.mismatches, self.mismatch_limit = agents, 0, 5
        if agents:
            agents.makes_rows = self.dialect.agent_http
        self.free_s = 0.05  # pause between permission requests in sync()

    # -- connection --
    def connect(self, hello=True):
        self.link = wire.Link(
            wire.connect(self.host, self.port, self.bind),
            self.key,
            self.serve,
            self.dialect,
            self.timeout,
            self.name,
        ).start()
        if hello:
            self.greeting = self.link.ask(
                b'hello', f'{self.name} {self.cluster} worker {self.version}'.encode()
            )
        return self

    def reconnect(self, timeout=10):
        """Connects again and again until hello is granted: a master may need a moment to notice the old
        end."""
        end = time.monotonic() + timeout
        while True:
            try:
                return self.connect()
            except (wire.Refused, wire.Closed, OSError) as e:
                if self.link:
                    self.link.close()
                if time.monotonic() > end:
                    raise TimeoutError(f'{self.name} is not let in: {e}') from e
                time.sleep(0.05)

    def close(self):
        self.stop.set()
        if self.link:
            self.link.close()

    def __enter__(self):
        return self.connect() if self.link is None else self

    def __exit__(self, *_):
        self.close()

    def keepalive(self, every=60):
        def run():
            while not self.stop.wait(every):
                self.echo()

        self.link.spawn(run)
        return self

    def echo(self, data=b'keepalive'):
        """The master's `ok-m` to a keepalive (1)."""
        reply = self.link.request(b'echo-c', data)
        assert reply == (b'ok-m', data), reply
        return reply

    # -- integrity --
    def permission(self):
        return self.link.ask(b'syn_i_w_m_p') == b'True'

    def wait_permission(self, timeout=20):
        end = time.monotonic() + timeout
        while not self.permission():
            if time.monotonic() > end:
                raise TimeoutError(f'{self.name}: no permission')
            time.sleep(self.free_s)

    def metadata(self):
        return wire.scan(self.root) if self.root else {}

    def start_check(self, metadata=None, blob=None):
        """syn_i_w_m .. syn_i_w_m_e, permission being granted. Returns the master's task id."""
        if blob is None:
            blob = wire.package([], self.metadata() if metadata is None else metadata)
        task = self.link.ask(b'syn_i_w_m').decode()
        path = wire.package_path(self.name, self.name)
        self.link.send_file(path, blob, task=task)
        self.link.ask(b'syn_i_w_m_e', f'{task} {path[1:]}'.encode())
        return task

    def check(self, metadata=None, blob=None, timeout=20):
        """One integrity check, its permission included; an Outcome. metadata: an object or the JSON's
        bytes."""
        while not self.outcomes.empty():
            self.outcomes.get()
        self.wait_permission(timeout)
        task = self.start_check(metadata, blob)
        end = time.monotonic() + timeout
        while True:
            try:
                outcome = self.outcomes.get(timeout=0.05)
            except queue.Empty:
                if self.link.closed.is_set():
                    raise wire.Closed(self.link.why)
                if task in self.link.cancelled:
                    return Outcome('error', detail=self.link.cancelled[task])
                if time.monotonic() > end:
                    raise TimeoutError(f'{self.name}: the check was not answered')
                continue
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    def sync(self, timeout=30):
        """Checks until the master is content; the list of Outcomes."""
        end, out = time.monotonic() + timeout, []
        while time.monotonic() < end:
            out.append(self.check(timeout=max(1, end - time.monotonic())))
            if out[-1].kind == 'ok':
                return out
            if out[-1].kind == 'error':
                break
        raise AssertionError(f'{self.name} is not in sync: {out}')

    # -- requests of the master --
    def serve(self, link, command, data):
        if command == b'echo-m':
            return b'ok-c', data
        if command == b'syn_m_c_ok':
            self.outcomes.put(Outcome('ok'))
            return b'ok', b'Thanks'
        if command == b'syn_m_c':
            if self.on_syn_m_c:
                self.on_syn_m_c()
            task = str(uuid.uuid4())
            self.tasks.add(task)
            return b'ok', task.encode()
        if command == b'syn_m_c_e':
            task, path = data.decode().split(' ', 1)
            if task not in self.tasks:
                return b'err', self.dialect.error(3027, task)
            self.tasks.discard(task)
            link.spawn(self._apply, link, path)
            return b'ok', b'File correctly received'
        if command == b'syn_m_c_r':
            self.reports.append(data)
            self.outcomes.put(Outcome('error', detail=data))
            return b'ok', b'Error received'
        if command in (b'syn_g_m_w', b'syn_g_m_w_c'):
            link.spawn(self._groups, link, link.take_string(data), command)
            return b'ok', data
        if command in (b'syn_m_a_e', b'syn_m_a_err'):
            self.accepts.append((command, data))
            return b'ok', b'Thanks'
        if command == b'sendsyn_res':
            client, ident = data.split(b' ', 1)
            self.accepts.append((command, client, link.take_string(ident)))
            return b'ok', b'Response forwarded to worker'
        if command == b'dapi':
            self.accepts.append((command, data))
            return b'ok', b'Added request to API requests queue'
        return link.common(command, data)

    def _apply(self, link, path):
        try:
            blob = link.received.pop(('/' + path).encode())
            if self.on_package:
                self.on_package(blob)
            members, todo = wire.unpack(blob)
            if self.root:
                wire.apply(self.root, todo, members)
            self.outcomes.put(Outcome('files', todo, members))
        except Exception as e:
            self.outcomes.put(e)

    # -- agent groups (6) --
    def _groups(self, link, text, command):
        full, told, info = command == b'syn_g_m_w_c', False, json.loads(text)
        self.groups.append((command, info))
        if self.agents:
            updated, errors, told = self.agents.apply_groups(info)
        else:
            updated, errors = len(info['chunks']), []
        link.ask(b'syn_wgc_e' if full else b'syn_w_g_e', tables.result(updated, errors))
        if told is not False:
            self._compare(link, told)

    def _compare(self, link, told):
        """After so many different hashes in a row the whole list is asked for."""
        self.mismatches = 0 if told == self.agents.global_hash() else self.mismatches + 1
        if self.mismatches >= self.mismatch_limit:
            self.mismatches = 0
            link.ask(b'syn_w_g_c')

    # -- agent information (6) --
    def send_agent_info(self, lists=None, chunks=None):
        """lists: {"syncreq": [...]} (4.13 on); chunks: texts of wazuh-db (4.4 - 4.12). Returns the
        string's id."""
        assert self.link.ask(b'syn_a_w_m_p') == b'True'
        full = {'syncreq': [], 'syncreq_keepalive': [], 'syncreq_status': [], **(lists or {})}
        ident = self.link.send_string(
            json.dumps(tables.info_string(full if self.dialect.agent_http else (chunks or []))).encode()
        )
        answer = self.link.ask(b'syn_a_w_m', ident)
        assert answer == ident, (answer, ident)
        return ident

    def wait_agent_permission(self, timeout=20):
        """It is refused until the master has heard that the last verdict came."""
        end = time.monotonic() + timeout
        while self.link.ask(b'syn_a_w_m_p') != b'True':
            if time.monotonic() > end:
                raise TimeoutError(f'{self.name}: no permission for agent information')
            time.sleep(self.free_s / 5)

    def give_string(self, data, timeout=20):
        """Any bytes as a string of agent information; the verdict, (command, payload)."""
        self.wait_agent_permission(timeout)
        before = len(self.accepts)
        ident = self.link.send_string(data)
        self.link.ask(b'syn_a_w_m', ident)
        return self.verdict(before, timeout)

    def verdict(self, before, timeout=20):
        end = time.monotonic() + timeout
        while True:
            got = [a for a in self.accepts[before:] if a[0] in (b'syn_m_a_e', b'syn_m_a_err')]
            if got:
                return got[0]
            if self.link.closed.is_set():
                raise wire.Closed(self.link.why)
            if time.monotonic() > end:
                raise TimeoutError(f'{self.name}: no verdict on its agent information')
            time.sleep(0.01)

    def agent_info_round(self, timeout=20):
        """What is pending in agents goes to the master, and counts as told if the master says so. The
        result."""
        ids, chunks = sorted(self.agents.pending), self.agents.info(self.dialect.agent_http)
        command, payload = self.give_string(json.dumps(tables.info_string(chunks)).encode(), timeout)
        assert command == b'syn_m_a_e', (command, payload)
        result = json.loads(payload)
        if not result['error_messages']:
            self.agents.confirm(ids)
        return result

    def write(self, path, data):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as f:
            f.write(data)
