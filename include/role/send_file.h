/* role/send_file.h - files that people and programs send from node to node: send_file of the local socket
 * (reference, section 4.4), and where such files arrive.
 *
 *   send_file "<path> <node>"   on a worker the file goes to the master, whatever the node's name
 *   ok "Forwarding file to master node", later send_f_res names a string: how many bytes went, in decimal, or
 *   the JSON of an exception. What can be told at once is told at once, as err: 3022 no such worker, 3034 no
 *   such file, 3000 a path that is none of ours.
 *
 * The path is the same on both nodes, relative to the root or with the root before it. A real node of 4.14.3
 * or later takes only what lies below queue/cluster; picket only queue/cluster/<worker>/<name>, a plain name:
 * for who waits for it there. */
#ifndef PICKET_ROLE_SEND_FILE_H
#define PICKET_ROLE_SEND_FILE_H

#include "role/local_answer.h"
#include "role/role.h"
#include "wire/xfer.h"

#define FILES_SENT 2u     /* by send_file, at once: other senders are for the nodes' own work */
#define FILES_RECEIVED 4u /* for nobody's task, at once; one of a link */
#define INBOX_FILES 64u   /* that may lie in a worker's folder; as many bytes as a quarter of the spool */

struct file_outbox;

struct file_sent {
    struct source source; /* first */
    struct file_outbox *all;
    int fd; /* -1: free */
    bool busy;
    uint32_t number; /* of the program */
    struct local_answer answer;
    struct blob result;
    char text[1024]; /* of it */
    char to[NODE_NAME_BYTES];
    char path[XFER_PATH_BYTES];
};

struct file_outbox {
    struct local_server *server;
    struct file_sent file[FILES_SENT];
};

void file_outbox_init(struct file_outbox *b, struct local_server *server);
/* Answers m. What is under way ends with the session it goes over, whether the program waits or not. */
void send_file_request(struct file_outbox *b, struct local_client *c, struct session *s,
                       const struct message *m);

/* ---- the other side ---- */

struct file_inbox;

struct file_received {
    struct sink sink; /* first */
    struct file_inbox *all;
    struct session *session; /* NULL: free */
    int fd, dir;
    uint64_t bytes, most;
    char path[XFER_PATH_BYTES]; /* as the peer names it */
    char name[NAME_MAX_BYTES];
};

struct file_inbox {
    struct role_env *env;
    struct log_brake brake;
    struct file_received file[FILES_RECEIVED];
};

/* env's members may come later. */
void file_inbox_init(struct file_inbox *b, struct role_env *env);
/* A file that no task waits for: E_UNKNOWN when it is none for the folder of worker, else as a session's
 * file_begin. */
enum err file_inbox_begin(struct file_inbox *b, struct session *s, const char *worker, const char *path,
                          struct sink **sink, struct error *e);
/* false: it is none of ours. */
bool file_inbox_end(struct file_inbox *b, struct session *s, const char *path, bool good, const char *tag);
/* The link ends: what is half received goes. */
void file_inbox_drop(struct file_inbox *b, const struct session *s);

#endif
