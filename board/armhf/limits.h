/* board/armhf - a box with 64 MB: 8,000 files and 24 workers in 8 MiB of fixed memory. */
#ifndef BOARD_ARMHF_LIMITS_H
#define BOARD_ARMHF_LIMITS_H

#define BOARD_NAME "armhf"
#define BOARD_RAM_BYTES (8u << 20)

#define FILES_MAX 8000u

#define PACKAGE_ENCODERS 2u
#define PACKAGE_DECODERS 3u
#define PACKAGE_SEGMENT_BYTES (64u << 10)

#define WORKERS_MAX 24u
#define LOCAL_CLIENTS_MAX 128u
#define STRANGERS_MAX 64u
#define BODY_WINDOWS 6u
#define BODY_WINDOW_BYTES (72u << 10)
#define TX_WINDOW_BYTES (24u << 10)
#define XFER_SENDERS 3u
#define XFER_CHUNK_BYTES (64u << 10)
#define STRINGS_MAX 16u

#define AGENTS_MAX 4000u
#define GROUPS_MAX 250u
#define STORE_ARENA_BYTES (1u << 20)
#define STORE_CACHE_KIB 384u
#define WDB_CLIENTS_MAX 8u

#endif
