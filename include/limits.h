/* limits.h - every capacity of a node, with its unit and default. Read this table first.
 *
 * A board lowers or raises a number in board/<name>/limits.h, which is read before the defaults
 * here; app/memory.c adds up what the numbers cost and refuses, in words, a board whose fixed
 * memory does not fit BOARD_RAM_BYTES. Nothing that a peer sends changes any of these. */
#ifndef PICKET_LIMITS_H
#define PICKET_LIMITS_H

#include BOARD_LIMITS /* "board/<name>/limits.h", given by the Makefile */

/* ---- the whole ---- */
#ifndef BOARD_RAM_BYTES
#define BOARD_RAM_BYTES (16u << 20) /* fixed memory of one node, all pools and tables, bytes */
#endif

/* ---- files ---- */
#ifndef FILES_MAX
#define FILES_MAX 20000u /* files in the manifest of one node */
#endif
#ifndef FILES_PATH_BYTES
#define FILES_PATH_BYTES (FILES_MAX * 80u) /* sum of the lengths of their paths, bytes */
#endif
#ifndef PATH_MAX_BYTES
#define PATH_MAX_BYTES 1024u /* one path relative to the root, with its final NUL, bytes */
#endif
#ifndef NAME_MAX_BYTES
#define NAME_MAX_BYTES 256u /* one component of a path, with its final NUL, bytes */
#endif
#ifndef SCAN_DEPTH_MAX
#define SCAN_DEPTH_MAX 24u /* folders below an item, the item itself included */
#endif
#ifndef ITEMS_MAX
#define ITEMS_MAX 24u /* entries of cluster.json's "files" */
#endif
#ifndef ITEM_FILES_MAX
#define ITEM_FILES_MAX 16u /* names in one item's "files" list */
#endif
#ifndef EXCLUDES_MAX
#define EXCLUDES_MAX 16u /* excluded names, and as many excluded extensions */
#endif
#ifndef UNSYNCED_MAX
#define UNSYNCED_MAX 64u /* files named in the status as not yet synchronised, with the reason */
#endif

/* ---- packages ---- */
#ifndef PACKAGE_ENCODERS
#define PACKAGE_ENCODERS 3u /* packages being deflated at once */
#endif
#ifndef PACKAGE_DECODERS
#define PACKAGE_DECODERS 8u /* packages being inflated at once */
#endif
#ifndef PACKAGE_SEGMENT_BYTES
#define PACKAGE_SEGMENT_BYTES (128u << 10) /* plain bytes deflated as one unit (see package_enc.h) */
#endif
#ifndef DEFLATE_WINDOW_BITS
#define DEFLATE_WINDOW_BITS 15
#endif
#ifndef DEFLATE_MEM_LEVEL
#define DEFLATE_MEM_LEVEL 8
#endif
#ifndef JSON_MEMBER_BYTES
#define JSON_MEMBER_BYTES 4096u /* one member of a manifest's JSON: its path and metadata, bytes */
#endif

