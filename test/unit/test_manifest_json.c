/* test_manifest_json.c - manifests as JSON, both ways: the writing against what Python's json.dumps gives,
 * the reading whole, byte by byte and cut everywhere, and everything that must be refused. */
#include "fs/manifest_json.h"
#include "test/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>

static struct items items;
static struct manifest *manifest;

/* Each line is json.dumps({os.fsdecode(path): {"mod_time": t, "cluster_item_key": key, "merged": False,
 * "hash": hashlib.blake2b(path).hexdigest()}})[1:-1] of Python 3.11. */
static const struct {
    const char *path;
    int64_t mtime_ns;
    uint8_t item;
    const char *json;
} vectors[] = {
    {"etc/rules/local.xml", INT64_C(1690000000000000000), 3,
     "\"etc/rules/local.xml\": {\"mod_time\": 1690000000.0, \"cluster_item_key\": \"etc/rules/\", "
     "\"merged\": false, \"hash\": "
     "\"0a610d9610ccdf8cc62e46eb1de99608263b89f62856996d02d7fec26e180812b64ab531f6aea484d003ca8d7166cc28eca8d"
     "706218f7c01ecccaa67055d0cf9\"}"},
    {"etc/lists/sp \"q\" \\b", INT64_C(1795171574769606812), 5,
     "\"etc/lists/sp \\\"q\\\" \\\\b\": {\"mod_time\": 1795171574.7696068, \"cluster_item_key\": "
     "\"etc/lists/\", \"merged\": false, \"hash\": "
     "\"6a18a3e4b7b6581e3205b4a3bfb721aaf3e2197fa159ec63bf24460fcc79a8dd92719491d21ca52b1d300b54d83a62a935bc6"
     "22cdb7ea9446a65aa263d2e6fb1\"}"},
    {"etc/shared/\xc3\xa9/\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x99", INT64_C(500000000), 1,
     "\"etc/shared/\\u00e9/\\u00fc\\u20ac\\ud83d\\udc19\": {\"mod_time\": 0.5, \"cluster_item_key\": "
     "\"etc/shared/\", \"merged\": false, \"hash\": "
     "\"b71940f4ebea1535a0cbd3ba0670f136ce3d124b2946bb3ea5e4cce5bba71613e442d32fb52499c3cbeec909ab8ff819bedfa"
     "d33ee61a6f1f8bcde538b8d6793\"}"},
    {"etc/rules/caf\xe9", INT64_C(1795171574909607000), 3,
     "\"etc/rules/caf\\udce9\": {\"mod_time\": 1795171574.909607, \"cluster_item_key\": \"etc/rules/\", "
     "\"merged\": false, \"hash\": "
     "\"7f1081dad5ab9f47c94542496341a75b9d64f20a5e1cbadc6fd18a2cc9ed6e8f72577b22d9c19e41173684652b4fe36c4b667"
     "bd9cc47115db388107029cbdd39\"}"},
    {"etc/client.keys", INT64_C(0), 0,
     "\"etc/client.keys\": {\"mod_time\": 0.0, \"cluster_item_key\": \"etc/\", \"merged\": false, \"hash\": "
     "\"f41c726cf525d779e1670df15598e4c7dc4927d45eef57f7a333c3cfccd9559840807033334b37acba924cd368554c87ad6bf"
     "1dc4d17e0c1a39fabdb2ebc59bc\"}"},
    {"etc/rules/old", INT64_C(-1250000000), 3,
     "\"etc/rules/old\": {\"mod_time\": -1.25, \"cluster_item_key\": \"etc/rules/\", \"merged\": false, "
     "\"hash\": "
     "\"0ebb2e8bb2674090301768576395f20bb06aef4bbbd4d2bb7e097592d8a119778fa5489fcbafc80c650ac8660e3cc88b51005"
     "8c4b442dd67ea95e032aba44552\"}"},
    {"etc/rules/recent", INT64_C(1690000000100000000), 3,
     "\"etc/rules/recent\": {\"mod_time\": 1690000000.1, \"cluster_item_key\": \"etc/rules/\", \"merged\": "
     "false, \"hash\": "
     "\"1e8f0ddcafb4432f8d715a87a7b6ad5d22e155293ac1b83d15ed7697e0b9a7393dc711a9514a565c98844334423b67569df18"
     "acb68400aeef2423a69b5f79366\"}"},
};
enum { VECTORS = sizeof vectors / sizeof *vectors };

