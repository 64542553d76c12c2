"""Real Wazuh nodes: unmodified sources of WAZUH_SRC (its folders framework and api) run in private trees.

A tree gets hard links to one compiled copy of the sources, and a cluster.json of its own with the test's intervals.
The daemon finds its root by its own place in it (root/framework/...).
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

SRC = os.environ.get('WAZUH_SRC', '')


def version():
    with open(os.path.join(SRC, 'framework/wazuh/__init__.py')) as f:
        return re.search(r"__version__ = '([\d.]+)'", f.read())[1]


KNOWN = tuple(int(x) for x in version().split('.'))
os.environ['WAZUH_VERSION'] = version()  # what lib's nodes announce
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, '..', 'system'))
import lib  # noqa: E402
import processes  # noqa: E402
from fake_wdb import Wdb  # noqa: E402

PYTHON = '/usr/bin/python3'
ITEMS = 'framework/wazuh/core/cluster/cluster.json'
FOLDERS = ('ruleset/rules', 'ruleset/decoders', 'ruleset/lists', 'queue/alerts', 'queue/tasks', 'tmp', 'stats',
           'logs/api', 'logs/cluster', 'var/db', 'backup', 'api/configuration/security', 'api/configuration/ssl')
# What the sources import beside Python's own modules: module and Debian package.
NEEDS = {'cryptography': 'python3-cryptography', 'uvloop': 'python3-uvloop', 'httpx': 'python3-httpx',
         'jsonschema': 'python3-jsonschema', 'sqlalchemy': 'python3-sqlalchemy', 'psutil': 'python3-psutil', 'yaml': 'python3-yaml',
         'dateutil': 'python3-dateutil', 'pytz': 'python3-tz', 'defusedxml': 'python3-defusedxml', 'cachetools': 'python3-cachetools',
         'jwt': 'python3-jwt', 'requests': 'python3-requests', 'regex': 'python3-regex', 'werkzeug': 'python3-werkzeug',
         'certifi': 'python3-certifi', 'xmltodict': 'python3-xmltodict'}


def missing_packages():
    code = 'import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if not u.find_spec(m)])'
    said = subprocess.run([PYTHON, '-c', code, *NEEDS], capture_output=True, text=True, check=True).stdout
    return [NEEDS[m] for m in said.split()]


def environment(root):
    """Of everything of Wazuh's that runs in that tree."""
    return {**os.environ, 'PYTHONPATH': f'{root}/framework:{HERE}/stubs', 'PYTHONDONTWRITEBYTECODE': '1'}


def compiled():
    """One copy of the sources without their tests, compiled."""
    top = os.path.join(lib.base(), 'wazuh-sources', 'framework')
    if not os.path.exists(top):
        skip = shutil.ignore_patterns('tests', 'test', '__pycache__')
        for part, to in (('framework/wazuh', 'wazuh'), ('framework/scripts', 'scripts'), ('api/api', 'api')):
            shutil.copytree(os.path.join(SRC, part), os.path.join(top, to), ignore=skip)
        subprocess.run([PYTHON, '-m', 'compileall', '-q', top], check=True)
    return top


def add_sources(node):
    """Puts Wazuh's programs into a node's tree, a picket's too (for cluster_control)."""
    shutil.rmtree(node.path('framework'), ignore_errors=True)
    subprocess.run(['cp', '-al', compiled(), node.path('framework')], check=True)
    with open(node.path(ITEMS)) as f:
        items = json.load(f)
    for name, value in node.intervals.items():
        section, key = name.split('.')
        if key in items['intervals'][section]:
            items['intervals'][section][key] = value
    node.write({ITEMS: json.dumps(items, indent=4).encode()})  # a new file: the link stays what it was


def script(node, name, *args, timeout=30):
    """Runs one of Wazuh's programs in a node's tree."""
    return subprocess.run([PYTHON, node.path('framework/scripts', name), *args], env=environment(node.root), capture_output=True,
                          text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def client(node, *args, port, key=lib.KEY, timeout=60):
    """Wazuh's client class against any master; what it printed, as JSON. See wazuh_client.py."""
    done = subprocess.run([PYTHON, f'{HERE}/wazuh_client.py', *map(str, args), '--port', str(port), '--key', key], cwd='/',
                          env=environment(node.root), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-800:]
    return json.loads(done.stdout)


def wdb(node, agents=()):
    """A wazuh-db of that version below a node's root."""
    return Wdb(node.root, agents or getattr(node, 'agents', ()), named=KNOWN >= (4, 13))


class Wazuh(lib.Node):
    """A real node; like lib.Node in all that tests do with one. agents: what its wazuh-db knows."""
    def __init__(self, role, name, agents=(), **more):
        self.agents, self.wdb = agents, None
        super().__init__(role, name, **more)

    def lay_out(self):
        super().lay_out()
        for folder in FOLDERS:
            os.makedirs(self.path(folder), exist_ok=True)
        self.write({'etc/client.keys': b'', 'etc/internal_options.conf': b'wazuh_clusterd.debug=0\n'})
        add_sources(self)

    def command(self, *_):
        env = environment(self.root)
        return ['/usr/bin/env', *(f'{k}={env[k]}' for k in ('PYTHONPATH', 'PYTHONDONTWRITEBYTECODE')), PYTHON,
                self.path('framework/scripts/wazuh_clusterd.py'), '-f', *self.args]

    def start(self, ready=True, timeout=30):
        self.wdb = self.wdb or wdb(self)
        # Of a killed daemon. Where nobody reaps orphans they stay zombies, and its own clean-up stumbles over those.
        for path in glob.glob(self.path('var/run/wazuh-clusterd*.pid')):
            os.unlink(path)
        return super().start(ready, timeout)

    def kill(self):
        if self.alive():
            processes.kill(self.proc.pid)  # its pool outlives it
        super().kill()


WAYS = {'wazuh master': (Wazuh, lib.Node), 'picket master': (lib.Node, Wazuh)}


def pair(way, files=None, **more):
    """A new master and worker, one of each kind."""
    make_master, make_worker = WAYS[way]
    m = make_master('master', 'master-node', files=files or lib.some_files(), **more)
    return m, make_worker('worker', 'worker1', master_port=m.port, **more)


def no_errors(*nodes):
    """Since their last start. The error about a handshake is lib's own knock at a master's port."""
    for n in nodes:
        bad = [x for x in n.log()[n.mark:].split('\n') if (' ERROR: ' in x or 'Traceback' in x) and 'handshake' not in x]
        assert not bad, f'{n.name}: {bad[:3]}'


def from_now_on(node):
    """wait_log and errors look only at what the node writes from here on."""
    node.mark, node.console_mark = len(node.log()), len(node.said())
