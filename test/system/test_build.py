#!/usr/bin/python3
"""The build's own promises: changed archives are refused, wrong binaries are refused, and the lint and the
test runner notice what they are there to notice."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ARCHIVES = os.path.join(TOP, "build/deps/archives")
PICKET = os.environ["PICKET"]


def run(*argv, cwd=TOP, **env):
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, **env}, timeout=120)


def tool(name):
    return os.path.join(TOP, "tools", name)


def write(folder, path, text, mode=0o644):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def archives(folder):
    """A folder with the pinned archives, and the name of one of them."""
    source = os.environ.get("DEPS_DIR") or ARCHIVES
    shutil.copytree(source, os.path.join(folder, "archives"))
    return os.path.join(folder, "archives"), next(f for f in os.listdir(source) if f.startswith("jsmn"))


def test_archives_from_a_folder(folder):
    where, _ = archives(folder)
    done = run(tool("deps"), os.path.join(folder, "out"), DEPS_DIR=where)
    assert done.returncode == 0, done.stderr
    assert os.path.isfile(os.path.join(folder, "out/src/jsmn/jsmn.h"))
    assert os.listdir(os.path.join(folder, "out/archives")) == []


def test_a_changed_byte_is_refused(folder):
    where, name = archives(folder)
    with open(os.path.join(where, name), "r+b") as f:
        f.seek(5000)
        byte = f.read(1)[0]
        f.seek(5000)
        f.write(bytes([byte ^ 1]))
    done = run(tool("deps"), os.path.join(folder, "out"), DEPS_DIR=where)
    assert done.returncode != 0
    assert re.search(rf"{name}: its SHA-256 is \w+, not the pinned \w+", done.stderr), done.stderr
    assert not os.path.exists(os.path.join(folder, "out/src/jsmn"))


def test_a_missing_archive_is_named(folder):
    where, name = archives(folder)
    os.unlink(os.path.join(where, name))
    done = run(tool("deps"), os.path.join(folder, "out"), DEPS_DIR=where)
    assert done.returncode != 0 and f"{name}: not found in {where}" in done.stderr, done.stderr


def test_the_binary_is_what_we_ship(_):
    size = os.path.getsize(PICKET)
    done = run(tool("check-binary"), PICKET, PICKET + ".debug", str(size))
    assert done.returncode == 0, done.stderr
    done = run(tool("check-binary"), PICKET, PICKET + ".debug", str(size - 1))
    assert done.returncode != 0 and f"is {size} bytes" in done.stderr, done.stderr


def test_other_binaries_are_refused(folder):
    done = run(tool("check-binary"), "/bin/ls", PICKET + ".debug", "9999999")
    assert done.returncode != 0 and "interpreter" in done.stderr and "shared library" in done.stderr
    source = write(folder, "a.c", "int main(void) { return 0; }\n")
    for flags, words in ((["-static", "-no-pie"], "position independent"),
                         (["-static-pie", "-z", "execstack"], "executable stack"),
                         (["-static-pie", "-z", "lazy"], "bound at start")):
        binary = os.path.join(folder, "a.out")
        done = run("gcc", *flags, "-o", binary, source)
        assert done.returncode == 0, done.stderr
        done = run(tool("check-binary"), binary, binary, "9999999")
        assert done.returncode != 0 and words in done.stderr, (flags, done.stderr)


def lint_of(folder, files):
    """What the lint says about a tree of these files, compiled."""
    for path, text in files.items():
        write(folder, path, text)
    for path in files:
        if path.endswith(".c"):
            obj = f"out/o/{path[:-2]}.o"
            os.makedirs(os.path.join(folder, os.path.dirname(obj)), exist_ok=True)
            done = run("gcc", "-w", "-fPIE", "-fstack-usage", "-iquote", "include", "-c", "-o", obj, path,
                       cwd=folder)
            assert done.returncode == 0, done.stderr
    return run(tool("lint"), "--out", "out", "--compile", "gcc -iquote include", cwd=folder).stdout


def test_lint_sees_includes_that_go_up(folder):
    said = lint_of(folder, {"src/base/a.c": '#include "sys/b.h"\n', "include/sys/b.h": '#include "app/c.h"\n',
                            "include/app/c.h": "", "src/fs/d.c": '#include "net/e.h"\n#include "sys/b.h"\n',
                            "include/net/e.h": ""})
    assert "src/base/a.c:1: base must not include sys/b.h" in said, said
    assert "include/sys/b.h:1: sys must not include app/c.h" in said
    assert "src/fs/d.c:1: fs must not include net/e.h" in said
    assert "src/fs/d.c:2" not in said


def test_lint_sees_the_wrong_door(folder):
    said = lint_of(folder, {"src/wire/a.c": "#include <unistd.h>\n#include <string.h>\n",
                            "include/sys/sys.h": "#include <poll.h>\n"})
    assert "src/wire/a.c:1: <unistd.h> belongs in" in said, said
    assert "wire/a.c:2" not in said and "sys.h:1: <" not in said


def test_lint_sees_calls_and_state(folder):
    said = lint_of(folder, {
        "src/fs/a.c": "void *malloc(unsigned long); int rename(const char *, const char *);\n"
                      "static int hits; const char *const words[] = {\"a\"};\n"
                      "void *f(void) { static int n; hits++; n++; rename(\"a\", words[n]);\n"
                      "    return malloc(hits); }\n",
        "src/app/b.c": "int turns; int g(void) { return turns++; }\n"})
    for words in ("a.c: calls malloc", "a.c: calls rename", "a.c: hits is state", "a.c: n.0 is state"):
        assert words in said, (words, said)
    assert "words is state" not in said and "turns is state" not in said


def test_lint_sees_size_words_and_headers(folder):
    body = "    f();\n" * 70
    said = lint_of(folder, {
        "src/base/a.c": f"void f(void);\nvoid g(void) {{\n{body}}}\nvoid h(char *p);\n"
                        "void big(void) {\n    char p[20000];\n    h(p);\n}\n// T" + "ODO later\n",
        "include/base/b.h": "#ifndef B\n#define B\nsize_t f(void);\n#endif\n"})
    assert "src/base/a.c:2: function of 72 lines" in said, said
    assert re.search(r"a.c:\d+:\d+:big: frame of 20\d+ bytes", said), said
    assert "include/base/b.h: is not self-contained" in said
    assert "src/base/a.c:79:" in said


def test_runner_counts_every_way_to_fail(folder):
    good = write(folder, "good", "#!/bin/sh\necho 'good: 3 passed, 0 failed, 1 skipped'\n", 0o755)
    bad = write(folder, "bad", "#!/bin/sh\necho 'why'\necho 'bad: 1 passed, 2 failed'\nexit 1\n", 0o755)
    crash = write(folder, "crash", "#!/bin/sh\necho '5 passed, 0 failed'\nkill -SEGV $$\n", 0o755)
    silent = write(folder, "silent", "#!/bin/sh\n", 0o755)
    slow = write(folder, "slow", "#!/bin/sh\nsleep 60 & wait\necho '1 passed, 0 failed'\n", 0o755)
    done = run(tool("run-tests"), "--skip", "no time", good, f"1:{slow}", bad, crash, silent)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1 and last == "9 passed, 5 failed, 2 skipped", done.stdout
    assert "why" in done.stdout and "not done after 1 s" in done.stdout
    done = run(tool("run-tests"), good)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "3 passed, 0 failed, 1 skipped"


def main():
    passed = failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    test(folder)
                    passed += 1
                except (AssertionError, OSError, subprocess.SubprocessError) as e:
                    failed += 1
                    print(f"{name}: {type(e).__name__}: {e}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