static void hash_of(uint8_t hash[BLAKE2B_BYTES], const char *content) {
    struct blake2b b;
    blake2b_init(&b, BLAKE2B_BYTES);
    blake2b_push(&b, content, strlen(content));
    blake2b_finish(&b, hash);
}

static uint32_t add(const char *path, int64_t mtime_ns, uint8_t item) {
    uint32_t slot = SLOT_NONE;
    uint8_t hash[BLAKE2B_BYTES];
    struct sys_stat st = {.mtime_ns = mtime_ns};
    CHECK_INT(manifest_add(manifest, path, strlen(path), item, &slot), E_OK);
    hash_of(hash, path);
    manifest_set(manifest, slot, hash, &st);
    return slot;
}

static void start(void) {
    items_defaults(&items);
    manifest = test_keep(malloc(sizeof *manifest));
    manifest_init(manifest, 1);
}

/* ---- writing ---- */

TEST(members_as_python_writes_them) {
    start();
    for (int i = 0; i < VECTORS; i++) {
        char buf[JSON_MEMBER_BYTES];
        struct text out;
        text_init(&out, buf, sizeof buf);
        manifest_member_write(&out, manifest, add(vectors[i].path, vectors[i].mtime_ns, vectors[i].item),
                              &items);
        CHECK_STR(buf, vectors[i].json);
        CHECK(!out.cut);
    }
}

/* The longest path and item key that there can be, all of characters that grow most. */
TEST(the_longest_member_fits) {
    start();
    struct item *item = &items.item[items.count++];
    char path[PATH_MAX_BYTES];
    for (size_t i = 0; i + 2 < PATH_MAX_BYTES; i += 2)
        memcpy(path + i, "\xc3\xa9", 2);
    path[PATH_MAX_BYTES - 1] = '\0';
    path[PATH_MAX_BYTES - 2] = 'x';
    memcpy(item->dir, path, NAME_MAX_BYTES);
    memcpy(item->dir + NAME_MAX_BYTES - 2, "/", 2);
    uint32_t slot = add(path, INT64_MIN, (uint8_t)(items.count - 1));
    char buf[JSON_MEMBER_BYTES];
    struct text out;
    text_init(&out, buf, sizeof buf);
    text_str(&out, ", ");
    manifest_member_write(&out, manifest, slot, &items);
    CHECK(!out.cut);
    CHECK(strstr(buf, "\"mod_time\": -9223372036.8547758, "));
}

static size_t read_all(struct manifest_source *s, char *out, size_t cap, size_t piece) {
    size_t len = 0, n;
    struct error e;
    do {
        CHECK(len + piece < cap);
        CHECK_INT(s->source.read(&s->source, (uint8_t *)out + len, piece, &n, &e), E_OK);
        CHECK(n <= piece);
        len += n;
    } while (n > 0);
    CHECK_INT(s->source.read(&s->source, (uint8_t *)out + len, piece, &n, &e), E_OK); /* the end stays */
    CHECK_INT(n, 0);
    out[len] = '\0';
    return len;
}

TEST(source_in_pieces_of_any_size) {
    start();
    static char want[16384], got[16384];
    struct manifest_source s;
    manifest_source_init(&s, manifest, &items);
    read_all(&s, got, sizeof got, 100);
    CHECK_STR(got, "{}");
    struct text out;
    text_init(&out, want, sizeof want);
    for (int i = 0; i < VECTORS; i++) {
        text_str(&out, i ? ", " : "{");
        text_str(&out, vectors[i].json);
        add(vectors[i].path, vectors[i].mtime_ns, vectors[i].item);
    }
    text_str(&out, "}");
    uint32_t slot;
    CHECK_INT(manifest_add(manifest, "etc/rules/new", 13, 3, &slot), E_OK); /* not hashed: not told */
    static const size_t pieces[] = {1, 2, 3, 7, 64, 255, 1000, 16000};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        manifest_source_init(&s, manifest, &items);
        read_all(&s, got, sizeof got, pieces[i] > 8000 ? 8000 : pieces[i]);
        CHECK_STR(got, want);
    }
}

/* ---- reading ---- */

