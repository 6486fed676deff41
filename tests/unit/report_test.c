#include "test.h"

#include "base/mem.h"
#include "report/report.h"
#include "report_sample.h"

static char *rendered(report_form form, unsigned width)
{
    report *r = sample_report();
    char *text = report_render(r, &(report_view){.form = form, .width = width});
    report_free(r);
    return text;
}

static void assert_has(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("'%s' is not in:\n%s", what, text);
}

static void assert_has_not(const char *text, const char *what)
{
    if (strstr(text, what)) fail_msg("'%s' is in:\n%s", what, text);
}

static finding named(const char *id, severity s)
{
    return (finding){.id = id, .area = "Test", .severity = s, .title = id};
}

/* --- hostile text ---------------------------------------------------------------------------- */

static void no_form_holds_a_control_byte(void **state)
{
    (void)state;
    static const report_form forms[] = {REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        CLEANUP(mem_free_at) char *text = rendered(forms[i], 0);
        for (const char *at = text; *at; at++)
            assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
        assert_has_not(text, "\xff");
        assert_has_not(text, "\xe2\x80\xae"); /* right-to-left override */
        assert_has(text, forms[i] == REPORT_JSON       ? "\\\\x1b[31mred"
                         : forms[i] == REPORT_MARKDOWN ? "\\\\x1b\\[31mred"
                                                       : "\\x1b[31mred");
    }
}

static void html_holds_no_markup_of_others(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = rendered(REPORT_HTML, 0);
    assert_has_not(text, "<script");
    assert_has_not(text, "<img");
    assert_has_not(text, "<b>not bold");
    assert_has_not(text, "\"onmouseover");
    assert_has(text, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
    assert_has(text, "href=\"https://evil.example/&quot;onmouseover=&quot;alert(1)\"");
    assert_has(text, "id=\"f-key-name:_3Cscript_3E");
}

static void html_asks_for_nothing_from_outside(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = rendered(REPORT_HTML, 0);
    static const char *const words[] = {" src=", "<link", "@import", "url(", "<iframe", "<object"};
    assert_has(text, "default-src 'none'");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(words[i], " src=") != 0) assert_has_not(text, words[i]);
    assert_has(text, "&lt;img src=http://evil.example/a.png"); /* the only one, as text */
}

static void markdown_escapes_what_could_be_markup(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = rendered(REPORT_MARKDOWN, 0);
    assert_has(text, "\\`a\\` \\`\\`b\\`\\` \\| \\*\\*c\\*\\* \\[d\\](http&#58;//evil.example)");
    assert_has(text, "&#60;b\\>e");
    assert_has(text, "&#119;ww.evil.example");
    assert_has(text, "1\\. not a list");
    assert_has(text, "\\# no heading");
    assert_has(text, "````js\n"); /* three backticks in the code */
    assert_has(text, "### &#60;script\\>alert(");
    assert_has(text, "`key-name:<script>"); /* inside code, markup is text */
}

static void a_markdown_code_span_is_fenced_by_more_backticks_than_it_holds(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    finding f = named("`a``b`", SEVERITY_INFO);
    report_add_finding(r, &f);
    CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = REPORT_MARKDOWN});
    assert_has(text, "``` `a``b` ```");
    report_free(r);
}

static void json_keeps_the_text_whole(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = rendered(REPORT_JSON, 0);
    assert_has(text, "\"quote \\\" backslash \\\\ brace } bracket ]\"");
    assert_has(text, "\"rule\": \"key-name\"");
}

static void shown_bytes_are_one_line_and_cut(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    assert_string_equal(report_shown(r, "a\nb\0c\xc3\xa9", 7, 7), "a\\x0ab\\x00c\xc3\xa9");
    assert_string_equal(report_shown(r, "abcdef", 6, 4), "abcd...");
    assert_string_equal(report_shown(r, "\xc3\xa9", 2, 1), "\\xc3..."); /* cut inside: no half */
    assert_string_equal(report_shown(r, "", 0, 4), "");
    report_free(r);
}

