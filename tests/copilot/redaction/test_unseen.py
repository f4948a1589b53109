"""A key that a reader sees whole goes whole, whatever a program sees in the middle of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.redaction import Redactor, mask_secrets
from tests.copilot.redaction.keys import KEYS, drawn

OPENAI = KEYS["openai-key"]
UNSEEN = {
    "zero-width space": "\u200b",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "right to left": "\u202e",
    "tag": "\U000e0041",
    "control": "\x01",
    "colour": "\x1b[31m",
    "link of a terminal": "\x1b]8;;\x07",
}
KNOWN = "swordfish-" + drawn(12)


@pytest.mark.parametrize("name", UNSEEN)
def test_what_nobody_sees_does_not_hide_a_key(name):
    broken = OPENAI[:9] + UNSEEN[name] + OPENAI[9:]
    found = Redactor().redact(f"key {broken}, and more")
    assert found.text == "key [[openai-key:1]], and more"
    assert mask_secrets(f"key {broken}, and more") == "key [[openai-key]], and more"


@pytest.mark.parametrize("name", UNSEEN)
def test_nor_a_known_value(name):
    broken = KNOWN[:4] + UNSEEN[name] + KNOWN[4:]
    assert Redactor({"PASSPHRASE": KNOWN}).redact(f"it is {broken}").text.count("[[") == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "dos", "old"])
def test_line_ends_part_what_stands_on_both_sides(end):
    text = f"first{end}second"
    assert Redactor().redact(text).text == text
    assert Redactor().redact(f"{OPENAI}{end}next").text == f"[[openai-key:1]]{end}next"


def test_what_is_not_in_a_key_stays_hidden_or_not():
    text = f"a\u200bb {OPENAI} c\x1b[0md"
    assert Redactor().redact(text).text == "a\u200bb [[openai-key:1]] c\x1b[0md"


@given(
    st.lists(
        st.tuples(st.integers(1, len(OPENAI) - 1), st.sampled_from(sorted(UNSEEN.values()))),
        min_size=1,
        max_size=6,
    ),
    st.text(max_size=20),
)
def test_wherever_and_however_often_it_is_broken(cuts, before):
    broken = OPENAI
    for place, unseen in sorted(cuts, reverse=True):
        broken = broken[:place] + unseen + broken[place:]
    text = f"{before} key: {broken} end"
    redactor = Redactor()
    clean = redactor.redact(text).text
    left = "".join(char for char in clean if char.isalnum())
    assert OPENAI[12:] not in left
    assert redactor.redact(clean).text == clean
