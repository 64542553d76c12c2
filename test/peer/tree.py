"""Packages, metadata and trees: what travels inside the files (sections 5.1, 5.2 and 8 of the reference)."""
import hashlib
import json
import os
import time
import zlib
import uuid

NAME_END, MEMBER_END, METADATA = b'|//@@//|', b'|@@//@@|', 'files_metadata.json'  # (5.2)

# cluster.json of 4.5 - 4.14.7 (8): folder -> (mode, names or None for all, recursive, remove empty folders).
ITEMS = {
    'etc/': (0o640, ['client.keys'], False, False),
    'etc/shared/': (0o660, None, True, True),
    'var/multigroups/': (0o660, ['merged.mg'], True, True),
    'etc/rules/': (0o660, None, True, False),
    'etc/decoders/': (0o660, None, True, False),
    'etc/lists/': (0o660, None, True, False),
}
EXCLUDED_FILES = ('ar.conf', 'ossec.conf')
EXCLUDED_EXTENSIONS = ('~', '.tmp', '.lock', '.swp')


# ---- packages (5.2) ------------------------------------------------------------------------------------
def record(name, data, level=1):
    name = name if isinstance(name, bytes) else name.encode('utf-8', 'surrogateescape')
    return name + NAME_END + zlib.compress(data, level)


def package(members, metadata, level=1):
    """members: [(path, content)]; metadata: an object, or the JSON's bytes, or None for no such record."""
    parts = [record(name, data, level) for name, data in members]
    if metadata is not None:
        parts.append(
            record(
                METADATA, metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode(), level
            )
        )
    return MEMBER_END.join(parts)


def unpack(blob):
    """({path: content}, metadata). A member ends where its zlib stream ends. ValueError when it is not a
    package."""
    members, at = {}, 0
    while True:
        mark = blob.find(NAME_END, at)
        if mark < 0:
            raise ValueError('no member name')
        name = blob[at:mark].decode('utf-8', 'surrogateescape')
        stream = zlib.decompressobj()
        data = stream.decompress(blob[mark + len(NAME_END) :])
        if not stream.eof:
            raise ValueError(f'{name}: truncated')
        members[name] = data
        at = len(blob) - len(stream.unused_data)
        if at == len(blob):
            break
        if blob[at : at + len(MEMBER_END)] != MEMBER_END:
            raise ValueError(f'{name}: no separator behind it')
        at += len(MEMBER_END)
    if METADATA not in members:
        raise ValueError('no metadata')
    return members, json.loads(members.pop(METADATA))


def package_path(worker, sender):
    return f'/queue/cluster/{worker}/{sender}-{time.time()}-{uuid.uuid4().hex}.zip'


# ---- metadata and trees (5.1) --------------------------------------------------------------------------
def digest(data):
    return hashlib.blake2b(data).hexdigest()


def describe(path, data, key=None, mtime=None):
    """The metadata of one file."""
    return {
        'mod_time': time.time() if mtime is None else mtime,
        'cluster_item_key': key or item_of(path),
        'merged': False,
        'hash': digest(data),
    }


def item_of(path):
    """The item with the longest folder that holds path, or None."""
    best = [i for i in ITEMS if path.startswith(i)]
    return max(best, key=len) if best else None


def wanted(path):
    """Is path one of the synchronised files?"""
    item = item_of(path)
    if item is None:
        return False
    _, names, recursive, _ = ITEMS[item]
    base = os.path.basename(path)
    return (
        base not in EXCLUDED_FILES
        and not base.endswith(EXCLUDED_EXTENSIONS)
        and '.merged' not in base
        and (names is None or base in names)
        and (recursive or '/' not in path[len(item) :])
    )


def scan(root):
    """{path: metadata} of the synchronised files under root."""
    out = {}
    for item in ITEMS:
        for folder, _, names in os.walk(os.path.join(root, item)):
            for name in names:
                full = os.path.join(folder, name)
                path = os.path.relpath(full, root)
                if wanted(path) and item_of(path) == item:
                    try:
                        with open(full, 'rb') as f:
                            out[path] = describe(path, f.read(), item, os.stat(full).st_mtime)
                    except OSError:
                        pass
    return out


def compare(mine, theirs):
    """What a master (mine) tells a worker (theirs) to change: missing, extra, shared."""
    return {
        'missing': {p: m for p, m in mine.items() if p not in theirs},
        'extra': {p: m for p, m in theirs.items() if p not in mine},
        'shared': {p: m for p, m in mine.items() if p in theirs and theirs[p]['hash'] != m['hash']},
    }


def apply(root, todo, members):
    """What an honest worker does with a received package."""
    for path, meta in {**todo['missing'], **todo['shared']}.items():
        if not wanted(path) or meta['cluster_item_key'] != item_of(path):
            raise ValueError(f'{path} is outside its item')
        if digest(members[path]) != meta['hash']:
            raise ValueError(f'{path}: wrong content')
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), 0o770, exist_ok=True)
        with open(full + '.tmp', 'wb') as f:
            f.write(members[path])
        os.chmod(full + '.tmp', ITEMS[item_of(path)][0])
        os.rename(full + '.tmp', full)
    for path in todo['extra']:
        if wanted(path):
            full = os.path.join(root, path)
            if os.path.exists(full):
                os.unlink(full)
            folder, item = os.path.dirname(path), item_of(path)
            while (
                ITEMS[item][3]
                and len(folder) > len(item.rstrip('/'))
                and not os.listdir(os.path.join(root, folder))
            ):
                os.rmdir(os.path.join(root, folder))
                folder = os.path.dirname(folder)
