"""The demo's steps. Each makes a change and lets the cluster agree; its docstring is the heading."""
import json
import os
import shutil
import time

import material
import tree
from cluster import MB, Failure

LARGE_BYTES = 96 << 20


def first(c):
    """A master with a real tree, two workers with nothing"""
    c.console.waiting()
    c.words = material.make(c.master.root, os.getcwd(), c.console.progress)
    have = c.master.tree()
    c.console.line(f"{have.files:,} files: this project's, licences, services, words, kernel headers")
    since = time.monotonic()
    for n in c.nodes:
        n.start()
    c.agree(since)


def change(c):
    """Change files on the master"""
    for i, path in enumerate(c.some("etc/", 30)):
        with open(c.full(path), "r+b") as f:
            if i % 3 == 0:
                f.truncate(os.fstat(f.fileno()).st_size // 2)
            elif i % 3 == 1:
                f.seek(0, os.SEEK_END)
                f.write(b"one more line\n")
            else:
                f.write(b"overwritten")
    c.console.line("30 files: 10 are cut in half, 10 grow, 10 are overwritten in place")
    c.agree()


def add(c):
    """Add files on the master"""
    for i in range(40):
        material.write(c.master.root, f"etc/shared/new-group/part{i // 10}/file{i}.txt", b"new %d\n" % i * i)
    for name in ("etc/rules/with blanks and 'quotes'.xml", "etc/lists/gr\u00fc\u00dfe-\u65e5\u672c",
                 "etc/lists/empty", "etc/shared/new-group/left-out.tmp"):
        material.write(c.master.root, name.encode(), b"" if name.endswith("empty") else b"content\n")
    c.console.line("43 files, most in new folders; names with blanks and UTF-8; an empty one")
    c.agree()
    if any(os.path.exists(c.full("etc/shared/new-group/left-out.tmp", n)) for n in c.workers):
        raise Failure("a file that Wazuh's rules leave out (*.tmp) reached a worker")


def remove(c):
    """Remove files on the master"""
    gone = c.some("etc/rules/", 20)
    for path in gone:
        os.unlink(c.full(path))
    shutil.rmtree(c.full("etc/shared/new-group"))
    c.console.line(f"{len(gone)} files, and the new group with its folders")
    c.agree()
    if any(os.path.exists(c.full("etc/shared/new-group", n)) for n in c.workers):
        raise Failure("the folders of the group are still there on a worker")


def rename(c):
    """Rename files on the master"""
    moved, groups = c.some("etc/lists/", 20), c.groups()
    for path in moved:
        os.rename(c.full(path), c.full(path + b"-renamed"))
    for group in groups[:3]:
        os.rename(c.full(b"etc/shared/" + group), c.full(b"etc/shared/renamed-" + group))
    c.console.line(f"{len(moved)} files, and {len(groups[:3])} whole groups")
    c.agree()


def damage(c):
    """Damage files on a worker, and add some"""
    worker = c.workers[0]
    for i, path in enumerate(c.some("etc/decoders/", 15)):
        path = c.full(path, worker)
        st = os.stat(path)
        if i % 3 == 0:
            os.unlink(path)
        elif i % 3 == 1:
            os.truncate(path, st.st_size // 2)
        else:  # as an intruder would: same size, same time
            with open(path, "r+b") as f:
                f.write(b"\0")
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
    for i in range(5):
        material.write(worker.root, f"etc/rules/intruder/{i}.xml", b"<group/>\n")
    c.console.line("worker1: 5 deleted, 5 cut, 5 altered under the same size and time,\n"
                   "and 5 added that the master does not have")
    c.agree()


def agents(c):
    """Add agents on the master; they report at the workers"""
    since, group = time.monotonic(), os.fsdecode(c.groups()[0])
    for i in range(1, NEW_AGENTS + 1):
        done = c.master.run("agents", "add", f"sensor{i}")
        if done.returncode:
            raise Failure(done.stdout.decode("ascii", "replace"))
    new = list(c.master.agents("--name", "sensor*"))
    for agent in new[:5]:
        c.master.run("agents", "group", agent, f"default,{group}")
    c.wait("the workers hear of agents and groups", lambda: same_agents(c), 0.2)
    c.console.line(f"{NEW_AGENTS} agents added, 5 of them in {group} too: all three nodes list\n"
                   f"{len(c.master.agents())} agents, groups' checksum {c.master.groups_checksum()[:16]}, "
                   f"after {time.monotonic() - since:.1f} s")
    since = time.monotonic()
    for i, agent in enumerate(new):
        report(c.workers[i % 2], agent)
    c.workers[0].kill()  # at once: what was acknowledged must not be lost
    c.workers[0].start()

    def all_reported():
        listed = c.master.agents("--name", "sensor*", "--status", "active")
        return [listed[a]["node"] for a in new if a in listed] == [c.workers[i % 2].name for i in range(len(new))]
    c.wait("the master hears of the agents at its workers", all_reported, 0.2)
    c.console.line(f"they report at worker1 and worker2; worker1 is killed (SIGKILL) right after:\n"
                   f"the master knows all {NEW_AGENTS} as active, each with its worker, after "
                   f"{time.monotonic() - since:.1f} s")
    c.agree()


def register(c):
    """Register agents at the workers, and ask one node about all"""
    new = {f"registered{i}": c.workers[i % 2] for i in range(6)}
    keys = {}
    for name, worker in new.items():
        good, answer = worker.register(name)
        if not good or answer.get("error"):
            raise Failure(f"{worker.name} answers the registration of {name}: {answer}")
        keys[name] = answer["data"]["key"]
    good, again = c.workers[0].register("registered0")
    if not good or again.get("error") != 9008:
        raise Failure(f"a name that is taken is answered with {again}")
    with open(c.full("etc/client.keys"), encoding="ascii") as f:
        on_disk = {line.split()[1]: line.split()[3] for line in f if len(line.split()) == 4}
    if any(on_disk.get(name) != key for name, key in keys.items()):
        raise Failure("a key that was given to an agent is not in the master's client.keys")
    c.console.line(f"{len(keys)} agents get their keys from the master; a name that is taken is refused (9008)")
    c.agree()
    items = c.workers[1].api("picket.node.get_tree", "--node", "all")
    trees = {i["name"]: i["tree"] for i in items}
    c.console.line(f"worker2 asks all nodes: {', '.join(sorted(trees))} say {' '.join({t[:16] for t in trees.values()})}")
    if len(trees) != len(c.nodes) or set(trees.values()) != {c.master.tree().hash}:
        raise Failure(f"the nodes' own words differ from their disks: {trees}")


NEW_AGENTS = 20


def same_agents(c):
    lists = [{a: (x["name"], x["groups"]) for a, x in n.agents().items()} for n in c.nodes]
    sums = {n.groups_checksum() for n in c.nodes}
    return lists[0] and lists.count(lists[0]) == len(lists) and len(sums) == 1 and None not in sums


def report(worker, agent):
    """As the service that talks to agents does when one connects."""
    reply = worker.remoted("global update-agent-data " + json.dumps(
        {"id": int(agent), "os_name": "Debian", "version": "Wazuh v4.14.7", "node_name": worker.name,
         "connection_status": "active", "group_config_status": "synced", "sync_status": "syncreq",
         "agent_ip": "10.0.0.%d" % int(agent)}))
    if reply != "ok":
        raise Failure(f"{worker.name} answers agent {agent}: {reply}")


def kill_receiver(c):
    """Kill a worker (SIGKILL) in the middle of a large sync"""
    worker, before = c.workers[0], c.workers[0].tree()
    place = c.full("etc/shared/default/large.bin")
    c.console.waiting()
    material.large(place + b".tmp", LARGE_BYTES, c.words, c.console.progress)
    os.rename(place + b".tmp", place)
    c.console.line(f"a file of {LARGE_BYTES / MB:.0f} MB on the master, half text, half random bytes")

    def has_part():
        return worker.staged_bytes() > LARGE_BYTES // 4
    c.wait("worker1 waits for the file", has_part, 0.005)
    worker.kill()
    staged, after = worker.staged_bytes(), worker.tree()
    c.console.line(f"worker1 killed when it had {staged / MB:.0f} of {LARGE_BYTES / MB:.0f} MB; its tree then:")
    c.show(worker, after, "the old one, whole" if after.hash == before.hash else "NOT THE OLD ONE")
    if after.hash != before.hash:
        raise Failure(f"worker1's tree changed before the sync was complete: {tree.difference(before, after)}")
    if staged >= LARGE_BYTES:
        raise Failure("worker1 had the whole file before it could be killed: this shows nothing")
    worker.start()
    c.console.line("worker1 started again")
    c.agree()


def kill_all(c):
    """Kill all three (SIGKILL) while a worker puts new files in place"""
    old, worker = c.master.tree(), c.workers[1]
    changed = [p for p in sorted(old.contents) if not p.endswith(b"large.bin")]
    for path in changed:
        with open(c.full(path), "ab") as f:
            f.write(b"\nchanged once more\n")
    new = c.master.tree()
    c.console.line(f"{len(changed):,} files change on the master: all but the large one")
    watched = [(path, os.stat(path).st_ino) for path in (c.full(p, worker) for p in changed[::30])]

    def has_begun():
        return any(os.stat(path).st_ino != inode for path, inode in watched)
    c.wait("worker2 waits for the files", has_begun, 0.001)
    for n in (worker, c.workers[0], c.master):
        n.kill()
    for n in c.workers:
        old_or_new(c, n, changed, old, new)
    since = time.monotonic()
    worker.start()
    c.wait("worker2 finishes what it began", lambda: worker.says() == new.hash)
    took, has = time.monotonic() - since, worker.tree()
    c.show(worker, has, f"finished alone, {took:.1f} s")
    if has.hash != new.hash:
        raise Failure("worker2 does not have on its disk what it says")
    c.master.start()
    c.workers[0].start()
    c.console.line("master and worker1 started again")
    c.agree()


def old_or_new(c, n, changed, old, new):
    """Every file is the old or the new one, whole, whenever the node was killed."""
    has = n.tree().contents
    olds = sum(has.get(p) == old.contents[p] for p in changed)
    news = sum(has.get(p) == new.contents[p] for p in changed)
    torn = len(changed) - olds - news
    c.console.line(f"{n.name} killed with {olds:,} files old, {news:,} new, {torn} torn or missing")
    if torn or len(has) != len(old.contents):
        raise Failure(f"{n.name} has files that are neither the old nor the new ones")


STEPS = (first, change, add, remove, rename, damage, agents, register, kill_receiver, kill_all)
