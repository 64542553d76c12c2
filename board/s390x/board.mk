# board/s390x - big-endian, 64 bits: no appliance, but what proves the byte order of everything on wire and disk.
DEBIAN = s390x                         # Debian's name of the architecture (tools/deps.lock has musl for it)
GNU = s390x-linux-gnu                  # the compiler's name without -gcc
MUSL = s390x-linux-musl
QEMU = qemu-s390x-static               # runs its programs on another machine
ARCH = -mlong-double-64                # as musl was built
HOT = -O2
COLD = -Oz -fno-optimize-sibling-calls
FLASH_MAX = 1376256
