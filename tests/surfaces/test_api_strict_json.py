"""What counts as JSON: one reading for everybody, or none."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.surfaces.rest.strict_json import DEEPEST, InvalidJson, check

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES)
def test_whatever_is_json_passes(value):
    check(json.dumps(value).encode())
    check(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,\\01eN ').map(str.encode))
def test_whatever_passes_is_read_the_same_by_the_standard_reader(body):
    try:
        check(body)
    except InvalidJson:
        return
    json.loads(body, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'[{"x": {"b": 1, "b": 1}}]', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b"NaN", "NaN"),
        (b'{"a": Infinity}', "NaN"),
        (b"[-Infinity]", "NaN"),
        (b"[1e400]", "larger"),
        (b"9" * 5000, "not JSON"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"a\x00"', "not JSON"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_not_repeated(body, problem):
    with pytest.raises(InvalidJson, match=problem):
        check(body)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_counted_outside_of_strings(opening, closing):
    check(f"{opening * DEEPEST}1{closing * DEEPEST}".encode())
    check(json.dumps({"a": "[{" * 100, 'quoted "': '\\"[' * 100}).encode())
    check(b"[" + b"[]," * 500 + b"1]")
    with pytest.raises(InvalidJson, match="deeper"):
        check(f"{opening * (DEEPEST + 1)}1{closing * (DEEPEST + 1)}".encode())


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b'["' + b'\\"' * 999_000,
        b"[]" * 100 + b'"' + b'\\"' * 999_000,
        b"[]" * 100 + b'"' * 1_999_000,
        b"[]" * 100 + b'"' + b"\\" * 1_999_000,
        b"[" + b"[]," * 600_000 + b"1]",
        b"[" + b'{"a":1},' * 240_000 + b"1]",
    ],
    ids=["open", "unclosed", "unclosed deep", "quotes", "backslashes", "many", "objects"],
)
def test_no_two_megabytes_take_long(body):
    began = time.process_time()
    with contextlib.suppress(InvalidJson):
        check(body)
    assert time.process_time() - began < 3