/* ---- the wire ---- */
#ifndef WORKERS_MAX
#define WORKERS_MAX 64u /* workers that a master serves */
#endif
#ifndef LOCAL_CLIENTS_MAX
#define LOCAL_CLIENTS_MAX 512u /* programs connected to the local socket at once */
#endif
#ifndef LOCAL_DESKS
#define LOCAL_DESKS 8u /* of them, in the middle of a request or an answer at once */
#endif
#ifndef LOCAL_QUESTIONS
#define LOCAL_QUESTIONS 16u /* questions of a worker's programs to its master, under way at once */
#endif
#ifndef STRANGERS_MAX
#define STRANGERS_MAX 128u /* connections that have not said a good hello */
#endif
#ifndef STRANGERS_PER_ADDRESS
#define STRANGERS_PER_ADDRESS 10u /* of them, from one source address (as 4.14.7 has it) */
#endif
#ifndef STRANGER_BODY_BYTES
#define STRANGER_BODY_BYTES 256u /* clear payload of a stranger's frame, bytes */
#endif
#ifndef STRANGER_LIFE_MS
#define STRANGER_LIFE_MS 5000u /* a stranger's whole life, milliseconds */
#endif
#ifndef NODE_NAME_BYTES
#define NODE_NAME_BYTES 65u /* a node's or cluster's name with its NUL, bytes */
#endif
#ifndef BODY_SMALL_BYTES
#define BODY_SMALL_BYTES 1024u /* clear payload kept inside a message, bytes; longer ones take a window */
#endif
#ifndef BODY_WINDOWS
#define BODY_WINDOWS 8u /* windows for longer payloads; but for the last few the spool takes over */
#endif
#ifndef BODY_WINDOW_BYTES
#define BODY_WINDOW_BYTES (136u << 10) /* one window, bytes; longer payloads go to the spool */
#endif
#ifndef DIVIDED_MAX
#define DIVIDED_MAX 32u /* half-received divided messages of all sessions together */
#endif
#ifndef MESSAGES_MAX
#define MESSAGES_MAX (WORKERS_MAX + LOCAL_DESKS + DIVIDED_MAX) /* messages being received at once */
#endif
#ifndef DIVIDED_PER_SESSION
#define DIVIDED_PER_SESSION 10u /* half-received divided messages of one session (error 3051) */
#endif
#ifndef FRAME_MAX_BYTES
#define FRAME_MAX_BYTES (256u << 20) /* payload length of one frame (error 3050), bytes */
#endif
#ifndef DIVIDED_TIME_MS
#define DIVIDED_TIME_MS 120000u /* from one frame of a divided message to the next, milliseconds */
#endif
#ifndef FRAME_TIME_MS
#define FRAME_TIME_MS 30000u /* from a frame's header to its last byte, milliseconds */
#endif
#ifndef REQUESTS_PER_SESSION
#define REQUESTS_PER_SESSION 32u /* requests of ours without their reply, per session */
#endif
#ifndef TX_WINDOW_BYTES
#define TX_WINDOW_BYTES (32u << 10) /* encoded bytes waiting for the socket, per session */
#endif
#ifndef TX_QUEUE_MAX
#define TX_QUEUE_MAX 8u /* long messages queued for sending, per session */
#endif
#ifndef XFER_SENDERS
#define XFER_SENDERS 6u /* files or strings being sent at once */
#endif
#ifndef XFER_CHUNK_BYTES
#define XFER_CHUNK_BYTES (128u << 10) /* data bytes of one file_upd or str_upd that we send */
#endif
#ifndef XFER_CHUNKS_AHEAD
#define XFER_CHUNKS_AHEAD 4u /* chunks sent without waiting for their replies */
#endif
#ifndef XFER_RECEIVERS
#define XFER_RECEIVERS (WORKERS_MAX + 16u) /* files being received at once */
#endif
#ifndef STRINGS_MAX
#define STRINGS_MAX 32u /* strings received and not yet consumed */
#endif

/* ---- agents ---- */
#ifndef AGENTS_MAX
#define AGENTS_MAX 20000u /* agents in the embedded store */
#endif
#ifndef GROUPS_MAX
#define GROUPS_MAX 1000u /* groups in the embedded store */
#endif
#ifndef STORE_ARENA_BYTES
#define STORE_ARENA_BYTES (2u << 20) /* all memory SQLite has, its page cache included, bytes */
#endif
#ifndef STORE_CACHE_KIB
#define STORE_CACHE_KIB 1024u /* of it, most for the page cache, KiB */
#endif
#ifndef WDB_CLIENTS_MAX
#define WDB_CLIENTS_MAX 16u /* programs on the two wazuh-db sockets at once */
#endif

/* ---- the distributed API ---- */
#ifndef API_REQUESTS_MAX
#define API_REQUESTS_MAX 40u /* requests waiting or under way */
#endif
#ifndef API_CALLS
#define API_CALLS 3u /* of them, being answered by this node at once */
#endif
#ifndef API_PARTS_MAX
#define API_PARTS_MAX (WORKERS_MAX + 1u) /* nodes that one request may be passed on to */
#endif
#ifndef API_REQUEST_SMALL_BYTES
#define API_REQUEST_SMALL_BYTES                                                                              \
    1024u /* of a request, and of an answer, kept in its slot; longer ones take a window */
#endif
#ifndef API_KWARGS_BYTES
#define API_KWARGS_BYTES 8192u /* arguments of a call that this node reads itself, JSON bytes */
#endif
#ifndef API_KEEP_BYTES
#define API_KEEP_BYTES 4096u /* one of them */
#endif
#ifndef API_RBAC_BYTES
#define API_RBAC_BYTES 4096u /* permissions that concern one function, JSON bytes */
#endif
#ifndef API_RBAC_TOKENS
#define API_RBAC_TOKENS 256u
#endif
#ifndef API_TEXT_BYTES
#define API_TEXT_BYTES 12288u /* one item of an answer, JSON bytes */
#endif
#ifndef SENDSYNCS_MAX
#define SENDSYNCS_MAX 30u /* messages for daemons of the master, under way */
#endif

/* ---- the loop ---- */
#ifndef TIMERS_MAX
#define TIMERS_MAX                                                                                           \
    (WORKERS_MAX * 5u + LOCAL_DESKS + STRANGERS_MAX + WDB_CLIENTS_MAX + API_CALLS * 2u + SENDSYNCS_MAX + 46u)
#endif
#ifndef TURN_BYTES
#define TURN_BYTES (256u << 10) /* bytes one connection may read or write in one turn */
#endif
#ifndef STEP_BYTES
#define STEP_BYTES (256u << 10) /* file bytes one task's step may read, hash or write */
#endif

#endif
