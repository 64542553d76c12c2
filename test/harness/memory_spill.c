/* memory_spill.c - see memory_spill.h. */
#include "test/harness/memory_spill.h"

#include "test/harness/harness.h"

#include <stdlib.h>
#include <string.h>

static enum err spill_open(struct spill *s, int *handle, struct error *e) {
    struct memory_spill *m = (struct memory_spill *)s;
    if (m->fail_with)
        return error_set(e, m->fail_with, 0, "spill: open");
    for (int i = 0; i < MEMORY_SPILL_FILES; i++)
        if (!m->files[i].open) {
            m->files[i].open = true;
            m->files[i].size = 0;
            m->open++;
            *handle = i;
            return E_OK;
        }
    return error_set(e, E_SPACE, 0, "spill: %d files are open", MEMORY_SPILL_FILES);
}

static void need_open(const struct memory_spill *m, int handle) {
    if (handle < 0 || handle >= MEMORY_SPILL_FILES || !m->files[handle].open)
        test_fail(__FILE__, __LINE__, "spill: the handle %d is not open", handle);
}

static enum err spill_append(struct spill *s, int handle, const uint8_t *bytes, size_t n, struct error *e) {
    struct memory_spill *m = (struct memory_spill *)s;
    need_open(m, handle);
    if (m->fail_with)
        return error_set(e, m->fail_with, 0, "spill: append");
    if (n > m->limit - m->size)
        return error_set(e, E_SPACE, 0, "spill: %zu bytes more", n);
    size_t want = m->files[handle].size + n;
    if (want > m->files[handle].cap) {
        m->files[handle].bytes = realloc(m->files[handle].bytes, want * 2);
        if (!m->files[handle].bytes)
            test_fail(__FILE__, __LINE__, "no memory");
        m->files[handle].cap = want * 2;
    }
    if (n)
        memcpy(m->files[handle].bytes + m->files[handle].size, bytes, n);
    m->files[handle].size = want;
    m->size += n;
    return E_OK;
}

static enum err spill_read_at(struct spill *s, int handle, uint64_t offset, uint8_t *buf, size_t n,
                              struct error *e) {
    struct memory_spill *m = (struct memory_spill *)s;
    need_open(m, handle);
    if (m->fail_with)
        return error_set(e, m->fail_with, 0, "spill: read");
    if (offset > m->files[handle].size || n > m->files[handle].size - offset)
        test_fail(__FILE__, __LINE__, "spill: read past the end");
    if (n)
        memcpy(buf, m->files[handle].bytes + offset, n);
    return E_OK;
}

static void spill_close(struct spill *s, int handle) {
    struct memory_spill *m = (struct memory_spill *)s;
    need_open(m, handle);
    m->size -= m->files[handle].size;
    free(m->files[handle].bytes);
    m->files[handle].bytes = NULL;
    m->files[handle].cap = 0;
    m->files[handle].open = false;
    m->open--;
}

void memory_spill_init(struct memory_spill *m, uint64_t limit) {
    memset(m, 0, sizeof *m);
    m->spill = (struct spill){spill_open, spill_append, spill_read_at, spill_close};
    m->limit = limit;
}
