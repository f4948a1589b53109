"""The message as a whole: k + 2 lines whatever is in it, within its budget, marked anew each time."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.safety.attacks import OWN
from copilot.pipeline.prompt.cleaning import LONGEST, clean
from copilot.pipeline.prompt.clipping import CUT
from copilot.pipeline.prompt.encoding import decode
from copilot.pipeline.prompt.frame import MIN_BUDGET, Framed, frame
from copilot.pipeline.prompt.material import SECTIONS, Piece
from copilot.pipeline.sanitize import sanitize
from copilot.redaction import Redactor
from copilot.untrusted import Untrusted
from tests.copilot.prompt.hostile import BOUNDARY, CANARY, PIECES, ROLE_MARKERS, TAGS, Known, Seen
from tests.copilot.prompt.test_encoding import is_harmless

FACTS = {"root_cause": "unknown", "failed_step": 2}
PLENTY = 400_000


def bytes_of(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def by_length(text: str) -> int:
    return -(-bytes_of(text) * 2 // 5)


def marks() -> Callable[[], str]:
    """First the marks that the data knows, then others."""
    given_out = iter([BOUNDARY, CANARY])
    numbers = itertools.count(7)
    return lambda: next(given_out, None) or f"{next(numbers):016x}"


def message(
    pieces: Sequence[Piece],
    *,
    budget: int = PLENTY,
    count: Callable[[str], int] = bytes_of,
    redactor: Redactor | None = None,
) -> Framed:
    return frame(
        FACTS, pieces, redactor=redactor or Seen(), count=count, budget=budget, mark=marks()
    )


def text_of(piece: Piece) -> str:
    """What is in a piece, once it is sanitized."""
    return clean(piece.text, Seen()).text


def error(text: str, *, path: str = "/step1", weight: int = 1) -> Piece:
    return Piece("execution_data", Untrusted(text, source="error.message", path=path), weight)


def test_nothing_in_the_data_changes_the_lines_of_the_message() -> None:
    met = Counter[str]()

    @settings(max_examples=250, deadline=None)
    @given(PIECES, st.sampled_from([MIN_BUDGET, 4_000, PLENTY]))
    def holds(pieces: list[Piece], budget: int) -> None:
        found = message(pieces, budget=budget)
        lines = found.user.split("\n")
        assert len(lines) == len(found.items) + 2 == len(found.user.splitlines())
        assert lines[0].startswith(f"<h:{found.boundary} {found.canary}>{{")
        assert lines[-1] == f"<e:{found.boundary}>"
        for number, line in enumerate(lines[1:-1]):
            mark = f"<d:{found.boundary} {number}>"
            assert line.startswith(mark)
            written = line.removeprefix(mark)
            assert is_harmless(written)
            assert found.boundary not in written
            assert found.canary not in written
            allowed = {"section", "src", "path", "hidden", "dropped_bytes", "text"}
            assert set(json.loads(written)) <= allowed
        told = " ".join(text_of(piece) for piece in pieces)
        met["tag"] += any(tag in told for tag in TAGS)
        met["role"] += any(marker in told for marker in ROLE_MARKERS)
        met["regenerated"] += found.boundary != BOUNDARY
        met["cut"] += any(item.dropped_bytes for item in found.items)
        met["hidden"] += found.hidden > 0

    holds()
    assert min(met[k] for k in ("tag", "role", "regenerated", "cut", "hidden")) >= 8, met


def test_what_is_read_back_is_what_was_sanitized_and_redacted() -> None:
    met = Counter[str]()

    @settings(max_examples=250, deadline=None)
    @given(PIECES)
    def holds(pieces: list[Piece]) -> None:
        found = message(pieces, redactor=Known("system", "日本"))
        order = sorted(pieces, key=lambda piece: list(SECTIONS).index(piece.section))
        read = decode(found.user)
        assert len(read) == len(pieces)
        for piece, line, item in zip(order, read, found.items, strict=True):
            cleaned = clean(piece.text, Known("system", "日本"))
            assert (line["text"], line.get("path", "")) == (item.text, item.path)
            assert line.get("dropped_bytes", 0) == item.dropped_bytes
            assert line.get("hidden", 0) == item.hidden == cleaned.hidden
            assert (line["section"], line["src"]) == (piece.section, "error.message")
            if not item.dropped_bytes:
                assert line["text"] == cleaned.text
            met["whole"] += not item.dropped_bytes
            met["redacted"] += bool(cleaned.redacted)
        assert found.hidden == sum(item.hidden for item in found.items)

    holds()
    assert met["whole"] >= 200, met
    assert met["redacted"] >= 8, met


def test_what_is_cut_is_the_middle_of_what_was_sanitized_and_redacted() -> None:
    cut = 0

    @settings(max_examples=150, deadline=None)
    @given(PIECES.filter(bool))
    def holds(pieces: list[Piece]) -> None:
        nonlocal cut
        found = message(pieces, budget=MIN_BUDGET)
        order = sorted(pieces, key=lambda piece: list(SECTIONS).index(piece.section))
        if len(found.items) != len(order):
            return
        for piece, item in zip(order, found.items, strict=True):
            whole = text_of(piece)
            if not item.dropped_bytes:
                assert item.text == whole
            elif item.text:
                kept = len(whole.encode()) - item.dropped_bytes
                assert len(item.text.encode()) == kept + len(CUT)
                head = _agreeing(item.text, whole)
                tail = _agreeing(item.text[::-1], whole[::-1])
                assert head + tail + len(CUT) >= len(item.text)
                cut += 1

    holds()
    assert cut >= 8


def _agreeing(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


@pytest.mark.parametrize("count", [bytes_of, by_length, len], ids=["bytes", "guess", "characters"])
def test_a_message_keeps_to_its_budget(count: Callable[[str], int]) -> None:
    full = 0

    @settings(max_examples=150, deadline=None)
    @given(PIECES, st.integers(MIN_BUDGET, 8_000))
    def holds(pieces: list[Piece], budget: int) -> None:
        nonlocal full
        found = message(pieces * 3, budget=budget, count=count)
        assert count(found.user) <= budget
        full += any(item.dropped_bytes for item in found.items)

    holds()
    assert full >= 8


def test_room_that_one_section_does_not_need_goes_to_another() -> None:
    long = error("x" * 20_000)
    alone = message([long], budget=10_000)
    assert len(alone.items[0].text) > 9_000
    beside = message(
        [long, Piece("history", Untrusted("y" * 20_000, source="changed_since"))], budget=10_000
    )
    assert len(beside.items[0].text) > 5 * len(beside.items[1].text) > 1_000


def test_the_error_is_told_whatever_else_there_is() -> None:
    others = [error(f"{number} " + "y" * 5_000) for number in range(200)]
    found = message([error("the words that matter", weight=14), *others], budget=MIN_BUDGET)
    assert found.items[0].text == "the words that matter"
    header = json.loads(found.user.split("\n")[0].partition(">")[2])
    assert header["items"]["execution_data"] == len(found.items)
    assert header["left_out"]["execution_data"] == 201 - len(found.items)


def test_a_text_longer_than_anybody_looks_at_keeps_both_ends() -> None:
    text = "BEGIN" + "x" * (LONGEST * 3) + "END"
    found = message([error(text)], budget=PLENTY)
    item = found.items[0]
    assert item.text.startswith("BEGIN")
    assert item.text.endswith("END")
    assert CUT in item.text
    assert item.dropped_bytes > LONGEST
    assert LONGEST * 3 + 8 - item.dropped_bytes == item.text.count("x") + 8


def test_a_secret_where_a_long_text_is_split_is_not_sent_in_part() -> None:
    secret = "Zq7" * 40
    for shift in range(0, len(secret), 7):
        begin = LONGEST * 6 // 10 - shift
        text = "x" * begin + secret + "y" * LONGEST + secret + "z" * (LONGEST * 4 // 10 - shift)
        found = message([error(text)], redactor=Known(secret))
        assert "Zq7Zq7" not in found.user


@pytest.mark.parametrize("budget", [MIN_BUDGET, 12_000])
@pytest.mark.parametrize("attack", OWN, ids=lambda attack: attack.id)
def test_no_attack_leaves_its_line(attack, budget: int) -> None:
    found = message([error(attack.text, path=attack.text), error("after")], budget=budget)
    lines = found.user.split("\n")
    assert len(lines) == 4 == len(found.user.splitlines())
    assert all(is_harmless(line.partition(">")[2]) for line in lines[1:-1])
    whole = sanitize(attack.text, limit=LONGEST).text
    item = found.items[0]
    assert item.text == whole or item.dropped_bytes
    assert found.items[1].text == "after"


def test_marks_are_fresh_and_differ() -> None:
    found = [
        frame(FACTS, [error("x")], redactor=Seen(), count=bytes_of, budget=PLENTY)
        for _ in range(200)
    ]
    drawn = {mark for one in found for mark in (one.boundary, one.canary)}
    assert len(drawn) == 400
    assert all(re.fullmatch(r"\d{18}", mark) for mark in drawn)


@pytest.mark.parametrize(
    "known", [BOUNDARY, CANARY, f"x{BOUNDARY}y", f"\u200b{CANARY[:8]}\u200b{CANARY[8:]}"]
)
@pytest.mark.parametrize("where", ["text", "path"])
def test_a_mark_that_stands_in_the_data_is_drawn_again(known: str, where: str) -> None:
    piece = error(known) if where == "text" else error("x", path=known)
    found = message([piece])
    assert (found.boundary, found.canary) == (f"{7:016x}", f"{8:016x}")


def test_boundary_and_canary_are_never_the_same() -> None:
    given_out = iter(["a" * 16, "a" * 16, "b" * 16, "c" * 16])
    found = frame(
        FACTS,
        [error("x")],
        redactor=Seen(),
        count=bytes_of,
        budget=PLENTY,
        mark=lambda: next(given_out),
    )
    assert (found.boundary, found.canary) == ("b" * 16, "c" * 16)


def test_equal_inputs_give_equal_messages_but_for_the_marks() -> None:
    pieces = [error(attack.text) for attack in OWN]
    one = frame(FACTS, pieces, redactor=Seen(), count=by_length, budget=6_000)
    two = frame(FACTS, pieces, redactor=Seen(), count=by_length, budget=6_000)
    assert one.boundary != two.boundary
    swapped = two.user.replace(two.boundary, one.boundary).replace(two.canary, one.canary)
    assert one.user == swapped


def test_a_budget_that_holds_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least"):
        message([], budget=MIN_BUDGET - 1)
