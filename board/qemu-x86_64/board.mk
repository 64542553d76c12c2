# board/qemu-x86_64 - QEMU's PC: an appliance to test with.
DEBIAN = amd64                         # Debian's name of the architecture (tools/deps.lock has musl for it)
GNU = x86_64-linux-gnu                 # the compiler's name without -gcc
MUSL = x86_64-linux-musl
QEMU = qemu-x86_64-static              # runs its programs on another machine
ARCH =
HOT = -O2
COLD = -Oz -fno-optimize-sibling-calls
FLASH_MAX = 1114112
