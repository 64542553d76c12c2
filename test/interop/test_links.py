"""Who may come in, who is noticed when gone, and what else passes between a Wazuh and a picket."""
import signal
import time

import lib
from lib import Node, same, seconds
from nodes import WAYS, Wazuh, client, from_now_on, no_errors, pair, version

KNOWN = tuple(int(x) for x in version().split('.'))
FAST = {'worker.keep_alive': 1, 'master.check_worker_lastkeepalive': 1, 'master.max_allowed_time_without_keepalive': 3,
        'communication.timeout_cluster_request': 2, 'worker.connection_retry': 1}


def kill(*nodes):
    for n in nodes:
        n.kill()


@seconds(60)
def both_worker_killed(way):
    m, w = pair(way)
    same(m, w)
    w.kill()
    m.write({'etc/rules/meanwhile.xml': b'meanwhile'})
    w.write({'etc/rules/local_rules.xml': b'spoiled'})
    w.start()
    w.wait_log('Successfully connected to master')
    same(m, w)
    kill(m, w)


@seconds(60)
def both_master_killed(way):
    m, w = pair(way)
    same(m, w)
    m.kill()
    m.write({'etc/rules/meanwhile.xml': b'meanwhile'})
    time.sleep(1)
    w.check_alive()
    from_now_on(w)
    m.start()
    w.wait_log('Successfully connected to master', 20)
    same(m, w)
    kill(m, w)


@seconds(60)
def both_killed_while_sending(way):
    """Each end dies in the middle of a large sync; the next start ends right."""
    m, w = pair(way)
    same(m, w)
    for victim in (w, m):
        from_now_on(victim)
        big = {f'etc/lists/big{n}': bytes([n]) * (4 << 20) for n in range(8)}
        m.write(big | {'etc/lists/turn': victim.name.encode()})
        victim.wait_log('Sync required', 20)
        victim.kill()
        torn = [p for p in big if w.read(p) not in (None, big[p])]
        assert not torn or WAYS[way][1] is Wazuh, f'torn at the worker: {torn}'
        victim.start()
        same(m, w, 30)
        for p in big:
            m.remove(p)
        same(m, w, 30)
    kill(m, w)


def refused(way, says=None, joins=False, **change):
    """A worker that differs in one setting stays out (and its log says why), or comes in."""
    make_master, make_worker = WAYS[way]
    m = make_master('master', 'master-node', files=lib.some_files())
    w = make_worker('worker', change.pop('name', 'worker1'), master_port=m.port, files={'etc/lists/mine': b'mine'}, **change)
    if joins:
        same(m, w)
    else:
        w.wait_log(says) if says else time.sleep(3)
        time.sleep(1)
        assert w.read('etc/lists/mine') == b'mine' and 'Successfully connected' not in w.log()
        w.check_alive()
    m.check_alive()
    return m, w


def both_wrong_key(way):
    m, w = refused(way, 'onnect', key='f' * 32)
    good = WAYS[way][1]('worker', 'good', master_port=m.port)
    same(m, good)
    kill(m, w, good)


def both_wrong_cluster(way):
    kill(*refused(way, 'does not belong to the same cluster' if WAYS[way][1] is Wazuh else '3030', cluster='other'))


def both_same_name_as_master(way):
    kill(*refused(way, '3029' if WAYS[way][1] is Node else 'ame name', name='master-node'))


@seconds(60)
def both_same_name(way):
    """The second of that name stays out, the first one in; when the first is gone the second comes in."""
    m, w = pair(way)
    same(m, w)
    second = WAYS[way][1]('worker', 'worker1', master_port=m.port, files={'etc/lists/mine': b'mine'})
    # 4.4.0 puts the name's bytes into the error, cannot write that as JSON, and closes instead.
    second.wait_log('lready' if WAYS[way][1] is Wazuh else '3028' if KNOWN > (4, 4, 0) else 'without answering hello')
    m.write({'etc/rules/for-the-first.xml': b'first'})
    same(m, w)
    assert second.read('etc/lists/mine') == b'mine'
    w.kill()
    same(m, second, 25)
    kill(m, second)


def test_wrong_version_wazuh_master():
    kill(*refused('wazuh master', '3031', version='4.13.1'))


def hello(m, text):
    return client(node_with_sources(m), 'hello', '--data', text, port=m.port)


def node_with_sources(m):
    """A tree that Wazuh's programs can run in, for clients of a picket."""
    if not hasattr(node_with_sources, 'node'):
        node_with_sources.node = Wazuh('worker', 'tree', master_port=m.port, start=False)
    return node_with_sources.node


def test_hellos_picket_master():
    """Wazuh's client class reads the refusals as its own errors."""
    m = Node('master', 'master-node')
    v = version()
    assert 'worker1 added' in hello(m, f'worker1 wazuh worker {v}')
    for text, code in ((f'worker1 other worker {v}', 3030), ('worker1 wazuh worker 4.13.1', 3031), (f'master-node wazuh worker {v}', 3029)):
        assert f"'code': {code}" in hello(m, text), text
    dotted = hello(m, f'w.9 wazuh worker {v}')
    assert ("'code': 3060" in dotted) == (KNOWN >= (4, 14, 6)), dotted
    kill(m)


def test_name_rule_wazuh_master():
    """A dot in a name: allowed before 4.14.6; from there on the master says 3060."""
    m = Wazuh('master', 'master-node', files=lib.some_files())
    w = Node('worker', 'w.9', master_port=m.port)
    if KNOWN < (4, 14, 6):
        same(m, w)
    else:
        lib.wait(lambda: '3060' in w.log() or 'node_name' in w.said(), 'picket to name the rule', 10)
    kill(m, w)


@seconds(60)
def both_keepalive(way):
    """With an interval of a second and a patience of three nobody is sent away; who freezes is, and comes back."""
    m, w = pair(way, intervals=FAST)
    same(m, w)
    w.wait_log('Successful response from master')
    time.sleep(5)
    no_errors(m, w)
    w.proc.send_signal(signal.SIGSTOP)
    m.wait_log('No keep alives have been received from worker1', 10)
    w.proc.send_signal(signal.SIGCONT)
    m.write({'etc/rules/after-the-worker.xml': b'x'})
    same(m, w)
    from_now_on(w)
    m.proc.send_signal(signal.SIGSTOP)
    # A worker of 4.4.0 takes the time-out for an answer and stays.
    stays = isinstance(w, Wazuh) and KNOWN <= (4, 4, 0)
    w.wait_log('timeout expired' if stays else 'Maximum number of failed keep alives reached', 20)
    m.proc.send_signal(signal.SIGCONT)
    m.write({'etc/rules/after-the-master.xml': b'x'})
    same(m, w, 30)
    kill(m, w)


def test_divided_echo_picket_master():
    """8 MiB there and back, cut by Wazuh's class and by picket."""
    m = Node('master', 'master-node')
    took = client(node_with_sources(m), 'echo', '--size', 8 << 20, '--count', 3, '--data', f'probe wazuh worker {version()}', port=m.port)
    print(f'   8 MiB echo: {min(took):.2f} s', flush=True)
    kill(m)
