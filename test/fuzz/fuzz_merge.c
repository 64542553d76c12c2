/* fuzz_merge.c - any bytes as the answers of several nodes, one on each line ("!3 3022": none came, and why):
 * whatever they are, the merged answer is JSON, and the same whether the answers
 * lie in memory or are read back; nothing stays taken. */
#include "api/merge.h"
#include "base/json_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES 6u
#define WINDOWS 4u
#define SPILLS 16
#define BYTES 65536u
#define ANSWER_BYTES (NODES * BYTES)

static void must(int holds) {
    if (!holds)
        abort();
}

/* ---- a spill in memory ---- */

static struct {
    uint8_t *bytes;
    size_t n;
} files[SPILLS];

static enum err spill_open(struct spill *s, int *handle, struct error *e) {
    (void)s;
    for (int i = 0; i < SPILLS; i++)
        if (!files[i].bytes) {
            files[i].bytes = malloc(ANSWER_BYTES);
            must(files[i].bytes != NULL);
            files[i].n = 0;
            *handle = i;
            return E_OK;
        }
    return error_set(e, E_SPACE, 0, "no file");
}
static enum err spill_append(struct spill *s, int handle, const uint8_t *bytes, size_t n, struct error *e) {
    (void)s;
    if (n > ANSWER_BYTES - files[handle].n)
        return error_set(e, E_SPACE, 0, "no room");
    memcpy(files[handle].bytes + files[handle].n, bytes, n);
    files[handle].n += n;
    return E_OK;
}
static enum err spill_read(struct spill *s, int handle, uint64_t at, uint8_t *buf, size_t n,
                           struct error *e) {
    (void)s, (void)e;
    must(at <= files[handle].n && n <= files[handle].n - at);
    memcpy(buf, files[handle].bytes + at, n);
    return E_OK;
}
static void spill_close(struct spill *s, int handle) {
    (void)s;
    free(files[handle].bytes);
    files[handle].bytes = NULL;
}
static struct spill spill = {spill_open, spill_append, spill_read, spill_close};

/* ---- one run ---- */

static struct pool windows;
static struct merge_input inputs[NODES];
static struct blob answers[NODES];
static uint8_t small[NODES][BYTES];

static uint32_t take_answers(const char *at, const char *end, size_t small_cap) {
    uint32_t count = 0;
    while (at < end && count < NODES) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        inputs[count].node = count % 2 ? "odd \"one\"" : "even";
        inputs[count].answer = NULL;
        blob_init(&answers[count], small[count], small_cap, NULL, &spill, BYTES);
        if (*at == '!' && stop - at >= 4)
            wazuh_error_set(&inputs[count].error, (enum wazuh_class)((unsigned char)at[1] % 6),
                            memchr(at, '3', (size_t)(stop - at)) ? 3022 : 4000, at[2] == 'x' ? "why" : NULL);
        else if (blob_append(&answers[count], (const uint8_t *)at, (size_t)(stop - at), NULL) == E_OK)
            inputs[count].answer = &answers[count];
        count++;
        at = stop + (stop < end);
    }
    return count;
}

/* A digest of the merged answer; 0: there is none. */
static uint64_t run(const char *at, const char *end, size_t small_cap) {
    static const struct json_stream_events events = {.value = NULL}; /* everything is skipped */
    static uint8_t text[BYTES];
    struct json_stream stream;
    struct blob out;
    struct merge *m;
    struct error e;
    enum step step;
    uint64_t digest = 14695981039346656037u;
    size_t n;
    uint32_t count = take_answers(at, end, small_cap);
    blob_init(&out, NULL, 0, NULL, &spill, ANSWER_BYTES);
    struct merge_setup setup = {.inputs = inputs,
                                .count = count,
                                .out = &out,
                                .dialect = dialect_find("4.14.7"),
                                .windows = &windows,
                                .spill = &spill,
                                .limit_bytes = BYTES};
    must((merge_begin(&m, &setup, &e) == E_OK) == (count > 0));
    if (count == 0)
        return 0;
    for (unsigned steps = 0; (step = merge_step(m, &e)) == STEP_AGAIN; steps++)
        must(steps < 10000);
    merge_end(m);
    must(windows.used == 0);
    if (step == STEP_DONE) {
        json_stream_init(&stream, &events, NULL, NULL, 0);
        for (uint64_t from = 0; blob_read(&out, from, text, sizeof text, &n, &e) == E_OK && n; from += n) {
            must(json_stream_push(&stream, (const char *)text, n, &e) == E_OK);
            for (size_t i = 0; i < n; i++)
                digest = (digest ^ text[i]) * 1099511628211u;
        }
        must(json_stream_finish(&stream, &e) == E_OK);
    } else {
        must(step == STEP_FAILED && e.code != E_OK && e.what[0]);
    }
    blob_reset(&out);
    for (uint32_t i = 0; i < count; i++)
        blob_reset(&answers[i]);
    return step == STEP_DONE ? digest : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t mem[WINDOWS * POOL_SLOT(BODY_WINDOW_BYTES)] __attribute__((aligned(16)));
    static uint32_t next[WINDOWS];
    const char *text = (const char *)data;
    if (size > BYTES)
        return 0;
    pool_init(&windows, "windows", "windows", mem, next, BODY_WINDOW_BYTES, WINDOWS);
    must(run(text, text + size, BYTES) == run(text, text + size, 0));
    for (int i = 0; i < SPILLS; i++)
        must(files[i].bytes == NULL);
    return 0;
}
