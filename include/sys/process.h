/* sys/process.h - what a program does with its own process, its user and its terminal: for app/ alone.
 *
 * Unlike sys.h these are plain functions: they are called at start-up and by the command line, never by the
 * node's loop. Results as in sys.h: 0 or more is success, below 0 a negated errno value. */
#ifndef PICKET_SYS_PROCESS_H
#define PICKET_SYS_PROCESS_H

#include "sys/sys.h"

/* ---- becoming a daemon ---- */

/* Splits the daemon off. Returns 0 in the daemon only: a new session without a terminal, standard streams
 * still open for messages, *ready_fd to be given to process_ready. The process that called waits and ends
 * with the status given there, or with 1 when the daemon ends without saying anything. < 0: nothing was split
 * off. */
int process_daemonize(int *ready_fd);

/* Tells the waiting starter to end with status (0: the daemon is ready) and closes ready_fd. */
void process_ready(int ready_fd, int status);

/* Opens /dev/null in the place of standard input, output and error that the parent has closed: else the next
 * file opened takes the number, and what is meant for the terminal is written into it. */
int process_stdio_open(void);
/* Points standard input, output and error at /dev/null. */
int process_stdio_null(void);

/* Closes every descriptor from first upward: what a careless parent left open. */
void process_close_from(int first);

int process_chdir(const char *path);
/* The working folder's path, from / on, without links; -ERANGE if it is longer than cap. */
int process_folder(char *out, size_t cap);
void process_umask(uint32_t mask);

/* Raises the soft limit of open descriptors to count or the hard limit, whichever is less; the limit now. */
int process_files_limit(uint32_t count);

/* No core dumps, no reading of our memory by others of the same user (keys are in it), no new privileges by
 * exec. Call after process_become: changing the user sets some of it back. */
int process_harden(void);

/* ---- users ---- */

/* Ids of a user in /etc/passwd and of a group in /etc/group; an empty or NULL name leaves its id untouched.
 * -ENOENT: no such name. Users that only a directory service knows are not found. */
int process_ids(const char *user, const char *group, uint32_t *uid, uint32_t *gid);

/* Takes on group and user for good, and no other groups; fails when the old rights could still be had back. 0
 * at once when the process already has both ids. */
int process_become(uint32_t uid, uint32_t gid);

uint32_t process_uid(void);
uint32_t process_gid(void);

/* ---- other processes ---- */

int process_id(void);
/* True when a process of this number exists, whoever owns it. */
bool process_is_alive(int pid);
/* number: a SIG... of sys/signals.h. pid > 0, anything else is -EINVAL. */
int process_signal(int pid, int number);

/* ---- the terminal ---- */

bool process_is_tty(int fd);
/* Size of the terminal in characters; false when fd is none or it does not say. */
bool process_tty_size(int fd, unsigned *columns, unsigned *rows);
/* Writes all n bytes to a descriptor that may block or not; 0 or a negated errno value. */
int process_write(int fd, const void *bytes, size_t n);

/* ---- a client's socket ---- */

/* Connects to a unix socket. *fd blocks, but every s->send and s->recv on it gives up with -EAGAIN after
 * timeout_ms, and so does the connecting itself. */
int process_connect_unix(const char *path, uint32_t timeout_ms, int *fd);

#endif