static void invalid_utf8_of_every_kind_is_shown_as_bytes(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\x80", "\\x80"},                            /* a continuation alone */
        {"\xc0\x80", "\\xc0\\x80"},                   /* overlong */
        {"\xe0\x80\x80", "\\xe0\\x80\\x80"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xe2\x82", "\\xe2\\x82"},                   /* cut off */
        {"\xe2\x80\xae", "\\u202e"},                  /* valid, but turns the direction */
        {"\xc2\x9b", "\\u009b"},                      /* the C1 form of ESC [ */
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    };
    report *r = report_new("audit", "t");
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(report_printf(r, "%s", rows[i][0]), rows[i][1]);
    report_free(r);
}

/* --- the document ---------------------------------------------------------------------------- */

static void findings_sort_by_severity_then_acceptance_and_keep_their_order(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    static const struct {
        const char *id;
        severity s;
        const char *accepted;
    } rows[] = {
        {"i1", SEVERITY_INFO, NULL},  {"b1", SEVERITY_BLOCK, "ok"}, {"w1", SEVERITY_WARN, NULL},
        {"b2", SEVERITY_BLOCK, NULL}, {"w2", SEVERITY_WARN, NULL},  {"b3", SEVERITY_BLOCK, NULL},
        {"i2", SEVERITY_INFO, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        finding f = named(rows[i].id, rows[i].s);
        f.accepted_reason = rows[i].accepted;
        report_add_finding(r, &f);
    }
    static const char *const order[] = {"b2", "b3", "b1", "w1", "w2", "i1", "i2"};
    for (size_t again = 0; again < 2; again++) {
        report_sort(r);
        for (size_t i = 0; i < COUNT_OF(order); i++)
            assert_string_equal(r->findings[i].id, order[i]);
    }
    assert_int_equal(report_count(r, SEVERITY_BLOCK), 2);
    assert_int_equal(report_count_accepted(r), 1);
    report_free(r);
}

static void a_second_finding_of_one_id_is_dropped(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    finding first = named("a:x", SEVERITY_INFO);
    finding second = named("a:x", SEVERITY_BLOCK);
    report_add_finding(r, &first);
    report_add_finding(r, &second);
    assert_int_equal(r->finding_count, 1);
    assert_int_equal(r->findings[0].severity, SEVERITY_INFO);
    report_free(r);
}

static void everything_handed_in_is_copied_however_much(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    static const char *const columns[] = {"n", "square"};
    size_t section = report_section_at(r, "s", "S");
    size_t table = report_add_table(r, section, NULL, COUNT_OF(columns), columns);
    for (unsigned i = 0; i < 1000; i++) {
        char n[32];
        char square[32];
        (void)snprintf(n, sizeof n, "%u", i);
        (void)snprintf(square, sizeof square, "id%u", i * i);
        report_add_row(r, section, table, (const char *const[]){n, square});
        finding f = named(square, SEVERITY_WARN);
        report_add_finding(r, &f);
        report_add_fact(r, n, "%s", square);
        (void)report_section_at(r, square, n);
    }
    const report_part *part = &r->sections[section].parts[table];
    assert_int_equal(part->row_count, 1000);
    assert_string_equal(part->cells[2 * 999], "999");
    assert_string_equal(part->cells[2 * 7 + 1], "id49");
    assert_string_equal(r->findings[30].id, "id900");
    assert_string_equal(r->facts[999].value, "id998001");
    assert_int_equal(report_section_at(r, "id4", "another title"), 3);
    assert_string_equal(r->sections[3].title, "2");
    report_free(r);
}

static void the_same_report_renders_the_same_twice(void **state)
{
    (void)state;
    static const report_form forms[] = {REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML};
    report *r = sample_report();
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        CLEANUP(mem_free_at) char *one = report_render(r, &(report_view){.form = forms[i]});
        CLEANUP(mem_free_at) char *two = report_render(r, &(report_view){.form = forms[i]});
        assert_string_equal(one, two);
    }
    report_free(r);
}

