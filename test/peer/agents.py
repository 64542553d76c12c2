"""The agents of one node, as far as agent information and agent groups see them (reference, 6 and 14): rows,
what is pending, hashes, and the texts of both dialects. Written from the reference alone.

A row is a dict of the members of a sync-agent-info element. Dialect E: chunks are texts; F: `chunks` is an
object of three lists.
"""
import hashlib
import json

TEXTS = (
    'name ip os_name os_version os_major os_minor os_codename os_build os_platform os_uname os_arch version '
    'config_sum merged_sum manager_host node_name connection_status group_config_status'
).split()
NUMBERS = ('last_keepalive', 'disconnection_time', 'status_code')
STATES = ('pending', 'never_connected', 'active', 'disconnected')
LISTS = ('syncreq', 'syncreq_status', 'syncreq_keepalive')
CHUNK = 65000  # most bytes of one reply of wazuh-db


def group_hash(names):
    """14.3: the first 8 hex characters of the SHA-256 of the names."""
    return hashlib.sha256(','.join(names).encode()).hexdigest()[:8]


def full_row(n, **more):
    """A row as a worker's remoted makes it."""
    return {
        'id': n,
        'name': f'agent{n}',
        'ip': f'10.0.{n // 250}.{n % 250 + 1}',
        'os_name': 'Debian GNU/Linux',
        'os_major': '12',
        'os_uname': 'Linux |agent |"quoted"',
        'version': 'Wazuh v4.14.7',
        'manager_host': 'host',
        'node_name': 'worker1',
        'last_keepalive': 1700000000 + n,
        'connection_status': 'active',
        'group_config_status': 'synced',
        **more,
    }


class Agents:
    def __init__(self, rows=()):
        self.rows = {r['id']: dict(r) for r in rows}
        self.groups = {}  # {id: [names]}
        self.pending = {}  # {id: one of LISTS}: what the master does not know
        self.groups_pending = set()
        self.makes_rows = False  # a worker makes agents that the master's groups name (14.1, 4.13 and later)

    def global_hash(self):
        """None: no agent has a group."""
        hashes = [group_hash(self.groups[i]) for i in sorted(self.groups) if i > 0 and self.groups[i]]
        return hashlib.sha1(''.join(hashes).encode()).hexdigest() if hashes else None

    # -- worker to master --
    def report(self, row, how='syncreq'):
        self.rows.setdefault(row['id'], {}).update(row)
        self.pending[row['id']] = how

    def info(self, http, ids=None):
        """`chunks` of everything pending (or of these ids), in that dialect; falsy when there is nothing."""
        ids = sorted(self.pending) if ids is None else ids
        if not http:
            return cut([self.rows[i] for i in ids])
        members = {
            'syncreq': None,
            'syncreq_keepalive': ('id', 'version'),
            'syncreq_status': ('id', 'version', 'connection_status', 'disconnection_time', 'status_code'),
        }
        out = {}
        for i in ids:
            how = self.pending.get(i, 'syncreq')
            row = {k: v for k, v in self.rows[i].items() if members[how] is None or k in members[how]}
            out.setdefault(how, []).append(row)
        return out

    def apply_info(self, chunks, http):
        """(what went in, messages): as many chunks, or members of the object, as a master counts (6)."""
        if not http:
            errors = []
            for text in chunks:
                try:
                    for row in json.loads(text):
                        self.put(row, 'syncreq')
                except (ValueError, TypeError, KeyError) as e:
                    errors.append(f'Error 2003 - {e}')
            return len(chunks) - len(errors), errors
        for how, rows in chunks.items():
            for row in rows:
                self.put(row, how)
        return len(chunks), []

    def put(self, row, how):
        """14.2. A row of another kind than the table's own rules allow is a ValueError."""
        if how == 'syncreq':
            for k in TEXTS:
                if row.get(k) is not None and not isinstance(row[k], str):
                    raise ValueError(f'{k} is {row[k]!r}')
        if how != 'syncreq_keepalive' and row['connection_status'] not in STATES:
            raise ValueError(f'connection_status is {row["connection_status"]!r}')
        if row['id'] not in self.rows:
            return
        mine = self.rows[row['id']]
        if how == 'syncreq':
            mine.update({k: row.get(k) for k in TEXTS}, **{k: row.get(k, 0) for k in NUMBERS})
            mine['labels'] = row.get('labels', [])
        elif how == 'syncreq_status':
            mine.update({k: row.get(k, 0) for k in ('version', 'connection_status', *NUMBERS[1:])})
        else:
            mine.update(connection_status='active', version=row.get('version'), seen_alive=True)

    def confirm(self, ids):
        for i in ids:
            self.pending.pop(i, None)

    # -- master to workers --
    def set_groups(self, n, names):
        self.groups[n] = list(names)
        self.groups_pending.add(n)

    def groups_chunks(self, ids, named, with_hash):
        """Replies of sync-agent-groups-get (14.1): one array element each, the hash on the last."""
        entries = [
            {'id': i, **({'name': self.rows[i]['name']} if named else {}), 'groups': self.groups.get(i, [])}
            for i in sorted(ids)
        ]
        parts = [entries[i : i + 400] for i in range(0, len(entries), 400)] or [[]]
        out = [{'data': p} for p in parts]
        if with_hash:
            out[-1]['hash'] = self.global_hash()
        return [json.dumps([c], separators=(',', ':')) for c in out]

    def apply_groups(self, info):
        """(chunks that went in, messages, hash or False when none is named)."""
        errors, told = [], False
        for text in info['chunks']:
            try:
                chunk = json.loads(text)[0]
                for entry in chunk['data']:
                    if entry['id'] not in self.rows:
                        if not self.makes_rows or 'name' not in entry:
                            raise KeyError(f'agent {entry["id"]}')
                        self.rows[entry['id']] = {'id': entry['id'], 'name': entry['name']}
                    self.groups[entry['id']] = list(entry['groups'])
                told = chunk.get('hash', False)
            except (ValueError, TypeError, KeyError) as e:
                errors.append(f'Error 2003 - {e}')
        return len(info['chunks']) - len(errors), errors, told


def cut(rows):
    """Texts "[{...},...]" of at most CHUNK bytes."""
    out, now, size = [], [], 2
    for row in rows:
        text = json.dumps(row, separators=(',', ':'))
        if now and size + len(text) + 1 > CHUNK:
            out.append('[' + ','.join(now) + ']')
            now, size = [], 2
        now.append(text)
        size += len(text.encode()) + 1
    return out + ['[' + ','.join(now) + ']'] if now else out


def info_string(chunks):
    return {'set_data_command': 'global sync-agent-info-set', 'payload': {}, 'chunks': chunks}


def groups_string(chunks):
    return {
        'set_data_command': 'global set-agent-groups',
        'payload': {'mode': 'override', 'sync_status': 'synced'},
        'chunks': chunks,
    }


def is_info(info, http):
    """Is this the string that belongs there, members and all?"""
    return (
        set(info) == {'set_data_command', 'payload', 'chunks'}
        and info['set_data_command'] == 'global sync-agent-info-set'
        and info['payload'] == {}
        and isinstance(info['chunks'], dict if http else list)
    )


def result(updated, errors):
    return json.dumps({'updated_chunks': updated, 'error_messages': errors, 'time_spent': 0.001}).encode()
