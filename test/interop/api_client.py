#!/usr/bin/python3
"""Wazuh's own DistributedAPI class as a client; runs with the module path of a node's tree (its root is found by its own place).

Each line of standard input is a question, {"f": "wazuh.manager.get_status", "how": .., and arguments of the class}; each line of
standard output is its answer, encoded as on the wire. how:
  dapi     as wazuh-apid asks: the class decides who answers
  here     the real function, in this process, on this tree's files
  socket   what the class does on a worker: the local socket's command dapi, whatever this node is
  text     the text of f_kwargs' "text" instead of a request, in the command that its "command" names
"""
import asyncio
import importlib
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import wazuh.core.cluster.common as c
from wazuh.core import common
from wazuh.core.cluster import local_client
from wazuh.core.cluster.dapi import dapi
from wazuh.core.exception import WazuhException

dapi.pools['thread_pool'] = ThreadPoolExecutor(1)  # instead of processes, whose start takes seconds


def function(name):
    """wazuh.core.agent.Agent.get_agents_overview, or one that Wazuh does not have."""
    parts = name.split('.')
    for n in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module('.'.join(parts[:n]))
            for part in parts[n:]:
                found = getattr(found, part)
            if callable(found):
                return found
        except (ImportError, AttributeError):
            pass

    def unknown(**_):
        pass
    unknown.__module__, unknown.__name__, unknown.__qualname__ = name.rpartition('.')[0], parts[-1], parts[-1]
    return unknown


async def ask(q):
    how = q.pop('how')
    if how == 'here':
        q['request_type'] = 'local_any'
    d = dapi.DistributedAPI(f=function(q.pop('f')), logger=LOG, **q)
    try:
        if how == 'text':
            return {'said': await local_client.LocalClient().execute(d.f_kwargs['command'].encode(), d.f_kwargs['text'].encode())}
        return await (d.execute_remote_request() if how == 'socket' else d.distribute_function())
    except WazuhException as e:
        return e
    except Exception as e:
        return {'unreadable': repr(e)}


async def main():
    while line := sys.stdin.readline():
        said = await ask(json.loads(line, object_hook=c.as_wazuh_object))
        print(json.dumps(said, cls=c.WazuhJSONEncoder), flush=True)


# Errors name the log file, as the cluster's daemon says it.
LOG = logging.getLogger('client')
LOG.addHandler(logging.FileHandler(f'{common.WAZUH_PATH}/logs/cluster.log', delay=True))
logging.disable()
print('ready', flush=True)
asyncio.run(main())