/* What the callback was given, as text: "section|path|item|merged|hash\n" each. */
struct reading {
    struct manifest_reader reader;
    bool classified;
    char seen[8192];
    struct text out;
    struct error error;
    enum err err;
    uint64_t fail_at; /* the n-th member is refused with E_SPACE */
    uint64_t members;
    enum err want;
    const char *want_seen;
};

static enum err note(void *arg, const struct manifest_member *m, struct error *e) {
    struct reading *r = arg;
    CHECK_INT(m->path[m->path_len], 0);
    CHECK_INT(m->item_key[m->item_key_len], 0);
    if (++r->members == r->fail_at)
        return error_set(e, E_SPACE, 0, "no more");
    text_format(&r->out, "%d|", (int)m->section);
    text_add(&r->out, m->path, m->path_len);
    text_format(&r->out, "|%s|%d|%d|", m->item_key, m->merged, m->has_hash);
    if (m->has_hash)
        text_format(&r->out, "%02x%02x..%02x", m->hash[0], m->hash[1], m->hash[63]);
    text_str(&r->out, "|");
    text_add(&r->out, m->raw, m->raw_len);
    text_str(&r->out, "\n");
    CHECK(!r->out.cut);
    return E_OK;
}

static void reset(void *ctx) {
    struct reading *r = ctx;
    memset(&r->reader, 0xa5, sizeof r->reader);
    manifest_reader_init(&r->reader, r->classified, r, note);
    text_init(&r->out, r->seen, sizeof r->seen);
    r->err = E_OK;
    r->error = (struct error){0};
    r->members = 0;
}

static void push(void *ctx, const uint8_t *bytes, size_t n) {
    struct reading *r = ctx;
    enum err before = r->err;
    r->err = manifest_reader_push(&r->reader, bytes, n, &r->error);
    if (before != E_OK)
        CHECK_INT(r->err, before); /* it sticks */
    CHECK_INT(r->error.code, r->err);
}

static void check(void *ctx) {
    struct reading *r = ctx;
    enum err err = manifest_reader_finish(&r->reader, &r->error);
    if (r->err != E_OK)
        CHECK_INT(err, r->err);
    if (err != r->want)
        test_fail(__FILE__, __LINE__, "%s: %s", err_words(err), r->error.what);
    if (err != E_OK)
        CHECK(r->error.what[0]);
    if (r->want_seen)
        CHECK_STR(r->seen, r->want_seen);
}

static struct reading reading;

static void reads(bool classified, const char *json, enum err want, const char *seen) {
    reading.classified = classified;
    reading.want = want;
    reading.want_seen = seen;
    test_cuts(json, strlen(json), 1, &reading, reset, push, check);
}

#define HEX16 "0123456789abcdef"
#define HEX128 HEX16 HEX16 HEX16 HEX16 HEX16 HEX16 HEX16 HEX16
#define HASHED "|1|0123..ef|"

TEST(reads_flat) {
    reads(false, "{}", E_OK, "");
    reads(false, " \r\n\t{ \n } \n", E_OK, "");
    reads(false,
          "{\"etc/client.keys\": {\"mod_time\": 1795171574.7696068, \"cluster_item_key\": \"etc/\", "
          "\"merged\": "
          "false, \"hash\": \"" HEX128 "\"}, \"a\": {\"hash\": \"" HEX128
          "\", \"merged\": true, \"merge_type\": \"TYPE\", \"cluster_item_key\": \"etc/rules/\"}}",
          E_OK,
          "0|etc/client.keys|etc/|0" HASHED
          "\"etc/client.keys\": {\"mod_time\": 1795171574.7696068, \"cluster_item_key\": "
          "\"etc/\", \"merged\": false, \"hash\": \"" HEX128 "\"}\n"
          "0|a|etc/rules/|1" HASHED "\"a\": {\"hash\": \"" HEX128
          "\", \"merged\": true, \"merge_type\": \"TYPE\", \"cluster_item_key\": \"etc/rules/\"}\n");
    /* no blanks, many blanks, nothing known in it */
    reads(false, "{\"a\":{},\"b\":{}}", E_OK, "0|a||0|0||\"a\":{}\n0|b||0|0||\"b\":{}\n");
    reads(false, "{ \"a\" : { } , \"b\" : { } }", E_OK, "0|a||0|0||\"a\" : { }\n0|b||0|0||\"b\" : { }\n");
    reads(false, "{\"a\": {\"x\": [1, {\"y\": [\"}\", \"\\\"]\"]}, null], \"merged\": true}}", E_OK,
          "0|a||1|0||\"a\": {\"x\": [1, {\"y\": [\"}\", \"\\\"]\"]}, null], \"merged\": true}\n");
    /* keys with brackets, quotes, escapes */
    reads(false, "{\"a,}{\\\"\\\\\": {}}", E_OK, "0|a,}{\"\\||0|0||\"a,}{\\\"\\\\\": {}\n");
    reads(false, "{\"\\u00e9\\ud83d\\udc19\\udce9\": {\"cluster_item_key\": \"\\u0065tc/\"}}", E_OK,
          "0|\xc3\xa9\xf0\x9f\x90\x99\xe9|etc/|0|0||\"\\u00e9\\ud83d\\udc19\\udce9\": {\"cluster_item_key\": "
          "\"\\u0065tc/\"}\n");
    /* a path twice: the reader hands over what comes */
    reads(false, "{\"a\": {}, \"a\": {\"merged\": true}}", E_OK,
          "0|a||0|0||\"a\": {}\n0|a||1|0||\"a\": {\"merged\": true}\n");
    reads(false, "{\"\": {}}", E_OK, "0|||0|0||\"\": {}\n");
}

