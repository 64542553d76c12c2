/* memory_spill.h - a struct spill in memory, for tests of what keeps bytes in one. */
#ifndef PICKET_MEMORY_SPILL_H
#define PICKET_MEMORY_SPILL_H

#include "base/stream.h"

#include <stdbool.h>

#define MEMORY_SPILL_FILES 16

struct memory_spill {
    struct spill spill; /* give &m->spill to the code under test */
    struct {
        bool open;
        uint8_t *bytes;
        size_t size, cap;
    } files[MEMORY_SPILL_FILES];
    uint64_t limit;     /* bytes of all files together (E_SPACE) */
    uint64_t size;      /* bytes in all files now */
    uint32_t open;      /* files open now */
    enum err fail_with; /* when not E_OK: what every call but close answers */
};

/* limit: bytes of all files together. A file left open is a leak, which LeakSanitizer shows; m->open counts
 * them for a check in the case itself. */
void memory_spill_init(struct memory_spill *m, uint64_t limit);

#endif
