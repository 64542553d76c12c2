/* fs/folder.h - folders of picket's own: making them and emptying them, without following links. */
#ifndef PICKET_FS_FOLDER_H
#define PICKET_FS_FOLDER_H

#include "base/err.h"
#include "sys/sys.h"

/* Levels below a folder that folder_empty goes down; what lies deeper stays. */
#define FOLDER_DEPTH_MAX 12

/* Opens the folder path ("queue/cluster") below root, for reading; components that are missing are made with
 * mode, whatever the umask. *fd is the caller's. E_SYS, E_SPACE, E_DENIED with the path in words; a component
 * that is a link or a file is E_SYS. */
enum err folder_make(struct sys *sys, int root, const char *path, uint32_t mode, int *fd, struct error *e);

/* Removes everything in an open folder, subfolders included; true when it is empty afterwards. What cannot be
 * removed stays. fd must be open for reading; its offset moves. */
bool folder_empty(struct sys *sys, int fd);

#endif
