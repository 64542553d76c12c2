"""A stand-in for wazuh-db, as far as a cluster daemon asks it: agents in a table, and a list of what was asked.

It serves the two sockets below one node's root (reference, 14): queue/db/wdb, 4 bytes of length (little-endian) and
text; queue/sockets/wdb-http.sock, HTTP/1.1. It runs in threads of the test, which can look at `asked`.
"""
import hashlib
import http.server
import json
import os
import socketserver
import sqlite3
import struct
import threading

TEXTS = ('name ip register_ip internal_key os_name os_version os_major os_minor os_codename os_build os_platform os_uname os_arch version '
         'config_sum merged_sum manager_host node_name connection_status sync_status group_config_status').split()
NUMBERS = 'date_add last_keepalive disconnection_time status_code'.split()


class Wdb:
    """agents: [{'id': 1, 'name': .., 'groups': ['default'], 'sync_status': 'syncreq', ..}, ...]"""
    def __init__(self, root, agents=()):
        self.asked, self.lock = [], threading.Lock()
        self.groups = {a['id']: a.get('groups', []) for a in agents}
        self.unsent = set(self.groups)  # group_sync_status 'syncreq'
        self.sql = sqlite3.connect(':memory:', check_same_thread=False)
        self.sql.row_factory = sqlite3.Row
        self.sql.execute('create table agent (id integer primary key, `group` text, group_hash text, ' +
                         ', '.join([f'{c} text' for c in TEXTS] + [f'{c} integer default 0' for c in NUMBERS]) + ')')
        for a in agents:
            row = {k: v for k, v in a.items() if k != 'groups'}
            self.sql.execute(f'insert into agent ({", ".join(row)}) values ({", ".join("?" * len(row))})', list(row.values()))
        for path, handler in (('queue/db/wdb', Stream), ('queue/sockets/wdb-http.sock', Web)):
            path = os.path.join(root, path)
            if os.path.exists(path):
                os.unlink(path)
            server = socketserver.ThreadingUnixStreamServer(path, handler)
            server.daemon_threads, server.wdb = True, self
            os.chmod(path, 0o666)
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def rows(self, query):
        return [{k: r[k] for k in r.keys() if r[k] is not None} for r in self.sql.execute(query)]

    def unsynced(self):
        """The agents whose information a worker has to send; reading marks them as sent, as the real one does."""
        out = self.rows("select * from agent where sync_status = 'syncreq'")
        self.sql.execute("update agent set sync_status = 'synced'")
        return out

    def hash(self):
        one = [hashlib.sha256(','.join(g).encode()).hexdigest()[:8] for _, g in sorted(self.groups.items()) if g]
        return hashlib.sha1(''.join(one).encode()).hexdigest() if one else None

    def groups_get(self, want):
        ids = {'sync_status': self.unsent, 'all': self.groups}.get(want.get('condition'), ())
        out = {'data': [{'id': i, 'name': f'agent{i}', 'groups': self.groups[i]} for i in sorted(ids) if i > want.get('last_id', 0)]}
        if want.get('set_synced'):
            self.unsent = set()
        if want.get('get_global_hash'):
            out['hash'] = self.hash()
        return [out]

    def command(self, text):
        with self.lock:
            self.asked.append(text)
            name, _, rest = text.partition(' ')[2].partition(' ')
            if name == 'sql':
                return 'ok ' + json.dumps(self.rows(rest))
            if name == 'sync-agent-groups-get':
                return 'ok ' + json.dumps(self.groups_get(json.loads(rest)), separators=(',', ':'))
            if name == 'sync-agent-info-get':
                return 'ok ' + json.dumps(self.unsynced())
            if name in ('set-agent-groups', 'sync-agent-info-set', 'recalculate-agent-group-hashes'):
                return 'ok'
            return f"err Invalid DB query syntax, near '{text[:32]}'"

    def web(self, method, path):
        with self.lock:
            self.asked.append(f'{method} {path}')
            if (method, path) == ('GET', '/v1/agents/sync'):
                return {'syncreq': self.unsynced()}
            return None


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(4)) == 4:
            reply = self.server.wdb.command(self.rfile.read(struct.unpack('<I', head)[0]).decode()).encode()
            self.wfile.write(struct.pack('<I', len(reply)) + reply)


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def serve(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        value = self.server.wdb.web(self.command, self.path)
        body = b'' if value is None else json.dumps(value).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = serve

    def log_message(self, *_):
        pass

    def address_string(self):
        return 'unix'
