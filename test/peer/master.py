"""A Wazuh master, honest unless told otherwise: hello, keepalives, permissions, integrity, agent information.

Master(root=...) listens on 127.0.0.1 at a free port. `attack`, when set, is called once as attack(session,
task, theirs) in place of the next honest answer to a worker's integrity check. Everything seen is in
session.events.
"""
import json
import re
import socket
import threading
import time
import uuid

import agents as tables
import wire


class Session(wire.Link):
    """One connection to the master; .node is the worker's name once it said hello."""

    def __init__(self, master, sock, address):
        super().__init__(sock, master.key, master.serve, master.dialect, master.timeout, 'master')
        self.master, self.address, self.node, self.node_type, self.version = master, address, None, None, None
        self.added = False  # hello was answered ok
        self.last_echo = time.monotonic()
        self.granted = -1  # round of the last integrity permission
        self.integrity_busy = False
        self.checks = []  # metadata received, one per check
        self.answers = []  # 'ok' or the classification that was sent, one per check that was answered
        self.agent_info, self.group_results, self.errors = [], [], []
        self.full_asked = 0

    def on_close(self):
        with self.master.lock:
            if self in self.master.sessions:
                self.master.sessions.remove(self)

    # -- what a master sends --
    def push_package(self, blob, task=None, path=None, end=True, strict=True):
        """syn_m_c, the file, syn_m_c_e; returns the worker's task id."""
        task = task or self.ask(b'syn_m_c').decode()
        path = path or wire.package_path(self.node, 'master')
        self.send_file(path, blob, task=task, strict=strict)
        if end:
            self.ask(b'syn_m_c_e', f'{task} {path[1:]}'.encode())
        return task

    def push_files(self, files, todo):
        return self.push_package(wire.package(list(files.items()), todo))

    def push_groups(self, command=b'syn_g_m_w', chunks=None, text=None):
        """Agent groups (6): chunks are replies of wazuh-db, as text."""
        text = text if text is not None else json.dumps(tables.groups_string(chunks or []))
        return self.ask(command, self.send_string(text.encode()))


