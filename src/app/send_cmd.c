/* app/send_cmd.c - asks the node to send a file (role/send_file.h) and waits for how that ended. */
#include "app/send_cmd.h"

#include "app/console.h"
#include "app/scratch.h"
#include "app/visit.h"
#include "app/words.h"
#include "base/json_write.h"
#include "base/text.h"
#include "wire/wazuh_error.h"

#include <string.h>

static enum err take(void *arg, const char *bytes, size_t n, struct error *e) {
    (void)e;
    text_add(arg, bytes, n);
    return E_OK;
}

static int say_sent(const struct options *o, uint64_t bytes, uint64_t took_ms) {
    char line[600];
    struct text t;
    struct json_write w;
    text_init(&t, line, sizeof line);
    if (o->json) {
        json_write_init(&w, &t);
        json_open(&w, '{');
        json_key_str(&w, "path", o->word[0]);
        json_key_str(&w, "node", o->word[1]);
        json_key_uint(&w, "bytes", bytes);
        json_key_uint(&w, "took_ms", took_ms);
        json_close(&w, '}');
    } else {
        text_str(&t, "OK: ");
        size_words(&t, bytes);
        text_format(&t, " sent to %s in %llu.%llus", o->word[1], (unsigned long long)(took_ms / 1000),
                    (unsigned long long)(took_ms % 1000 / 100));
    }
    print("%s\n", line);
    return 0;
}

int send_command(struct sys *sys, const struct options *o) {
    struct visit v;
    char question[1400], result[2048];
    struct scratch *s = scratch();
    struct text q, r;
    uint64_t bytes;
    int code = visit_begin(&v, sys, o);
    if (code)
        return code == STATUS_DIED ? STATUS_STOPPED : code;
    text_init(&q, question, sizeof question);
    text_init(&r, result, sizeof result);
    text_format(&q, "%s %s", o->word[0], o->word[1]);
    bool progress = !o->json && console_can_redraw();
    if (progress) {
        print("sending %s to %s ...", o->word[0], o->word[1]);
        console_flush();
    }
    uint64_t begun_ms = sys_mono_ms(sys);
    v.ask.deadline_ms = begun_ms + (o->timeout_s ? o->timeout_s * 1000u : SEND_WAIT_MS);
    struct ask_sink sink = {.take = take, .arg = &r};
    enum err err = q.cut ? error_set(&v.e, E_LIMIT, 0, "the path is too long")
                         : ask_string(&v.ask, "send_file", question, &sink, s->text, sizeof s->text, &v.e);
    visit_close(&v);
    if (progress)
        console_line_again();
    if (!err && text_number(r.buf, r.len, UINT64_MAX, &bytes)) {
        code = say_sent(o, bytes, sys_mono_ms(sys) - begun_ms);
    } else if (!err) { /* an exception, or words */
        text_copy(s->text, sizeof s->text, r.buf, r.len);
        code = visit_fail(&v, E_PEER);
    } else {
        code = visit_fail(&v, err);
    }
    console_flush();
    return code;
}
