# board/armhf - a small box: ARMv7 with a floating-point unit, Thumb-2 code, 64 MB of memory.
DEBIAN = armhf                         # Debian's name of the architecture (tools/deps.lock has musl for it)
GNU = arm-linux-gnueabihf              # the compiler's name without -gcc
MUSL = arm-linux-musleabihf
QEMU = qemu-arm-static                 # runs its programs on another machine
ARCH = -march=armv7-a+fp -mthumb
HOT = -O2
COLD = -Oz -fno-optimize-sibling-calls
FLASH_MAX = 983040