/* A section to read and one to look things up in, a note, and two tables. */
static report *report_with_reference(void)
{
    static const char *const narrow[] = {"library", "connections", "waiting"};
    static const char *const wide[] = {"duty", "today", "there", "evidence", "shows", "wrong"};
    report *r = report_new("audit", "t");
    report_add_finding(r, &(finding){.id = "note",
                                     .area = "A",
                                     .severity = SEVERITY_INFO,
                                     .title = "thetitle",
                                     .consequence = "theconsequence",
                                     .action = "theaction"});
    size_t read = report_section_at(r, "read", "To read");
    size_t table = report_add_table(r, read, NULL, COUNT_OF(narrow), narrow);
    report_add_row(r, read, table, (const char *const[]){"redis-py", "1", NULL});
    size_t looked = report_section_at(r, "looked", "To be looked up");
    report_mark_reference(r, looked);
    table = report_add_table(r, looked, NULL, COUNT_OF(wide), wide);
    const char *const cell = "some words that go on for longer than any column is wide, and on";
    report_add_row(r, looked, table,
                   (const char *const[]){"theduty", cell, cell, cell, cell, NULL});
    return r;
}

static void text_keeps_reference_sections_for_those_who_ask(void **state)
{
    (void)state;
    report *r = report_with_reference();
    CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = REPORT_TEXT});
    assert_has(text, "thetitle");
    assert_has(text, "theaction");
    assert_has_not(text, "theconsequence");
    assert_has(text, "redis-py");
    assert_has_not(text, "theduty");
    assert_has(text, "   1  To be looked up\n");
    assert_has(text, "--full");
    CLEANUP(mem_free_at)
    char *full = report_render(r, &(report_view){.form = REPORT_TEXT, .full = true});
    assert_has(full, "theconsequence");
    assert_has(full, "theduty");
    assert_has_not(full, "--full");
    report_free(r);
}

static void tables_break_no_word_of_their_head_and_drop_empty_columns(void **state)
{
    (void)state;
    report *r = report_with_reference();
    CLEANUP(mem_free_at)
    char *text = report_render(r, &(report_view){.form = REPORT_TEXT, .full = true, .width = 80});
    assert_has(text, "library   connections\n");
    assert_has_not(text, "waiting");
    /* too wide to be read side by side: one under the other */
    assert_has(text, "theduty\n    today     some words");
    assert_has_not(text, "wrong");
    report_free(r);
}

static void an_empty_report_renders_in_every_form(void **state)
{
    (void)state;
    static const report_form forms[] = {REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML};
    report *r = report_new("audit", "nothing");
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = forms[i]});
        assert_has(text, "nothing");
    }
    report_free(r);
}

static void every_text_of_a_finding_stands_in_every_form(void **state)
{
    (void)state;
    static const report_form forms[] = {REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML};
    report *r = report_new("audit", "t");
    report_add_finding(r, &(finding){"theid", "thearea", SEVERITY_WARN, "thetitle", "theevidence",
                                     "thewhere", "theconsequence", "theaction", "theowner",
                                     "thesource", "2026-11-22", "theaccepted", "2027-12-31"});
    static const char *const wanted[] = {
        "theid",     "thearea",  "thetitle",  "theevidence", "thewhere",    "theconsequence",
        "theaction", "theowner", "thesource", "2026-11-22",  "theaccepted", "2027-12-31"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = forms[i]});
        for (size_t w = 0; w < COUNT_OF(wanted); w++)
            assert_has(text, wanted[w]);
    }
    report_free(r);
}

/* --- the terminal ---------------------------------------------------------------------------- */

static size_t longest_word(const char *line)
{
    size_t longest = 0;
    while (*line) {
        size_t size = strcspn(line, " ");
        longest = size_max(longest, size);
        line += size + (line[size] == ' ');
    }
    return longest;
}