class Master:
    def __init__(
        self,
        root=None,
        key='0123456789abcdef0123456789abcdef',
        name='master',
        cluster='wazuh',
        version='4.14.7',
        port=0,
        round_s=0.5,
        timeout=20,
        files=None,
        agents=None,
    ):
        """agents: an Agents of its own, which agent information goes into; None: it is only kept. root: folder with etc/ and var/, or None and files = {path: content}. round_s: length of the local
        integrity cycle; one permission per worker and cycle (5.4)."""
        self.root, self.key, self.name, self.cluster, self.version = root, key, name, cluster, version
        self.files = files if files is not None else {}
        self.dialect, self.round_s, self.timeout = wire.Dialect(version), round_s, timeout
        self.lock = threading.RLock()
        self.sessions, self.all_sessions, self.strangers = [], [], 0
        self.attack, self.permit, self.greet, self.answer = None, None, None, None
        self.on_accept = None
        self.agents = agents
        self.verdict = (
            None  # callable(session, info) -> (command, payload) or None, in place of the honest one
        )
        self.sendsync = None  # callable(text) -> reply text
        self.listener = socket.socket(socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self.began = time.monotonic()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, address = self.listener.accept()
            except OSError:
                return
            if self.on_accept and self.on_accept(sock):
                continue  # the hook took the socket
            session = Session(self, sock, address)
            session.answer = self.answer
            with self.lock:
                self.sessions.append(session)
                self.all_sessions.append(session)
            session.start()

    def close(self):
        self.listener.close()
        for s in list(self.all_sessions):
            s.close()

    def session(self, name, timeout=20):
        """The live session of that worker; TimeoutError."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self.lock:
                for s in self.sessions:
                    if s.node == name and s.added:
                        return s
            time.sleep(0.01)
        raise TimeoutError(f'{name} did not connect')

    def content(self):
        """{path: content} of what it gives away."""
        if self.root is None:
            return dict(self.files)
        out = {}
        for path in wire.scan(self.root):
            try:
                with open(f'{self.root}/{path}', 'rb') as f:
                    out[path] = f.read()
            except OSError:
                pass
        return out

    # -- requests of workers --
    def serve(self, s, command, data):
        if command in self.COMMANDS:
            return getattr(self, '_' + command.decode().replace('-', '_'))(s, data)
        return s.common(command, data)

    COMMANDS = {
        b'hello',
        b'echo-c',
        b'syn_i_w_m_p',
        b'syn_a_w_m_p',
        b'syn_i_w_m',
        b'syn_i_w_m_e',
        b'syn_i_w_m_r',
        b'syn_a_w_m',
        b'syn_w_g_e',
        b'syn_w_g_err',
        b'syn_w_g_c',
        b'syn_wgc_e',
        b'syn_wgc_err',
        b'get_nodes',
        b'get_health',
        b'sendsync',
    }

    def _hello(self, s, data):
        """The checks of section 2, in its order."""
        name, cluster, node_type, version = data.decode().split(' ')
        if self.greet:
            answer = self.greet(s, name)
            if answer is not None:
                return answer
        if self.dialect.name_regex and not re.fullmatch('[A-Za-z0-9_-]+', name):
            return b'err', self.dialect.error(3060, name)
        with self.lock:
            if s.node is not None or any(o.node == name for o in self.sessions):
                return b'err', self.dialect.error(3028, name)
            if name == self.name:
                return b'err', self.dialect.error(3029)
            s.node, s.node_type, s.version = name, node_type, version  # registered before the next checks
        if cluster != self.cluster:
            return b'err', self.dialect.error(3030)
        if version != self.version:
            return b'err', self.dialect.error(3031)
        s.added = True
        return b'ok', f'Client {name} added'.encode()

    def _echo_c(self, s, data):
        s.last_echo = time.monotonic()
        return b'ok-m ', data

    def _syn_i_w_m_p(self, s, data):
        if self.permit is not None:
            return b'ok', self.permit
        now = int((time.monotonic() - self.began) / self.round_s)
        if s.integrity_busy or s.granted == now:
            return b'ok', b'False'
        s.granted = now
        return b'ok', b'True'

    def _syn_a_w_m_p(self, s, data):
        return b'ok', b'True'

    def _syn_i_w_m(self, s, data):
        s.integrity_busy, s.task = True, str(uuid.uuid4())
        return b'ok', s.task.encode()

    def _syn_i_w_m_e(self, s, data):
        task, path = data.decode().split(' ', 1)
        if task != getattr(s, 'task', None):
            return b'err', self.dialect.error(3027, task)
        s.task = None
        s.spawn(self._integrity, s, task, path)
        return b'ok', b'File correctly received'

    def _syn_i_w_m_r(self, s, data):
        s.errors.append((b'syn_i_w_m_r', data))
        s.integrity_busy = False
        return b'ok', b'Error received'

    def _integrity(self, s, task, path):
        try:
            _, theirs = wire.unpack(s.received.pop(('/' + path).encode()))
            s.checks.append(theirs)
            with self.lock:
                attack, self.attack = self.attack, None
            if attack:
                return attack(s, task, theirs)
            files = self.content()
            todo = wire.compare({p: wire.describe(p, d) for p, d in files.items()}, theirs)
            if not any(todo.values()):
                s.answers.append('ok')
                s.ask(b'syn_m_c_ok')
                return
            s.push_files({p: files[p] for p in {**todo['missing'], **todo['shared']}}, todo)
            s.answers.append(todo)
        finally:
            s.integrity_busy = False

    def _syn_a_w_m(self, s, data):
        text = s.take_string(data)
        s.spawn(self._agent_info, s, text)
        return b'ok', data

    def _agent_info(self, s, text):
        info, http = json.loads(text), self.dialect.agent_http
        if not tables.is_info(info, http):
            raise ValueError('agent information of another dialect')
        s.agent_info.append(info)
        answer = self.verdict(s, info) if self.verdict else ()
        if answer is None:
            return
        if not answer:
            with self.lock:
                done = self.agents.apply_info(info['chunks'], http) if self.agents else None
            answer = b'syn_m_a_e', tables.result(*(done or (len(info['chunks']), [])))
        s.ask(*answer)

    def _groups_result(self, s, data):
        s.group_results.append(data)
        return b'ok', b'Thanks'

    _syn_w_g_e = _syn_w_g_err = _syn_wgc_e = _syn_wgc_err = _groups_result

    def _syn_w_g_c(self, s, data):
        s.full_asked += 1
        s.spawn(self._full_groups, s)
        return b'ok', b'<SendEntireAgentGroupsTask object at 0x7f0000000000>'

    def _full_groups(self, s):
        a = self.agents or tables.Agents()
        with self.lock:
            chunks = a.groups_chunks(a.rows, self.dialect.agent_http, with_hash=False)
        s.push_groups(b'syn_g_m_w_c', chunks)

    def groups_round(self):
        """What changed, and the hash, to every worker that is there."""
        with self.lock:
            ids, self.agents.groups_pending = self.agents.groups_pending, set()
            chunks = self.agents.groups_chunks(ids, self.dialect.agent_http, with_hash=True)
            there = [s for s in self.sessions if s.added]
        for s in there:
            s.push_groups(chunks=chunks)

    def nodes(self):
        out = [{'name': self.name, 'type': 'master', 'version': self.version, 'ip': '127.0.0.1'}]
        return out + [
            {'name': s.node, 'type': s.node_type, 'version': s.version, 'ip': s.address[0]}
            for s in self.sessions
            if s.node
        ]

    def _get_nodes(self, s, data):
        ask = json.loads(data)
        wanted = ask.get('filter_node')
        wanted = [wanted] if isinstance(wanted, str) else wanted
        items = [
            n
            for n in self.nodes()
            if (not wanted or n['name'] in wanted) and ask.get('filter_type', 'all') in ('all', n['type'])
        ]
        if wanted and {n['name'] for n in items} != set(wanted):
            return b'err', self.dialect.error(1730, None, 'WazuhResourceNotFound')
        return b'ok', json.dumps({'items': items, 'totalItems': len(items)}).encode()

    def _get_health(self, s, data):
        nodes = {n['name']: {'info': {**n, 'n_active_agents': 0}} for n in self.nodes()}
        return b'ok', json.dumps({'n_connected_nodes': len(nodes) - 1, 'nodes': nodes}).encode()

    def _sendsync(self, s, data):
        client, text = data.decode().split(' ', 1)

        def work():
            reply = self.sendsync(text) if self.sendsync else '{"error":0,"data":{}}'
            s.ask(b'sendsyn_res', client.encode() + b' ' + s.send_string(reply.encode()))

        s.spawn(work)
        return b'ok', b'Added request to SendSync requests queue'
