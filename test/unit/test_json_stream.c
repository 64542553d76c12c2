/* test_json_stream.c - the same verdicts as json_parse, the same events in whatever pieces the text comes,
 * and pauses after every event. */
#include "base/json_read.h"
#include "base/json_stream.h"
#include "base/text.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- an owner that writes down what it is told ---- */

struct owner {
    struct json_stream stream;
    char keep[64];
    char log_bytes[4096];
    struct text log;
    bool pausing;  /* every event pauses */
    bool lenient;  /* what is too long is skipped */
    enum err fail; /* what kept() returns, if not E_OK */
    enum err err;
    const char *text; /* of the whole vector, for the checks of offsets */
    const char *want_log;
    enum err want_err;
    uint32_t pauses;
};

static enum err answer(struct owner *o) {
    o->pauses += o->pausing;
    return o->pausing ? E_AGAIN : E_OK;
}

/* What a key asks for: k... is kept, p... passed, s... skipped; containers of other names are entered. In
 * arrays everything that is no container is kept. */
static enum json_want on_value(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    struct owner *o = arg;
    static const char first[] = "{[\"0tn"; /* by kind */
    char c = o->text[o->stream.at - 1];
    CHECK(c == first[kind] || (kind == JSON_NUMBER && strchr("-123456789", c)) ||
          (kind == JSON_BOOL && c == 'f'));
    text_format(&o->log, "%u%c", depth, first[kind]);
    if (key)
        text_format(&o->log, "<%s>", key);
    text_char(&o->log, ' ');
    if (key && *key == 's')
        return JSON_SKIP;
    if (key && *key == 'k')
        return JSON_KEEP;
    if (key && *key == 'p')
        return JSON_PASS;
    return kind <= JSON_ARRAY ? JSON_ENTER : JSON_KEEP;
}

static enum err on_kept(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                        struct error *e) {
    struct owner *o = arg;
    CHECK_INT(strlen(json), n);
    CHECK_MEM(o->text + o->stream.at - n, json, n);
    text_format(&o->log, "k%u%s%s%s=%s ", depth, key ? "<" : "", key ? key : "", key ? ">" : "", json);
    if (o->fail)
        return error_set(e, o->fail, 0, "the owner refuses");
    return answer(o);
}

static enum err on_passed(void *arg, const char *bytes, size_t n, struct error *e) {
    struct owner *o = arg;
    (void)e;
    CHECK(n > 0);
    text_add(&o->log, bytes, n);
    return answer(o);
}

static enum err on_left(void *arg, unsigned depth, enum json_kind kind, struct error *e) {
    struct owner *o = arg;
    (void)e;
    static const char last[] = "}]\""; /* by kind */
    CHECK(kind <= JSON_STRING && o->text[o->stream.at - 1] == last[kind]);
    text_format(&o->log, "%c%u ", last[kind], depth);
    return answer(o);
}

static enum err on_too_long(void *arg, unsigned depth, const char *key, struct error *e) {
    struct owner *o = arg;
    if (!o->lenient)
        return error_set(e, E_LIMIT, 0, "too long");
    text_format(&o->log, "long%u%s ", depth, key ? key : "");
    return answer(o);
}

static const struct json_stream_events events = {on_value, on_kept, on_passed, on_left, on_too_long};

static void reset(void *ctx) {
    struct owner *o = ctx;
    text_init(&o->log, o->log_bytes, sizeof o->log_bytes);
    json_stream_init(&o->stream, &events, o, o->keep, sizeof o->keep);
    o->err = E_OK;
    o->pauses = 0;
}

/* Goes on after pauses until all is taken. */
static void push(void *ctx, const uint8_t *bytes, size_t n) {
    struct owner *o = ctx;
    uint64_t from = o->stream.at;
    if (o->err != E_OK)
        return;
    do {
        size_t taken = (size_t)(o->stream.at - from);
        o->err = json_stream_push(&o->stream, (const char *)bytes + taken, n - taken, NULL);
    } while (o->err == E_AGAIN);
    if (o->err == E_OK)
        CHECK_INT(o->stream.at - from, n);
}

