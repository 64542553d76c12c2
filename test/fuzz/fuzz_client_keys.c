/* fuzz_client_keys.c - an arbitrary etc/client.keys: its lines cover the file, whatever the reads bring, and
 * what is taken for an agent can be written down and is then the same agent. */
#include "src/store/client_keys_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *bytes;
static size_t length;
static uint32_t seed;

static void need(bool cond) {
    if (!cond)
        abort();
}

/* Short reads of any length. */
static ptrdiff_t pread_some(struct sys *s, int fd, void *buf, size_t n, uint64_t offset) {
    (void)s, (void)fd;
    if (offset >= length)
        return 0;
    seed = seed * 1664525u + 1013904223u;
    size_t take = 1 + (seed >> 16) % n;
    if (take > length - offset)
        take = length - offset;
    memcpy(buf, bytes + offset, take);
    return (ptrdiff_t)take;
}

static bool is_plain(const char *word) {
    for (; *word; word++)
        if ((unsigned char)*word <= 0x20 || *word == 0x7f)
            return false;
    return true;
}

static void judge(const struct client_key *k) {
    struct client_key again;
    char line[1024];
    need(k->id >= 1 && k->id <= AGENT_ID_MAX && strlen(k->id_text) <= 8);
    need(is_plain(k->name) && is_plain(k->ip));
    need(k->removed || (k->name[0] && k->ip[0]));
    if (k->removed)
        return;
    int n = snprintf(line, sizeof line, "%s %s %s %s", k->id_text, k->name, k->ip, k->key);
    need(n > 0 && n < (int)KEYS_LINE_BYTES && client_key_parse(&again, line, (size_t)n));
    need(again.id == k->id && !strcmp(again.name, k->name) && !strcmp(again.ip, k->ip) &&
         !strcmp(again.key, k->key) && !again.removed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct keys_lines l;
    struct sys sys = {.pread = pread_some};
    struct error e;
    bool more = true;
    uint64_t end = 0;
    uint32_t number = 0;
    bytes = data;
    length = size;
    seed = (uint32_t)size;
    keys_lines_rewind(&l);
    while (keys_lines_next(&l, &sys, 0, &more, &e) == E_OK && more) {
        struct client_key k;
        need(l.start == end && l.end > l.start && l.end <= size && l.number == ++number);
        need(l.n < KEYS_LINE_BYTES && memcmp(l.line, data + l.start, l.n) == 0);
        need(!memchr(l.line, '\n', l.n) && (data[l.end - 1] == '\n' || l.end == size));
        need(l.too_long || l.end - l.start - l.n <= 1);
        end = l.end;
        if (keys_line_parse(&k, &l)) {
            need(!l.too_long && !keys_line_is_comment(&l));
            judge(&k);
        }
    }
    need(!more && end == size);
    return 0;
}
