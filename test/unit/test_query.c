/* test_query.c - what fits a query: the answers of filter_array_by_query (4.14.7) to the same item. */
#include "base/query.h"
#include "test/harness/harness.h"

static const char item[] =
    "{\"name\": \"worker1\", \"n\": 5, \"big\": 12345678901234567890, \"f\": 1.5, \"yes\": true, \"none\": "
    "null,"
    " \"tags\": [\"a\", \"b\"], \"sub\": {\"os\": {\"name\": \"\\u00dcnix\", \"v\": 0}},"
    " \"many\": [{\"k\": \"x\"}, {\"k\": \"y\"}, {}], \"t\": \"2024-05-01T10:00:00Z\", \"d\": \"2024-05-01\","
    " \"quote\": \"say \\\"hi\\\"\", \"a.b\": \"dot\", \"empty\": \"\"}";

static bool fits(const char *text, const char *query) {
    static struct query q;
    struct json_token tokens[64];
    struct json_doc d;
    struct error e;
    CHECK_INT(json_parse(&d, text, strlen(text), tokens, 64, &e), E_OK);
    if (query_parse(&q, query, strlen(query), &e) != E_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", query, e.what);
    return query_fits(&q, &d, 0);
}

static void check_all(const char *const *queries, bool want) {
    for (; *queries; queries++)
        if (fits(item, *queries) != want)
            test_fail(__FILE__, __LINE__, "%s: %d is wrong", *queries, !want);
}

TEST(query_fits_what_real_nodes_find) {
    static const char *const good[] = {
        "", "name=worker1", "name!=worker2", "name~ork", "name<x", "(name=worker1)",
        /* integers, as int() reads the value */
        "n=5", "n=05", "n= 5 ", "n>4", "n~5", "big=12345678901234567890", "big>12345678901234567889",
        /* lists, objects, what is below them */
        "tags=b", "tags!=a", "tags~a", "tags.=a", "sub.os.name=\xc3\x9cnix", "sub.os.name~nix", "sub~os",
        "many.k=y", "name.first=worker1",
        /* dates are compared as dates, whatever their form; others as text */
        "t>2024-04-30", "t=2024-05-01 10:00:00", "t<2024-5-1T10:00:00.000001Z", "d=2024-05-01T00:00:00Z",
        "d!=2024-05-02", "name!=2024-05-02", "d=2024-5-1", "d~2024-05", "d<2024-13-01",
        /* no value is equal to a text */
        "yes!=true", "none!=x", "f!=1.5", "empty!=x", "quote=say \"hi\"", "quote~\"hi",
        /* joined; brackets and what follows a value do not count */
        "name=a,n=5", "name=worker1;n=5", "name=worker1;n=6,n=5", "name=worker1!rest", "name=worker1(x",
        NULL};
    check_all(good, true);
}

TEST(query_leaves_out_what_real_nodes_leave_out) {
    static const char *const bad[] = {"name=Worker1",
                                      "name~ORK",
                                      "name>x",
                                      "n=5_0",
                                      "n<4",
                                      "n!=5",
                                      "big<12345678901234567889",
                                      "tags=c",
                                      "sub.os.v=0" /* what is empty or 0 is not looked at below an object */,
                                      "sub.os.zz=1",
                                      "sub~zz",
                                      "many.k=z",
                                      "zz=1",
                                      "zz!=1",
                                      "name=2024-05-02",
                                      "d=2024-02-30",
                                      "yes=True",
                                      "none=None",
                                      "f=1.5",
                                      "empty=x",
                                      "name=a;n=5",
                                      "n=6,name=a;n=5",
                                      "n=6,n=5;name=a,zz=1",
                                      "(name=a,n=5);n=6",
                                      "(n=6,name=worker1);zz=1",
                                      "name=(x)worker1",
                                      "a.b=dot",
                                      "sub.=x",
                                      "many..k=x",
                                      "d=d",
                                      "n=4;n=5,n=6;n=5",
                                      NULL};
    check_all(bad, false);
}

/* Real nodes fail on these when an item has the field: error 1000. */
TEST(query_what_cannot_be_compared_fits_only_unequal) {
    static const char *const good[] = {"n!=x", "none!=2024-01-01", "n!=2024-01-01", "tags!=2024-01-01", NULL};
    static const char *const bad[] = {"n=x", "n<x", "n>x",   "none<a",       "none~a",          "yes>a",
                                      "f~1", "f<2", "sub<a", "n<2024-01-01", "name<2024-01-01", NULL};
    check_all(good, true);
    check_all(bad, false);
    /* elements after the first one of a list */
    CHECK(fits("{\"l\": [1, 2]}", "l=2"));
    CHECK(fits("{\"l\": [\"x\", \"2024-01-02\"]}", "l=2024-1-2"));
    CHECK(!fits("{\"l\": []}", "l!=2"));
}

TEST(query_that_is_none_is_refused_in_words) {
    static const char *const none[] = {
        "name=", "=5", "((n=5", " n=5",     "n", "name=()", "na-me=x", "n=>5", "n!5",  "n~~x", "n==5",
        ";",     ",",  "n=5,",  "n=5;;n=5", "(", ")n=5",    "n(=5",    "n=(5", "\t=5", "n=\t", NULL};
    static struct query q;
    struct error e;
    for (size_t i = 0; none[i]; i++)
        if (query_parse(&q, none[i], strlen(none[i]), &e) != E_SYNTAX)
            test_fail(__FILE__, __LINE__, "%s is taken", none[i]);
    CHECK_INT(query_parse(&q, "n=5;na-me=x,n=6", 15, &e), E_SYNTAX);
    CHECK_STR(e.what, "Parameter 'q' is not valid: 'na-me=x'");
    CHECK_INT(query_parse(&q, "n\0=5", 4, &e), E_SYNTAX);
    CHECK_INT(query_parse(&q, "n=\0", 3, &e), E_SYNTAX);
}

TEST(query_is_bounded) {
    static struct query q;
    static char text[QUERY_TEXT_BYTES];
    struct error e;
    size_t n = 0;
    for (unsigned i = 0; i < QUERY_TERMS; i++)
        n += (size_t)(strcpy(text + n, i ? ",n=5" : "n=5"), i ? 4 : 3);
    CHECK_INT(query_parse(&q, text, n, &e), E_OK);
    CHECK_INT(q.count, QUERY_TERMS);
    strcpy(text + n, ",n=5");
    CHECK_INT(query_parse(&q, text, n + 4, &e), E_LIMIT);
    memset(text, '.', sizeof text);
    memcpy(text, "n", 1);
    memcpy(text + QUERY_TEXT_BYTES / 2 - 3, "=5", 2);
    CHECK_INT(query_parse(&q, text, QUERY_TEXT_BYTES / 2 - 1, &e), E_OK);
    CHECK_INT(q.terms[0].below, QUERY_TEXT_BYTES / 2 - 4);
    CHECK_INT(query_parse(&q, text, QUERY_TEXT_BYTES / 2, &e), E_LIMIT);
    /* lists within lists, as deep as JSON goes here */
    CHECK(fits("{\"a\": [[[[[[[[[[[[[[[[[[[[{\"b\": 1}]]]]]]]]]]]]]]]]]]]]}", "a.b=1"));
}

TEST(query_long_escaped_strings_fit_nothing) {
    static char text[3 * QUERY_VALUE_BYTES];
    struct text t;
    for (unsigned more = 0; more < 2; more++) {
        text_init(&t, text, sizeof text);
        text_str(&t, "{\"a\": \"\\u00e4");
        for (size_t i = 0; i < QUERY_VALUE_BYTES - 3 + more; i++)
            text_char(&t, 'x');
        text_str(&t, "\"}");
        CHECK_INT(fits(text, "a~xx"), !more);
    }
    CHECK(fits("{\"a\": \"x\\u0000y\"}", "a~y")); /* no C string holds it: as it is written */
}
