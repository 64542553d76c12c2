"""What Wazuh's daemon takes for granted and Debian 12 has otherwise; Python imports this file at its start.

1. Python 3.11 dropped asyncio.coroutine; Wazuh uses the name in two type annotations. It dropped the argument loop
   of asyncio.open_unix_connection; 4.4.0 still gives it.
2. Wazuh brings SQLAlchemy 2.0, where a file database takes pool_size; Debian's 1.4 refuses it unless a pool class is
   named. The daemon makes that engine (of the API's roles) but never opens it.
3. Without a user and a group called wazuh, files go to root's.
4. Wazuh brings anyio 4.1; Debian's 3.6 sends the beginning again when a local socket takes only a part
   (github.com/agronholm/anyio/issues/579), and everything above 200 KB that goes to wazuh-db is damaged.
"""
import asyncio
import grp
import importlib.abc
import importlib.machinery
import pwd
import sys

asyncio.coroutine = getattr(asyncio, 'coroutine', object)
open_unix_connection = asyncio.open_unix_connection
asyncio.open_unix_connection = lambda path=None, *, loop=None, **more: open_unix_connection(path, **more)


def or_root(find, root):
    def found(name):
        try:
            return find(name)
        except KeyError:
            if name != 'wazuh':
                raise
            return find(root)
    return found


pwd.getpwnam, grp.getgrnam = or_root(pwd.getpwnam, 'root'), or_root(grp.getgrnam, 'root')


def mend_sqlalchemy(module):
    """Adds the pool class to create_engine's arguments."""
    make = module.create_engine
    pool = sys.modules['sqlalchemy.pool'].QueuePool
    if module.__version__.startswith('1.'):
        module.create_engine = lambda *a, **k: make(*a, **({'poolclass': pool} if 'pool_size' in k else {}), **k)


def mend_anyio(module):
    """Goes on where the socket stopped taking."""
    stream = module.UNIXSocketStream
    send, raw = stream.send, '_UNIXSocketStream__raw_socket'

    async def send_on(self, item):
        if not hasattr(self, raw):  # a later anyio
            return await send(self, item)
        view = memoryview(item)
        while view:
            try:
                view = view[getattr(self, raw).send(view):]
            except BlockingIOError:
                await self._wait_until_writable(asyncio.get_running_loop())
            except OSError as e:
                raise module.BrokenResourceError from e
    stream.send = send_on


class Mended(importlib.abc.MetaPathFinder):
    """Mends modules once they have been loaded."""
    what = {'sqlalchemy': mend_sqlalchemy, 'anyio._backends._asyncio': mend_anyio}

    def find_spec(self, name, path=None, target=None):
        mend = self.what.pop(name, None)
        spec = mend and importlib.machinery.PathFinder.find_spec(name, path)
        if spec:
            run = spec.loader.exec_module

            def load(module):
                run(module)
                mend(module)
            spec.loader.exec_module = load
        return spec


sys.meta_path.insert(0, Mended())