static void finish(struct owner *o) {
    if (o->err == E_OK)
        do
            o->err = json_stream_finish(&o->stream, NULL);
        while (o->err == E_AGAIN);
}

static void check(void *ctx) {
    struct owner *o = ctx;
    finish(o);
    CHECK_STR(o->log_bytes, o->want_log);
    CHECK_INT(o->err, o->want_err);
}

static struct owner owner;

static void cuts(const char *text, const char *want_log, enum err want_err) {
    owner.text = text;
    owner.want_log = want_log;
    owner.want_err = want_err;
    for (int i = 0; i < 2; i++) {
        owner.pausing = i;
        test_cuts(text, strlen(text), 1, &owner, reset, push, check);
    }
}

/* ---- events ---- */

TEST(stream_tells_values) {
    cuts("{}", "0{ }0 ", E_OK);
    cuts(" [ ] ", "0[ ]0 ", E_OK);
    cuts("\"x\"", "0\" k0=\"x\" ", E_OK);
    cuts("-12.5e+3", "00 k0=-12.5e+3 ", E_OK);
    cuts(" 0 ", "00 k0=0 ", E_OK);
    cuts("null", "0n k0=null ", E_OK);
    cuts("[1, true ,\"a\\\"]\"]", "0[ 10 k1=1 1t k1=true 1\" k1=\"a\\\"]\" ]0 ", E_OK);
    cuts("[[],{},[[1]]]", "0[ 1[ ]1 1{ }1 1[ 2[ 30 k3=1 ]2 ]1 ]0 ", E_OK);
}

TEST(stream_tells_members) {
    cuts("{\"a\":{\"k\":[1,{\"k\":null}],\"s\":{\"k\":2}},\"s\":[3],\"kk\" : false }",
         "0{ 1{<a> 2[<k> k2<k>=[1,{\"k\":null}] 2{<s> }1 1[<s> 1t<kk> k1<kk>=false }0 ", E_OK);
    /* keys are told unescaped, and the last of two is not told otherwise than the first */
    cuts("{\"\\u006b\\n\":1,\"k\":2,\"k\":3}", "0{ 10<k\n> k1<k\n>=1 10<k> k1<k>=2 10<k> k1<k>=3 }0 ", E_OK);
    cuts("{\"\\ud83d\\ude00\":1,\"\xc3\xa9\":[]}",
         "0{ 10<\xf0\x9f\x98\x80> k1<\xf0\x9f\x98\x80>=1 1[<\xc3\xa9> ]1 }0 ", E_OK);
}

TEST(stream_keys_that_nobody_wants) {
    /* 63 bytes are told, 64 are not */
    cuts("{\"s23456789012345678901234567890123456789012345678901234567890123\":1}",
         "0{ 10<s23456789012345678901234567890123456789012345678901234567890123> }0 ", E_OK);
    cuts("{\"s234567890123456789012345678901234567890123456789012345678901234\":\"\"}",
         "0{ 1\"<> k1<>=\"\" }0 ", E_OK);
    cuts("{\"s\\u0000\":1}", "0{ 10<> k1<>=1 }0 ", E_OK);
    cuts("{\"s\\ud800\":1}", "0{ 10<> k1<>=1 }0 ", E_OK);
    cuts("{\"s\\ud800x\":1,\"s\":2}", "0{ 10<> k1<>=1 10<s> }0 ", E_OK);
    cuts("{\"s\\udc00\":\"\\ud800\"}", "0{ 1\"<> k1<>=\"\\ud800\" }0 ", E_OK);
}

