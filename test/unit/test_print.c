/* base/print against the C library's snprintf, which is the reference for everything the two share. */
#include "base/print.h"
#include "test/harness/harness.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same text and result for every size of the buffer, and not a byte written beyond it. */
#define SAME(...)                                                                                            \
    do {                                                                                                     \
        char want[256];                                                                                      \
        int n = snprintf(want, sizeof want, __VA_ARGS__);                                                    \
        for (size_t cap = 0; cap <= (size_t)n + 2; cap++) {                                                  \
            char *got = malloc(cap), cut[256] = "";                                                          \
            CHECK_INT(print_to(got, cap, __VA_ARGS__), n);                                                   \
            (void)!snprintf(cut, cap, __VA_ARGS__);                                                          \
            if (cap > 0)                                                                                     \
                CHECK_STR(got, cut);                                                                         \
            free(got);                                                                                       \
        }                                                                                                    \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

TEST(print_text) {
    SAME("");
    SAME("plain");
    SAME("%s", "");
    SAME("a %s b %s c", "one", "two");
    SAME("%8s|%-8s|%2s|%-2s|", "abc", "abc", "abc", "abc");
    SAME("%.2s|%.0s|%.9s|%8.2s|%-8.2s|", "abc", "abc", "abc", "abc", "abc");
    SAME("%*s|%*s|%.*s|%.*s|", 6, "ab", -6, "ab", 1, "ab", -1, "ab");
    SAME("%c%c|%3c|%-3c|", 'x', 'y', 'z', 'w');
    SAME("100%% of %s%%", "it");
}

TEST(print_text_without_its_end) {
    char *three = malloc(3); /* no NUL: a precision is the promise that none is needed */
    memcpy(three, "abc", 3);
    SAME("%.*s|%.3s", 3, three, three);
    free(three);
}

TEST(print_integers) {
    static const int ints[] = {0, 1, -1, 9, 10, -10, 12345, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        int v = ints[i];
        SAME("%d|%i|%5d|%-5d|%05d|%.3d|%6.3d|%-6.3d|", v, v, v, v, v, v, v, v);
        SAME("%u|%x|%X|%o|%08x|%04o|%hhd|%hd|%hhu|%hu|", v, v, v, v, v, v, v, v, v, v);
    }
    SAME("%.0d|%.0u|%.0x|", 0, 0, 0);
}

TEST(print_long_integers) {
    SAME("%ld|%lld|%zd|%jd|%td", LONG_MIN, LLONG_MIN, (ssize_t)-5, (intmax_t)INTMAX_MIN, (ptrdiff_t)-7);
    SAME("%lu|%llu|%zu|%ju|%llx|%llo", ULONG_MAX, ULLONG_MAX, SIZE_MAX, UINTMAX_MAX, ULLONG_MAX, ULLONG_MAX);
    SAME("%6llu|%02llu|%06ld|%-20lld|", 12ull, 3ull, 42l, -1ll);
    SAME("%p", (void *)(uintptr_t)0x1234abcd);
}

TEST(print_fractions) {
    /* No halves in the last place: there the C library looks at bits beyond a double's product. */
    static const double v[] = {0,    1,         -1,      0.6,       1.4,  2.7,   0.1,   0.0006, 1e-9, 0.999,
                               -0.4, 123456.76, 1e9 + 1, 86399.998, 0.26, 2.674, 59.99, 0.9996, 1e8,  1e-3};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        SAME("%.3f|%.1f|%.2f|", v[i], v[i], v[i]);
        SAME("%f|%9.3f|%-9.3f|%09.3f|%.0f|", v[i], v[i], v[i], v[i], v[i]);
    }
}

TEST(print_fractions_that_cannot_be) {
    char t[32];
    print_to(t, sizeof t, "%.3f %.1f", DBL_MAX, -DBL_MAX);
    CHECK_STR(t, "? ?");
    print_to(t, sizeof t, "%f %.2f", (double)NAN, (double)INFINITY);
    CHECK_STR(t, "? ?");
    print_to(t, sizeof t, "%.1f %.0f", 0.25, 0.5);
    CHECK_STR(t, "0.3 1");
    print_to(t, sizeof t, "%.20f", 0.25);
    CHECK_STR(t, "0.250000000");
}

#pragma GCC diagnostic ignored "-Wformat"

TEST(print_unknown_conversion_is_a_bug) {
    static const char *const formats[] = {"%n", "%e", "% d", "%#x", "%", "%l"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            char t[32];
            close(STDERR_FILENO);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
            print_to(t, sizeof t, formats[i]);
#pragma GCC diagnostic pop
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}
