"""What the tests of the distributed API share: trees with everything its functions read, doubles of the daemons they ask, and a
client per tree that is Wazuh's own class (api_client.py)."""
import contextlib
import json
import os
import socket
import struct
import subprocess
import threading

import lib
from nodes import HERE, PYTHON, Wazuh, add_sources, environment

DAEMONS = ('wazuh-modulesd', 'wazuh-analysisd', 'wazuh-execd', 'wazuh-db', 'wazuh-remoted')
MARK = 'all that was sent before'

# ---- trees -------------------------------------------------------------------------------------------------
CONF = '''<ossec_config>
  <global>
    <jsonout_output>yes</jsonout_output>
    <email_notification>no</email_notification>
    <white_list>127.0.0.1</white_list>
    <white_list>^localhost.localdomain$</white_list>
    <agents_disconnection_time>10m</agents_disconnection_time>
  </global>
  <alerts><log_alert_level>3</log_alert_level></alerts>
  <logging><log_format>plain</log_format></logging>
  <remote><connection>secure</connection><port>1514</port><protocol>tcp,udp</protocol></remote>
  <remote><connection>syslog</connection><allowed-ips>10.0.0.0/8</allowed-ips><allowed-ips>192.168.1.1</allowed-ips></remote>
  <syscheck>
    <disabled>no</disabled>
    <directories check_all="yes" realtime='yes'>/etc,/usr/bin</directories>
    <directories>/bin</directories>
    <ignore>/etc/mtab</ignore>
    <ignore type="sregex">.log$|.swp$</ignore>
    <skip_nfs>yes</skip_nfs>
  </syscheck>
  <!-- a comment with <tags> & more -->
  <ruleset>
    <decoder_dir>ruleset/decoders</decoder_dir>
    <rule_dir>ruleset/rules</rule_dir>
    <rule_exclude>0215-policy_rules.xml</rule_exclude>
    <list>etc/lists/audit-keys</list>
    <list>etc/lists/empty</list>
  </ruleset>
  <command><name>disable-account</name><executable>disable-account</executable><timeout_allowed>yes</timeout_allowed></command>
  <active-response><disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store></active-response>
</ossec_config>
<ossec_config>
  <localfile><log_format>syslog</log_format><location>/var/log/a &amp; b</location></localfile>
  <localfile>
    <log_format>command</log_format><command>df -P</command><frequency>360</frequency>
  </localfile>
  <wodle name="open-scap"><disabled>yes</disabled><timeout>1800</timeout></wodle>
  <wodle name="command"><tag>t</tag><command>/bin/bash</command></wodle>
  <sca><enabled>yes</enabled><policies><policy>p1.yml</policy><policy enabled="no">p2.yml</policy></policies></sca>
  <vulnerability-detection><enabled>yes</enabled></vulnerability-detection>
  <integration><name>slack</name><api_key>0123</api_key></integration>
  <labels><label key="a.b" hidden="yes">x</label></labels>
  <global><logall>no</logall></global>
</ossec_config>
'''


def log_lines():
    """300 entries of every level and shape, in between lines that are none. What is not ASCII is in the last KiB: where one of the
    blocks that a real node reads begins within a character, it loses that."""
    levels = ('INFO', 'WARNING', 'ERROR', 'DEBUG', 'CRITICAL')
    tags = ('wazuh-modulesd:syscollector', 'wazuh-remoted', 'sca', 'wazuh-analysisd[123] analysisd.c:45 at main()', 'rootcheck')
    out = []
    for n in range(300):
        out.append(f'2026/11/{n // 20 + 1:02} 10:{n % 60:02}:{n * 7 % 60:02} {tags[n % 5]}: {levels[n * 3 % 7 % 5]}: ({1000 + n % 9}): '
                   f'Message {n % 40} of "x\\y" {chr(0xfc) * (n > 293)};a=b, (c) {"long " * (n % 4)}\n')
        if n % 17 == 0:
            out.append('  a line that goes on\n')
    return ''.join(out).encode()


def stats():
    day = ''.join(f'{h}-5715-3-{h + 1}\n{h}-502-{h % 15}-1\n{h}--{h * 3}--{h * 100}--{h}--0\n\n' for h in range(24))
    out = {'stats/totals/2026/Nov/ossec-totals-05.log': day.encode(), 'stats/totals/2026/Nov/ossec-totals-06.log': b'1-2-3-4-5-6\n0--1\n'}
    for h in range(0, 25, 2):
        out[f'stats/hourly-average/{h}'] = b'%d' % (h * 11)
        out[f'stats/weekly-average/{h % 7}/{h}'] = b'%d\n' % (h * 5)
    return out