TEST(stream_passes_strings) {
    cuts("{\"p\":\"a\\nb\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\udce9\"}",
         "0{ 1\"<p> a\nbA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe9\"1 }0 ", E_OK);
    cuts("{\"p\":\"\",\"p2\":\"\\\"\"}", "0{ 1\"<p> \"1 1\"<p2> \"\"1 }0 ", E_OK);
    /* what cannot be passed or entered is skipped */
    cuts("{\"p\":1,\"p\":[2,\"x\"],\"p\":{\"k\":1}}", "0{ 10<p> 1[<p> 1{<p> }0 ", E_OK);
    static const char *const bad[] = {"{\"p\":\"\\ud800\"}", "{\"p\":\"\\ud800x\"}", "{\"p\":\"\\ud800\\n\"}",
                                      "{\"p\":\"\\udc00\"}", "{\"p\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cuts(bad[i], "0{ 1\"<p> ", E_VALUE);
}

/* Longer than the stream's own memory, in runs of every length. */
TEST(stream_passes_long_strings) {
    static char text[3000], want[3000];
    struct text t, w;
    text_init(&t, text, sizeof text);
    text_init(&w, want, sizeof want);
    text_str(&t, "{\"p\":\"");
    text_str(&w, "0{ 1\"<p> ");
    for (unsigned i = 0; i < 40; i++) {
        for (unsigned k = 0; k < i + (i % 13 == 7 ? 300 : 0); k++) {
            text_char(&t, (char)('a' + k % 26));
            text_char(&w, (char)('a' + k % 26));
        }
        text_str(&t, "\\\\");
        text_str(&w, "\\");
    }
    text_str(&t, "\"}");
    text_str(&w, "\"1 }0 ");
    CHECK(!t.cut && !w.cut);
    cuts(text, want, E_OK);
}

/* A passed string is read once, not once for each piece of it. */
TEST(stream_is_linear) {
    size_t n = 8u << 20;
    char *text = test_keep(malloc(n));
    struct json_stream s;
    static const struct json_stream_events none = {0};
    memset(text, 'x', n);
    memcpy(text, "[\"\\n", 4);
    json_stream_init(&s, &none, NULL, NULL, 0);
    CHECK_INT(json_stream_push(&s, text, n, NULL), E_OK);
    memcpy(text, "{\"p\":\"\\n", 8);
    owner.text = text;
    reset(&owner);
    push(&owner, (const uint8_t *)text, n);
    CHECK_INT(owner.err, E_OK);
}

/* ---- limits ---- */

TEST(stream_keep_has_a_limit) {
    char fits[128], longer[128], want[128];
    snprintf(fits, sizeof fits, "{\"k\":\"%061d\"}", 0); /* 63 bytes with its quotes, and the NUL */
    snprintf(want, sizeof want, "0{ 1\"<k> k1<k>=\"%061d\" }0 ", 0);
    cuts(fits, want, E_OK);
    snprintf(longer, sizeof longer, "{\"k\":\"%062d\"}", 0);
    cuts(longer, "0{ 1\"<k> ", E_LIMIT);
    snprintf(longer, sizeof longer, "{\"k\":[1,2,[%d%060d]],\"k\":2}", 1, 0);
    cuts(longer, "0{ 1[<k> ", E_LIMIT);
    owner.lenient = true;
    cuts(longer, "0{ 1[<k> long1k 10<k> k1<k>=2 }0 ", E_OK);
    snprintf(longer, sizeof longer, "[\"%062d\",\"x\"]", 0);
    cuts(longer, "0[ 1\" long1 1\" k1=\"x\" ]0 ", E_OK);
}

TEST(stream_nothing_after_an_error) {
    struct error e;
    owner.text = "[1,]";
    reset(&owner);
    CHECK_INT(json_stream_push(&owner.stream, "[1,]", 4, &e), E_SYNTAX);
    CHECK_STR(e.what, "JSON, byte 3: a value is missing");
    CHECK_INT(json_stream_push(&owner.stream, "1]", 2, &e), E_SYNTAX);
    CHECK_INT(json_stream_finish(&owner.stream, &e), E_SYNTAX);
    owner.text = "[[1,2";
    reset(&owner);
    push(&owner, (const uint8_t *)owner.text, 5);
    CHECK_INT(json_stream_finish(&owner.stream, &e), E_TRUNCATED);
    CHECK_STR(e.what, "JSON, byte 5: ends too early");
    CHECK_INT(json_stream_finish(&owner.stream, &e), E_SYNTAX);
    owner.fail = E_DENIED;
    cuts("[1,2]", "0[ 10 k1=1 ", E_DENIED);
}

/* ---- the verdicts of json_parse ---- */

static enum json_want want_skip(void *arg, unsigned depth, enum json_kind kind, const char *key) {
    (void)depth, (void)kind, (void)key;
    return *(enum json_want *)arg;
}
static enum err kept_nothing(void *arg, unsigned depth, const char *key, const char *json, size_t n,
                             struct error *e) {
    (void)arg, (void)depth, (void)key, (void)json, (void)n, (void)e;
    return E_OK;
}

static bool accepts(const char *text, size_t n, size_t step, enum json_want want) {
    static const struct json_stream_events one = {.value = want_skip, .kept = kept_nothing};
    struct json_stream s;
    char keep[256];
    enum err err = E_OK;
    json_stream_init(&s, &one, &want, keep, sizeof keep);
    for (size_t at = 0; at < n && err == E_OK; at += step)
        err = json_stream_push(&s, text + at, n - at < step ? n - at : step, NULL);
    if (err == E_OK)
        err = json_stream_finish(&s, NULL);
    CHECK(err == E_OK || err == E_SYNTAX || err == E_TRUNCATED);
    return err == E_OK;
}

TEST(stream_without_a_buffer_keeps_nothing) {
    static const struct json_stream_events one = {.value = want_skip, .kept = kept_nothing};
    enum json_want want = JSON_KEEP;
    struct json_stream s;
    json_stream_init(&s, &one, &want, NULL, 0);
    CHECK_INT(json_stream_push(&s, "7", 1, NULL), E_LIMIT);
}

static void same_verdict(const char *text, size_t n) {
    static struct json_token tokens[256];
    struct json_doc d;
    bool want = json_parse(&d, text, n, tokens, 256, NULL) == E_OK;
    for (size_t step = 1; step < 5; step++)
        for (enum json_want how = JSON_SKIP; how <= JSON_PASS; how++)
            if (how != JSON_PASS && accepts(text, n, step, how) != want)
                test_fail(__FILE__, __LINE__, "json_parse: %d, in pieces of %zu: %d: %.*s", want, step, !want,
                          (int)n, text);
}

TEST(stream_is_as_strict_as_json_parse) {
    static const char *const texts[] = {
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
        "[1]",
        "[1, 2]",
        "[[], {}]",
        "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"e\"}",
        "\t\r\n1 \n",
        "\"\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"",
        "\"\x7f\xc3\xa9\xff\"",
        "[\"a:b\",\"c,d\",\"{\",\"]\"]",
        "{\"\":\"\"}",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "{\"a\\ud800\":1}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", /* 32 */
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
        "1e+-1",
        "0x10",
        "1.e5",
        "--1",
        "1.5.5",
        "1e5e5",
        "1e5.5",
        "1-1",
        "\"",
        "\"a",
        "'a'",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\\"",
        "\"\n\"",
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
        "tru e",
        "[t]",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", /* 33 */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        same_verdict(texts[i], strlen(texts[i]));
    same_verdict("[1]\0", 4);
    same_verdict("\"a\0b\"", 5);
    same_verdict("[\0 1]", 5);
}

/* One byte of a good text changed, dropped or doubled. */
TEST(stream_and_json_parse_agree_on_damage) {
    static const char good[] =
        "{\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\n\"], \"b\": {\"\": {}}, \"c\":[]}";
    static const char bytes[] = "{}[],:\"\\ \n0-.eEtu+x";
    char text[sizeof good + 1];
    size_t n = sizeof good - 1;
    same_verdict(good, n);
    for (size_t i = 0; i < n; i++) {
        memcpy(text, good, n);
        for (const char *c = bytes; *c; c++) {
            text[i] = *c;
            same_verdict(text, n);
        }
        memmove(text + i, good + i + 1, n - i - 1);
        same_verdict(text, n - 1);
        memcpy(text, good, i + 1);
        memcpy(text + i + 1, good + i, n - i);
        same_verdict(text, n + 1);
    }
}
