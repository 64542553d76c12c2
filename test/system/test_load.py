#!/usr/bin/python3
"""Many programs at once on the local sockets of a master and two workers, and a steady load while nodes are
killed and started again: every caller gets an answer or a clear error in time, and nothing of it is left.

LOAD_SECONDS is how long the steady load lasts (10)."""
import asyncio
import collections
import json
import logging
import os
import random
import signal
import struct
import time

import lib
from lib import Node, same, seconds, wait

SECONDS = int(os.environ.get('LOAD_SECONDS', '10'))
RATE = 100  # requests a second
DEADLINE = 10  # seconds; nothing here has a reason to wait longer
SOCKET = 'queue/cluster/c-internal.sock'
NODES = b'{"filter_node": null, "offset": 0, "limit": 500, "filter_type": "all"}'
AGENTS = 200
random.seed(4)
logging.disable()  # asyncio's, of connections that nodes close


def cluster():
    if not hasattr(cluster, 'nodes'):
        conf = 'services = none\nstore = embedded\n'
        keys = b''.join(b'%03d agent%d any %064x\n' % (n, n, n) for n in range(1, AGENTS + 1))
        files = {**lib.some_files(), 'etc/client.keys': keys}
        m = Node('master', 'master', files=files, conf=conf)
        cluster.nodes = [m] + [Node('worker', f'worker{k}', master_port=m.port, conf=conf) for k in (1, 2)]
    for w in cluster.nodes[1:]:
        same(cluster.nodes[0], w)
    wait(
        lambda: json.loads(cluster.nodes[0].local(b'get_nodes', NODES).payload)['totalItems'] == 3,
        'all to join',
    )
    return cluster.nodes


def reset():
    for node in getattr(cluster, 'nodes', ()):
        node.kill()
    if hasattr(cluster, 'nodes'):
        del cluster.nodes


# ---- what is asked ---------------------------------------------------------------------------------------
def dapi(function, arguments, kind):
    module, name = function.rsplit('.', 1)
    f = {
        '__callable__': {'__name__': name, '__module__': module, '__qualname__': name, '__type__': 'function'}
    }
    more = {'from_cluster': False, 'wait_for_complete': False, 'broadcasting': 'node_list' in arguments}
    return b'dapi', json.dumps({'f': f, 'f_kwargs': arguments, 'request_type': kind, **more}).encode()


NAMES = ['master', 'worker1', 'worker2']
ALL = dapi('picket.node.get_tree', {'node_list': NAMES}, 'distributed_master')
QUESTIONS = {
    'local_any': dapi('wazuh.cluster.get_node_wrapper', {}, 'local_any'),
    'local_master': dapi('wazuh.agent.get_agents_summary_status', {}, 'local_master'),
    'long': dapi('wazuh.agent.get_agents', {}, 'local_master'),
    'all nodes': ALL,
    'one node': dapi('wazuh.manager.get_basic_info', {'node_id': 'worker1'}, 'distributed_master'),
    'get_nodes': (b'get_nodes', NODES),
    'get_health': (b'get_health', b'null'),
}
LATER = (b'Sent request to master node', b'Added request to API requests queue')


def frame(counter, command, payload):
    return struct.pack('!2I', counter, len(payload)) + (command + b' ' + b'-' * 11)[:12] + payload


async def hear(reader):
    counter, n = struct.unpack('!2I', await reader.readexactly(8))
    command = (await reader.readexactly(12)).split(b' ')[0]
    return counter, command, await reader.readexactly(n)


def code_of(text):
    """The code of an error: one without is not clear."""
    try:
        return json.loads(text)['__wazuh_exception__']['__object__']['code']
    except (ValueError, KeyError, TypeError):
        raise AssertionError(f'no clear error: {text[:300]}')


async def talk(reader, writer, command, payload):
    """('answer', text) or ('error', code)"""
    writer.write(frame(7, command, payload))
    text = b''
    while True:
        counter, name, got = await hear(reader)
        if name == b'new_str':
            text = b''
            writer.write(frame(counter, b'ok', b'4711'))
        elif name == b'str_upd':
            text += got.split(b' ', 1)[1]
            writer.write(frame(counter, b'ok', b'String updated'))
        elif name == b'dapi_res':
            writer.write(frame(counter, b'ok', b'received'))
            break
        elif name in (b'dapi_err', b'control_err', b'err'):
            return 'error', code_of(got)
        elif name == b'control_res' or (name == b'ok' and got not in LATER):
            text = got
            break
    said = json.loads(text)
    if '__wazuh_exception__' in said:
        return 'error', code_of(text)
    return 'answer', said


