"""A stand-in for wazuh-db, as far as a cluster daemon asks it: agents in a table, and a list of what was asked.

It serves the two sockets below one node's root (reference, 14): queue/db/wdb, 4 bytes of length (little-endian) and
text; queue/sockets/wdb-http.sock, HTTP/1.1. It runs in threads of the test, which can look at `asked` and at the
table, change it, make requests fail (`fail`), make them wait (`hold`), and take the sockets away (`leave`).
"""
import contextlib
import hashlib
import http.server
import json
import os
import re
import socketserver
import sqlite3
import struct
import sys
import threading
import time

MOST = 65536 - 512  # bytes of one reply of several
TEXTS = 'name ip register_ip internal_key'.split()
TOLD = ('os_name os_version os_major os_minor os_codename os_build os_platform os_uname os_arch version config_sum merged_sum '
        'manager_host').split()
# What a worker tells of an agent whose status is syncreq.
INFO = ['id', 'name', 'ip', *TOLD, 'node_name', 'last_keepalive', 'connection_status', 'disconnection_time', 'group_config_status',
        'status_code']
SCHEMA = f'''
create table agent (id integer primary key, {', '.join(f'{c} text' for c in TEXTS + TOLD)}, node_name text default 'unknown',
  date_add integer not null, last_keepalive integer, `group` text default 'default', group_hash text,
  group_sync_status text not null check (group_sync_status in ('synced', 'syncreq')) default 'synced',
  sync_status text not null check (sync_status in ('synced', 'syncreq', 'syncreq_status', 'syncreq_keepalive')) default 'synced',
  connection_status text not null check (connection_status in ('pending', 'never_connected', 'active', 'disconnected'))
    default 'never_connected', disconnection_time integer default 0,
  group_config_status text not null check (group_config_status in ('synced', 'not synced')) default 'not synced',
  status_code integer default 0);
create table labels (id integer, key text, value text, primary key (id, key));
create table belongs (id_agent integer, name text, priority integer, primary key (id_agent, name));
'''


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


