"""Promises that hold for any text: total, deterministic, bounded, free of forged placeholders."""

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.normalize import ADVERSARIAL
from copilot.pipeline.normalize import normalize
from copilot.types import Normalized

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
NOISE = st.lists(
    st.sampled_from(
        [
            "'",
            '"',
            "`",
            "“",
            "”",
            "<",
            ">",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            ":",
            "=",
            ",",
            "\\",
            "\n",
            " ",
            "a",
            "7",
            "Error",
            "not found",
            "status",
            "429",
            "None",
            "\x00",
            "\ud800",
            "\u2018",
            "\u2019",
            "\u201e",
            "\xab",
            "\xbb",
            "Key (",
            "Traceback (most recent call last):\n",
            "\ue000",
            "\U000f0000",
            "\U00100000",
            "\U0010fffd",
            "\x1b[31m",
            "tool: ",
            "Caused by: ",
            '"code": ',
            "https://",
            "1 validation error for A\n",
        ]
    ),
    max_size=80,
).map("".join)
EMAIL = st.from_regex(r"[a-z][a-z0-9.+_]{0,20}[a-z0-9]@[a-z]{1,12}\.(com|org|io)", fullmatch=True)
SIGNATURE = re.compile(r"n1:[0-9a-f]{20}")


@settings(max_examples=400, deadline=None)
@given(ANY_TEXT | NOISE)
def test_any_text_gives_a_whole_answer(text: str) -> None:
    found = normalize(text)
    assert SIGNATURE.fullmatch(found.signature)
    assert found.label
    for shown in (found.key, found.label, found.exemplar, *found.facets.values()):
        assert not re.search("[\ue000-\ue01f\x00\ud800-\udfff]", shown)
    assert "<*>" not in found.label.replace("<*>" if "<*>" in text else "\0", "")


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT | NOISE, ANY_TEXT | NOISE)
def test_the_same_text_gives_the_same_answer_whatever_came_between(text: str, other: str) -> None:
    first = normalize(text, error_type=other, traceback=other)
    normalize(other)
    assert normalize(text, error_type=other, traceback=other) == first


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"[A-Za-z][A-Za-z0-9 ._-]{0,30}[A-Za-z0-9]", fullmatch=True))
def test_a_quoted_name_never_changes_the_signature(name: str) -> None:
    found = normalize(f"Template '{name}' not found")
    assert found.signature == normalize("Template 'x' not found").signature
    assert found.entities[0].value == name


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**12), st.uuids(), EMAIL)
def test_numbers_ids_and_addresses_never_change_the_signature(
    number: int, identifier: object, address: str
) -> None:
    def of(*values: object) -> Normalized:
        return normalize("lead {} of run {} has the address '{}'".format(*values))

    assert of(number, identifier, address).signature == of(1, "a1", "b@c.de").signature


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504, 529]), st.data())
def test_two_statuses_never_share_a_signature(status: int, data: st.DataObject) -> None:
    other = data.draw(st.integers(400, 599).filter(lambda value: value != status))
    shape = data.draw(
        st.sampled_from(["HTTP {}", "status code {}", "Error code: {} - x", "({}) x"])
    )
    if shape == "({}) x":
        shape = "API error ({}): gone"
    assert normalize(shape.format(status)).signature != normalize(shape.format(other)).signature


def test_signatures_do_not_depend_on_hash_seed_or_order() -> None:
    messages = [f"Template 'x{n}' not found in {n} of {n + 1} runs" for n in range(20)]
    messages += ["Unknown tool: a", "KeyError: 'b'", "table c does not exist", '{"code": "d_e"}']
    code = (
        "import sys; from copilot.pipeline.normalize import normalize\n"
        "print([normalize(m).signature for m in sys.argv[1:]])"
    )
    expected = str([normalize(message).signature for message in messages])
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, *messages],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
    shuffled = random.Random(3).sample(messages, len(messages))
    again = {message: normalize(message).signature for message in shuffled}
    assert str([again[message] for message in messages]) == expected


def _calls(work: Callable[[], object]) -> int:
    """Function calls, Python's and C's, that *work* makes: its cost without a clock."""
    count = 0

    def step(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(step)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("shape", ADVERSARIAL)
def test_work_grows_no_faster_than_the_text(shape: str) -> None:
    unit = ADVERSARIAL[shape]
    whole = (unit * (32_768 // len(unit) + 1))[:32_768]
    half = _calls(lambda: normalize(whole[:16_384]))
    assert _calls(lambda: normalize(whole)) <= 2.6 * half + 500


@pytest.mark.parametrize("shape", ADVERSARIAL)
def test_no_pattern_backtracks_over_a_whole_text(shape: str) -> None:
    """Calls don't show what happens inside a pattern; a quadratic one takes seconds here."""
    unit = ADVERSARIAL[shape]
    text = (unit * (65_536 // len(unit) + 1))[:65_536]
    start = time.process_time()
    normalize(text)
    normalize(text[:-1] + "!")
    assert time.process_time() - start < 1.0
