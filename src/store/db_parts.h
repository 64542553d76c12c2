/* store/db_parts.h - what the files of store/db*.c and store/schema.c share; private to src/store. */
#ifndef PICKET_STORE_DB_PARTS_H
#define PICKET_STORE_DB_PARTS_H

#include "store/db.h"

#include <sqlite3.h>

#define DB_PAGE_BYTES 4096u /* of a file that we make: a page of memory, a sector, a node of JFFS2 */
#define DB_FILE "global.db" /* its name in d->folder, and as SQLite knows it */

/* Opens the folder (made, 0750, if it is missing) into d->folder and gives SQLite a VFS of its own for d,
 * under d->vfs_name. */
enum err db_vfs_open(struct db *d, struct error *e);
void db_vfs_close(struct db *d); /* after the connection is closed; safe when not open */

/* What SQLite answered, as one of ours and in words that name the file; E_OK for SQLITE_OK, _ROW and _DONE.
 */
enum err db_result(struct db *d, int rc, struct error *e);

/* Runs every statement of text, which give no rows that matter. */
enum err db_exec(struct db *d, const char *text, struct error *e);

/* Runs one statement; its first column of the first row, 0 when there is none. */
enum err db_ask(struct db *d, const char *text, int64_t *value, struct error *e);

/* Looks at the file just opened: makes the schema in an empty one, brings up an older one; foreign or damaged
 * content is E_VALUE. What is refused has not been written to: the connection locks exclusively and takes no
 * checkpoint until the content was found good. */
enum err schema_check(struct db *d, struct log *log, struct error *e);

#endif
