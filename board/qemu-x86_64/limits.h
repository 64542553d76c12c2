/* board/qemu-x86_64 - an appliance to test with: the defaults of include/limits.h in 18 MiB. */
#ifndef BOARD_QEMU_X86_64_LIMITS_H
#define BOARD_QEMU_X86_64_LIMITS_H

#define BOARD_NAME "qemu-x86_64"
#define BOARD_RAM_BYTES (18u << 20)

#endif
