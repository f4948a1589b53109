"""What a model wrote can be read by people, and nothing in it is a link, an image or markup."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.characters import has_hidden
from copilot.pipeline.propose import names_in, shown
from copilot.pipeline.sanitize import sanitize

ALIVE = ("//", "\\\\", "![", "](", "][", "]:", "<", ">", "www.", "{{", "}}", "{%", "${", "#{", "{#")
SCHEME = re.compile(r"(?i)(?:javascript|vbscript|data|https?|ftp|file|mailto|tel|blob):\S")
#: As programs that make links see one: letters, a dot, a top-level domain.
LINKED = re.compile(r"(?i)[\w-]\.(?:com|net|org|io|co|dev|app|zip|xn--p1ai|example)\b(?![.\w])")


@pytest.mark.parametrize(
    "text",
    [
        "The file config.yaml of 3.5 GB is there, e.g. in /definition/steps/0/with/range.",
        "Use 'Outbound v2' instead of `Outbound v3`: it was renamed (see step 2).",
        "It took 1.5 s; at 10:30 the limit of 100/day was reached. Try again, i.e. once.",
        "step_2.user_name is empty, step2.rows2 is not. U.S. and 10.0.0.1 are fine...",
        "One line.\n\nAnother: 50% of {name} & co, #3, 2 * 3 = 6, [[email:1]] [x] (y) {z}",
        "Grüße, 你好, مرحبا, 🎉 “so” it is…",
        "失败。请检查: 设置",
        "node.js, data.jsonl and table.csv",
    ],
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert shown(text) == text.replace("。", "。 ")


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("see https://evil.example/x?q=1", "see https: / /evil[.]example/x?q=1"),
        ("see evil.com.", "see evil[.]com."),
        ("www.evil.io", "www[.]evil[.]io"),
        ("write to x@evil.com", "write to x[at]evil[.]com"),
        ("@here, @channel", "[at]here, [at]channel"),
        ("[click](evil.com)", "[click] (evil[.]com)"),
        ("![](//evil.com/p.png)", "! [] (/ /evil[.]com/p.png)"),
        ("[a]: x", "[a] : x"),
        ("<img src=x>", "\u2039img src=x\u203a"),
        ("a -> b < c", "a -\u203a b \u2039 c"),
        ("&lt;b&gt; &#60; R&D;", "& lt;b& gt; & #60; R& D;"),
        ("javascript:alert(1)", "javascript: alert(1)"),
        ("0JAVASCRIPT:alert(1)", "0JAVASCRIPT: alert(1)"),
        ("mailto:x", "mailto: x"),
        ("data \t:text", "data: text"),
        ("{{ secrets.crm }}", "{ { secrets[.]crm } }"),
        ("{{{{{", "{ { { { {"),
        ("\\\\host\\share", "\\ \\host\\share"),
        ("h\u200bttps:\u2060//evil.com", "https: / /evil[.]com"),
        ("\uff48\uff54\uff54\uff50\uff1a\uff0f\uff0fevil\uff0ecom", "http: / /evil[.]com"),
        ("\U0001d421ttp://x", "http: / /x"),
        ("\ufb01le:x", "file: x"),
        ("evil\u3002com", "evil\u3002 com"),
        ("evil.\u0440\u0444", "evil[.]\u0440\u0444"),
        ("evil.xn--p1ai", "evil[.]xn--p1ai"),
        ("evil.com_", "evil[.]com_"),
        ("wait...evil.com", "wait...evil[.]com"),
        ("evil.com.yaml", "evil[.]com.yaml"),
        ("\x1b]8;;https://evil.com\x07link\x1b]8;;\x07", "link"),
    ],
    ids=range(29),
)  # fmt: skip
def test_what_a_program_would_make_more_of_comes_apart(text: str, there: str) -> None:
    assert shown(text) == there


def test_a_dotted_name_of_the_prompt_stays_whole_but_no_address_and_no_link() -> None:
    known = names_in(["Got 404 from https://api.acme.com/v1 for ana@acme.com.", "step1.emails"])
    assert shown("api.acme.com has no step1.emails.", known=known) == (
        "api.acme.com has no step1.emails."
    )
    assert shown("api.acme.com/v2", known=known) == "api[.]acme[.]com/v2"
    assert shown("https://api.acme.com", known=known) == "https: / /api.acme.com"
    assert shown("ana@acme.com", known=known) == "ana[at]acme[.]com"
    assert shown("acme.com", known=known) == "acme[.]com"
    assert shown("Step1.emails", known=known) == "Step1[.]emails"
    assert shown("www.acme.com", known=names_in(["www.acme.com"])) == "www[.]acme[.]com"


def test_a_long_text_is_clipped_and_says_so() -> None:
    assert shown("word " * 100, limit=20) == "word word word word…"
    assert len(shown("evil.com " * 10_000)) <= 4000


PIECES = [*ALIVE, "http", "javascript", "data", ":", ".", "/", "@", "com", "evil", " ", "(", ")", "[",
          "]", "!", "{", "}", "&", "lt;", "\u3002", "\uff0e", "\uff1a", "\uff0f", "\u200b", "\ud800",
          "\n", "\x1b[", "a", "0", "_", "-", "…", "mailto", "xn--", "\u0301", "\ufb01"]  # fmt: skip
hostile = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.text(max_size=60),
    st.lists(st.sampled_from(["evil.com", "[at]", "www.", "x@y.co", "//", "]:", "a"])).map("".join),
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(hostile, st.sampled_from([30, 100, 4000]), st.booleans())
def test_nothing_alive_is_left_whatever_came_and_twice_is_once(
    text: str, limit: int, is_known: bool
) -> None:
    known = names_in([text]) if is_known else frozenset[str]()
    found = shown(text, limit=limit, known=known)
    assert shown(found, limit=limit, known=known) == found
    assert len(found) <= max(limit, 30)
    assert not has_hidden(found)
    assert not [sign for sign in ALIVE if sign in found.casefold()]
    assert not SCHEME.search(found)
    assert not re.search(r"[\w.]@\w", found)
    if not is_known:
        assert not LINKED.search(found)
        assert not LINKED.search(unicodedata.normalize("NFKC", found))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_characters="@<>&.\u3002\uff61\u2024"),
        max_size=80,
    )
)
def test_words_without_signs_only_lose_what_can_not_be_seen(text: str) -> None:
    def letters(some: str) -> str:
        folded = unicodedata.normalize("NFKC", some)
        return "".join(char for char in folded if char.isalnum())

    assert letters(shown(text)) == letters(sanitize(text).text)


@pytest.mark.parametrize(
    "piece", ["a.b@", "](", "//", "evil.com ", "{", "&a", "www.", "http:", "[at]"]
)
def test_it_takes_any_length(piece: str) -> None:
    assert len(shown(piece * 100_000)) <= 4000