static void no_line_of_the_terminal_is_wider_than_asked_unless_a_word_is(void **state)
{
    (void)state;
    static const unsigned widths[] = {60, 70, 80, 100, 132};
    for (size_t i = 0; i < COUNT_OF(widths); i++) {
        CLEANUP(mem_free_at) char *text = rendered(REPORT_TEXT, widths[i]);
        bool in_code = false; /* code is shown as it is */
        for (char *line = text, *end = NULL; *line; line = end + 1) {
            end = strchr(line, '\n');
            *end = '\0';
            if (strstr(line, "new Redis(")) in_code = true;
            if (strstr(line, "```")) in_code = false;
            bool has_room = longest_word(line) + 16 < widths[i]; /* behind the label */
            if (!in_code && has_room && strlen(line) > widths[i])
                fail_msg("wider than %u: %s", widths[i], line);
        }
    }
}

static void color_is_only_there_when_asked_for(void **state)
{
    (void)state;
    report *r = sample_report();
    CLEANUP(mem_free_at) char *plain = report_render(r, &(report_view){.form = REPORT_TEXT});
    CLEANUP(mem_free_at)
    char *bright = report_render(r, &(report_view){.form = REPORT_TEXT, .color = true});
    assert_has_not(plain, "\033");
    assert_has(bright, "\033[1;31mblock\033[0m");
    report_free(r);
}

static void wide_characters_count_two_columns(void **state)
{
    (void)state;
    report *r = report_new("audit", "t");
    static const char *const columns[] = {"a", "b"};
    size_t section = report_section_at(r, "s", "S");
    size_t table = report_add_table(r, section, NULL, COUNT_OF(columns), columns);
    report_add_row(r, section, table, (const char *const[]){"\xe4\xb8\xad\xe6\x96\x87", "x"});
    report_add_row(r, section, table, (const char *const[]){"abcd", "y"});
    CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = REPORT_TEXT});
    assert_has(text, "  \xe4\xb8\xad\xe6\x96\x87  x\n  abcd  y\n");
    report_free(r);
}

/* --- acceptance ------------------------------------------------------------------------------ */

static bool accepted(report *r, const char *yaml, err *e)
{
    return report_accept(r, "accepted.yml", span_text(yaml), "2026-11-26", e);
}

static report *two_blockers(void)
{
    report *r = report_new("audit", "t");
    finding one = named("module:ts", SEVERITY_BLOCK);
    finding two = named("rename:config", SEVERITY_BLOCK);
    report_add_finding(r, &one);
    report_add_finding(r, &two);
    return r;
}

static void an_accepted_finding_stays_visible_and_counts_no_more(void **state)
{
    (void)state;
    report *r = two_blockers();
    err e = {0};
    assert_true(
        accepted(r, "- id: module:ts\n  reason: moved on Monday\n  until: 2026-11-26\n", &e));
    assert_int_equal(report_count(r, SEVERITY_BLOCK), 1);
    assert_string_equal(r->findings[0].accepted_reason, "moved on Monday");
    assert_string_equal(r->findings[0].accepted_until, "2026-11-26"); /* the last day counts */
    CLEANUP(mem_free_at) char *text = report_render(r, &(report_view){.form = REPORT_TEXT});
    assert_has(text, "module:ts");
    assert_has(text, "moved on Monday");
    report_free(r);
}

static void an_acceptance_that_has_run_out_is_a_warning(void **state)
{
    (void)state;
    report *r = two_blockers();
    err e = {0};
    assert_true(accepted(r, "- id: module:ts\n  reason: later\n  until: 2026-11-25\n", &e));
    assert_int_equal(report_count(r, SEVERITY_BLOCK), 2);
    assert_string_equal(r->findings[2].id, "accepted-expired:module:ts");
    assert_string_equal(r->findings[2].where, "accepted.yml:1");
    assert_int_equal(r->findings[2].severity, SEVERITY_WARN);
    report_free(r);
}

static void an_acceptance_of_nothing_is_a_note(void **state)
{
    (void)state;
    report *r = two_blockers();
    err e = {0};
    assert_true(accepted(r, "\n\n- {id: gone, reason: r, until: 2030-01-01}\n", &e));
    assert_string_equal(r->findings[2].id, "accepted-unused:gone");
    assert_string_equal(r->findings[2].where, "accepted.yml:3");
    assert_int_equal(r->findings[2].severity, SEVERITY_INFO);
    report_free(r);
}

