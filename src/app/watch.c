/* app/watch.c - see the header. */
#include "app/watch.h"

#include "app/console.h"
#include "base/err.h"
#include "sys/process.h"
#include "sys/signals.h"

int watch_open(struct watch *w, struct sys *sys) {
    w->sys = sys;
    return signals_open(sys, &w->fd);
}

void watch_close(struct watch *w) {
    signals_close(w->sys);
}

/* A change of the terminal's size interrupts a poll: the screen is then simply shown anew. */
bool watch_wait(struct watch *w, uint32_t ms) {
    struct sys_poll p = {.fd = w->fd, .events = SYS_POLLIN};
    return w->sys->poll(w->sys, &p, 1, (int)ms) <= 0;
}

int watch_command(struct sys *sys, const struct options *o,
                  int (*show)(struct sys *sys, const struct options *o)) {
    if (!o->watch_ms)
        return show(sys, o);
    struct options here = *o;
    struct watch w;
    int r = watch_open(&w, sys);
    if (r < 0) {
        complain("picket: --watch: %s\n", err_os_words(-r));
        return 1;
    }
    /* A relative root leads astray the second time. One that is not there yet is tried again each time. */
    here.in_root = process_chdir(o->root) == 0;
    bool redraw = console_can_redraw();
    for (bool first = true;; first = false) {
        if (redraw)
            console_clear();
        else if (!first)
            print("\n");
        show(sys, &here);
        if (!console_flush() || !watch_wait(&w, o->watch_ms))
            break;
    }
    watch_close(&w);
    return 0;
}
