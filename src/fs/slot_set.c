/* fs/slot_set.c - sets of manifest slots, one bit each; slots beyond the table are in no set. */
#include "fs/manifest.h"

#include <string.h>

void slot_set_clear(struct slot_set *s) {
    memset(s, 0, sizeof *s);
}

bool slot_set_has(const struct slot_set *s, uint32_t slot) {
    return slot < FILES_MAX && (s->bits[slot / 32] >> slot % 32 & 1);
}

void slot_set_add(struct slot_set *s, uint32_t slot) {
    if (slot >= FILES_MAX || slot_set_has(s, slot))
        return;
    s->bits[slot / 32] |= (uint32_t)1 << slot % 32;
    s->count++;
}

void slot_set_drop(struct slot_set *s, uint32_t slot) {
    if (!slot_set_has(s, slot))
        return;
    s->bits[slot / 32] &= ~((uint32_t)1 << slot % 32);
    s->count--;
}

uint32_t slot_set_next(const struct slot_set *s, uint32_t from) {
    if (from >= FILES_MAX)
        return SLOT_NONE;
    uint32_t word = from / 32;
    uint32_t bits = s->bits[word] & ~(uint32_t)0 << from % 32;
    while (!bits) {
        if (++word == SLOT_SET_WORDS)
            return SLOT_NONE;
        bits = s->bits[word];
    }
    return word * 32 + (uint32_t)__builtin_ctz(bits);
}