static void an_empty_file_accepts_nothing(void **state)
{
    (void)state;
    static const char *const files[] = {"", "# nothing yet\n", "[]\n", "---\n"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        report *r = two_blockers();
        err e = {0};
        assert_true(accepted(r, files[i], &e));
        assert_int_equal(r->finding_count, 2);
        report_free(r);
    }
}

static void a_file_that_cannot_be_read_names_its_line_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"id: x\n", "line 1: the file is not a list"},
        {"just words\n", "line 1: this is not an entry"},
        {"- module:ts\n", "line 1: this is not an entry"},
        {"- id: a\n  reason: b\n", "line 1: the entry has no 'until'"},
        {"- id: module:ts\n  reason: a\n  until: 2030-01-01\n- reason: b\n  until: 2030-01-01\n",
         "line 4: the entry has no 'id'"},
        {"- id: a\n  because: b\n", "line 2: there is no field 'because'"},
        {"- id: a\n  id: b\n", "line 2: 'id' is given twice"},
        {"- id: a\n  reason:\n  until: 2030-01-01\n", "line 2: 'reason' is empty"},
        {"- id: a\n  reason: b\n  until: tomorrow\n", "line 3: 'tomorrow' is not YYYY-MM-DD"},
        {"- id: a\n  reason: b\n  until: 2030-13-01\n", "line 3: '2030-13-01' is not YYYY-MM-DD"},
        {"- id: [a]\n", "line 1: a list inside an entry"},
        {"- id: {a: b}\n", "line 1: a mapping inside an entry"},
        {"- &x {id: a, reason: b, until: 2030-01-01}\n- *x\n", "line 2: aliases are not taken"},
        {"- id: a\n  reason: \"b\n", "line 3:"},
        {"- id: \"a\\0b\"\n", "line 1: it holds a NUL byte"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        report *r = two_blockers();
        err e = {0};
        assert_false(accepted(r, rows[i].yaml, &e));
        assert_int_equal(e.kind, ERR_USAGE);
        assert_has(e.text, "accepted.yml");
        assert_has(e.text, rows[i].says);
        assert_int_equal(r->finding_count, 2);
        assert_null(r->findings[0].accepted_reason);
        report_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_form_holds_a_control_byte),
        cmocka_unit_test(html_holds_no_markup_of_others),
        cmocka_unit_test(html_asks_for_nothing_from_outside),
        cmocka_unit_test(markdown_escapes_what_could_be_markup),
        cmocka_unit_test(a_markdown_code_span_is_fenced_by_more_backticks_than_it_holds),
        cmocka_unit_test(json_keeps_the_text_whole),
        cmocka_unit_test(shown_bytes_are_one_line_and_cut),
        cmocka_unit_test(invalid_utf8_of_every_kind_is_shown_as_bytes),
        cmocka_unit_test(findings_sort_by_severity_then_acceptance_and_keep_their_order),
        cmocka_unit_test(a_second_finding_of_one_id_is_dropped),
        cmocka_unit_test(everything_handed_in_is_copied_however_much),
        cmocka_unit_test(the_same_report_renders_the_same_twice),
        cmocka_unit_test(text_keeps_reference_sections_for_those_who_ask),
        cmocka_unit_test(tables_break_no_word_of_their_head_and_drop_empty_columns),
        cmocka_unit_test(an_empty_report_renders_in_every_form),
        cmocka_unit_test(every_text_of_a_finding_stands_in_every_form),
        cmocka_unit_test(no_line_of_the_terminal_is_wider_than_asked_unless_a_word_is),
        cmocka_unit_test(color_is_only_there_when_asked_for),
        cmocka_unit_test(wide_characters_count_two_columns),
        cmocka_unit_test(an_accepted_finding_stays_visible_and_counts_no_more),
        cmocka_unit_test(an_acceptance_that_has_run_out_is_a_warning),
        cmocka_unit_test(an_acceptance_of_nothing_is_a_note),
        cmocka_unit_test(an_empty_file_accepts_nothing),
        cmocka_unit_test(a_file_that_cannot_be_read_names_its_line_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
