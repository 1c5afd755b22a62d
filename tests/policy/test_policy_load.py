"""Policy files: every mistake at once, each with its line; the hash; the modes."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes
from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.policy.load import MAX_RULES, load_policy, load_shipped, shipped_text
from tosqauyl.toml_text import tables

HEADER = '[policy]\nname = "own"\ndated = 2026-02-20\n'
RULE = """
[[rule]]
id = "{id}"
when = "direction = 'international' AND caller_kind = 'fixed'"
verdict = "stop"
reason = "fixed-from-abroad"
class = "deterministic"
tier = "screen"
mode = "monitor"
law = "order No 1"
why_mode = "first watch"
[rule.text]
kk = "а"
ru = "б"
en = "c"
"""
GOOD = HEADER + RULE.format(id="own-fixed")
OF_ONE_TEXT = "0871ee28a358bb6a"
"""The hash that GOOD had before a law could be in three languages."""


def mistakes(text):
    with pytest.raises(FileMistakes) as caught:
        load_policy(text, "own.toml")
    return [(m.line, m.column, m.what, m.hint) for m in caught.value.mistakes]


def only(text):
    found = mistakes(text)
    assert len(found) == 1, found
    return found[0]


def test_a_good_file_gives_a_policy():
    policy = load_policy(GOOD, "own.toml")
    assert (policy.name, policy.dated, policy.file) == ("own", date(2026, 2, 20), "own.toml")
    rule = policy.rules[0]
    assert (rule.id, rule.line, rule.promote, rule.expires, rule.divert_to) == ("own-fixed", 5, True, None, "")
    assert rule.texts == {"kk": "а", "ru": "б", "en": "c"}
    assert rule.why_mode == dict.fromkeys(("kk", "ru", "en"), "first watch")
    assert rule.law == dict.fromkeys(("kk", "ru", "en"), "order No 1")
    assert policy.hits(UNKNOWN_CALL) == 0
    assert policy.hits(UNKNOWN_CALL._replace(direction="international", caller_kind="fixed")) == 1


def test_ten_mistakes_are_told_at_once_each_at_its_line():
    text = """[policy]
name = "Own Rules"
dated = "yesterday"
owner = "me"

[[rule]]
id = "one"
when = "directon = 'international'"
verdict = "halt"
reason = "fixed-from-abrod"
class = "certain"
tier = "screen"
mode = "monitor"
law = ""
why_mode = "w"
[rule.text]
kk = "а"
ru = ""