TEST(reads_classified) {
    reads(true, "{}", E_OK, "");
    reads(true, "{\"missing\": {}, \"extra\": {}, \"shared\": {}}", E_OK, "");
    reads(true,
          "{\"missing\": {\"a\": {}, \"b\": {}}, \"extra\": {\"c\": {}}, \"shared\": {\"d\": {}}, "
          "\"extra_valid\": {\"e\": {}}}",
          E_OK,
          "1|a||0|0||\"a\": {}\n1|b||0|0||\"b\": {}\n2|c||0|0||\"c\": {}\n3|d||0|0||\"d\": {}\n"
          "4|e||0|0||\"e\": {}\n");
    /* any order, twice, escaped */
    reads(true, " { \"shared\" :{ \"d\":{}} ,\"m\\u0069ssing\": { } ,\"shared\":{\"e\":{} } } ", E_OK,
          "3|d||0|0||\"d\":{}\n3|e||0|0||\"e\":{}\n");
    /* sections nobody knows, with any value */
    reads(true,
          "{\"new\": {\"a\": {\"b\": [\"}\", 1]}}, \"missing\": {\"a\": {}}, \"n\": null, \"m\": [[], {}], "
          "\"s\": \"},\\\"\", \"a longer name than all\": -1.5e3 }",
          E_OK, "1|a||0|0||\"a\": {}\n");
    reads(true, "{\"x\":1}", E_OK, "");
}

TEST(refuses_what_is_no_json) {
    static const char *const flat[] = {"[]",
                                       "x",
                                       "\"a\"",
                                       "{a: {}}",
                                       "{,}",
                                       "{\"a\"}",
                                       "{\"a\": }",
                                       "{\"a\": {},}",
                                       "{\"a\": {},,\"b\": {}}",
                                       "{\"a\" {}}",
                                       "{\"a\": {}}x",
                                       "{\"a\": {}} {",
                                       "{\"a\": {}}}",
                                       "{\"a\": {]}",
                                       "{\"a\": [}}",
                                       "{\"a\": {}]",
                                       "{\"a\": {} \"b\": {}}",
                                       "{\"a\": {}: {}}",
                                       "{\"a\": 1}",
                                       "{\"a\": null}",
                                       "{\"a\": \"b\"}",
                                       "{\"a\": []}",
                                       "{\"a\": {\"x\": tru}}",
                                       "{\"a\": {\"x\": 01}}",
                                       "{\"a\": {\"x\": 1.}}",
                                       "{\"a\": {\"x\": nan}}",
                                       "{\"a\": {\"x\"}}",
                                       "{\"a\": {\"x\": 1,}}",
                                       "{\"a\": {'x': 1}}",
                                       "{\"a\\x\": {}}",
                                       "{\"a\nb\": {}}",
                                       "{\"a\": {\"x\": \"\\u12\"}}",
                                       "{\"a\": {}, b}"};
    for (size_t i = 0; i < sizeof flat / sizeof *flat; i++)
        reads(false, flat[i], E_SYNTAX, NULL);
    static const char *const classified[] = {"{\"missing\"}",
                                             "{\"missing\": 1}",
                                             "{\"missing\": []}",
                                             "{\"missing\": {},}",
                                             "{\"missing\": {} \"extra\": {}}",
                                             "{\"missing\" {}}",
                                             "{\"missing\": {\"a\": {},}}",
                                             "{\"other\": }",
                                             "{\"other\": , \"x\": 1}",
                                             "{\"other\": {]}",
                                             "{\"other\": [}",
                                             "{\"other\": ]",
                                             "{\"other\": 1,}",
                                             "{1: 2}",
                                             "{\"mis\\qsing\": {}}",
                                             "{\"missing\": {}}}"};
    for (size_t i = 0; i < sizeof classified / sizeof *classified; i++)
        reads(true, classified[i], E_SYNTAX, NULL);
    reading.classified = false; /* NUL is no blank */
    reading.want = E_SYNTAX;
    test_cuts("{}\0", 3, 1, &reading, reset, push, check);
    test_cuts("{\"a\": {}\0}", 10, 1, &reading, reset, push, check);
}

