/* board/host - a server or a developer's machine: the defaults of include/limits.h. */
#ifndef BOARD_HOST_LIMITS_H
#define BOARD_HOST_LIMITS_H

#define BOARD_NAME "host"

#endif
