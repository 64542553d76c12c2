"""The demo's three nodes together: waiting for them, comparing their trees, showing both."""
import contextlib
import os
import random
import secrets
import shutil
import socket
import time

import node
import tree

BOUND_S = 120  # for anything that is waited for; on an idle machine 1 to 8 seconds
NODES = (("master", "master"), ("worker1", "worker"), ("worker2", "worker"))
MB = 1e6


class Failure(Exception):
    pass


def free_port():
    """Below the range that the kernel gives to outgoing connections, so that none of them takes it from us."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise Failure("no free port on 127.0.0.1")


class Cluster:
    def __init__(self, picket, folder, console):
        self.console = console
        for name, _ in NODES:
            if node.ask(os.path.join(folder, name)):
                raise Failure(f"a node of an earlier demo still runs:\nkill $(cat {folder}/*/var/run/*.pid)")
        shutil.rmtree(folder, ignore_errors=True)
        key, port = secrets.token_hex(16), free_port()
        self.nodes = [node.Node(picket, folder, name, kind, key, port) for name, kind in NODES]
        self.master, *self.workers = self.nodes
        self.words = []  # of the tree's texts, for more text

    # -- waiting --
    def wait(self, what, test, pause=0.05):
        """Until test() is true, or the bound."""
        self.console.waiting()
        while not test():
            for n in self.nodes:
                if n.has_ended():
                    raise Failure(f"{n.name} ended by itself, with status {n.proc.returncode}")
            if time.monotonic() - self.console.since > BOUND_S:
                raise Failure(f"{what}: not done after {BOUND_S} s; {self.receiving() or 'nothing is received'}")
            self.console.progress(lambda: self.receiving() or what)
            time.sleep(pause)

    def receiving(self):
        """What the workers have of what they receive, in words; None when that is nothing to speak of."""
        parts = [f"{n.name} {got / MB:.0f} MB" for n in self.workers if (got := n.staged_bytes()) > MB]
        return "received: " + ", ".join(parts) if parts else None

    # -- comparing --
    def show(self, n, has, words):
        self.console.line(f"{n.name:8} {has.hash[:16]}  {has.files:6,} files  {has.bytes / MB:6.1f} MB  {words}")

    def agree(self, since=None):
        """The trees on all disks become identical, and each node says the same figure of itself.
        since: when the change was complete, if not now."""
        since = since or time.monotonic()
        want = self.master.tree()
        trees = []

        def test():
            if any(n.says() != want.hash for n in self.nodes):
                return False
            trees[:] = [n.tree() for n in self.nodes]
            return all(has.hash == want.hash for has in trees)
        try:
            self.wait("the nodes compare and synchronise", test)
        except Failure as why:
            raise Failure("\n".join([str(why)] + [self.disagreement(n, want) for n in self.nodes])) from None
        took = time.monotonic() - since
        for n, has in zip(self.nodes, trees):
            self.show(n, has, "identical")
        self.console.line(f"all three identical after {took:.1f} s")

    @staticmethod
    def disagreement(n, want):
        has = n.tree()
        more = f"; differs in {tree.difference(want, has)}" if has.hash != want.hash else ""
        return f"{n.name} on disk {has.hash[:16]}, says {n.says()[:16]}{more}"

    # -- the master's files --
    def full(self, path, n=None):
        """A path of the tree, in the folder of the master or of another node."""
        return os.path.join(os.fsencode((n or self.master).root), os.fsencode(path))

    def some(self, below, count):
        """Paths of count of the master's files below a folder, spread evenly."""
        paths = sorted(p for p in tree.walk(self.master.root) if p.startswith(below.encode()))
        return paths[::max(1, len(paths) // count)][:count]

    def groups(self):
        """The agents' groups on the master, but "default"."""
        return sorted(g for g in os.listdir(self.full("etc/shared")) if g != b"default")

    def stop(self):
        for n in self.nodes:
            n.terminate()
        for n in self.nodes:
            n.wait()
