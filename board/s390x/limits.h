/* board/s390x - big-endian, for tests: the defaults of include/limits.h in 18 MiB. */
#ifndef BOARD_S390X_LIMITS_H
#define BOARD_S390X_LIMITS_H

#define BOARD_NAME "s390x"
#define BOARD_RAM_BYTES (18u << 20)

#endif
