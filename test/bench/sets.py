"""The sets of files that are synchronised: made once, copied into each master's etc/shared."""
import os
import random
import subprocess

import lib

KINDS = {'a': ('1,000 files of 4 KB', 1000, 4096), 'b': ('10,000 files of 2 KB', 10000, 2048),
         'c': ('100 files of 1 MiB, text', 100, 1 << 20), 'd': ('1 file of 64 MiB, random', 1, 64 << 20),
         '20': ('20 files of 1 KB', 20, 1000)}
WORDS = ('rule agent group decoder location syslog match regex level description field value option frequency timeframe if_sid '
         'program_name srcip dstip user status action url id mitre pci gdpr audit local').split()


def text(rng, size):
    """Lines as rules have them; deflated they shrink to about a quarter."""
    out, n = [], 0
    while n < size:
        out.append(f'<{rng.choice(WORDS)} id="{rng.randrange(100000)}">{" ".join(rng.choices(WORDS, k=8))}</x>\n')
        n += len(out[-1])
    return ''.join(out)[:size].encode()


def made(kind):
    """The folder with that set's files."""
    top = os.path.join(lib.base(), 'sets', kind)
    if os.path.exists(top):
        return top
    _, count, size = KINDS[kind]
    rng = random.Random(7)
    block = text(rng, 1 << 20)
    for n in range(count):
        folder = os.path.join(top, f'group{n // 100:03d}')
        os.makedirs(folder, exist_ok=True)
        cut = rng.randrange(len(block) - size + 1) if size < len(block) else rng.randrange(len(block))
        with open(os.path.join(folder, f'file{n:05d}.txt'), 'wb') as f:
            if kind == 'd':
                f.write(rng.randbytes(size))
            else:
                f.write((b'file %d\n' % n + block[cut:] + block[:cut])[:size])
    return top


def put(kind, node):
    """Copies a set into a node's tree; the number of its files."""
    subprocess.run(['cp', '-r', made(kind) + '/.', node.path('etc/shared')], check=True)
    return KINDS[kind][1]
