"""Outside text can't become part of another text by accident: every way to try is refused."""

import copy
import io
import json
import pickle
import re
import string
import urllib.parse
from typing import Any

import pytest

from copilot.untrusted import Tainted, Untrusted
from copilot.untrusted.cap import RENDER

SECRET = "the words nobody may splice"
TEXT: Any = Untrusted(SECRET, source="error.message", path="/step1")

WAYS = {
    "f-string": lambda: f"{TEXT}",
    "f-string-with-format": lambda: f"{TEXT:>20}",
    "f-string-as-str": lambda: f"{TEXT!s}",
    "percent": lambda: "%s" % TEXT,  # noqa: UP031
    "percent-of-many": lambda: "%s and %s" % (TEXT, 1),  # noqa: UP031
    "format": lambda: "{}".format(TEXT),  # noqa: UP032
    "format-map": lambda: "{a}".format_map({"a": TEXT}),
    "str": lambda: str(TEXT),
    "bytes": lambda: bytes(TEXT),
    "add": lambda: "a" + TEXT,
    "add-after": lambda: TEXT + "a",
    "add-in-place": lambda: _add_in_place(),
    "times": lambda: TEXT * 2,
    "modulo": lambda: TEXT % 1,
    "join": lambda: "".join([TEXT]),
    "iterate": lambda: list(TEXT),
    "unpack": lambda: [*TEXT],
    "index": lambda: TEXT[0],
    "contains": lambda: "words" in TEXT,
    "json": lambda: json.dumps(TEXT),
    "json-with-default": lambda: json.dumps({"a": TEXT}, default=str),
    "pickle": lambda: pickle.dumps(TEXT),
    "deepcopy": lambda: copy.deepcopy(TEXT),
    "string-template": lambda: string.Template("$a").substitute(a=TEXT),
    "html": lambda: TEXT.__html__(),
    "regular-expression": lambda: re.sub("a", TEXT, "a"),
    "replace": lambda: "a".replace("a", TEXT),
    "write": lambda: io.StringIO().write(TEXT),
    "encode": lambda: urllib.parse.quote(TEXT),
    "reveal-without": lambda: TEXT.reveal(object()),
    "reveal-path-without": lambda: TEXT.reveal_path(None),
}


def _add_in_place() -> str:
    text = "a"
    text += TEXT
    return text


@pytest.mark.parametrize("way", list(WAYS))
def test_no_way_leads_into_another_text(way: str) -> None:
    with pytest.raises(TypeError):
        WAYS[way]()


@pytest.mark.parametrize("way", ["f-string", "str", "percent", "format", "bytes", "iterate"])
def test_what_python_would_allow_is_refused_by_us_and_says_where_it_came_from(way: str) -> None:
    with pytest.raises(Tainted, match=r"error\.message") as raised:
        WAYS[way]()
    assert SECRET not in str(raised.value)


def test_looking_at_it_shows_its_length_alone() -> None:
    assert repr(TEXT) == f"<Untrusted error.message, {len(SECRET)} characters>"
    assert SECRET not in repr([TEXT, {"a": TEXT}])
    assert "step1" not in repr(TEXT)


def test_it_has_no_attributes_to_read_it_from_or_to_change() -> None:
    assert not hasattr(TEXT, "__dict__")
    with pytest.raises(AttributeError):
        TEXT.value = "x"


def test_whoever_has_the_capability_gets_both_texts() -> None:
    assert TEXT.reveal(RENDER) == SECRET
    assert TEXT.reveal_path(RENDER) == "/step1"


def test_equal_texts_from_one_place_are_equal() -> None:
    same = Untrusted(SECRET, source="error.message", path="/step1")
    assert same == TEXT
    assert hash(same) == hash(TEXT)
    assert Untrusted(SECRET, source="template", path="/step1") != TEXT
    assert Untrusted(SECRET, source="error.message") != TEXT
    assert TEXT != SECRET
    assert len(TEXT) == len(SECRET)
