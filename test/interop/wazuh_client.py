#!/usr/bin/python3
"""A client made of Wazuh's own protocol classes; runs with the module path of a real node's tree. Prints JSON.

  hello --data 'name cluster worker 4.14.7'    the master's answer
  echo --size BYTES --count N                  seconds of each round trip, after a hello with --data
"""
import argparse
import asyncio
import json
import logging
import time
from types import SimpleNamespace

from wazuh.core.cluster import client, utils


class Client(client.AbstractClient):
    def __init__(self, hello, **more):
        super().__init__(**more)
        self.client_data = hello
        self.answer = asyncio.get_running_loop().create_future()

    def connection_result(self, future):
        super().connection_result(future)
        if not self.answer.done():
            self.answer.set_result(repr(future.exception() or future.result()[0]))

    def _cancel_all_tasks(self):
        pass


async def connect(a):
    loop = asyncio.get_running_loop()
    _, c = await loop.create_connection(
        lambda: Client(a.data.encode(), loop=loop, on_con_lost=loop.create_future(), name=a.data.split(' ')[0], fernet_key=a.key,
                       logger=logging.getLogger('client'), manager=SimpleNamespace(), cluster_items=utils.get_cluster_items()),
        host='127.0.0.1', port=a.port)
    return c, await asyncio.wait_for(c.answer, 20)


async def hello(a):
    print(json.dumps((await connect(a))[1]))


async def echo(a):
    c, _ = await connect(a)
    data, took = bytes(range(256)) * (a.size // 256) + b'x' * (a.size % 256), []
    for _ in range(a.count):
        began = time.perf_counter()
        answer = await c.send_request(b'echo', data)
        took.append(time.perf_counter() - began)
        if answer != data:
            raise SystemExit(f'another answer: {len(answer)} bytes, {answer[:200]!r}')
    print(json.dumps(took))


p = argparse.ArgumentParser()
p.add_argument('what', choices=['hello', 'echo'])
p.add_argument('--port', type=int, required=True)
p.add_argument('--key', required=True)
p.add_argument('--data', required=True)
p.add_argument('--size', type=int, default=100)
p.add_argument('--count', type=int, default=1)
a = p.parse_args()
asyncio.run({'hello': hello, 'echo': echo}[a.what](a))
