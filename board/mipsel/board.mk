# board/mipsel - a router-class box: MIPS32r2, little-endian, 32 MB of memory. Bytes of flash count more than speed.
DEBIAN = mipsel                        # Debian's name of the architecture (tools/deps.lock has musl for it)
GNU = mipsel-linux-gnu                 # the compiler's name without -gcc
MUSL = mipsel-linux-musl
QEMU = qemu-mipsel-static              # runs its programs on another machine
ARCH = -fvisibility=hidden             # no dynamic symbols: 64 KB
HOT = -Oz
COLD = -Oz -fno-optimize-sibling-calls
FLASH_MAX = 1703936
