/* task/integrity_send.h - the second half of integrity_master: the files of a verdict "sync required" on
 * their way. */
#ifndef PICKET_TASK_INTEGRITY_SEND_H
#define PICKET_TASK_INTEGRITY_SEND_H

#include "task/integrity_master.h"

#define IM_CHECK_TAG "Integrity check"
#define IM_SYNC_TAG "Integrity sync"

/* The comparison is complete and found something: takes a deflater, or queues for one (IM_QUEUED), and goes
 * on by itself until the task is idle again. */
void integrity_send_start(struct integrity_master *m);
/* Gives back whatever sending holds, to the first that waits for it; safe when it holds nothing. was_queued:
 * m waits itself. */
void integrity_send_drop(struct integrity_master *m, bool was_queued);

/* For integrity_send.c: everything goes back, the worker may ask again. */
void integrity_master_idle(struct integrity_master *m);
/* Seconds since the present phase began, for "Finished in". */
double integrity_master_seconds(const struct integrity_master *m);

#endif
