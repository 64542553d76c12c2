/* sim_program.c - see sim_program.h. */
#include "test/sim/sim_program.h"

#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *room(void *mem, size_t need, size_t *cap) {
    if (need <= *cap)
        return mem;
    *cap = need * 2;
    mem = realloc(mem, *cap);
    if (!mem)
        sim_bug("no memory");
    return mem;
}

void program_open(struct sim_program *p, struct sim_net *net, struct sys *sys, const char *path) {
    struct sys_addr a;
    memset(p, 0, sizeof *p);
    p->net = net;
    p->sys = sys;
    p->counter = 1000;
    sys_addr_unix(&a, path);
    sys->connect(sys, &a, &p->fd);
}

void program_leave(struct sim_program *p) {
    if (p->fd >= 0)
        p->sys->close(p->sys, p->fd);
    p->fd = -1;
    p->in_n = p->out_n = p->out_at = 0;
}

void program_fini(struct sim_program *p) {
    program_leave(p);
    free(p->in);
    free(p->out);
    free(p->text);
}

/* ---- saying ---- */

static void say(struct sim_program *p, uint32_t counter, const char *command, const void *payload, size_t n) {
    size_t need = p->out_n + FRAME_HEADER_BYTES + n;
    p->out = room(p->out, need, &p->out_cap);
    frame_header_write(p->out + p->out_n, counter, (uint32_t)n, command, false);
    if (n)
        memcpy(p->out + p->out_n + FRAME_HEADER_BYTES, payload, n);
    p->out_n = need;
}

static void say_ok(struct sim_program *p, uint32_t counter, const char *text) {
    say(p, counter, "ok", text, strlen(text));
}

static void set_end(struct sim_program *p, enum program_end end) {
    p->twice |= p->end != PROGRAM_WAITS;
    p->end = end;
    p->ended_ms = p->net->now_ns / 1000000u;
}

static void set_text(struct sim_program *p, const void *bytes, size_t n) {
    p->text = room(p->text, n + 1, &p->text_cap);
    if (n)
        memcpy(p->text, bytes, n);
    p->text[n] = '\0';
    p->text_n = n;
}

void program_ask(struct sim_program *p, const char *command, const char *payload, size_t n) {
    snprintf(p->command, sizeof p->command, "%s", command);
    p->end = PROGRAM_WAITS;
    p->queued = false;
    p->asked_ms = p->net->now_ns / 1000000u;
    set_text(p, "", 0);
    if (p->fd < 0)
        set_end(p, PROGRAM_LOST);
    else
        say(p, ++p->counter, command, payload, n);
}

char *program_request(const char *function, const char *type, const char *arguments, const char *more) {
    const char *dot = strrchr(function, '.'), *name = strstr(function, ".Agent.") ? dot - 6 : dot;
    size_t n = strlen(function) * 2 + strlen(arguments) + strlen(more) + 400;
    char *out = malloc(n);
    if (!out)
        sim_bug("no memory");
    snprintf(out, n,
             "{\"f\": {\"__callable__\": {\"__name__\": \"%s\", \"__module__\": \"%.*s\", \"__qualname__\": "
             "\"%s\", \"__type__\": \"function\"}}, \"f_kwargs\": %s, \"request_type\": \"%s\"%s}",
             dot + 1, (int)(name - function), function, name + 1, arguments, type, more);
    return out;
}

void program_dapi(struct sim_program *p, const char *function, const char *type, const char *arguments,
                  const char *more) {
    char *text = program_request(function, type, arguments, more);
    program_ask(p, "dapi", text, strlen(text));
    free(text);
}

void program_adds_agent(struct sim_program *p, const char *name) {
    char text[300];
    int n = snprintf(text, sizeof text,
                     "{\"daemon_name\":\"authd\",\"message\":{\"arguments\":{\"name\":\"%s\",\"ip\":\"any\"},"
                     "\"function\":\"add\"}}",
                     name);
    program_ask(p, "sendsync", text, (size_t)n);
}