def files():
    return {**lib.some_files(), **stats(), 'logs/ossec.log': log_lines(), 'api/configuration/api.yaml': b'host: ["127.0.0.1"]\nport: 55001\nlogs:\n  level: debug\n',
            **{f'var/run/{d}-{os.getpid()}.pid': b'' for d in DAEMONS},
            'api/configuration/security/installation_uid': b'3f2a6c1e-0000-4000-8000-000000000000'}


def own_files(role):
    """A worker has its master's synchronised files from there."""
    return {p: d for p, d in files().items() if role == 'master' or not p.startswith((*lib.SYNCED, 'etc/client.keys'))}


# ---- daemons -----------------------------------------------------------------------------------------------
class Daemons:
    """execd, remoted and analysisd of one tree: what they were asked is in `asked`; answers: {socket: answer}. reloads: how often a
    worker's clusterd asked for its ruleset to be read anew, some time after it was told to."""
    def __init__(self, node):
        self.asked, self.answers, self.sockets, self.marked = [], {}, [], threading.Semaphore(0)
        self.reloads, self.holds = 0, {}
        for path, kind in (('queue/alerts/execq', socket.SOCK_DGRAM), ('queue/alerts/ar', socket.SOCK_DGRAM),
                           ('queue/sockets/com', socket.SOCK_STREAM), ('queue/sockets/analysis', socket.SOCK_STREAM)):
            s = socket.socket(socket.AF_UNIX, kind)
            os.makedirs(os.path.dirname(node.path(path)), exist_ok=True)
            s.bind(node.path(path))
            self.sockets.append(s)
            if kind == socket.SOCK_STREAM:
                s.listen(50)
            threading.Thread(target=self.datagrams if kind == socket.SOCK_DGRAM else self.streams, args=(path, s), daemon=True).start()

    def datagrams(self, path, s):
        while True:
            text = s.recv(65536).decode()
            if text == MARK:
                self.marked.release()
            else:
                self.asked.append((path, text))

    def streams(self, path, s):
        while True:
            threading.Thread(target=self.stream, args=(path, s.accept()[0]), daemon=True).start()

    def stream(self, path, s):
        with s, s.makefile('rb') as f, contextlib.suppress(OSError):
            while len(head := f.read(4)) == 4:
                text = f.read(struct.unpack('<I', head)[0]).decode()
                if '"module": "cluster"' in text:
                    self.reloads += 1
                elif not text.startswith('getconfig'):
                    self.asked.append((path, text))
                reply = self.answer(path, text).encode()
                s.sendall(struct.pack('<I', len(reply)) + reply)

    @contextlib.contextmanager
    def hold(self, path):
        """Within it that daemon does not answer. Gives an event: it was asked."""
        came, go = threading.Event(), threading.Event()
        self.holds[path] = came, go
        try:
            yield came
        finally:
            del self.holds[path]
            go.set()

    def answer(self, path, text):
        came, go = self.holds.get(path, (None, None))
        if came and not text.startswith('getconfig'):
            came.set()
            go.wait()
        if text == 'getconfig logging':
            return 'ok {"logging": {"plain": "yes", "json": "no"}}'
        return self.answers.get(path, '{"error": 0, "data": [], "message": "ok"}')

    def take(self):
        """What they were asked so far: before whoever asked heard of it."""
        for s in self.sockets:
            if s.type == socket.SOCK_DGRAM:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
                    own.sendto(MARK.encode(), s.getsockname())
                assert self.marked.acquire(timeout=10)
        got, self.asked = self.asked, []
        return sorted(got)


# ---- clients -----------------------------------------------------------------------------------------------
class Client:
    """Wazuh's class in a node's tree. ask(function, how, f_kwargs, other arguments of the class) is the answer."""
    def __init__(self, node):
        if not isinstance(node, Wazuh) and not os.path.exists(node.path('framework/wazuh/__init__.py')):
            add_sources(node)
        self.node = node
        self.proc = subprocess.Popen([PYTHON, f'{HERE}/api_client.py'], cwd='/', env=environment(node.root), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=open(f'{node.root}.client', 'wb'))

    def raw(self, how, f, kwargs=None, **more):
        question = {'f': f, 'how': how, 'f_kwargs': kwargs or {}, **more}
        self.proc.stdin.write(json.dumps(question).encode() + b'\n')
        self.proc.stdin.flush()
        line = self.proc.stdout.readline()
        while line and not line.startswith(b'{'):
            line = self.proc.stdout.readline()
        assert line, f'the client in {self.node.root} died: {open(f"{self.node.root}.client").read()[-1500:]}'
        return json.loads(line)

    def close(self):
        self.proc.stdin.close()
        self.proc.wait()
