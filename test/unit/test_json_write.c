/* test_json_write.c - JSON in Python's spelling: the expected texts are Python's own (json.dumps). */
#include "base/json_read.h"
#include "base/json_write.h"
#include "test/harness/harness.h"

static char buf[4096];
static struct text out;
static struct json_write w;

static void start(size_t cap) {
    memset(buf, 0x5a, sizeof buf);
    text_init(&out, buf, cap);
    json_write_init(&w, &out);
}

static const struct {
    const char *bytes;
    size_t n;
    const char *json;
} strings[] = {
    {"plain", 5, "\"plain\""},
    {"", 0, "\"\""},
    {"q\"b\\s/", 6, "\"q\\\"b\\\\s/\""},
    {"\000\001\010\011\012\013\014\015\037 ~\177", 12,
     "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f ~\\u007f\""},
    {"\303\251\342\202\254\360\237\230\200", 9, "\"\\u00e9\\u20ac\\ud83d\\ude00\""},
    {"\364\217\277\277\357\277\277\355\237\277\356\200\200\337\277\340\240\200\302\200", 20,
     "\"\\udbff\\udfff\\uffff\\ud7ff\\ue000\\u07ff\\u0800\\u0080\""},
    {"\377\376", 2, "\"\\udcff\\udcfe\""},
    {"a\303", 2, "\"a\\udcc3\""},
    {"\342\202", 2, "\"\\udce2\\udc82\""},
    {"\342\202A", 3, "\"\\udce2\\udc82A\""},
    {"\360\237\230", 3, "\"\\udcf0\\udc9f\\udc98\""},
    {"\355\240\200", 3, "\"\\udced\\udca0\\udc80\""},
    {"\300\257", 2, "\"\\udcc0\\udcaf\""},
    {"\340\200\257", 3, "\"\\udce0\\udc80\\udcaf\""},
    {"\364\220\200\200", 4, "\"\\udcf4\\udc90\\udc80\\udc80\""},
    {"\370\210\200\200\200", 5, "\"\\udcf8\\udc88\\udc80\\udc80\\udc80\""},
    {"\200\277", 2, "\"\\udc80\\udcbf\""},
    {"\360\217\277\277", 4, "\"\\udcf0\\udc8f\\udcbf\\udcbf\""},
    {"ok\351\377/etc", 8, "\"ok\\udce9\\udcff/etc\""},
};
#define STRINGS (sizeof strings / sizeof *strings)

TEST(json_escape_as_python) {
    for (size_t i = 0; i < STRINGS; i++) {
        start(sizeof buf);
        json_escape(&out, strings[i].bytes, strings[i].n);
        CHECK_STR(buf, strings[i].json);
        CHECK(!out.cut);
    }
}

TEST(json_escape_and_back) {
    for (size_t i = 0; i < STRINGS; i++) {
        char back[256];
        size_t n = 0;
        if (memchr(strings[i].bytes, 0, strings[i].n))
            continue; /* what no path holds */
        enum err r = json_unescape(strings[i].json + 1, strlen(strings[i].json) - 2, back, sizeof back, &n);
        CHECK_INT(r, E_OK);
        CHECK_INT(n, strings[i].n);
        CHECK_MEM(back, strings[i].bytes, n);
    }
}

TEST(json_escape_random_bytes_and_back) {
    uint64_t seed = 5;
    for (int round = 0; round < 20000; round++) {
        char bytes[24], back[64];
        size_t n = (size_t)(test_random(&seed) % sizeof bytes), got = 0;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(test_random(&seed) % 255 + 1);
        start(sizeof buf);
        json_escape(&out, bytes, n);
        CHECK_INT(json_unescape(buf + 1, out.len - 2, back, sizeof back, &got), E_OK);
        CHECK_INT(got, n);
        CHECK_MEM(back, bytes, n);
    }
}

static void write_all(void) {
    json_open(&w, '{');
    json_key(&w, "a");
    json_int(&w, INT64_MIN);
    json_key(&w, "list");
    json_open(&w, '[');
    json_str(&w, "x");
    json_null(&w);
    json_bool(&w, true);
    json_bool(&w, false);
    json_open(&w, '{');
    json_close(&w, '}');
    json_open(&w, '[');
    json_open(&w, '[');
    json_close(&w, ']');
    json_uint(&w, 1);
    json_close(&w, ']');
    json_uint(&w, UINT64_MAX);
    json_close(&w, ']');
    json_key_n(&w, "keys", 3);
    json_str(&w, NULL);
    json_key(&w, "raw");
    json_raw(&w, "[1]", 3);
    json_key(&w, "n");
    json_str_n(&w, "abc", 2);
    json_close(&w, '}');
}

TEST(json_write_as_python) {
    start(sizeof buf);
    write_all();
    CHECK_STR(buf, "{\"a\": -9223372036854775808, \"list\": [\"x\", null, true, false, {}, [[], 1], "
                   "18446744073709551615], \"key\": null, \"raw\": [1], \"n\": \"ab\"}");
    CHECK(!out.cut);
}

TEST(json_write_keys_with_values) {
    start(sizeof buf);
    json_open(&w, '{');
    json_key_str(&w, "a", "x");
    json_key_str(&w, "b", NULL);
    json_key_uint(&w, "c", UINT64_MAX);
    json_key_open(&w, "d", '[');
    json_close(&w, ']');
    json_key_bool(&w, "e", true);
    json_close(&w, '}');
    CHECK_STR(buf, "{\"a\": \"x\", \"b\": null, \"c\": 18446744073709551615, \"d\": [], \"e\": true}");
}

TEST(json_write_cuts) {
    start(sizeof buf);
    write_all();
    char whole[4096];
    strcpy(whole, buf);
    size_t n = out.len;
    for (size_t cap = 1; cap <= n; cap++) {
        start(cap);
        write_all();
        CHECK(out.cut);
        CHECK_INT(strlen(buf), out.len);
        CHECK(out.len < cap);
        CHECK_MEM(buf, whole, out.len);
        CHECK_INT(buf[cap], 0x5a);
    }
    start(n + 1);
    write_all();
    CHECK(!out.cut);
}

TEST(json_write_too_deep) {
    start(sizeof buf);
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_open(&w, '[');
    CHECK(!out.cut);
    json_open(&w, '[');
    CHECK(out.cut);
    for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
        json_close(&w, ']');
    CHECK_INT(w.depth, 0);
}

TEST(json_words_as_a_list) {
    static const struct {
        const char *words, *want;
    } cases[] = {{"", "{\"k\": []}"}, {"a", "{\"k\": [\"a\"]}"}, {",a,,b b,", "{\"k\": [\"a\", \"b b\"]}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(sizeof buf);
        json_open(&w, '{');
        json_key_list(&w, "k", cases[i].words);
        json_close(&w, '}');
        CHECK_STR(buf, cases[i].want);
    }
}