/* ---- hearing ---- */

/* "<string id> <piece>" */
static void piece(struct sim_program *p, const uint8_t *bytes, size_t n) {
    const uint8_t *blank = memchr(bytes, ' ', n);
    size_t k = blank ? n - (size_t)(blank + 1 - bytes) : 0;
    p->text = room(p->text, p->text_n + k + 1, &p->text_cap);
    if (k)
        memcpy(p->text + p->text_n, blank + 1, k);
    p->text_n += k;
    p->text[p->text_n] = '\0';
}

static void replied(struct sim_program *p, bool good, const uint8_t *bytes, size_t n) {
    bool is_dapi = strncmp(p->command, "dapi", 4) == 0;
    if (good && is_dapi && !p->queued) {
        p->queued = true;
        return;
    }
    set_text(p, bytes, n);
    set_end(p, good ? PROGRAM_ANSWERED : is_dapi ? PROGRAM_REFUSED : PROGRAM_TOLD);
}

static void heard(struct sim_program *p, uint32_t counter, const char *command, const uint8_t *bytes,
                  size_t n) {
    if (strcmp(command, "ok") == 0 || strcmp(command, "err") == 0) {
        replied(p, strcmp(command, "ok") == 0, bytes, n);
    } else if (strcmp(command, "new_str") == 0) {
        set_text(p, "", 0);
        say_ok(p, counter, "4711");
    } else if (strcmp(command, "str_upd") == 0) {
        piece(p, bytes, n);
        say_ok(p, counter, "String updated");
    } else if (strcmp(command, "dapi_res") == 0) {
        set_end(p, PROGRAM_ANSWERED);
        say_ok(p, counter, "Distributed api response received");
    } else if (strcmp(command, "dapi_err") == 0) {
        set_text(p, bytes, n);
        set_end(p, PROGRAM_TOLD);
        say_ok(p, counter, "Distributed api error received");
    }
}

static uint32_t be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void take_frames(struct sim_program *p) {
    size_t at = 0;
    while (p->in_n - at >= FRAME_HEADER_BYTES) {
        const uint8_t *frame = p->in + at;
        size_t n = be32(frame + 4);
        char command[COMMAND_BYTES + 1] = "";
        if (p->in_n - at - FRAME_HEADER_BYTES < n)
            break;
        memcpy(command, frame + 8, COMMAND_BYTES);
        command[strcspn(command, " ")] = '\0';
        heard(p, be32(frame), command, frame + FRAME_HEADER_BYTES, n);
        at += FRAME_HEADER_BYTES + n;
    }
    memmove(p->in, p->in + at, p->in_n - at);
    p->in_n -= at;
}

static void lost(struct sim_program *p) {
    program_leave(p);
    if (p->command[0] && p->end == PROGRAM_WAITS)
        set_end(p, PROGRAM_LOST);
}

static void write_on(struct sim_program *p) {
    while (p->fd >= 0 && p->out_at < p->out_n) {
        ptrdiff_t n = p->sys->send(p->sys, p->fd, p->out + p->out_at, p->out_n - p->out_at);
        if (n == -EAGAIN || n == -ENOTCONN)
            return;
        if (n < 0) {
            lost(p);
            return;
        }
        p->out_at += (size_t)n;
    }
    p->out_at = p->out_n = 0;
}

void program_turn(struct sim_program *p) {
    write_on(p);
    while (p->fd >= 0 && !p->deaf) {
        p->in = room(p->in, p->in_n + 65536, &p->in_cap);
        ptrdiff_t n = p->sys->recv(p->sys, p->fd, p->in + p->in_n, p->in_cap - p->in_n);
        if (n == -EAGAIN)
            break;
        if (n <= 0) {
            lost(p);
            return;
        }
        p->in_n += (size_t)n;
        take_frames(p);
        write_on(p);
    }
}