async def ask(node, question, tally, patience=0):
    """One program with one question. Who finds no room asks again until its patience is over."""
    command, payload = QUESTIONS[question]
    began = time.monotonic()
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_unix_connection(node.path(SOCKET))
            what, said = await asyncio.wait_for(talk(reader, writer, command, payload), DEADLINE)
        except (ConnectionError, FileNotFoundError, BlockingIOError, asyncio.IncompleteReadError):
            what, said = 'error', 'the node is gone'
        except asyncio.TimeoutError:
            what, said = 'silence', f'{question} at {node.name}'
        finally:
            if writer:
                writer.close()
        if (what, said) == ('error', 3000) and time.monotonic() - began < patience:
            tally.again += 1
            await asyncio.sleep(0.05 + random.random() / 10)
            continue
        tally.add(question, node, what, said, time.monotonic() - began)
        return


class Tally:
    def __init__(self):
        self.ends, self.took, self.again, self.silent = collections.Counter(), [], 0, []

    def add(self, question, node, what, said, took):
        self.ends[what if what == 'answer' else f'{what} {said}'] += 1
        self.took.append(took)
        if what == 'silence':
            self.silent.append(said)

    def words(self):
        t = sorted(self.took)
        ends = ', '.join(f'{n} x {e}' for e, n in self.ends.most_common())
        return (
            f'{len(t)} callers: {ends}; {self.again} asked again; median {t[len(t) // 2] * 1000:.1f} ms, '
            f'99 of 100 in {t[len(t) * 99 // 100] * 1000:.0f} ms, all in {t[-1] * 1000:.0f} ms'
        )


def all_well(tally):
    """Nobody was lost. A machine that has other things to do may be asked too much now and then."""
    assert set(tally.ends) <= {'answer', 'error 3000'}, tally.words()
    assert tally.ends['answer'] > len(tally.took) * 0.9, tally.words()


# ---- what is left ----------------------------------------------------------------------------------------
OF_REQUESTS = ('api_slots', 'api_calls', 'sendsyncs', 'windows', 'xfer_senders', 'xfer_strings', 'messages')


def left(node):
    """What requests have left on the node, in words; '' when nothing."""
    pools = {p['name']: p for p in json.loads(node.local(b'get_status').payload)['memory']['pools']}
    out = [f'{pools[n]["used"]} {n}' for n in OF_REQUESTS[:-1] if pools[n]['used']]
    if pools['messages']['used'] > 1:  # the question for the status is one
        out.append(f'{pools["messages"]["used"]} messages')
    if pools['local_clients']['used'] > 1:
        out.append(f'{pools["local_clients"]["used"]} programs')
    for folder in os.listdir(node.path('queue/cluster')):
        full = node.path('queue/cluster', folder)
        out += [f'{folder}/{f}' for f in (os.listdir(full) if os.path.isdir(full) else ())]
    return ', '.join(out)


def nothing_left(nodes):
    for n in nodes:
        n.check_alive()
        try:
            wait(lambda: not left(n), 'rest', 15)
        except AssertionError:
            raise AssertionError(f'{n.name} has still {left(n)}') from None


# ---- five hundred at once ----------------------------------------------------------------------------------
async def crowd(nodes, count, tally):
    kinds = ('local_master', 'get_nodes', 'all nodes', 'get_health', 'local_any')
    await asyncio.gather(*(ask(n, kinds[k % 5], tally, patience=30) for n in nodes for k in range(count)))


@seconds(90)
def test_five_hundred_at_once():
    """500 programs on the master and 500 on a worker: a short queue refuses some in words, and all who ask
    again are answered."""
    nodes = cluster()
    for n in nodes[:2]:
        tally = Tally()
        asyncio.run(crowd([n], 500, tally))
        print(f'   {n.role}: {tally.words()}')
        assert tally.ends['answer'] == 500, tally.words()
    tally = Tally()
    asyncio.run(crowd(nodes[:2], 500, tally))
    print(f'   both: {tally.words()}')
    assert tally.ends['answer'] == 1000, tally.words()
    nothing_left(nodes)


