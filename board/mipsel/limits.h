/* board/mipsel - a router with 32 MB: what board/small has, on another processor. */
#ifndef BOARD_MIPSEL_LIMITS_H
#define BOARD_MIPSEL_LIMITS_H

#define BOARD_NAME "mipsel"
#define BOARD_RAM_BYTES (4u << 20)

#include "board/small/limits.h"

#endif
