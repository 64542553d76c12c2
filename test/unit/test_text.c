/* test_text.c - text in fixed memory, hexadecimal, secrets, errors and log lines. */
#include "base/bytes.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "test/harness/harness.h"

#include <errno.h>
#include <stdlib.h>

TEST(text_every_capacity) {
    for (size_t cap = 1; cap < 20; cap++) {
        char *buf = malloc(cap); /* exactly: AddressSanitizer watches the end */
        struct text t;
        text_init(&t, buf, cap);
        CHECK_STR(buf, "");
        text_str(&t, "abc");
        text_char(&t, 'd');
        text_format(&t, "%d-%s", 42, "xy");
        text_add(&t, "\0z", 2);
        const char whole[] = "abcd42-xy\0z";
        size_t n = sizeof whole - 1;
        CHECK_INT(t.cut, n >= cap);
        CHECK_INT(t.len, n < cap ? n : cap - 1);
        CHECK_MEM(buf, whole, t.len);
        CHECK_INT(buf[t.len], 0);
        free(buf);
    }
}

TEST(text_nothing_follows_a_cut) {
    char buf[4];
    struct text t;
    text_init(&t, buf, sizeof buf);
    text_str(&t, "ab");
    CHECK(!t.cut);
    text_format(&t, "%s", "cd");
    CHECK(t.cut);
    CHECK_STR(buf, "abc");
    text_init(&t, buf, sizeof buf);
    text_str(&t, "abcd");
    text_str(&t, "");
    CHECK(t.cut);
    CHECK_STR(buf, "abc");
}

TEST(text_copies_whole_or_not) {
    char out[4] = "???";
    CHECK(text_copy(out, 4, "abcd", 3));
    CHECK_STR(out, "abc");
    CHECK(!text_copy(out, 4, "abcd", 4));
    CHECK_STR(out, "");
    CHECK(!text_copy(out, 4, "a\0b", 3));
    CHECK_STR(out, "");
    CHECK(text_copy(out, 1, NULL, 0));
}

TEST(text_numbers) {
    static const struct {
        const char *text;
        uint64_t max, want;
        bool good;
    } cases[] = {
        {"0", 0, 0, true},
        {"1", 0, 0, false},
        {"9", 8, 0, false},
        {"007", 10, 7, true},
        {"10", 10, 10, true},
        {"11", 10, 0, false},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"99999999999999999999999", UINT64_MAX, 0, false},
        {"", 10, 0, false},
        {"-1", 10, 0, false},
        {"+1", 10, 0, false},
        {" 1", 10, 0, false},
        {"1 ", 10, 0, false},
        {"1a", 10, 0, false},
        {"0x1", 10, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t v = 77;
        CHECK_INT(text_number(cases[i].text, strlen(cases[i].text), cases[i].max, &v), cases[i].good);
        CHECK(v == (cases[i].good ? cases[i].want : 77));
    }
    for (uint64_t max = 0; max < 130; max++) /* the bound is exact */
        for (uint64_t x = 0; x < 140; x++) {
            char digits[8];
            struct text t;
            uint64_t v;
            text_init(&t, digits, sizeof digits);
            text_format(&t, "%llu", (unsigned long long)x);
            CHECK_INT(text_number(digits, t.len, max, &v), x <= max);
        }
}

TEST(text_parts) {
    CHECK(text_has("abc", 3, "abc"));
    CHECK(text_has("xabc", 4, "abc"));
    CHECK(text_has("ababcx", 6, "abc"));
    CHECK(text_has("a\0abc", 5, "abc"));
    CHECK(!text_has("ababab", 6, "abc"));
    CHECK(!text_has("abc", 2, "abc")); /* n bounds it, not what follows */
    CHECK(!text_has("", 0, "a"));
}

TEST(text_lists) {
    static const char list[] = "one\0two\0twofold\0";
    CHECK_STR(text_item(list, 0), "one");
    CHECK_STR(text_item(list, 2), "twofold");
    CHECK_INT(text_find(list, "one"), 0);
    CHECK_INT(text_find(list, "two"), 1);
    CHECK_INT(text_find(list, "twofold"), 2);
    CHECK_INT(text_find(list, "tw"), -1);
    CHECK_INT(text_find(list, ""), -1);
    CHECK_INT(text_find("", "one"), -1);
}

