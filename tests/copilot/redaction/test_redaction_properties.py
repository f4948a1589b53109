"""Whatever the text: it is answered, in time, and what is gone stays gone."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.pipeline.sanitize import sanitize
from copilot.redaction import Redactor, mask_secrets
from tests.copilot.redaction.keys import KEYS, drawn, survives

SECRETS = sorted(KEYS.values())
PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(SECRETS),
    st.sampled_from(
        [
            "password=",
            "api_key:",
            "'token':",
            '"',
            "'",
            "\\",
            "[[",
            "]]",
            "[[email:1]]",
            "[[password]]",
            "://",
            "@",
            "=",
            ":",
            ",",
            ";",
            "&",
            "?",
            "\n",
            "Bearer",
            "Authorization:",
            "Cookie:",
            "a=b;",
            "-----BEGIN",
            "--token",
            "jane@corp.example",
            "4111111111111111",
            "DE89370400440532013000",
            "078-05-1120",
            "secret",
            "key",
            "is",
            "[secret",
            "A]",
            "https://a:b@c",
            "%3D",
            "\\n",
        ]
    ),
    st.sampled_from([" ", "\n", "\\n", '"', "x" * 15, "0" * 15, "eyJ", drawn(18)]),
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)
APART = st.lists(PIECES, max_size=14).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_twice_changes_nothing_more(text):
    redactor = Redactor()
    once = redactor.redact(text).text
    assert redactor.redact(once).text == once
    assert Redactor().redact(once).text == once
    masked = mask_secrets(text)
    assert mask_secrets(masked) == masked


@settings(max_examples=200, deadline=None)
@given(APART)
def test_put_back_only_people_come_back_and_no_secret(text):
    found = Redactor().redact(text)
    assert all(
        kind.partition(":")[0] in ("[[email", "[[card", "[[iban", "[[ssn")
        for kind in found.restored
    )
    people_only = Redactor(people=False).redact(found.put_back(found.text)).text
    for secret in SECRETS:
        assert not survives(secret, found.text)
        assert not survives(secret, people_only)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="@[]"), max_size=60), st.integers(0, 9))
def test_ordinary_text_around_a_person_comes_back_as_it_was(text, number):
    whole = f"{text} jane{number}@corp.example ok"
    found = Redactor().redact(whole)
    if set(found.counts) == {"email"}:
        assert found.put_back(found.text) == whole


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=6, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_a_known_value_goes_whatever_it_is(value, before, after):
    placeholder_like = "workspace-secret:0123456789[]"
    if any(value in text for text in (placeholder_like, "[[workspace-secret:1]]")):
        return
    redactor = Redactor({"NAME": value}, people=False)
    assert redactor.redact(f"{before} {value} {after}").counts.get("workspace-secret")


@pytest.mark.parametrize("kind", KEYS)
def test_split_by_hidden_characters_a_key_is_found_after_sanitizing(kind):
    hidden = "\u200b".join(KEYS[kind])
    text = sanitize(f"could not use {hidden}, sorry").text
    assert not survives(KEYS[kind], Redactor().redact(text).text)


SHAPES = {
    "letters": "a",
    "digits": "4",
    "blanks": " ",
    "quotes": "'",
    "backslashes": "\\",
    "names": "password",
    "names and equals": "password=",
    "names and blanks": "token ",
    "open quotes": "api_key='",
    "camel": "aB",
    "beginnings": "sk" + "-",
    "dots": "a.",
    "groups": "4111 ",
    "at": "a@",
    "addresses": "a://b:",
    "blocks": "-----BEGIN " + "PRIVATE KEY-----",
    "cookies": "Cookie: a=b; ",
    "brackets": "[[email:1]]",
    "headers": "Authorization: ",
    "half tokens": "ey" + "J" + "abcdefgh.",
    "hyphens": "3f1c9a72-",
    "mysql": "mysql login curl ",
    "colons": "1:",
    "percent": "%40a",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_text_takes_a_time_in_proportion(shape):
    unit = SHAPES[shape]
    taken: list[float] = []
    for size in (50_000, 200_000):
        text = unit * (size // len(unit))
        began = time.perf_counter()
        Redactor().redact(text)
        taken.append(time.perf_counter() - began)
    # four times the text; with the square of it the second took 16 times as long
    assert taken[1] < max(9 * taken[0], 2.0)
