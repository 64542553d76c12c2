"""A real tree for the master: this project's files and the machine's own texts, as a manager would have them.

  etc/rules      the project's src                      etc/decoders   its headers, and the kernel's
  etc/lists      the rest of the project; CDB lists ("key:value") of services, protocols and words
  etc/shared     licences and copyright files           client.keys, one multigroup

What is missing on a machine, or may not be read, is left out."""
import collections
import glob
import os
import random
import re
import subprocess

FILE_BYTES_MAX = 256 << 10  # larger texts are left out,
TEXTS_BYTES_MAX = 8 << 20   # and what comes after so much of one kind


def write(root, path, data):
    full = os.path.join(os.fsencode(root), os.fsencode(path))
    os.makedirs(os.path.dirname(full), mode=0o770, exist_ok=True)
    with open(full, "wb") as f:
        f.write(data)


def text_of(path):
    """Its bytes; None when it cannot be read or is too large."""
    try:
        with open(path, "rb") as f:
            data = f.read(FILE_BYTES_MAX + 1)
    except OSError:
        return None
    return data if len(data) <= FILE_BYTES_MAX else None


def project_files(top):
    """The project's own files: those git knows, or all but what was built."""
    try:
        git = subprocess.run(["git", "-C", top, "ls-files", "-z"], capture_output=True, check=True)
        return [os.fsdecode(p) for p in git.stdout.split(b"\0") if p]
    except (OSError, subprocess.CalledProcessError):
        pass  # no git here, or no repository of this user
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if not f.startswith(".") and not (folder == top and f == "build")]
        found += (os.path.relpath(os.path.join(folder, f), top) for f in files)
    return sorted(found)


def place_of(path):
    """Where a file of the project goes in the master's tree."""
    if path.startswith("src/"):
        return "etc/rules/" + path[4:]
    if path.startswith("include/"):
        return "etc/decoders/" + path[8:]
    return "etc/lists/project/" + path


def copy_texts(root, pairs, progress):
    """pairs: (file to read, its place). Returns what was copied, up to TEXTS_BYTES_MAX."""
    texts, left = [], TEXTS_BYTES_MAX
    for source, place in pairs:
        progress(lambda: f"copying to {os.path.dirname(place)}")
        data = text_of(source)
        if data is not None and len(data) <= left:
            write(root, place, data)
            texts.append(data)
            left -= len(data)
    return texts


def numbers_list(path):
    """A CDB list of /etc/services or /etc/protocols: "ssh/tcp:22", "udp:17"."""
    lines = []
    for line in (text_of(path) or b"").decode("ascii", "ignore").splitlines():
        words = line.partition("#")[0].split()
        if len(words) >= 2:
            number, _, protocol = words[1].partition("/")
            lines.append(f"{words[0]}{'/' + protocol if protocol else ''}:{number}\n")
    return "".join(lines).encode()


def words_of(texts):
    """{word: value}: the machine's dictionary if it has one, else how often each word is in the texts."""
    try:
        with open("/usr/share/dict/words", "rb") as f:
            return {w.lower(): len(w) for w in re.findall(rb"^[A-Za-z]{2,}$", f.read(), re.M)}
    except OSError:
        counts = collections.Counter()
        for text in texts:
            counts.update(re.findall(rb"[a-z]{2,}", text.lower()))
        return counts


def sources(top):
    """What is copied: a list of (file to read, its place) for each kind of text."""
    yield [(os.path.join(top, p), place_of(p)) for p in project_files(top)]
    yield [(p, "etc/shared/default/licenses/" + os.path.basename(p))
           for p in sorted(glob.glob("/usr/share/common-licenses/*"))]
    packages = [(p, p.split("/")[-2]) for p in sorted(glob.glob("/usr/share/doc/*/copyright"))]
    yield [(p, f"etc/shared/{name[0]}/{name}.copyright") for p, name in packages]
    yield [(p, "etc/decoders/kernel/" + os.path.relpath(p, "/usr/include/linux"))
           for p in sorted(glob.glob("/usr/include/linux/**/*.h", recursive=True))]


def make(root, top, progress):
    """Fills root with the tree. top: the project's folder. Returns the words, for large()."""
    texts = [text for kind in sources(top) for text in copy_texts(root, kind, progress)]
    for name in ("services", "protocols"):
        write(root, f"etc/lists/{name}", numbers_list(f"/etc/{name}"))
    words = words_of(texts)
    by_letter = {}
    for word in sorted(words):
        by_letter.setdefault(chr(word[0]), []).append(b"%s:%d\n" % (word, words[word]))
    for letter, lines in by_letter.items():
        write(root, f"etc/lists/words-{letter}", b"".join(lines))
    for group in {"default", *os.listdir(os.path.join(root, "etc/shared"))}:
        write(root, f"etc/shared/{group}/agent.conf", b"<agent_config>\n</agent_config>\n")
    agents = "".join(f"{n:03d} agent{n} any {random.getrandbits(256):064x}\n" for n in range(1, 41))
    write(root, "etc/client.keys", agents.encode())
    write(root, "var/multigroups/1b6f1d4d/merged.mg", b"!32 agent.conf\n<agent_config>\n</agent_config>\n\n")
    return list(words)


def large(path, size, words, progress):
    """A file of size bytes at path, a multiple of 2 MiB: random bytes and text by turns, one MiB each."""
    block = 1 << 20
    text = b" ".join(random.choices(words, k=block // 2))[:block]
    text = text.ljust(block, b"\n")
    with open(path, "wb") as f:
        for at in range(0, size, 2 * block):
            turn = at // 7919 % block
            f.write(os.urandom(block))
            f.write(text[turn:] + text[:turn])
            progress(lambda: f"writing {at / 1e6:.0f} of {size / 1e6:.0f} MB")
