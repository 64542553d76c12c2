/* app/own_file.h - files that the daemon makes for itself in folders which the unprivileged user may write.
 *
 * While the daemon is still root, that user could have put a link there, to have root write to, or give him,
 * a file of his choice. So a name is only taken when it is, or becomes, an ordinary file with this one name.
 */
#ifndef PICKET_APP_OWN_FILE_H
#define PICKET_APP_OWN_FILE_H

#include "sys/sys.h"

#define OWNER_KEEP 0xffffffffu /* leave the owner as it is */

/* Opens (flags; O_CREAT makes it) name in dirfd, gives it mode and, when it is not OWNER_KEEP, the owner. The
 * descriptor, or a negated errno value: -ELOOP a symbolic link, -EMLINK no ordinary file with one name. */
int own_file_open(struct sys *sys, int dirfd, const char *name, int flags, uint32_t mode, uint32_t uid,
                  uint32_t gid);

#endif
