"""Conditions: what they say, what they refuse, and that they only compare."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definition.conditions import condition_references, parse_condition
from engine.definition.judging import holds
from engine.errors import InvalidData, InvalidDefinition, VariableNotFound

SCOPE = {
    "a": {"n": 3, "text": "high", "list": [1, 2, 3], "none": None, "yes": True, "empty": []},
    "money": Decimal("1.50"),
    "day": date(2026, 1, 5),
    "now": datetime(2026, 1, 5, tzinfo=UTC),
    "naive": datetime(2026, 1, 5),  # noqa: DTZ001 - what a sheet gives
    "length": "a name like a function's",
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("a.n == 3", True),
        ("{{ a.n }} == 3 and a.text != 'low'", True),
        ("a.n > 3 or a.n < 3", False),
        ("a.n >= 3 and a.n <= 3.0", True),
        ("not a.yes", False),
        ("not not a.yes", True),
        ("not (a.n == 3 and a.yes)", False),
        ("a.n == 1 or a.n == 2 and a.yes", False),
        ("2 in a.list", True),
        ("5 not in a.list", True),
        ("a.text in ['high', \"low\"]", True),
        ("'ig' in a.text", True),
        ("'n' in a", True),
        ("a.none == null", True),
        ("a.none", False),
        ("a.empty", False),
        ("a.list", True),
        ("length(a.list) == 3", True),
        ("length(a.text) > 3", True),
        ("length == 'x'", False),
        ("exists(a.nothing)", False),
        ("exists({{ a.n }}) and exists(money)", True),
        ("a.yes == 1", False),
        ("a.n == '3'", False),
        ("money < 2", True),
        ("money == 1.5", True),
        ("a['text'] == 'high' and a.list[0] == 1", True),
        ("-1 < 0", True),
        ("true", True),
        ("day == day", True),
        ("a.n == 9 and missing.name", False),
    ],
)
def test_what_holds(text, answer):
    assert holds(text, SCOPE) is answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.n =",
        "a.n = 3",
        "(a.n",
        "a.n)",
        "and",
        "a b",
        "a.n == ",
        "not",
        "in a",
        "f(a)",
        "a.n()",
        "__import__('os')",
        "a.n + 1",
        "a; b",
        "{{ a.n",
        "1 < 2 < 3",
        "'open",
        "[1",
        "a.n == 3 " * 100,
        "(" * 200 + "a" + ")" * 200,
        "lambda: 1",
        "a if b else c",
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(InvalidDefinition, match="the condition"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a.text > 3", InvalidData, "can't compare a number with text"),
        ("a.none < 3", InvalidData, "can't compare nothing with a number"),
        ("now < naive", InvalidData, "can't compare a time with a time"),
        ("now < day", InvalidData, "can't compare a time with a date"),
        ("3 in a.n", InvalidData, "can't look for a number in a number"),
        ("length(a.n) > 1", InvalidData, "a number has no length"),
        ("a.nn == 3", VariableNotFound, "Variable a.nn not found. Did you mean a.none or a.n?"),
        ("b == 3", VariableNotFound, "Variable b not found"),
        ("a.__class__", VariableNotFound, "not found"),
    ],
)
def test_what_can_not_be_judged_says_why(text, error, words):
    with pytest.raises(error) as caught:
        holds(text, SCOPE)
    assert words in str(caught.value)


def test_references_are_found_in_order():
    text = "a.n > 1 and not exists(b) or length(c.d) in [e, 2]"
    assert [str(one) for one in condition_references(text)] == ["a.n", "b", "c.d", "e"]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        parse_condition(text)
    except InvalidDefinition:
        return
    assert text.strip()


NUMBERS = st.integers(-5, 5)


@given(NUMBERS, NUMBERS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_numbers_compare_as_in_python(left, right, by):
    assert holds(f"a {by} b", {"a": left, "b": right}) is eval(f"{left} {by} {right}")