[[rule]]
id = "one"
when = '''
caller_kind = 'fixed'
AND directio = 'international' '''
verdict = "stop"
reason = "custom"
class = "analytic"
tier = "screen"
mode = "enforce"
law = "l"
why_mode = {kk = "a", ru = "b", en = "c", de = "d"}
expires = "2026-13-01"
colour = "red"
[rule.text]
kk = "а"
ru = "б"
en = "c"
"""
    found = mistakes(text)
    lines = {(line, column) for line, column, _, _ in found}
    assert lines == {
        (2, 0), (3, 0), (4, 0), (8, 9), (9, 0), (10, 0), (11, 0), (14, 0), (16, 0), (18, 0),
        (21, 0), (24, 5), (29, 0), (31, 0), (32, 0), (33, 0),
    }  # fmt: skip
    whats = " ".join(f"{what} {hint}" for _, _, what, hint in found)
    for words in (
        "did you mean direction?",
        "no verdict 'halt'",
        "did you mean fixed-from-abroad?",
        "'text' has no en",
        "'text.ru' is empty",
        "taken by the rule in line 6",
        "an analytic rule cannot be enforced",
        "there is no language 'de'",
        "'expires' is not a date",
        "no key 'colour'",
        "no key 'owner'",
    ):
        assert words in whats, words
    assert len(found) == 16


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('id = "own-fixed"', 'id = "Own"', 6, "not a name that can be used"),
        ('id = "own-fixed"', 'id = "' + "a" * 41 + '"', 6, "not a name that can be used"),
        ('id = "own-fixed"\n', "", 5, "'id' is missing"),
        ('verdict = "stop"', "verdict = 1", 8, "'verdict' is not a text"),
        ('verdict = "stop"', 'verdict = "divert"', 8, "'divert_to' is missing"),
        ('verdict = "stop"', 'verdict = "divert"\ndivert_to = "nowhere"', 9, "is no SIP or tel URI"),
        ('verdict = "stop"', 'verdict = "stop"\ndivert_to = "sip:a@b"', 9, "goes with the verdict divert"),
        ('reason = "fixed-from-abroad"', 'reason = "failed-open"', 9, "no reason 'failed-open'"),
        ('reason = "fixed-from-abroad"', 'reason = "none"', 9, "no reason 'none'"),
        ('tier = "screen"', 'tier = "exempt"', 8, "lets calls through"),
        ('tier = "screen"', 'tier = "screem"', 11, "no tier 'screem'"),
        ('mode = "monitor"', 'mode = "shadow"', 12, "no mode 'shadow'"),
        ('mode = "monitor"', 'mode = "monitor"\npromote = "no"', 13, "neither true nor false"),
        ('mode = "monitor"', 'mode = "monitor"\nexpires = 2026-03-01T10:00:00', 13, "'expires' is not a date"),
        ('law = "order No 1"', 'law = "a\\nb"', 13, "line break or control character"),
        ('law = "order No 1"', 'law = "' + "x" * 501 + '"', 13, "501 characters"),
        ('law = "order No 1"', "", 5, "'law' is missing"),
        ('law = "order No 1"', "law = 1", 13, "'law' is not a table of languages"),
        ('law = "order No 1"', 'law = {kk = "а", ru = "б"}', 13, "'law' has no en"),
        ('law = "order No 1"', 'law = {kk = "а", ru = "б", en = "c", de = "d"}', 13, "no language 'de' in 'law'"),
        ('law = "order No 1"', 'law = {kk = "а", ru = "б", en = 3}', 13, "'law.en' is not a text"),
        ('law = "order No 1"', 'law = {kk = "а", ru = "б", en = ""}', 13, "'law.en' is empty"),
        ('en = "c"', 'en = "  "', 18, "'text.en' is empty"),
        ('en = "c"', "en = 3", 18, "'text.en' is not a text"),
        ('name = "own"\n', "", 1, "'name' is missing"),
        ("dated = 2026-02-20", "", 1, "'dated' is missing"),
        ("[policy]", "[polici]", 1, "no table or key 'polici'"),
        ("[[rule]]", "[[rules]]", 5, "no table or key 'rules'"),
    ],
)
def test_one_mistake_is_told_at_its_line(old, new, line, words):
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(at == line and words in what for at, _, what, _ in found), found


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_an_empty_file_is_a_mistake(text):
    assert "the file is empty" in only(text)[2]


def test_a_policy_without_rules_is_a_mistake():
    assert "no rules" in only(HEADER)[2]


def test_too_many_rules_are_a_mistake():
    text = HEADER + "".join(RULE.format(id=f"r-{number}") for number in range(MAX_RULES + 1))
    assert "121 rules; 120 are allowed" in only(text)[2]
    load_policy(HEADER + "".join(RULE.format(id=f"r-{number}") for number in range(MAX_RULES)), "own.toml")


def test_a_syntax_error_has_its_line_and_column():
    line, column, what, hint = only(GOOD + "\nmode = monitor\n")
    assert (line, column) == (20, 8)
    assert "not TOML" in what
    assert hint
    assert only(GOOD + '\nlaw = "open')[0] == 20


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 4900, "a = " + "{b=" * 1600, "a = " + "9" * 4900, "a." * 900 + "a = 1", "a = [\n" + "[\n" * 50_000],
)
def test_toml_that_nests_or_counts_without_end_is_a_mistake(text):
    mistakes(text)


def test_a_line_without_end_is_refused_unread():
    assert only(GOOD + "a." * 50_000 + "a = 1")[:3] == (19, 0, "the line has more than 5000 characters")


def test_a_huge_file_is_refused_unread():
    assert "characters" in only("#" * 1_000_001)[2]


@pytest.mark.parametrize(
    ("when", "line", "column"),
    [
        ("\"callr = 'a'\"", 7, 9),
        ("'''callr = 'a' '''", 7, 11),
        ("'''\ncallr = 'a' '''", 8, 1),
        ("'''\n\n  protected AND\n  callr = 'a' '''", 10, 3),
        ('"""\nprotected AND\n  callr = \'a\'"""', 9, 3),
        ("\"caller = '\\u0041' AND callr = 'a'\"", 7, 0),
    ],
)
def test_a_mistake_in_an_expression_points_into_the_file(when, line, column):
    text = GOOD.replace("\"direction = 'international' AND caller_kind = 'fixed'\"", when)
    assert only(text)[:3] == (line, column, "there is no fact 'callr'")


def test_windows_line_ends_change_no_line():
    text = GOOD.replace("mode = ", "mod = ")
    assert [row[0] for row in mistakes(text)] == [row[0] for row in mistakes(text.replace("\n", "\r\n"))]


def test_rules_in_a_plain_list_are_read_too():
    rule = (
        '{id = "a", when = "protected", verdict = "mark", reason = "custom", class = "identity", tier = "screen",'
        ' mode = "monitor", law = "l", why_mode = "w", text = {kk = "а", ru = "б", en = "c"}}'
    )
    assert load_policy(f"rule = [{rule}]\n{HEADER}", "own.toml").rules[0].line == 1


