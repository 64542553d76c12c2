"""What is synchronised, computed from the disk alone: the demo's own opinion, made without any of picket's code.

The rules are Wazuh's (cluster.json, "files"); the figure is picket's: the sum modulo 2^256, over all synchronised
files, of BLAKE2b-256(path NUL BLAKE2b-512(content)), little-endian, in hexadecimal."""
import collections
import hashlib
import os
import stat

# folder: (names, or None for all; with its subfolders)
ITEMS = {
    b"etc": ((b"client.keys",), False),
    b"etc/shared": (None, True),
    b"var/multigroups": ((b"merged.mg",), True),
    b"etc/rules": (None, True),
    b"etc/decoders": (None, True),
    b"etc/lists": (None, True),
}
EXCLUDED_FILES = (b"ar.conf", b"ossec.conf")
EXCLUDED_ENDS = (b"~", b".tmp", b".lock", b".swp", b".picket-new")

Tree = collections.namedtuple("Tree", "hash files bytes contents")  # contents: {path: BLAKE2b-512 digest}


def is_synced(name, names):
    return (name not in EXCLUDED_FILES and not name.endswith(EXCLUDED_ENDS) and b".merged" not in name
            and name != b".picket" and (names is None or name in names))


def walk(root):
    """Paths of the synchronised files, relative to root, as bytes."""
    root = os.fsencode(root)
    for item, (names, deep) in ITEMS.items():
        for folder, folders, files in os.walk(os.path.join(root, item)):
            inside = os.path.relpath(folder, root)
            folders[:] = [f for f in folders if deep and f != b".picket" and os.path.join(inside, f) not in ITEMS]
            yield from (os.path.join(inside, f) for f in files if is_synced(f, names))


def content(path):
    """(digest, bytes) of a regular file; None when it is not one, or is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(fd, "rb", buffering=0) as f:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        digest, size = hashlib.blake2b(), 0
        while block := f.read(1 << 20):
            digest.update(block)
            size += len(block)
        return digest.digest(), size


def read(root):
    """The Tree below root, every byte of it read now."""
    total, size, contents = 0, 0, {}
    for path in walk(root):
        got = content(os.path.join(os.fsencode(root), path))
        if got:
            contents[path] = got[0]
            size += got[1]
            leaf = hashlib.blake2b(path + b"\0" + got[0], digest_size=32).digest()
            total += int.from_bytes(leaf, "little")
    figure = (total % 2**256).to_bytes(32, "little").hex()
    return Tree(figure, len(contents), size, contents)


def difference(a, b):
    """Paths that only one of two trees has, or that differ, in words."""
    paths = sorted(p for p in a.contents.keys() | b.contents.keys() if a.contents.get(p) != b.contents.get(p))
    shown = [p.decode("ascii", "replace").replace("\ufffd", "?") for p in paths[:4]]
    return f"{len(paths)} files: " + ", ".join(shown) + (", ..." if len(paths) > len(shown) else "")
