"""One node of the demo: its folder, its process, and what it says of itself."""
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess

import tree

FOLDERS = ("etc/rules", "etc/decoders", "etc/lists", "etc/shared", "var/multigroups", "var/run", "queue/cluster",
           "logs")
OSSEC_CONF = """<ossec_config>
  <cluster>
    <name>demo</name>
    <node_name>{name}</node_name>
    <node_type>{kind}</node_type>
    <key>{key}</key>
    <port>{port}</port>
    <bind_addr>127.0.0.1</bind_addr>
    <nodes>
      <node>127.0.0.1</node>
    </nodes>
    <hidden>no</hidden>
    <disabled>no</disabled>
  </cluster>
</ossec_config>
"""
# Seconds. Wazuh's own are 9, 10, 10; 8, 10, 30.
INTERVALS = {"worker": {"sync_integrity": 1, "sync_agent_info": 1, "connection_retry": 1},
             "master": {"recalculate_integrity": 1, "sync_agent_groups": 1, "agent_group_start_delay": 1}}
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
HEADER = struct.Struct("!2I12s")  # counter, payload bytes, command


def die_with_the_demo():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def ask(root):
    """What the node in a folder answers to get_status; None when it does not answer (yet)."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(os.path.join(root, "queue/cluster/c-internal.sock"))
            s.sendall(HEADER.pack(1, 0, b"get_status -"))
            with s.makefile("rb") as stream:
                _, size, command = HEADER.unpack(stream.read(HEADER.size))
                answer = stream.read(size)
        return json.loads(answer) if command.startswith(b"ok ") else None
    except (OSError, ValueError, struct.error):
        return None


class Node:
    def __init__(self, picket, folder, name, kind, key, port):
        self.picket, self.root, self.name, self.proc = picket, os.path.join(folder, name), name, None
        for d in FOLDERS:
            os.makedirs(self.path(d), mode=0o770)
        conf = os.open(self.path("etc/ossec.conf"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with open(conf, "w", encoding="ascii") as f:
            f.write(OSSEC_CONF.format(name=name, kind=kind, key=key, port=port))
        with open(self.path("etc/cluster.json"), "w", encoding="ascii") as f:
            json.dump({"intervals": INTERVALS}, f)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    # -- the process --
    def command(self, *words):
        return [self.picket, *words, "--root", self.root]

    def run(self, *words):
        """The program once, for an answer in words."""
        return subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20, check=False)

    def start(self):
        # A session of its own: Ctrl-C on the terminal is for the demo, which then ends its nodes in order.
        with open(self.path("console"), "ab") as console:
            self.proc = subprocess.Popen(self.command("run", "-f", "-r"), stdin=subprocess.DEVNULL, stdout=console,
                                         stderr=console, start_new_session=True, preexec_fn=die_with_the_demo)

    def has_ended(self):
        """It was started, and ended without being told to."""
        return self.proc is not None and self.proc.returncode is None and self.proc.poll() is not None

    def kill(self):
        """SIGKILL: no chance to put anything in order."""
        self.proc.kill()
        self.proc.wait()

    def terminate(self):
        if self.proc:
            self.proc.terminate()

    def wait(self):
        """After terminate()."""
        try:
            if self.proc:
                self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    # -- what it says --
    def says(self):
        """Its own figure of its tree; "nothing" when it does not answer, or does not know yet."""
        return (ask(self.root) or {}).get("tree", "nothing")

    def last_words(self, lines):
        for name in ("logs/cluster.log", "console"):
            try:
                with open(self.path(name), encoding="ascii", errors="replace") as f:
                    said = f.read()[-20000:].splitlines()[-lines:]
            except OSError:
                continue
            if said:
                return [s.replace("\ufffd", "?") for s in said]
        return ["(it said nothing)"]

    def agents(self, *filters):
        """What `picket agents` lists, by id."""
        done = self.run("agents", "-j", *filters)
        return {a["id"]: a for a in json.loads(done.stdout)} if done.returncode == 0 else {}

    def groups_checksum(self):
        return ((ask(self.root) or {}).get("agents") or {}).get("groups")

    def remoted(self, command):
        """One command on the node's wazuh-db socket, as the service that talks to agents gives it; the reply."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path("queue/db/wdb"))
            s.sendall(struct.pack("<I", len(command)) + command.encode())
            with s.makefile("rb") as stream:
                return stream.read(struct.unpack("<I", stream.read(4))[0]).decode()

    def register(self, name):
        """An agent's registration, in the frame a worker's authd sends; the master's answer."""
        message = json.dumps({"daemon_name": "authd", "message": {
            "arguments": {"name": name, "ip": "any"}, "function": "add"}}, separators=(",", ":")).encode()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.path("queue/cluster/c-internal.sock"))
            s.sendall(struct.pack(">II12s", 1, len(message), b"sendsync ---") + message)
            with s.makefile("rb") as stream:
                _, size, command = struct.unpack(">II12s", stream.read(20))
                return command.split(b" ")[0] == b"ok", json.loads(stream.read(size))

    def api(self, function, *words):
        """The items of the answer to a request of the distributed API."""
        done = self.run("api", function, *words, "-j")
        return json.loads(done.stdout)["__wazuh_result__"]["__object__"]["affected_items"] if done.returncode == 0 else []

    # -- what it has --
    def tree(self):
        return tree.read(self.root)

    def staged_bytes(self):
        """Bytes that it has received and not put in place yet."""
        size = 0
        for folder, _, files in os.walk(self.path("queue/cluster")):
            for name in files:
                try:
                    size += os.lstat(os.path.join(folder, name)).st_size
                except OSError:
                    pass  # put in place since it was listed
        return size