def test_lines_are_found_past_strings_comments_and_lists():
    text = '''# [[rule]]
[policy] # name = "x"
name = "a # [[rule]]"
list = [
  "]", # ]
  { a = "}" },
]
[[rule]]
when = """
[[rule]]
id = "x" \\""" still """""
'id' = 'y'
[rule.text]
kk = "[[rule]]"
[[ rule ]]
text.kk = "a"
'''
    found = tables(text)
    assert [(table.name, table.line) for table in found] == [("", 1), ("policy", 2), ("rule", 8), ("rule", 15)]
    assert {key: place.line for key, place in found[2].keys.items()} == {"when": 9, "id": 12, "text": 13, "text.kk": 14}
    assert found[3].keys["text.kk"].line == 16


@given(st.text(st.sampled_from("[]\"'=#\n\\ab.{} \t\r,"), max_size=80))
def test_the_line_scan_ends_on_any_text(text):
    assert all(1 <= table.line <= text.count("\n") + 1 for table in tables(text))


def test_the_hash_is_of_what_the_file_says_not_of_its_layout():
    first = load_policy(GOOD, "own.toml")
    laid_out = "# a comment\n" + GOOD.replace("AND caller_kind = 'fixed'", "and  (caller_kind='fixed')").replace(
        " = ", "  =  "
    )
    assert load_policy(laid_out.replace("direction  =  ", "direction = "), "other.toml").hash == first.hash
    for old, new in [("fixed'", "voip'"), ('en = "c"', 'en = "d"'), ("monitor", "enforce"), ("02-20", "02-21")]:
        assert load_policy(GOOD.replace(old, new), "own.toml").hash != first.hash
    assert len(first.hash) == 16


def test_a_law_may_be_said_in_each_language():
    law = {"kk": "№ 1 бұйрық", "ru": "приказ № 1", "en": "order No 1"}
    written = "[rule.law]\n" + "\n".join(f'{language} = "{said}"' for language, said in law.items())
    text = GOOD.replace('law = "order No 1"\n', "").replace("[rule.text]", f"{written}\n[rule.text]")
    policy = load_policy(text, "own.toml")
    assert policy.rules[0].law == law
    for said in law.values():
        assert load_policy(text.replace(said, "another"), "own.toml").hash != policy.hash


def test_a_law_in_one_text_is_the_same_policy_as_that_text_in_each_language():
    each = '{kk = "order No 1", ru = "order No 1", en = "order No 1"}'
    policy = load_policy(GOOD.replace('"order No 1"', each), "own.toml")
    assert policy == load_policy(GOOD, "own.toml")
    assert policy.hash == OF_ONE_TEXT, "journals and back-tests name policies by hash"


TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("mode", "klass", "extra", "plain", "promoted"),
    [
        ("off", "deterministic", "", "off", "off"),
        ("monitor", "deterministic", "", "monitor", "enforce"),
        ("monitor", "deterministic", "promote = false", "monitor", "monitor"),
        ("monitor", "analytic", "", "monitor", "monitor"),
        ("monitor", "identity", "", "monitor", "monitor"),
        ("enforce", "deterministic", "", "enforce", "enforce"),
        ("enforce", "deterministic", "promote = false", "enforce", "enforce"),
        ("canary", "deterministic", "percent = 5", "canary", "canary"),
        ("canary", "deterministic", "percent = 5\nexpires = 2026-02-28", "off", "off"),
        ("enforce", "deterministic", "expires = 2026-03-01", "enforce", "enforce"),
        ("enforce", "deterministic", "expires = 2026-02-28", "off", "off"),
        ("monitor", "deterministic", "expires = 2026-02-28", "off", "off"),
    ],
)
def test_mode_at(mode, klass, extra, plain, promoted):
    text = GOOD.replace('mode = "monitor"', f'mode = "{mode}"\n{extra}').replace('"deterministic"', f'"{klass}"')
    rule = load_policy(text, "own.toml").rules[0]
    assert (rule.mode_at(False, TODAY), rule.mode_at(True, TODAY)) == (plain, promoted)


def test_the_shipped_file_survives_losing_any_line():
    lines = shipped_text().splitlines(keepends=True)
    for place in range(0, len(lines), 41):
        with contextlib.suppress(FileMistakes):
            load_policy("".join(lines[:place] + lines[place + 1 :]), "cut.toml")


def test_bits_stay_where_they_are_whatever_the_mode():
    call = UNKNOWN_CALL._replace(direction="international", network_kind="fixed", listed="block")
    off = load_policy(shipped_text().replace('mode = "monitor"', 'mode = "off"'), "off.toml")
    assert off.hits(call) == load_shipped().hits(call) != 0