TEST(text_show_hides_control_characters) {
    char s[] = "a\x1f\x7f\n b\xc3\xa9";
    text_show(s, sizeof s - 1);
    CHECK_STR(s, "a??? b\xc3\xa9");
}

TEST(bytes_hex) {
    uint8_t all[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    hex_encode(text, all, sizeof all);
    CHECK_MEM(text, "000102030405060708090a0b0c0d0e0f10", 34);
    CHECK_INT(strlen(text), 512);
    CHECK(hex_decode(back, text, sizeof back));
    CHECK_MEM(back, all, sizeof all);
    CHECK(hex_decode(back, "AbCdEf", 3));
    CHECK_MEM(back, "\xab\xcd\xef", 3);
    for (int c = 0; c < 256; c++) {
        char two[3] = {'0', (char)c, 0};
        bool digit = c && strchr("0123456789abcdefABCDEF", c);
        CHECK_INT(hex_decode(back, two, 1), digit);
        two[0] = (char)c;
        two[1] = '0';
        CHECK_INT(hex_decode(back, two, 1), digit);
    }
    char *one = malloc(2);
    strcpy(one, "a"); /* ends early: no byte after the NUL is read */
    CHECK(!hex_decode(back, one, 2));
    free(one);
}

TEST(bytes_order) {
    uint8_t b[8];
    be32_store(b, 0x01020304);
    CHECK_MEM(b, "\1\2\3\4", 4);
    CHECK_INT(be32_load(b), 0x01020304);
    be64_store(b, 0xf102030405060708);
    CHECK_MEM(b, "\xf1\2\3\4\5\6\7\x8", 8);
    CHECK(be64_load(b) == 0xf102030405060708);
    le64_store(b, 0xf102030405060708);
    CHECK_MEM(b, "\x8\7\6\5\4\3\2\xf1", 8);
    CHECK(le64_load(b) == 0xf102030405060708);
}

TEST(bytes_compare_and_wipe) {
    uint8_t a[64] = {0}, b[64] = {0};
    CHECK(bytes_equal_secret(a, b, sizeof a));
    CHECK(bytes_equal_secret(NULL, NULL, 0));
    for (size_t i = 0; i < sizeof a; i++)
        for (int bit = 0; bit < 8; bit++) {
            a[i] ^= (uint8_t)(1 << bit);
            CHECK(!bytes_equal_secret(a, b, sizeof a));
            CHECK(bytes_equal_secret(a, b, i));
            a[i] ^= (uint8_t)(1 << bit);
        }
    memset(a, 7, sizeof a);
    bytes_wipe(a, sizeof a);
    CHECK_MEM(a, b, sizeof a);
    bytes_wipe(NULL, 0);
}

TEST(err_words_for_all) {
    for (int i = 0; i < E_COUNT; i++)
        CHECK(err_words((enum err)i) && *err_words((enum err)i));
    CHECK_STR(err_words(E_OK), "no error");
    CHECK_STR(err_words(E_COUNT - 1), "an invalid configuration");
    CHECK_STR(err_os_words(EDQUOT), "Disk quota exceeded");
    CHECK(err_words(E_COUNT) != NULL);
    CHECK(err_words((enum err)(-1)) != NULL);
    CHECK_INT(E_OK, 0);
}

TEST(err_of_the_system) {
    CHECK_INT(err_of_os(ENOENT), E_GONE);
    CHECK_INT(err_of_os(EACCES), E_DENIED);
    CHECK_INT(err_of_os(ENOSPC), E_SPACE);
    CHECK_INT(err_of_os(EAGAIN), E_AGAIN);
    CHECK_INT(err_of_os(EIO), E_SYS);
    CHECK_INT(err_of_os(9999), E_SYS);
    CHECK_STR(err_os_words(ENOENT), "No such file or directory");
    CHECK_STR(err_os_words(9999), "Unknown error");
    CHECK_STR(err_os_words(EWOULDBLOCK), err_os_words(EAGAIN));
#ifdef __GLIBC__
    for (int os = 1; os < 134; os++) /* the table says what people know */
        if (strcmp(err_os_words(os), "Unknown error") != 0)
            CHECK_STR(err_os_words(os), strerror(os));
#endif
}

TEST(error_records) {
    struct error e;
    CHECK_INT(error_set(&e, E_PATH, 0, "%s: item %d", "a/b", 7), E_PATH);
    CHECK_INT(e.code, E_PATH);
    CHECK_INT(e.os, 0);
    CHECK_STR(e.what, "a/b: item 7");
    CHECK_INT(error_set(&e, E_SYS, EIO, "read"), E_SYS);
    CHECK_INT(e.os, EIO);
    CHECK_STR(e.what, "read: Input/output error");
    CHECK_INT(error_set(&e, E_SYS, 9999, "read"), E_SYS);
    CHECK_STR(e.what, "read: Unknown error 9999");
    CHECK_INT(error_prefix(&e, "file %s", "x"), E_SYS);
    CHECK_STR(e.what, "file x: read: Unknown error 9999");
    CHECK_INT(error_set(&e, E_VALUE, 0, "again: %s", e.what), E_VALUE); /* its own text as an argument */
    CHECK_STR(e.what, "again: file x: read: Unknown error 9999");
    CHECK_INT(error_set(&e, E_VALUE, 0, "line\nbreak\x7f\x1b[2J"), E_VALUE);
    CHECK_STR(e.what, "line?break??[2J");
    CHECK_INT(error_set(NULL, E_TIME, EIO, "nobody asks"), E_TIME);
    CHECK_INT(error_os(&e, -ENOSPC, "%s", "write"), E_SPACE);
    CHECK(e.code == E_SPACE && e.os == ENOSPC);
    CHECK_STR(e.what, "write: No space left on device");
    CHECK_INT(error_os(NULL, -EACCES, "nobody asks"), E_DENIED);
    char longest[600];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    error_set(&e, E_VALUE, EIO, "%s", longest);
    CHECK_INT(strlen(e.what), ERROR_WHAT_BYTES - 1);
    error_prefix(&e, "p");
    CHECK_INT(strlen(e.what), ERROR_WHAT_BYTES - 1);
    CHECK_MEM(e.what, "p: xxx", 6);
}

static struct {
    int lines;
    enum log_level level;
    char tag[32], subtag[32], text[2000];
} seen;

static void collect(struct log *l, enum log_level level, const char *tag, const char *subtag,
                    const char *text) {
    (void)l;
    seen.lines++;
    seen.level = level;
    strcpy(seen.tag, tag);
    strcpy(seen.subtag, subtag);
    strcpy(seen.text, text);
}

TEST(log_lines) {
    struct log l = {LOG_INFO, collect};
    log_line(&l, LOG_INFO, "Worker w1", "Main", "%s is %d", "x", 3);
    CHECK_INT(seen.lines, 1);
    CHECK_INT(seen.level, LOG_INFO);
    CHECK_STR(seen.tag, "Worker w1");
    CHECK_STR(seen.subtag, "Main");
    CHECK_STR(seen.text, "x is 3");
    log_line(&l, LOG_CYCLE, "a", "b", "no");
    log_line(&l, LOG_DEBUG, "a", "b", "no");
    log_line(NULL, LOG_ERROR, "a", "b", "no");
    CHECK_INT(seen.lines, 1);
    log_line(&l, LOG_ERROR, "a", "b", "forged\n2026/01/01 line\r\x1b");
    CHECK_STR(seen.text, "forged?2026/01/01 line??");
    char longest[1500];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_line(&l, LOG_ERROR, "a", "b", "%s", longest);
    CHECK_INT(strlen(seen.text), 1024);
}

TEST(log_brake) {
    struct log_brake b = {0};
    uint32_t held = 99;
    CHECK(log_brake_pass(&b, 5000, 1000, &held));
    CHECK_INT(held, 0);
    CHECK(!log_brake_pass(&b, 5000, 1000, &held));
    CHECK(!log_brake_pass(&b, 5999, 1000, &held));
    CHECK(log_brake_pass(&b, 6000, 1000, &held));
    CHECK_INT(held, 2);
    CHECK(log_brake_pass(&b, 90000, 1000, &held));
    CHECK_INT(held, 0);
}
