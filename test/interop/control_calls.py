#!/usr/bin/python3
"""Wazuh's cluster_control, called many times; runs with the module path of a node's tree.

Standard input is a JSON list of lists of arguments; standard output the list of what each call answered, [exit code, stdout,
stderr]. What takes a second is importing the program, so that is done once and each call is a process forked from there.
"""
import importlib.util
import json
import os
import sys
import tempfile
import traceback

PROGRAM = os.path.join(os.environ['PYTHONPATH'].split(':')[0], 'scripts', 'cluster_control.py')


def call(program, arguments):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if not pid:
            code = 0
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = [PROGRAM, *arguments]
            try:
                program.main()
            except SystemExit as e:
                code = e.code or 0
            except BaseException:
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return [code, *(os.pread(f.fileno(), 1 << 20, 0).decode() for f in (out, err))]


spec = importlib.util.spec_from_file_location('cluster_control', PROGRAM)
main = importlib.util.module_from_spec(spec)
spec.loader.exec_module(main)
print(json.dumps([call(main, arguments) for arguments in json.load(sys.stdin)]))
