/* store/group_folders.h - the groups of the embedded store are the folders of etc/shared. */
#ifndef PICKET_STORE_GROUP_FOLDERS_H
#define PICKET_STORE_GROUP_FOLDERS_H

#include "store/agents.h"

#define GROUP_FOLDERS_PATH "etc/shared"

/* Rows of `group` follow the folders below etc/shared; names that are none of a group are passed over,
 * "default" always exists. One call looks at all folders and all rows, in one transaction when there is
 * something to change.
 *
 * A group whose folder is gone is deleted with its memberships: on a master, unless etc/shared or its default
 * is gone too, for then the tree is not the one that was meant (a partition that is not mounted; E_CHANGED).
 * On a worker only a group without agents: one that the master still names in what it says of agents stays,
 * folders and agent groups reach a worker by different ways.
 *
 * All that can be done is done; the first thing that could not is the error: E_LIMIT more than GROUPS_MAX
 * folders, and nothing more can be done before one of them changes; E_POOL the same, but rows made room, so
 * that the next call can do more; E_CHANGED as above; what the store or the system says. Changes are one line
 * in the log. */
enum err group_folders_follow(struct agents *a, struct sys *sys, struct log *log, int root, bool is_master,
                              struct error *e);

/* E_GONE in words when there is no such group, E_VALUE when name is none of a group. */
enum err group_need(struct agents *a, const char *name, struct error *e);

#endif
