/* fake_store.c - see fake_store.h. */
#include "test/harness/fake_store.h"

#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

static const char names[] = "INFO_READ\0INFO_CONFIRM\0INFO_RELEASE\0INFO_WRITE\0GROUPS_READ\0"
                            "GROUPS_READ_ALL\0GROUPS_TOLD\0GROUPS_WRITE\0GROUPS_HASH\0GROUPS_RECALCULATE\0"
                            "TEXT\0";

char *fake_store_blob(const struct blob *b, size_t *n) {
    char *out = malloc((size_t)b->size + 1);
    size_t at = 0, got = 1;
    struct error e;
    CHECK(out);
    while (got) {
        if (blob_read(b, at, (uint8_t *)out + at, (size_t)(b->size - at), &got, &e) != E_OK)
            test_fail(__FILE__, __LINE__, "the blob does not read: %s", e.what);
        at += got;
    }
    CHECK_INT(at, b->size);
    out[at] = '\0';
    if (n)
        *n = at;
    return test_keep(out);
}

static void submit(struct store *s, struct store_job *j) {
    struct fake_store *f = (struct fake_store *)s;
    if (j->queued || f->count == FAKE_STORE_JOBS)
        test_fail(__FILE__, __LINE__, "the job is submitted twice, or too many are");
    j->queued = true;
    f->jobs[f->count++] = j;
    text_str(&f->log, text_item(names, j->work));
    if (j->work == STORE_TEXT)
        text_format(&f->log, " %.*s", (int)j->text_n, j->text);
    else if (j->blob && j->blob->size > 64)
        text_format(&f->log, " %.16s...%llu", fake_store_blob(j->blob, NULL),
                    (unsigned long long)j->blob->size);
    else if (j->blob && j->blob->size)
        text_format(&f->log, " %s", fake_store_blob(j->blob, NULL));
    text_char(&f->log, '\n');
}

static bool take_out(struct fake_store *f, const struct store_job *j) {
    for (uint32_t i = 0; i < f->count; i++)
        if (f->jobs[i] == j) {
            memmove(f->jobs + i, f->jobs + i + 1, (--f->count - i) * sizeof *f->jobs);
            return true;
        }
    return false;
}

static void cancel(struct store *s, struct store_job *j) {
    struct fake_store *f = (struct fake_store *)s;
    f->cancelled += take_out(f, j);
    j->queued = false;
}

static void none_left(void *arg) {
    const struct fake_store *f = arg;
    if (f->count)
        test_fail(__FILE__, __LINE__, "%u jobs are left, the oldest is %s", f->count,
                  text_item(names, f->jobs[0]->work));
}

void fake_store_init(struct fake_store *f) {
    static const struct store_ops ops = {submit, cancel};
    memset(f, 0, sizeof *f);
    f->store.ops = &ops;
    f->store.kind = "fake";
    fake_store_log_clear(f);
    test_at_end(none_left, f);
}

void fake_store_log_clear(struct fake_store *f) {
    text_init(&f->log, f->log_buf, sizeof f->log_buf);
}

struct store_job *fake_store_need(struct fake_store *f, enum store_work work) {
    if (!f->count)
        test_fail(__FILE__, __LINE__, "no job is waiting, wanted %s", text_item(names, work));
    if (f->jobs[0]->work != work)
        test_fail(__FILE__, __LINE__, "the oldest job is %s, wanted %s", text_item(names, f->jobs[0]->work),
                  text_item(names, work));
    return f->jobs[0];
}

void fake_store_answer(struct fake_store *f, enum store_work work, const struct fake_answer *a) {
    struct store_job *j = fake_store_need(f, work);
    struct error e;
    take_out(f, j);
    j->queued = false;
    j->err = a->err;
    j->why = (struct error){.code = E_OK, .what = ""};
    if (a->err)
        error_set(&j->why, a->err, 0, "%s", a->why ? a->why : "the store: no");
    if (a->append)
        CHECK_INT(blob_append(j->blob, (const uint8_t *)a->append,
                              a->append_n ? a->append_n : strlen(a->append), &e),
                  E_OK);
    j->parts = a->parts;
    j->parts_in_all = a->parts_in_all;
    j->rows = a->rows;
    j->has_hash = a->hash != NULL;
    snprintf(j->hash, sizeof j->hash, "%s", a->hash ? a->hash : "");
    snprintf(j->errors, sizeof j->errors, "%s", a->errors ? a->errors : "[]");
    j->error_count = a->error_count;
    j->reply = a->reply;
    j->reply_n = a->reply ? strlen(a->reply) : 0;
    j->done(j->arg, j);
}
