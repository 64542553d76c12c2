/* fuzz_logs.c - any file as ossec.log or ossec.json: the first byte chooses, the second says how many bytes
 * each read gives. Whatever lines it has, what is read of them lies in the line or in the room for it, and
 * how the file is cut makes no difference. */
#include "api/logs_parts.h"
#include "base/utf8.h"

#include <string.h>

static struct sys sys;
static struct log_tail tail;
static const uint8_t *file;
static size_t file_n, piece;
static bool is_json;
static char room[LOG_LINE_BYTES];

static void require(bool holds) {
    if (!holds)
        __builtin_trap();
}

static ptrdiff_t read_file(struct sys *s, int fd, void *buf, size_t n, uint64_t offset) {
    (void)s, (void)fd;
    size_t left = offset < file_n ? file_n - (size_t)offset : 0;
    n = n < left ? n : left;
    n = n < piece ? n : piece;
    memcpy(buf, file + offset, n);
    return (ptrdiff_t)n;
}

struct seen {
    uint32_t lines, entries, sum;
};

static void add(struct seen *s, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        s->sum = s->sum * 31 + (uint8_t)bytes[i];
}

static void check_place(const char *at, size_t n, const char *line, size_t line_n) {
    bool in_line = at >= line && at + n <= line + line_n,
         in_room = at >= room && at + n <= room + sizeof room;
    require(in_line || in_room || (n == 15 && memcmp(at, "wazuh-rootcheck", 15) == 0));
}

static enum err line(void *arg, char *text, size_t n, struct error *e) {
    struct seen *s = arg;
    struct log_entry entry;
    struct utf8_clean clean = {0};
    char copy[LOG_LINE_BYTES + 4];
    (void)e;
    require(n <= LOG_LINE_BYTES);
    require(++s->lines <= LOG_LINES);
    if (!log_line_read(text, n, is_json, room, &entry))
        return E_OK;
    s->entries++;
    require(strlen(entry.timestamp) == 20 && entry.timestamp[10] == 'T' && entry.timestamp[19] == 'Z');
    require(strlen(entry.level) < sizeof entry.level);
    check_place(entry.tag, entry.tag_n, text, n);
    check_place(entry.description, entry.description_n, text, n);
    if (!is_json) {
        require(entry.tag_n > 0);
        require(utf8_clean(&clean, entry.tag, entry.tag_n, copy) == entry.tag_n);
    }
    add(s, entry.tag, entry.tag_n);
    add(s, entry.level, strlen(entry.level));
    add(s, entry.description, entry.description_n);
    return E_OK;
}

static struct seen read_all(void) {
    struct seen s = {0};
    struct error e;
    enum step step;
    log_tail_init(&tail, &sys, 7, file_n);
    for (unsigned i = 0; (step = log_tail_step(&tail, line, &s, &e)) == STEP_AGAIN; i++)
        require(i < 100000);
    require(step == STEP_DONE);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 2)
        return 0;
    sys.pread = read_file;
    is_json = data[0] & 1;
    file = data + 2;
    file_n = n - 2;
    piece = data[1] + (size_t)1;
    struct seen cut = read_all();
    piece = SIZE_MAX;
    struct seen whole = read_all();
    require(cut.lines == whole.lines && cut.entries == whole.entries && cut.sum == whole.sum);
    return 0;
}
