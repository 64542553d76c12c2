/* test_json_read.c - what is JSON and what is not, tokens, look-up, and strings as Python has them. */
#include "base/json_read.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKENS 64
static struct json_token tokens[TOKENS];
static struct json_doc doc;

/* Parses a copy that lies in exactly as much memory as it needs. */
static enum err parse_n(const char *text, size_t n) {
    static struct error e;
    char *copy = test_keep(malloc(n + !n));
    memcpy(copy, text, n);
    return json_parse(&doc, copy, n, tokens, TOKENS, &e);
}
static enum err parse(const char *text) {
    return parse_n(text, strlen(text));
}

TEST(json_accepts) {
    static const char *const good[] = {
        "{}",
        "[]",
        " [ ] ",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-1.5e+10",
        "1E5",
        "0.1",
        "\"\"",
        "\"a\"",
        "[1]",
        "[1, 2]",
        "[[], {}]",
        "{\"a\": 1}",
        "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"e\"}",
        "\t\r\n1 \n",
        "\"\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"",
        "\"\x7f\xc3\xa9\xff\"",
        "[\"a:b\",\"c,d\",\"{\",\"]\"]",
        "{\"\":\"\"}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", /* 32 */
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (parse(good[i]) != E_OK)
            test_fail(__FILE__, __LINE__, "refused: %s", good[i]);
}

TEST(json_refuses) {
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[}",
        "{]",
        "[1",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\" 1}",
        "{\"a\",1}",
        "{a:1}",
        "{1:2}",
        "{null:1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1,,\"b\":2}",
        "{:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1:2}",
        "[,]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "[1:2]",
        "1 2",
        "1,",
        "{}{}",
        "[] []",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1.e5",
        "--1",
        "\"",
        "\"a",
        "'a'",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x1f\"",
        "{\"a\n\":1}",
        "[\"a\"\"b\"]",
        "{\"a\"\"b\"}",
        "{\"a\":}",
        "{\"a\":1}}",
        "[1]]",
        "\v1",
        "\f[]",
        "/*c*/1",
        "[1]//",
        "{\"a\":[}",
        "\xef\xbb\xbf{}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", /* 33 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(bad[i]) != E_SYNTAX)
            test_fail(__FILE__, __LINE__, "not E_SYNTAX: %s", bad[i]);
    CHECK_INT(parse_n("[1]\0", 4), E_SYNTAX);
    CHECK_INT(parse_n("\"a\0b\"", 5), E_SYNTAX);
    CHECK_INT(parse_n("[\0 1]", 5), E_SYNTAX);
}

TEST(json_error_names_the_byte) {
    struct error e;
    CHECK_INT(json_parse(&doc, "{\"a\" 1}", 7, tokens, TOKENS, &e), E_SYNTAX);
    CHECK_STR(e.what, "JSON, byte 5: a ':' is missing");
    CHECK_INT(doc.count, 0);
    CHECK_INT(json_find(&doc, 0, "a"), 0);
}

TEST(json_token_room) {
    struct error e;
    const char *text = "{\"a\": [1, 2], \"b\": {}}";
    CHECK_INT(json_parse(&doc, text, strlen(text), tokens, 7, &e), E_OK);
    CHECK_INT(doc.count, 7);
    for (size_t cap = 0; cap < 7; cap++)
        CHECK_INT(json_parse(&doc, text, strlen(text), tokens, cap, &e), E_SPACE);
}

TEST(json_tokens_and_iteration) {
    CHECK_INT(parse("{\"a\": [1, [2, 3], \"x\"], \"b\": {\"c\": true}, \"d\": 7}"), E_OK);
    CHECK_INT(tokens[0].kind, JSON_OBJECT);
    CHECK_INT(tokens[0].size, 3);
    CHECK_INT(tokens[0].next, doc.count);
    CHECK_INT(tokens[0].start, 0);
    CHECK_INT(tokens[0].end, doc.len);
    static const struct {
        const char *key;
        int kind;
        uint32_t size;
    } want[] = {{"a", JSON_ARRAY, 3}, {"b", JSON_OBJECT, 1}, {"d", JSON_NUMBER, 0}};
    int members = 0;
    for (size_t i = json_first(&doc, 0); i < tokens[0].next; i = tokens[i].next, members++) {
        char key[8];
        CHECK_INT(json_copy_str(&doc, i, key, sizeof key, NULL), E_OK);
        CHECK_STR(key, want[members].key);
        CHECK_INT(tokens[i + 1].kind, want[members].kind);
        CHECK_INT(tokens[i + 1].size, want[members].size);
        CHECK_INT(tokens[i + 1].next, tokens[i].next);
    }
    CHECK_INT(members, 3);
    size_t a = json_find(&doc, 0, "a"), i = json_first(&doc, a);
    CHECK_INT(tokens[i].kind, JSON_NUMBER);
    i = tokens[i].next;
    CHECK_INT(tokens[i].kind, JSON_ARRAY);
    i = tokens[i].next;
    CHECK_INT(tokens[i].kind, JSON_STRING);
    CHECK_INT(tokens[i].next, tokens[a].next);
    CHECK_INT(json_first(&doc, i), 0);
}

TEST(json_finding) {
    CHECK_INT(
        parse(
            "{\"a\": 1, \"b\": {\"a\": 2}, \"\\u0063\\n\": 3, \"a\": 4, \"\\u0000\": 5, \"\": 6, \"ab\": 7}"),
        E_OK);
    uint64_t v;
    CHECK(json_get_uint(&doc, json_find(&doc, 0, "a"), 10, &v) && v == 4); /* the last */
    size_t b = json_find(&doc, 0, "b");
    CHECK(json_get_uint(&doc, json_find(&doc, b, "a"), 10, &v) && v == 2);
    CHECK(json_get_uint(&doc, json_find(&doc, 0, "c\n"), 10, &v) && v == 3);
    CHECK(json_get_uint(&doc, json_find(&doc, 0, ""), 10, &v) && v == 6);
    CHECK(json_get_uint(&doc, json_find(&doc, 0, "ab"), 10, &v) && v == 7);
    CHECK_INT(json_find(&doc, 0, "c"), 0);
    CHECK_INT(json_find(&doc, 0, "abc"), 0);
    CHECK_INT(json_find(&doc, b, "b"), 0);
    CHECK_INT(json_find(&doc, json_find(&doc, 0, "a"), "a"), 0); /* no object */
    CHECK_INT(json_find(&doc, 999, "a"), 0);
    CHECK_INT(parse("[]"), E_OK);
    CHECK_INT(json_first(&doc, 0), 0);
    CHECK_INT(json_first(&doc, 1), 0);
}

TEST(json_strings) {
    static const struct {
        const char *json;
        enum err r;
        const char *want;
        size_t n;
    } cases[] = {
        {"\"plain\"", E_OK, "plain", 5},
        {"\"\"", E_OK, "", 0},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", E_OK, "\"\\/\b\f\n\r\t", 8},
        {"\"\\u0041\\u00e9\\u20AC\"", E_OK, "A\xc3\xa9\xe2\x82\xac", 6},
        {"\"\\ud83d\\ude00\"", E_OK, "\xf0\x9f\x98\x80", 4},
        {"\"\\uD800\\uDC00\"", E_OK, "\xf0\x90\x80\x80", 4},
        {"\"\\udbff\\udfff\"", E_OK, "\xf4\x8f\xbf\xbf", 4},
        {"\"\\udcff\\udc80\"", E_OK, "\xff\x80", 2}, /* bytes that were not UTF-8 */
        {"\"\xc3\xa9\xff\"", E_OK, "\xc3\xa9\xff", 3},
        {"\"a\\u0000b\"", E_VALUE, "", 0},
        {"\"\\ud800\"", E_VALUE, "", 0},
        {"\"\\ud800\\u0041\"", E_VALUE, "", 0},
        {"\"\\ud800\\ud800\"", E_VALUE, "", 0},
        {"\"\\udc00\"", E_VALUE, "", 0},
        {"\"\\udc7f\"", E_VALUE, "", 0},
        {"\"\\udd00\"", E_VALUE, "", 0},
        {"\"\\ud800x\"", E_VALUE, "", 0},
        {"17", E_VALUE, "", 0},
        {"{}", E_VALUE, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 99;
        CHECK_INT(parse(cases[i].json), E_OK);
        size_t room = cases[i].r == E_OK ? cases[i].n + 1 : 32; /* exactly enough */
        char *out = malloc(room);
        CHECK_INT(json_copy_str(&doc, 0, out, room, &n), cases[i].r);
        CHECK_INT(n, cases[i].n);
        CHECK_STR(out, cases[i].want);
        for (size_t cap = 1; cap <= cases[i].n && cases[i].r == E_OK; cap++)
            CHECK_INT(json_copy_str(&doc, 0, out, cap, &n), E_LIMIT);
        free(out);
    }
    CHECK_INT(json_copy_str(&doc, 5, (char[4]){0}, 4, NULL), E_VALUE);
}

TEST(json_unescape_refuses_what_no_string_holds) {
    char out[16];
    size_t n;
    static const char *const bad[] = {"\\",   "\\x",  "\\u",       "\\u004", "\\u00g0",
                                      "a\"b", "a\nb", "\\ud83d\\", "\\u-001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(json_unescape(bad[i], strlen(bad[i]), out, sizeof out, &n) != E_OK);
    CHECK_INT(json_unescape("", 0, out, 0, &n), E_LIMIT);
}

TEST(json_plain_values) {
    static const struct {
        const char *json;
        bool is_uint;
        uint64_t uint;
        bool is_milli;
        uint64_t milli;
    } cases[] = {
        {"0", true, 0, true, 0},
        {"200", true, 200, true, 200000},
        {"201", false, 0, true, 201000},
        {"0.2", false, 0, true, 200},
        {"0.02", false, 0, true, 20},
        {"12.3456", false, 0, true, 12345},
        {"-1", false, 0, false, 0},
        {"-0.5", false, 0, false, 0},
        {"1e2", false, 0, false, 0},
        {"1.5e2", false, 0, false, 0},
        {"1.0", false, 0, true, 1000},
        {"\"5\"", false, 0, false, 0},
        {"true", false, 0, false, 0},
        {"99999999999999999999", false, 0, false, 0},
        {"18446744073709551", false, 0, false, 0},
        {"18446744073709550.999", false, 0, true, 18446744073709550999u},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t v = 77;
        CHECK_INT(parse(cases[i].json), E_OK);
        CHECK_INT(json_get_uint(&doc, 0, 200, &v), cases[i].is_uint);
        CHECK_INT(v, cases[i].is_uint ? cases[i].uint : 77);
        v = 77;
        CHECK_INT(json_get_milli(&doc, 0, &v), cases[i].is_milli);
        CHECK_INT(v, cases[i].is_milli ? cases[i].milli : 77);
    }
    CHECK_INT(parse("[true, false, 1, \"true\"]"), E_OK);
    CHECK(json_is_true(&doc, 1) && !json_is_true(&doc, 2) && !json_is_true(&doc, 3) &&
          !json_is_true(&doc, 4));
    CHECK(!json_is_true(&doc, 99));
}

/* Wide and long documents take time in proportion to their length. */
TEST(json_is_linear) {
    size_t pairs = 200000;
    char *text = test_keep(malloc(pairs * 3 + 2));
    struct json_token *many = test_keep(malloc(sizeof *many * (pairs + 1)));
    text[0] = '[';
    for (size_t i = 0; i < pairs; i++)
        memcpy(text + 1 + 3 * i, i % 2 ? "[]," : "{},", 3);
    text[3 * pairs] = ']';
    CHECK_INT(json_parse(&doc, text, 3 * pairs + 1, many, pairs + 1, NULL), E_OK);
    CHECK_INT(doc.count, pairs + 1);
    CHECK_INT(many[0].size, pairs);
    CHECK_INT(many[0].next, pairs + 1);
}
