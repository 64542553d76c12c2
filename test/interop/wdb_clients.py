#!/usr/bin/python3
"""What Wazuh's own programs ask of wazuh-db; runs with the module path of a real node's tree. Reads a JSON list of
questions from standard input, prints the list of answers; {"error": words} where Wazuh's class raises.

  ["text", COMMAND]       AsyncWazuhDBConnection, as clusterd asks: [status, payload]
  ["sql", QUERY]          WazuhDBConnection.execute, as the API asks, in pages of its own choice
  ["send", COMMAND]       WazuhDBConnection.send: [status, payload]
  ["http", METHOD, ...]   a method of WazuhDBHTTPClient (4.13 and later)
  ["query", CLASS, {..}]  a query class of wazuh.core.agent, with these arguments
  ["call", NAME, ...]     a function or Agent.method of wazuh.core.agent
"""
import asyncio
import inspect
import json
import sys

from wazuh.core import agent
from wazuh.core.wdb import AsyncWazuhDBConnection, WazuhDBConnection


async def text(command):
    return await AsyncWazuhDBConnection().run_wdb_command(command)


async def sql(query):
    return WazuhDBConnection().execute(query)


async def send(command):
    return WazuhDBConnection().send(command)


async def http(method, *args):
    from wazuh.core.wdb_http import get_wdb_http_client
    async with get_wdb_http_client() as client:
        return await getattr(client, method)(*args)


async def query(name, args):
    if 'min_select_fields' in args:
        args['min_select_fields'] = set(args['min_select_fields'])
    with getattr(agent, name)(**args) as q:
        return q.run()


async def call(name, *args):
    found = agent
    for part in name.split('.'):
        found = getattr(found, part)
    got = found(*args)
    return await got if inspect.isawaitable(got) else got


def plain(value):
    return sorted(value) if isinstance(value, (set, frozenset)) else value.to_dict() if hasattr(value, 'to_dict') else \
        vars(value) if hasattr(value, '__dict__') else str(value)


async def main():
    answers = []
    for kind, *args in json.load(sys.stdin):
        try:
            answers.append(await globals()[kind](*args))
        except Exception as e:
            answers.append({'error': f'{type(e).__name__} {e}'})
    print(json.dumps(answers, default=plain))


asyncio.run(main())
