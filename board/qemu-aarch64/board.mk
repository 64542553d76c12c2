# board/qemu-aarch64 - QEMU's machine "virt" with an ARMv8 processor: an appliance to test with.
DEBIAN = arm64                         # Debian's name of the architecture (tools/deps.lock has musl for it)
GNU = aarch64-linux-gnu                # the compiler's name without -gcc
MUSL = aarch64-linux-musl
QEMU = qemu-aarch64-static             # runs its programs on another machine
ARCH =
HOT = -O2
COLD = -Oz -fno-optimize-sibling-calls
FLASH_MAX = 1245184