# ---- a steady load, and what happens to it -----------------------------------------------------------------
async def rude(node, kind, until):
    """A program that is slow, silent, stops in the middle of a frame, or does not read; it comes again when it
    is closed."""
    command, payload = QUESTIONS['long']
    whole = frame(7, command, payload)
    while time.monotonic() < until:
        writer = None
        try:
            reader, writer = await asyncio.open_unix_connection(node.path(SOCKET), limit=100)
            if kind == 'slow':
                for byte in whole:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.1)
            elif kind == 'half':
                writer.write(whole[:-3])
            elif kind == 'deaf':
                writer.transport.pause_reading()
                writer.write(whole + whole)
            await asyncio.sleep(3)
        except OSError:
            await asyncio.sleep(0.3)
        finally:
            if writer:
                writer.transport.abort()


async def steady(nodes, length, tally, happens=()):
    """RATE questions a second, each by a program of its own; happens: (second, function) to be called."""
    kinds, tasks, began = list(QUESTIONS), [], time.monotonic()
    happens = list(happens)
    for k in range(int(length * RATE)):
        due = began + k / RATE
        while happens and time.monotonic() - began >= happens[0][0]:
            happens.pop(0)[1]()
        await asyncio.sleep(max(0, due - time.monotonic()))
        tasks.append(asyncio.create_task(ask(nodes[k % 3], kinds[k // 3 % len(kinds)], tally)))
    await asyncio.gather(*tasks)


async def with_rude(nodes, length, tally, happens=()):
    until = time.monotonic() + length
    bad = [asyncio.create_task(rude(n, k, until)) for n in nodes for k in ('slow', 'half', 'deaf', 'silent')]
    await steady(nodes, length, tally, happens)
    for task in bad:
        task.cancel()
    await asyncio.gather(*bad, return_exceptions=True)


def kill(node):
    node.proc.send_signal(signal.SIGKILL)


def again(node):
    node.proc.wait()
    node.start(ready=False)


def lines(node):
    return node.log().count('\n')


@seconds(SECONDS * 2 + 90)
def test_a_steady_load():
    """With a worker killed and started again, and then the master."""
    nodes = m, w1, w2 = cluster()
    tally = Tally()
    asyncio.run(steady(nodes, 2, tally))
    all_well(tally)
    before = {n.name: lines(n) for n in nodes}
    t, tally = SECONDS / 10, Tally()
    asyncio.run(
        with_rude(
            nodes,
            SECONDS,
            tally,
            (
                (2 * t, lambda: kill(w1)),
                (3 * t, lambda: again(w1)),
                (5 * t, lambda: kill(m)),
                (6 * t, lambda: again(m)),
            ),
        )
    )
    print(f'   killed and restarted: {tally.words()}')
    assert len(tally.took) == SECONDS * RATE and not tally.silent, tally.words()
    assert tally.ends['answer'] > len(tally.took) / 2, tally.words()
    for n in nodes:
        said = lines(n) - before[n.name]
        assert said < 60 + SECONDS * 10, f'{n.name} logged {said} lines:\n{n.log()[-2000:]}'
    cluster()
    nothing_left(nodes)


@seconds(SECONDS * 2 + 60)
def test_no_growth():
    """Once used, memory is as it is."""
    nodes = cluster()
    asyncio.run(with_rude(nodes, 4, Tally()))
    before = {n.name: n.rss()[0] for n in nodes}
    tally = Tally()
    asyncio.run(with_rude(nodes, SECONDS, tally))
    print(f'   beside rude ones: {tally.words()}')
    all_well(tally)
    nothing_left(nodes)
    grown = {n.name: n.rss()[0] - before[n.name] for n in nodes}
    print(f'   private memory: {before} KB, and {grown} more afterwards')
    assert max(grown.values()) <= 128, grown
    for n in nodes:
        assert n.stop()


if __name__ == '__main__':
    lib.run(globals())
