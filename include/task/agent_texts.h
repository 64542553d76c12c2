/* task/agent_texts.h - what agent information and agent groups have in common on both sides: strings that a
 * command names, verdicts on what was applied, and their lines in the log (reference, sections 4.2 and 6).
 * The words are Wazuh's where it has some. */
#ifndef PICKET_TASK_AGENT_TEXTS_H
#define PICKET_TASK_AGENT_TEXTS_H

#include "base/log.h"
#include "store/store.h"
#include "wire/session.h"

/* Subtags of the log. */
#define AGENT_INFO_TAG "Agent-info sync"
#define AGENT_GROUPS_LOCAL_TAG "Local agent-groups"
#define AGENT_GROUPS_SEND_TAG "Agent-groups send"
#define AGENT_GROUPS_SEND_FULL_TAG "Agent-groups send full"
#define AGENT_GROUPS_RECV_TAG "Agent-groups recv"
#define AGENT_GROUPS_RECV_FULL_TAG "Agent-groups recv full"
/* Lines about one string in so many milliseconds: a hostile peer could fill the log with them. */
#define AGENT_LINES_MS 500u
/* What a verdict speaks of. */
#define AGENT_INFO "agent-info"
#define AGENT_GROUPS "agent-groups"

/* Moves the content of the string that m's payload names to *to (an initialised, empty blob with the
 * session's windows and spill, and any small memory), and forgets the string. E_UNKNOWN: there is none, or it
 * is not complete; e->what is then the text of the _err command. Others: it could not be kept; the string is
 * gone all the same. */
enum err agent_string_take(struct session *s, const struct message *m, struct blob *to, struct error *e);

#define AGENT_VERDICT_BYTES 1100 /* room that any verdict fits */
/* Writes the verdict on a finished WRITE. True: a result, {"updated_chunks": 3, "error_messages": [],
 * "time_spent": 0.0348}, for syn_m_a_e, syn_w_g_e, syn_wgc_e; false: the words of why the whole job failed,
 * for syn_m_a_err, syn_w_g_err, syn_wgc_err. what: AGENT_INFO or AGENT_GROUPS. */
bool agent_verdict_write(struct text *out, const struct store_job *j, const char *what, double seconds);
/* "Timeout while processing agent-info chunks.": the words when a WRITE takes too long. */
void agent_verdict_late(struct text *out, const char *what);
/* The lines of a finished WRITE: what was refused, or why all of it failed (ERROR), or how much went in
 * (DEBUG). */
void agent_verdict_log(struct log *log, const char *tag, const char *subtag, const struct store_job *j,
                       const char *what, double seconds);

/* A result as the peer gives it. */
struct agent_result {
    uint64_t updated; /* chunks (or members) that went in */
    uint32_t errors;  /* chunks that did not */
    char words[512];  /* their messages, as Python shows a list of strings; cut */
};
/* Reads the payload of a result command, of any length. E_SYNTAX, E_VALUE: it is none. */
enum err agent_result_read(struct agent_result *r, const struct message *m, struct error *e);
/* "Finished in 0.035s. Updated 3 chunks.", at the level good, or as an ERROR with the messages. */
void agent_result_log(struct log *log, enum log_level good, const char *tag, const char *subtag,
                      const struct agent_result *r, double seconds);
/* "There was an error while processing agent-info on the peer: ..." with the payload of an _err command. */
void agent_error_log(struct log *log, const char *tag, const char *subtag, const char *what,
                     const struct message *m);

#endif
