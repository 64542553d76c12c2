"""Processes below others; a Wazuh daemon has a pool of them."""
import os
import signal


def tree(pid):
    """That process and its descendants."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        try:
            for task in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{task}/children') as f:
                    todo += [int(x) for x in f.read().split()]
            found.append(pid)
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            pass
    return found


def kill(pid):
    """All of them, at once; who started the first one still has to wait for it."""
    for p in tree(pid):
        try:
            os.kill(p, signal.SIGKILL)
        except ProcessLookupError:
            pass
