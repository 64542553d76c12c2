/* board/small - a small appliance: 2,000 files and 8 workers in 4 MiB of fixed memory. */
#ifndef BOARD_SMALL_LIMITS_H
#define BOARD_SMALL_LIMITS_H

#ifndef BOARD_NAME /* a board that is like this one says its own */
#define BOARD_NAME "small"
#endif
#define BOARD_RAM_BYTES (4u << 20)

#define FILES_MAX 2000u
#define UNSYNCED_MAX 32u

#define PACKAGE_ENCODERS 1u
#define PACKAGE_DECODERS 2u
#define PACKAGE_SEGMENT_BYTES (32u << 10)

#define WORKERS_MAX 8u
#define LOCAL_CLIENTS_MAX 64u
#define LOCAL_DESKS 6u
#define LOCAL_QUESTIONS 6u
#define STRANGERS_MAX 32u
#define BODY_WINDOWS 4u
#define BODY_WINDOW_BYTES (48u << 10)
#define REQUESTS_PER_SESSION 16u
#define TX_WINDOW_BYTES (16u << 10)
#define XFER_SENDERS 2u
#define XFER_CHUNK_BYTES (32u << 10)
#define STRINGS_MAX 8u

#define AGENTS_MAX 1000u
#define GROUPS_MAX 100u
#define STORE_ARENA_BYTES (768u << 10)
#define STORE_CACHE_KIB 256u
#define WDB_CLIENTS_MAX 4u

#define API_REQUESTS_MAX 16u
#define API_CALLS 2u
#define SENDSYNCS_MAX 8u

#endif
