/* integrity_rig.h - what the integrity tasks of one node work with: files below test_dir(), real calls, a
 * clock of the case's own, small pools, and the log as text. */
#ifndef PICKET_INTEGRITY_RIG_H
#define PICKET_INTEGRITY_RIG_H

#include "task/integrity_master.h"
#include "test/harness/faults.h"
#include "test/harness/session_peer.h"

#define RIG_WALL_NS 1795170700000000000 /* the wall clock at monotonic 0: 2026-11-20T10:31:40Z */

struct rig {
    struct faults faults; /* faults.sys is everybody's table; its time is virtual */
    struct peer_clock clock;
    struct loop loop;
    struct log log;
    char log_buf[65536]; /* "ERROR [Worker w1] [Integrity sync] text\n", a line each */
    struct text lines;
    int root, files_open; /* descriptors that were open when it began */
    struct items items;
    struct intervals intervals;
    struct manifest manifest;
    struct scanner scanner;
    struct unsynced unsynced;
    struct memory_spill spill;
    struct integrity_env env;
};

/* The case's one. At its end no timer, work, slot, descriptor or spill file may be left. Items and intervals
 * are the defaults, the period of the scanner is 0. */
struct rig *rig_new(uint32_t checkers, uint32_t senders);
/* Sets both clocks and runs what is due. */
void rig_pass(struct rig *r, uint64_t ms);
/* Turns while anybody has work. */
void rig_work(struct rig *r);
/* A whole round of the scanner. */
void rig_scan(struct rig *r);
/* Writes a file with a time stamp of its own. */
void rig_write(const char *path, const char *text, int64_t mtime_ns);
void rig_write_bytes(const char *path, const void *bytes, size_t n, int64_t mtime_ns);
void rig_remove(const char *path);
bool rig_log_has(const struct rig *r, const char *text);
void rig_log_clear(struct rig *r);
/* Slot of a path; fails the case when there is none. */
uint32_t rig_slot(const struct rig *r, const char *path);

/* A package of members name, content, name, content, ..., NULL; its bytes stay until the case ends. */
uint8_t *rig_package(size_t *n, const char *const *members);
/* Steps and drains a peer, and turns the loop, until nothing moves. */
void rig_settle(struct rig *r, struct peer *p);
/* Sends a whole file to the peer, as the other side does; its digest is wrong when good is false. Checks the
 * three answers. */
void rig_send_file(struct rig *r, struct peer *p, const char *path, const void *bytes, size_t n, bool good);
/* Receives what the peer sends as a file, and answers it; its bytes in *n, its path in path. Fails the case
 * when the digest is wrong. */
uint8_t *rig_receive_file(struct rig *r, struct peer *p, char path[XFER_PATH_BYTES], size_t *n);
/* The member of a package; NULL when it is not there. *n: its bytes; a NUL follows them. */
char *rig_member(const uint8_t *package, size_t package_n, const char *name, size_t *n);

#endif