/* Every beginning of a good text ends too early, and is no other error. */
TEST(refuses_what_ends_too_early) {
    static const char text[] =
        "{\"missing\": {\"a\": {\"hash\": \"" HEX128 "\"}, \"b\": {}}, \"x\": [1], \"extra\": {}}";
    reading.classified = true;
    reading.want = E_TRUNCATED;
    reading.want_seen = NULL;
    for (size_t n = 0; n + 1 < sizeof text - 1; n++) {
        reset(&reading);
        push(&reading, (const uint8_t *)text, n);
        check(&reading);
    }
    reading.want = E_OK;
    reset(&reading);
    push(&reading, (const uint8_t *)text, sizeof text - 1);
    check(&reading);
    CHECK_INT(reading.members, 2);
}

TEST(refuses_wrong_values) {
    reads(false, "{\"a\": {\"hash\": \"" HEX16 "\"}}", E_VALUE, "");
    reads(false, "{\"a\": {\"hash\": \"" HEX128 "0\"}}", E_LIMIT, ""); /* longer than any hash */
    reads(false, "{\"a\": {\"hash\": \"g" HEX128 "\"}}", E_LIMIT, "");
    reads(false, "{\"a\": {\"hash\": \"\"}}", E_VALUE, "");
    reads(false, "{\"a\": {\"hash\": null}}", E_VALUE, "");
    reads(false, "{\"a\": {\"merged\": 0}}", E_VALUE, "");
    reads(false, "{\"a\": {\"merged\": \"false\"}}", E_VALUE, "");
    reads(false, "{\"a\": {\"cluster_item_key\": 1}}", E_VALUE, "");
    reads(false, "{\"a\\u0000b\": {}}", E_VALUE, "");
    reads(false, "{\"a\\ud800b\": {}}", E_VALUE, "");
    char hex[160] = "{\"a\": {\"hash\": \"" HEX128 "\"}}";
    hex[20] = 'G';
    reads(false, hex, E_VALUE, "");
}

TEST(limits) {
    static char text[JSON_MEMBER_BYTES * 2];
    /* the largest member: JSON_MEMBER_BYTES - 2 */
    size_t pad = JSON_MEMBER_BYTES - 2 - strlen("\"a\": {\"x\": \"\"}");
    snprintf(text, sizeof text, "{\"a\": {\"x\": \"%0*d\"}}", (int)pad, 0);
    reading.classified = false;
    reading.want_seen = NULL;
    reading.want = E_OK;
    test_cuts(text, strlen(text), 97, &reading, reset, push, check);
    CHECK_INT(reading.members, 1);
    snprintf(text, sizeof text, "{\"a\": {\"x\": \"%0*d\"}}", (int)pad + 1, 0);
    reading.want = E_LIMIT;
    test_cuts(text, strlen(text), 97, &reading, reset, push, check);
    CHECK_INT(reading.members, 0);
    /* paths and item keys */
    for (int more = 0; more < 2; more++) {
        snprintf(text, sizeof text, "{\"%0*d\": {}}", (int)PATH_MAX_BYTES - 1 + more, 0);
        reading.want = more ? E_LIMIT : E_OK;
        test_cuts(text, strlen(text), 97, &reading, reset, push, check);
        snprintf(text, sizeof text, "{\"a\": {\"cluster_item_key\": \"%0*d\"}}",
                 (int)NAME_MAX_BYTES - 1 + more, 0);
        test_cuts(text, strlen(text), 97, &reading, reset, push, check);
    }
    /* a name of a section that goes on and on */
    snprintf(text, sizeof text, "{\"%0*d\": {}}", (int)JSON_MEMBER_BYTES, 0);
    reading.classified = true;
    reading.want = E_LIMIT;
    test_cuts(text, strlen(text), 997, &reading, reset, push, check);
    /* more values than tokens */
    strcpy(text, "{\"a\": {\"x\": [0");
    for (int i = 0; i < 200; i++)
        strcat(text, ",0");
    strcat(text, "]}}");
    reading.classified = false;
    test_cuts(text, strlen(text), 97, &reading, reset, push, check);
    /* brackets without end, in a member and in a section passed over */
    memset(text, '[', 3000);
    memcpy(text, "{\"a\": ", 6);
    for (int classified = 0; classified < 2; classified++) {
        reading.classified = classified;
        reading.want = E_SYNTAX;
        test_cuts(text, 3000, 97, &reading, reset, push, check);
    }
}

