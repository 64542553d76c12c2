/* task/integrity_receive.h - the second half of integrity_worker: what the master sends is staged, read and
 * applied. */
#ifndef PICKET_TASK_INTEGRITY_RECEIVE_H
#define PICKET_TASK_INTEGRITY_RECEIVE_H

#include "task/integrity_worker.h"

#define IW_CHECK_TAG "Integrity check"
#define IW_SYNC_TAG "Integrity sync"

void integrity_receive_init(struct integrity_worker *w);
/* syn_m_c: opens the stage and names the task (w->task_id). E_POOL, E_SYS. The state becomes IW_RECEIVE. */
enum err integrity_receive_start(struct integrity_worker *w, struct error *e);
/* syn_m_c_e: the package is complete; answers, then reads and applies it in steps of its own. */
void integrity_receive_end(struct integrity_worker *w, const struct message *message);
/* The package did not come within its time: tells the master (cancel_task 3039), as Wazuh does. */
void integrity_receive_too_late(struct integrity_worker *w);
/* Gives back whatever receiving holds; safe when it holds nothing. */
void integrity_receive_drop(struct integrity_worker *w);

/* For integrity_receive.c: back to waiting for the next check. */
void integrity_worker_idle(struct integrity_worker *w);
void integrity_worker_tell_error(struct integrity_worker *w, const struct wazuh_error *error);

#endif
