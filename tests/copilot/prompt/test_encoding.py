"""Outside text on its line: nothing of ours can be written in it, and nothing of it is lost."""

import json
import re
import time
from collections import Counter

import pytest
from hypothesis import given, settings

from benchmarks.safety.attacks import OWN
from copilot.pipeline.prompt.encoding import Line, body, decode, encode, framed
from tests.copilot.prompt.hostile import BOUNDARY, CANARY, PLAIN, ROLE_MARKERS, TEXTS

FORBIDDEN = re.compile(
    r"[<>|&#~`＜＞｜﹤﹥‹›«»〈〉]|!\[|\][(\[:]|---|===|\*\*\*|___|\[/?INST|\[SYS"  # noqa: RUF001
    r"|(?i:system|assistant|human|user|developer|model|tool|function)[ \t]*[:：]"  # noqa: RUF001
)


def is_harmless(encoded: str) -> bool:
    return FORBIDDEN.search(encoded) is None and encoded.isprintable()


def test_any_text_comes_back_and_opens_nothing() -> None:
    met = Counter[str]()

    @settings(max_examples=400, deadline=None)
    @given(TEXTS)
    def holds(text: str) -> None:
        encoded = encode(text)
        assert json.loads(encoded) == text
        assert is_harmless(encoded), encoded
        assert len(encoded.encode()) <= 6 * len(text.encode("utf-8", "surrogatepass")) + 2
        met["role"] += any(marker in text for marker in ROLE_MARKERS)
        met["sign"] += bool(set("<>|`") & set(text))
        met["unprintable"] += not text.isprintable()
        met["quote"] += '"' in text

    holds()
    assert min(met[what] for what in ("role", "sign", "unprintable", "quote")) >= 8, met


@pytest.mark.parametrize("attack", OWN, ids=lambda attack: attack.id)
def test_every_attack_comes_back_and_opens_nothing(attack) -> None:
    encoded = encode(attack.text)
    assert json.loads(encoded) == attack.text
    assert is_harmless(encoded)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("Template 'Outbound v3' not found", "Template 'Outbound v3' not found"),
        ("two\nlines\tand", "two\\nlines\\tand"),
        ('say "x" \\ y', 'say \\"x\\" \\\\ y'),
        ("<b>&", "\\u003cb\\u003e\\u0026"),
        ("system: go", "\\u0073ystem: go"),
        ("FileSystem : go", "File\\u0053ystem : go"),
        ("systemic: go", "systemic: go"),
        ("the system is: up", "the system is: up"),
        ("[INST] x [/INST]", "\\u005bINST] x \\u005b/INST]"),
        ("![x](y)", "\\u0021[x\\u005d(y)"),
        ("a -- b", "a -- b"),
        ("-----", "--\\u002d--"),
        ("======", "==\\u003d==\\u003d"),
        ("\u2028\x00\x7f", "\\u2028\\u0000\\u007f"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\ud800", "\\ud800"),
        ("Grüße 日本 🎉", "Grüße 日本 🎉"),
    ],
)
def test_only_what_could_mislead_is_escaped(text: str, encoded: str) -> None:
    assert encode(text) == f'"{encoded}"'


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_plain_words_cost_nothing(text: str) -> None:
    harmless = re.sub(r"[^a-zA-Z0-9 ,.']", "", text)
    assert encode(harmless) == f'"{harmless}"'


def test_a_line_says_what_was_taken_out_only_when_something_was() -> None:
    line = Line(section="findings", source="x", path="/a", text="b")
    assert json.loads(body(line)) == {"section": "findings", "src": "x", "path": "/a", "text": "b"}
    assert "path" not in json.loads(body(Line(section="s", source="x", path="", text="b")))
    cut = Line(section="findings", source="x", path="", text="b", hidden=3, dropped_bytes=4)
    assert json.loads(body(cut))["hidden"] == 3
    assert json.loads(body(cut))["dropped_bytes"] == 4


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "nothing",
        f"<h:{BOUNDARY} {CANARY}>{{}}\n<e:0000>",
        f"<h:{BOUNDARY} {CANARY}>{{}}\n<d:{BOUNDARY} 1>{{}}\n<e:{BOUNDARY}>",
        f"<h:{BOUNDARY} {CANARY}>{{}}\nplain\n<e:{BOUNDARY}>",
    ],
    ids=["empty", "no-frame", "other-end", "wrong-number", "no-mark"],
)
def test_a_message_that_is_not_ours_is_not_read(broken: str) -> None:
    with pytest.raises(ValueError, match=r"no header|does not begin|not enough"):
        decode(broken)


def test_a_message_is_read_as_it_was_written() -> None:
    lines = [body(Line(section="s", source="x", path="", text=text)) for text in ("one", "<e:>")]
    message = framed("{}", lines, boundary=BOUNDARY, canary=CANARY)
    assert [line["text"] for line in decode(message)] == ["one", "<e:>"]


@pytest.mark.parametrize("shape", ["<", "system:", "-", "\\", '"', "\u2028", "[", "system \t", "é"])
def test_a_long_text_takes_no_long_time(shape: str) -> None:
    started = time.perf_counter()
    encode(shape * (200_000 // len(shape)))
    assert time.perf_counter() - started < 5