/* A section passed over may be of any length: nothing of it is kept. */
TEST(passes_over_a_long_section) {
    static const char head[] = "{\"other\": {\"x\": \"", tail[] = "\"}, \"missing\": {\"a\": {}}}";
    static uint8_t long_text[100000];
    memset(long_text, 'z', sizeof long_text);
    reading.classified = true;
    reading.want = E_OK;
    reading.want_seen = "1|a||0|0||\"a\": {}\n";
    reset(&reading);
    push(&reading, (const uint8_t *)head, sizeof head - 1);
    for (int i = 0; i < 50; i++)
        push(&reading, long_text, sizeof long_text);
    push(&reading, (const uint8_t *)tail, sizeof tail - 1);
    check(&reading);
}

TEST(the_callbacks_error_ends_it) {
    reading.fail_at = 2;
    reads(false, "{\"a\": {}, \"b\": {}, \"c\": {}}", E_SPACE, "0|a||0|0||\"a\": {}\n");
    CHECK_STR(reading.error.what, "no more");
    CHECK_INT(reading.members, 2);
    reading.fail_at = 0;
}

TEST(errors_tell_the_offset) {
    reading.classified = false;
    reset(&reading);
    push(&reading, (const uint8_t *)"{\"a\": {}, x", 11);
    CHECK_INT(reading.err, E_SYNTAX);
    CHECK(strstr(reading.error.what, "byte 10"));
    reset(&reading);
    push(&reading, (const uint8_t *)"{\"a\": {}, \"b\": {\"merged\": 7}}", 30);
    CHECK_INT(reading.err, E_VALUE);
    CHECK(strstr(reading.error.what, "byte 10"));
}

/* ---- there and back ---- */

static enum err back(void *arg, const struct manifest_member *m, struct error *e) {
    uint32_t *count = arg;
    uint8_t hash[BLAKE2B_BYTES];
    uint32_t slot = manifest_find(manifest, m->path, m->path_len);
    (void)e;
    CHECK(slot != SLOT_NONE);
    CHECK_STR(m->item_key, items.item[manifest->entry[slot].item].dir);
    hash_of(hash, m->path);
    CHECK(m->has_hash && !m->merged);
    CHECK_MEM(m->hash, hash, BLAKE2B_BYTES);
    ++*count;
    return E_OK;
}

TEST(ten_thousand_there_and_back) {
    start();
    char path[128];
    for (int i = 0; i < 10000; i++) {
        snprintf(path, sizeof path, i % 3 ? "etc/shared/group-%d/agent.conf" : "etc/shared/gr\xc3\xbc%d\"\\",
                 i);
        add(path, (int64_t)i * 1234567891, 1);
    }
    struct manifest_source s;
    static struct manifest_reader reader;
    uint32_t count = 0;
    struct error e;
    uint8_t buf[5000];
    size_t n;
    manifest_source_init(&s, manifest, &items);
    manifest_reader_init(&reader, false, &count, back);
    do {
        CHECK_INT(s.source.read(&s.source, buf, sizeof buf, &n, &e), E_OK);
        if (manifest_reader_push(&reader, buf, n, &e) != E_OK)
            test_fail(__FILE__, __LINE__, "%s", e.what);
    } while (n > 0);
    CHECK_INT(manifest_reader_finish(&reader, &e), E_OK);
    CHECK_INT(count, 10000);
}