class Wdb:
    """agents: [{'id': 1, 'name': .., 'groups': ['default'], 'sync_status': 'syncreq', ..}, ...]. named: as of 4.13, where
    agents have their names in what is told of groups, and are made by it."""
    def __init__(self, root, agents=(), named=True):
        self.root, self.named = root, named
        self.asked, self.lock = [], threading.RLock()
        self.failing, self.holds, self.servers, self.info_cursor = {}, {}, [], 0
        self.sql = sqlite3.connect(':memory:', check_same_thread=False, isolation_level=None)
        self.sql.row_factory = sqlite3.Row
        self.sql.executescript(SCHEMA)
        for a in agents:
            self.put(group_sync_status='syncreq', **a)
        self.come()

    # -- for tests --
    def come(self):
        for path, handler in (('queue/db/wdb', Stream), ('queue/sockets/wdb-http.sock', Web)):
            path = os.path.join(self.root, path)
            if os.path.exists(path):
                os.unlink(path)
            server = Server(path, handler)
            server.wdb = self
            os.chmod(path, 0o666)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.servers.append(server)

    def leave(self):
        """As if it was stopped; come() brings it back with all it knew."""
        for server in self.servers:
            server.gone = True
            server.shutdown()
            server.server_close()
            os.unlink(server.server_address)
        self.servers = []

    def fail(self, text, times=1):
        """The next requests that have that text in them get an error, and do nothing."""
        with self.lock:
            self.failing[text] = times

    @contextlib.contextmanager
    def hold(self, text):
        """Within it requests that have that text in them wait, unserved. Gives an event: one is waiting."""
        came, go = threading.Event(), threading.Event()
        self.holds[text] = came, go
        try:
            yield came
        finally:
            del self.holds[text]
            go.set()

    def put(self, id, groups=None, labels=None, **row):
        """Makes or changes an agent."""
        with self.lock:
            self.sql.execute('insert or ignore into agent (id, date_add) values (?, ?)', (id, int(time.time()) - 60))
            if row:
                self.sql.execute(f'update agent set {", ".join(f"{c} = ?" for c in row)} where id = ?', [*row.values(), id])
            if groups is not None:
                self.set_groups(id, groups)
            if labels is not None:
                self.sql.execute('delete from labels where id = ?', (id,))
                self.sql.executemany('insert into labels values (?, ?, ?)', [(id, x['key'], x['value']) for x in labels])

    def delete(self, id):
        with self.lock:
            for table, column in (('agent', 'id'), ('labels', 'id'), ('belongs', 'id_agent')):
                self.sql.execute(f'delete from {table} where {column} = ?', (id,))

    def rows(self, query, *args):
        with self.lock:
            return [{k: r[k] for k in r.keys() if r[k] is not None} for r in self.sql.execute(query, args)]

    def agent(self, id):
        found = self.rows('select * from agent where id = ?', id)
        return found and {**found[0], 'groups': self.groups(id), 'labels': self.labels(id)}

    def all_groups(self):
        return {r['id']: self.groups(r['id']) for r in self.rows('select id from agent where id > 0')}

    # -- groups --
    def groups(self, id):
        return [r['name'] for r in self.rows('select name from belongs where id_agent = ? order by priority', id)]

    def set_groups(self, id, groups):
        csv = ','.join(groups) or None
        self.sql.execute('delete from belongs where id_agent = ?', (id,))
        self.sql.executemany('insert into belongs values (?, ?, ?)', [(id, g, n) for n, g in enumerate(groups)])
        self.sql.execute('update agent set `group` = ?, group_hash = ? where id = ?',
                         (csv, csv and hashlib.sha256(csv.encode()).hexdigest()[:8], id))

    def hash(self):
        one = [r['group_hash'] for r in self.rows('select group_hash from agent where id > 0 and group_hash is not null order by id')]
        return hashlib.sha1(''.join(one).encode()).hexdigest() if one else None

    def groups_get(self, want):
        where = {'sync_status': "group_sync_status = 'syncreq' and", 'all': '', None: '0 and'}[want.get('condition')]
        data, size, status = [], 60, 'ok'
        for a in self.rows(f'select id, name from agent where {where} id > ? order by id', want.get('last_id', 0)):
            item = {'id': a['id'], **({'name': a['name']} if self.named else {}), 'groups': self.groups(a['id'])}
            size += len(compact(item)) + 1
            if size > MOST:
                status = 'due'
                break
            data.append(item)
            if want.get('set_synced'):
                self.sql.execute("update agent set group_sync_status = 'synced' where id = ?", (a['id'],))
        out = {'data': data}
        if want.get('get_global_hash') and status == 'ok':
            out['hash'] = self.hash()
        return f'{status} {compact([out])}'

    def groups_set(self, want):
        assert want['mode'] == 'override' and want['sync_status'] == 'synced', want
        for item in want['data']:
            if not self.rows('select id from agent where id = ?', item['id']):
                if not self.named:
                    continue
                self.put(item['id'], name=item['name'], ip='0.0.0.0')
            self.set_groups(item['id'], item['groups'])
            self.sql.execute("update agent set group_sync_status = 'synced' where id = ?", (item['id'],))
        return 'ok'

    # -- agent information --
    def labels(self, id):
        return self.rows('select key, value from labels where id = ?', id)

    def info_chunk(self):
        """Reading marks rows as told, as the real one does; "due" goes on where it ended."""
        out, size, status = [], 2, 'ok'
        for a in self.rows(f"select {', '.join(INFO)} from agent where id > ? and sync_status <> 'synced' order by id",
                           self.info_cursor):
            if labels := self.labels(a['id']):
                a['labels'] = [{'id': a['id'], **x} for x in labels]
            size += len(compact(a)) + 1
            if size > MOST:
                status = 'due'
                break
            out.append(a)
            self.sql.execute("update agent set sync_status = 'synced' where id = ?", (a['id'],))
        self.info_cursor = out[-1]['id'] if status == 'due' else 0
        return f'{status} {compact(out)}'

    def info_lists(self):
        """What is empty is left out, as in the real one's serializer."""
        columns = {'syncreq': ', '.join(INFO), 'syncreq_keepalive': 'id, version',
                   'syncreq_status': 'id, version, connection_status, disconnection_time, status_code'}
        out = {k: [{c: v for c, v in r.items() if v != ''} for r in self.rows(f"select {c} from agent where id > 0 and "
                                                                              f"sync_status = '{k}'")] for k, c in columns.items()}
        for a in out['syncreq']:
            if labels := self.labels(a['id']):
                a['labels'] = labels
        self.sql.execute("update agent set sync_status = 'synced' where id > 0")
        return {k: v for k, v in out.items() if v}

    def info_set(self, agents):
        """The whole row of agents that exist; what is missing becomes empty."""
        for a in agents:
            if self.rows('select id from agent where id = ?', a['id']):
                self.put(a['id'], labels=a.get('labels', []), sync_status='synced',
                         **{c: a.get(c, 0 if c in ('disconnection_time', 'status_code') else None) for c in INFO[3:]})

    def info_set_lists(self, lists):
        self.info_set(lists.get('syncreq', ()))
        for a in lists.get('syncreq_keepalive', ()):
            self.sql.execute("update agent set last_keepalive = ?, sync_status = 'synced', connection_status = 'active', "
                             "disconnection_time = 0, status_code = 0, version = ? where id = ?",
                             (int(time.time()), a.get('version', ''), a['id']))
        for a in lists.get('syncreq_status', ()):
            self.sql.execute("update agent set connection_status = ?, sync_status = 'synced', disconnection_time = ?, "
                             "status_code = ?, version = ? where id = ?",
                             (a['connection_status'], a.get('disconnection_time', 0), a.get('status_code', 0), a.get('version', ''), a['id']))

    # -- what is asked --
    def trouble(self, text):
        """True: this request fails. Waits as long as it is held."""
        for word, (came, go) in list(self.holds.items()):
            if word in text:
                came.set()
                go.wait()
        with self.lock:
            self.asked.append(text)
            for word, times in self.failing.items():
                if word in text and times > 0:
                    self.failing[word] -= 1
                    return True
            return False

    def command(self, text):
        if self.trouble(text):
            return 'err the test wants it so'
        name, _, rest = text.partition(' ')[2].partition(' ')
        with self.lock:
            try:
                if name == 'sql' and re.match('select ', rest, re.I):
                    return 'ok ' + compact(self.rows(rest))
                if name == 'sync-agent-groups-get':
                    return self.groups_get(json.loads(rest))
                if name == 'set-agent-groups':
                    return self.groups_set(json.loads(rest))
                if name == 'sync-agent-info-get':
                    return self.info_chunk()
                if name == 'sync-agent-info-set':
                    self.info_set(json.loads(rest))
                    return 'ok'
                if name == 'recalculate-agent-group-hashes':
                    for id, groups in self.all_groups().items():
                        self.set_groups(id, groups)
                    return 'ok'
            except sqlite3.Error as e:
                return f'err queue/db/global.db: {e}'
            return f"err Invalid DB query syntax, near '{text[:32]}'"

    def web(self, method, path, body):
        """Status and JSON value, or the text of an error."""
        if self.trouble(f'{method} {path}'):
            return 500, 'the test wants it so'
        with self.lock:
            try:
                if (method, path) == ('GET', '/v1/agents/sync'):
                    return 200, self.info_lists()
                if (method, path) == ('POST', '/v1/agents/sync'):
                    self.sql.execute('begin')
                    self.info_set_lists(json.loads(body))
                    self.sql.execute('commit')
                    return 200, None
                if (method, path) == ('POST', '/v1/agents/restartinfo'):
                    want = json.loads(body)
                    active = self.rows("select id, version from agent where id > 0 and connection_status = 'active'")
                    return 200, {'items': [a for a in active if not want['ids'] or (a['id'] in want['ids']) != want['negate']]}
            except (sqlite3.Error, KeyError) as e:
                if self.sql.in_transaction:
                    self.sql.execute('rollback')
                return 500, str(e)
            return 404, 'no such route'


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads, gone, request_queue_size = True, False, 64

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], OSError):  # who asked may die
            super().handle_error(request, address)


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while len(head := self.rfile.read(4)) == 4:
                text = self.rfile.read(struct.unpack('<I', head)[0]).decode()
                if self.server.gone:
                    return
                reply = self.server.wdb.command(text).encode()
                self.wfile.write(struct.pack('<I', len(reply)) + reply)


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def serve(self):
        size = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(size)
        if len(body) < size or self.server.gone:
            self.close_connection = True
            return
        status, value = self.server.wdb.web(self.command, self.path, body)
        body = b'' if value is None else value.encode() if isinstance(value, str) else json.dumps(value).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header('Content-Type', 'application/json' if status == 200 else 'text/plain')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = serve

    def log_message(self, *_):
        pass

    def address_string(self):
        return 'unix'
