/* test_listing.c - pages of lists, as process_array (4.14.7) has them of the same items. */
#include "base/listing.h"
#include "test/harness/harness.h"
#include "test/harness/memory_spill.h"
#include "test/harness/pools.h"

#include <stdio.h>

#define PLACES 3000u

static struct listing l;
static struct listing_wish w;
static struct listing_place places[PLACES];
static struct memory_spill spill;
static struct blob items;
static uint8_t small[1 << 19];
static char got[8192];

static void put_back(void *arg) {
    (void)arg;
    blob_reset(&items);
    CHECK_INT(spill.open, 0);
}

/* spilled: nothing of the items lies in memory. */
static void set_up(bool spilled) {
    memory_spill_init(&spill, 1 << 20);
    blob_init(&items, small, spilled ? 0 : sizeof small, NULL, &spill.spill, 1 << 20);
    listing_wish_init(&w);
    test_at_end(put_back, NULL);
}

static void begin(const char *allowed) {
    struct error e;
    int code;
    CHECK_INT(listing_begin(&l, &w, &items, places, PLACES, allowed, &code, &e), E_OK);
    CHECK_INT(code, 0);
}

static void add(const char *json) {
    struct error e;
    if (listing_add(&l, json, strlen(json), &e) != E_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", json, e.what);
}

/* The page, and " of <total>". */
static const char *page(void) {
    struct error e = {.code = E_OK};
    enum step step;
    const char *json;
    size_t n;
    struct text t;
    text_init(&t, got, sizeof got);
    while ((step = listing_sort(&l, &e)) == STEP_AGAIN)
        ;
    CHECK_INT(step, STEP_DONE);
    while (listing_next(&l, &json, &n, &e)) {
        text_str(&t, t.len ? " " : "");
        text_add(&t, json, n);
    }
    CHECK_INT(e.code, E_OK);
    text_format(&t, " of %u", (unsigned)l.total);
    return got;
}

static const char *const nodes[] = {
    "{\"name\": \"beta\", \"n\": 10, \"type\": \"worker\"}",
    "{\"name\": \"Alpha\", \"n\": 9, \"type\": \"master\"}",
    "{\"name\": \"gamma\", \"n\": -1, \"type\": \"worker\"}",
    "{\"name\": \"BETA\", \"n\": 2.5, \"type\": \"Worker\"}",
};

/* The names of the page only. */
static const char *names(void) {
    strcpy(w.select[0], "name");
    w.select_count = 1;
    begin("name\0n\0type\0");
    for (size_t i = 0; i < 4; i++)
        add(nodes[i]);
    return page();
}

TEST(listing_keeps_the_order_when_none_is_asked_for) {
    set_up(false);
    CHECK_STR(names(),
              "{\"name\": \"beta\"} {\"name\": \"Alpha\"} {\"name\": \"gamma\"} {\"name\": \"BETA\"} of 4");
    blob_reset(&items);
    w.descending = true; /* sort_array returns a list of objects as it is */
    CHECK_STR(names(),
              "{\"name\": \"beta\"} {\"name\": \"Alpha\"} {\"name\": \"gamma\"} {\"name\": \"BETA\"} of 4");
}

TEST(listing_sorts_in_small_letters_and_keeps_equal_ones_in_order) {
    set_up(false);
    w.sort_count = 1;
    strcpy(w.sort[0], "name");
    CHECK_STR(names(),
              "{\"name\": \"Alpha\"} {\"name\": \"beta\"} {\"name\": \"BETA\"} {\"name\": \"gamma\"} of 4");
    blob_reset(&items);
    w.descending = true;
    CHECK_STR(names(),
              "{\"name\": \"gamma\"} {\"name\": \"beta\"} {\"name\": \"BETA\"} {\"name\": \"Alpha\"} of 4");
    blob_reset(&items);
    strcpy(w.sort[0], "n");
    CHECK_STR(names(),
              "{\"name\": \"beta\"} {\"name\": \"Alpha\"} {\"name\": \"BETA\"} {\"name\": \"gamma\"} of 4");
    blob_reset(&items);
    w.descending = false;
    w.sort_count = 2;
    strcpy(w.sort[0], "type");
    strcpy(w.sort[1], "n");
    CHECK_STR(names(),
              "{\"name\": \"Alpha\"} {\"name\": \"gamma\"} {\"name\": \"BETA\"} {\"name\": \"beta\"} of 4");
}

TEST(listing_items_that_cannot_be_compared_are_not_sorted) {
    static const char *const some[] = {"{\"name\": \"c\", \"sum\": \"2\"}", "{\"name\": \"b\"}",
                                       "{\"name\": \"d\", \"sum\": \"1\"}", "{\"name\": \"a\"}"};
    for (unsigned descending = 0; descending < 2; descending++) {
        set_up(false);
        w.sort_count = w.select_count = 1;
        strcpy(w.sort[0], "sum");
        strcpy(w.select[0], "name");
        w.descending = descending;
        begin(NULL);
        for (size_t i = 0; i < 4; i++)
            add(some[i]);
        CHECK_STR(page(),
                  descending
                      ? "{\"name\": \"c\"} {\"name\": \"d\"} {\"name\": \"b\"} {\"name\": \"a\"} of 4"
                      : "{\"name\": \"b\"} {\"name\": \"a\"} {\"name\": \"c\"} {\"name\": \"d\"} of 4");
        blob_reset(&items);
    }
    set_up(false); /* the second member differs in kind, and is looked at only where the first is equal */
    w.sort_count = 2;
    strcpy(w.sort[0], "a");
    strcpy(w.sort[1], "b");
    begin(NULL);
    add("{\"a\": 2, \"b\": \"x\"}");
    add("{\"a\": 1, \"b\": 7}");
    CHECK_STR(page(), "{\"a\": 1, \"b\": 7} {\"a\": 2, \"b\": \"x\"} of 2");
    blob_reset(&items);
    begin(NULL);
    add("{\"a\": true, \"b\": \"x\"}");
    add("{\"a\": 1, \"b\": 7}");
    add("{\"a\": 0, \"b\": 7}");
    CHECK_STR(page(), "{\"a\": true, \"b\": \"x\"} {\"a\": 1, \"b\": 7} {\"a\": 0, \"b\": 7} of 3");
    blob_reset(&items);
    w.sort_count = 1;
    begin(NULL);
    add("{\"a\": [2]}");
    add("{\"a\": [1]}");
    CHECK_STR(page(), "{\"a\": [2]} {\"a\": [1]} of 2");
}

TEST(listing_searches_values_in_small_letters) {
    static const struct {
        const char *search, *in, *want;
        bool complementary;
    } cases[] = {
        {"ALPHA", "", "{\"name\": \"Alpha\"} of 1", false},
        {"master", "", "{\"name\": \"Alpha\"} of 1", false},
        {"a", "name",
         "{\"name\": \"beta\"} {\"name\": \"Alpha\"} {\"name\": \"gamma\"} {\"name\": \"BETA\"} of 4", false},
        {"eta", "", "{\"name\": \"Alpha\"} {\"name\": \"gamma\"} of 2", true},
        {"2.5", "", "{\"name\": \"BETA\"} of 1", false},
        {"master", "name", " of 0", false},
        {"name", "", " of 0", false}, /* keys are not looked at */
        {"-1", "n", "{\"name\": \"gamma\"} of 1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(false);
        strcpy(w.search, cases[i].search);
        w.search_count = cases[i].in[0] != 0;
        strcpy(w.search_in[0], cases[i].in);
        w.complementary_search = cases[i].complementary;
        CHECK_STR(names(), cases[i].want);
        blob_reset(&items);
    }
}

TEST(listing_searches_below_and_beyond_ascii) {
    static const char text[] =
        "{\"a\": {\"key\": [\"\\u00dcber\", true, null]}, \"b\": \"\\u041c\xd0\x98\\ud83d\\ude00\"}";
    static const struct {
        const char *search;
        unsigned found;
    } cases[] = {{"\xc3\x9c"
                  "BER",
                  1},
                 {"\xd0\xbc\xd0\xb8\xf0\x9f\x98\x80", 1},
                 {"\xd0\x9c\xd0\x98", 1},
                 {"rue", 1},
                 {"true", 0} /* it is "True" */,
                 {"one", 1},
                 {"key", 0},
                 {"false", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(false);
        strcpy(w.search, cases[i].search);
        begin(NULL);
        add(text);
        add("{\"a\": \"half \\ud800 \\u0000\"}");
        page();
        CHECK_INT(l.total, cases[i].found);
        blob_reset(&items);
    }
}

TEST(listing_selects_with_parents) {
    static const char text[] =
        "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\\n\",\"e\":[]}},\"l\":[{\"b\":1}],\"z\":null}";
    static const struct {
        const char *select[3], *want;
    } cases[] = {
        {{"z", "l"}, "{\"l\": [{\"b\":1}], \"z\": null} of 1"},
        {{"a.b"}, "{\"a\": {\"b\": 1}} of 1"},
        {{"a.c.d", "a.b", "z"}, "{\"a\": {\"b\": 1, \"c\": {\"d\": \"x\\n\"}}, \"z\": null} of 1"},
        {{"a.c", "a.c.d"}, "{\"a\": {\"c\": {\"d\":\"x\\n\",\"e\":[]}}} of 1"},
        {{"a.x", "l.b", "z.y"}, "{} of 1"}, /* nothing there: no parent either */
        {{"none"}, "{} of 1"},
        {{NULL}, "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\\n\",\"e\":[]}},\"l\":[{\"b\":1}],\"z\":null} of 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned spilled = 0; spilled < 2; spilled++) {
            set_up(spilled);
            for (; w.select_count < 3 && cases[i].select[w.select_count]; w.select_count++)
                strcpy(w.select[w.select_count], cases[i].select[w.select_count]);
            begin(NULL);
            add(text);
            CHECK_STR(page(), cases[i].want);
            blob_reset(&items);
        }
}

TEST(listing_cuts_pages) {
    set_up(false);
    w.offset = 1;
    w.limit = 2;
    CHECK_STR(names(), "{\"name\": \"Alpha\"} {\"name\": \"gamma\"} of 4");
    blob_reset(&items);
    w.offset = 4;
    CHECK_STR(names(), " of 4");
    blob_reset(&items);
    w.offset = INT64_MAX;
    w.limit = LISTING_MOST;
    CHECK_STR(names(), " of 4");
    blob_reset(&items);
    w.offset = 3;
    CHECK_STR(names(), "{\"name\": \"BETA\"} of 4");
}

TEST(listing_each_once) {
    for (unsigned spilled = 0; spilled < 2; spilled++) {
        set_up(spilled);
        w.distinct = true;
        w.select_count = w.sort_count = 1;
        strcpy(w.select[0], "type");
        strcpy(w.sort[0], "type");
        begin(NULL);
        for (size_t i = 0; i < 4; i++)
            add(nodes[i]);
        CHECK_STR(page(), "{\"type\": \"master\"} {\"type\": \"worker\"} {\"type\": \"Worker\"} of 3");
        blob_reset(&items);
    }
}

TEST(listing_wishes_that_make_no_sense) {
    static const char allowed[] = "name\0n\0type\0";
    struct error e;
    int code;
    static const struct {
        int64_t offset, limit;
        const char *sort, *select;
        int code;
        const char *words;
    } cases[] = {
        {0, 500, "zz", "", 1403, "Allowed sort fields: name, n, type. Wrong fields: zz"},
        {0, 500, "name", "zz", 1724, "zz"},
        {0, 100001, "", "", 1405, "100001"},
        {-1, 0, "", "", 1406, "the limit is 0"},
        {-1, -1, "", "", 1400, "the offset is negative"},
        {0, -1, "", "", 1401, "the limit is negative"},
        {0, 100000, "n", "name.x", 0, ""},
        {0, 1, "", "zz.name", 0, ""}, /* of these nothing is checked */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(false);
        w.offset = cases[i].offset;
        w.limit = cases[i].limit;
        w.sort_count = cases[i].sort[0] != 0;
        strcpy(w.sort[0], cases[i].sort);
        w.select_count = cases[i].select[0] != 0;
        strcpy(w.select[0], cases[i].select);
        e = (struct error){.code = E_OK};
        CHECK_INT(listing_begin(&l, &w, &items, places, PLACES, allowed, &code, &e),
                  cases[i].code ? E_VALUE : E_OK);
        CHECK_INT(code, cases[i].code);
        CHECK_STR(e.what, cases[i].words);
    }
}

TEST(listing_takes_only_objects_that_fit) {
    static char text[LISTING_ITEM_BYTES + 64];
    struct error e;
    int code;
    set_up(false);
    begin(NULL);
    CHECK_INT(listing_add(&l, "[]", 2, &e), E_VALUE);
    CHECK_INT(listing_add(&l, "{\"a\"}", 5, &e), E_SYNTAX);
    for (size_t n = LISTING_ITEM_BYTES; n <= LISTING_ITEM_BYTES + 1; n++) {
        memset(text, 'x', sizeof text);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + n - 2, "\"}", 2);
        CHECK_INT(listing_add(&l, text, n, &e), E_OK);
    }
    CHECK_INT(l.place_count, 1);
    struct text t;
    text_init(&t, text, sizeof text);
    text_str(&t, "{\"a\": [0");
    for (unsigned i = 3; i < LISTING_TOKENS; i++) /* one too many */
        text_str(&t, ",1");
    text_str(&t, "]}");
    CHECK_INT(listing_add(&l, text, t.len, &e), E_OK);
    CHECK_INT(l.place_count, 1);
    page();
    CHECK_INT(l.total, 1);
    blob_reset(&items);
    CHECK_INT(listing_begin(&l, &w, &items, places, 1, NULL, &code, &e), E_OK);
    add("{}");
    CHECK_INT(listing_add(&l, "{}", 2, &e), E_LIMIT);
}

/* Items that are selected whole, with separators one byte shorter than ours, when they have to be moved
 * within the one buffer. */
TEST(listing_shows_items_as_large_as_there_are) {
    static char text[LISTING_ITEM_BYTES + 1];
    struct error e = {.code = E_OK};
    const char *json;
    size_t n;
    struct text t;
    set_up(true);
    text_init(&t, text, sizeof text);
    text_char(&t, '{');
    for (unsigned i = 0; i < 8; i++) {
        sprintf(w.select[w.select_count++], "k%u", i);
        text_format(&t, "%s\"k%u\":\"", i ? "," : "", i);
        while (t.len < (i + 1) * 1023)
            text_char(&t, (char)('a' + i));
        text_char(&t, '"');
    }
    text_char(&t, '}');
    begin(NULL);
    add(text);
    while (listing_sort(&l, &e) == STEP_AGAIN)
        ;
    CHECK(listing_next(&l, &json, &n, &e));
    CHECK_INT(n, t.len + 15);
    size_t at = 0; /* the same but for the blanks */
    for (size_t i = 0; i < n; i++)
        if (json[i] != ' ')
            CHECK_INT(json[i], text[at++]);
    CHECK_INT(at, t.len);
}

/* Thousands of items whose keys begin alike for longer than a place, or a window, holds. */
static void sort_many(bool spilled, unsigned count, unsigned alike, bool distinct) {
    static char text[2048];
    struct text t;
    struct error e = {.code = E_OK};
    const char *json, *digits;
    size_t n;
    uint64_t seed = 7;
    unsigned steps = 0;
    enum step step;
    set_up(spilled);
    w.sort_count = 1;
    strcpy(w.sort[0], "k");
    w.limit = LISTING_MOST;
    w.distinct = distinct;
    begin(NULL);
    for (unsigned i = 0; i < count; i++) {
        text_init(&t, text, sizeof text);
        text_str(&t, "{\"k\": \"");
        for (unsigned k = 0; k < alike; k++)
            text_char(&t, (i + k) % 2 ? 'x' : 'X');
        text_format(&t, "%03u\"}", (unsigned)(test_random(&seed) % 500));
        add(text);
    }
    while ((step = listing_sort(&l, &e)) == STEP_AGAIN)
        steps++;
    CHECK_INT(step, STEP_DONE);
    CHECK(count < 1000 || steps > 20); /* in pieces */
    unsigned seen = 0, last = 0;
    for (; listing_next(&l, &json, &n, &e); seen++) {
        digits = json + n - 5;
        unsigned v = (unsigned)((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
        CHECK(v >= last);
        last = v;
    }
    CHECK_INT(seen, l.total);
    CHECK(distinct ? seen < count : seen == count);
    blob_reset(&items);
}

TEST(listing_sorts_many) {
    sort_many(false, 2000, 0, false);
    sort_many(false, 2000, 40, false);
    sort_many(true, 300, 700, false);
    sort_many(false, 2000, 4, true);
    sort_many(true, 600, 300, true);
}

TEST(listing_says_that_items_cannot_be_read_back) {
    struct error e = {.code = E_OK};
    const char *json;
    size_t n;
    enum step step;
    set_up(true);
    w.sort_count = 1;
    strcpy(w.sort[0], "k");
    begin(NULL);
    add("{\"k\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx1\"}");
    add("{\"k\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx0\"}");
    spill.fail_with = E_SYS;
    while ((step = listing_sort(&l, &e)) == STEP_AGAIN)
        ;
    spill.fail_with = E_OK;
    CHECK_INT(step, STEP_FAILED);
    CHECK_INT(e.code, E_SYS);
    CHECK(!listing_next(&l, &json, &n, &e));
}
