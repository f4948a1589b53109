"""No part of a secret is in a prompt, wherever it stands, however it is split or cut."""

import string
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.safety.carriers import CARRIERS, Asked
from copilot.pipeline.prompt.frame import MIN_BUDGET
from copilot.redaction import Redactor
from tests.copilot.prompt.test_frame import by_length, bytes_of, error, message

WINDOW = 12
HIDDEN = ("\u200b", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "\x1b[8m", "\x00", "\u202e")
LETTERS = string.ascii_letters + string.digits
SECRETS = st.one_of(
    st.text(LETTERS, min_size=24, max_size=60),
    st.text(LETTERS, min_size=36, max_size=48).map(lambda tail: f"sk-proj-{tail}"),
    st.text(LETTERS, min_size=36, max_size=36).map(lambda tail: f"ghp_{tail}"),
)
#: Around it, so that where the cut falls is anybody's guess.
FILL = st.integers(0, 6_000).map(lambda size: ("one two three " * (size // 14 + 1))[:size])


def windows(secret: str) -> list[str]:
    return [secret[place : place + WINDOW] for place in range(len(secret) - WINDOW + 1)]


def split(secret: str, hidden: str, places: list[int]) -> str:
    for place in sorted({place % len(secret) for place in places}, reverse=True):
        secret = secret[:place] + hidden + secret[place:]
    return secret


def leaks(secret: str, text: str) -> bool:
    return any(window in text for window in windows(secret))


def test_a_known_secret_never_gets_into_the_message_however_it_is_split_or_cut() -> None:
    met = Counter[str]()

    @settings(max_examples=200, deadline=None)
    @given(
        SECRETS,
        FILL,
        FILL,
        st.sampled_from(HIDDEN),
        st.lists(st.integers(0, 100), max_size=6),
        st.sampled_from(["text", "path", "both"]),
    )
    def holds(
        secret: str, before: str, after: str, hidden: str, places: list[int], where: str
    ) -> None:
        written = split(secret, hidden, places)
        text = f"{before} {written} {after}" if where != "path" else "calm"
        path = f"/{before}/{written}/{after}" if where != "text" else "/a"
        found = message(
            [error(text, path=path), error(after)],
            budget=MIN_BUDGET,
            redactor=Redactor({"CRM_TOKEN": secret}),
        )
        assert not leaks(secret, found.user)
        assert not any(leaks(secret, f"{item.text} {item.path}") for item in found.items)
        assert sum(found.redacted.values()) >= 1
        met["split"] += bool(places)
        met["cut"] += any(item.dropped_bytes for item in found.items)
        met["split and cut"] += bool(places) and any(item.dropped_bytes for item in found.items)
        met["path"] += where != "text"

    holds()
    assert min(met[what] for what in ("split", "cut", "split and cut", "path")) >= 10, met


@pytest.mark.parametrize("at", range(0, 1_600, 40))
def test_a_cut_in_the_middle_of_a_secret_leaves_none_of_it(at: int) -> None:
    secret = "Zq8fk2LmP0xWv7BnTr5yQe3u"
    text = "x" * at + " " + secret + " " + "y" * (2_400 - at)
    found = message([error(text)], budget=MIN_BUDGET, redactor=Redactor({"KEY": secret}))
    assert found.items[0].dropped_bytes
    assert not leaks(secret, found.user)


@pytest.mark.parametrize("carrier", list(CARRIERS))
@pytest.mark.parametrize("count", [bytes_of, by_length], ids=["tight", "roomy"])
def test_by_no_way_in_does_a_secret_get_to_a_model(
    carrier: str, count: Callable[[str], int]
) -> None:
    secret = "Zq8fk2LmP0xWv7BnTr5yQe3u"
    one: Asked = CARRIERS[carrier]("it says Zq8fk2Lm\u200bP0xWv7BnTr5yQe3u to ann@example.com now")
    prompt = one.prompt(count=count, redactor=Redactor({"KEY": secret}), budget=12_000)
    assert not leaks(secret, prompt.user)
    assert "ann@example.com" not in prompt.user
    assert set(prompt.restored.values()) == {"ann@example.com"}
    assert prompt.redacted["email"] >= 1
    assert prompt.hidden >= 1


def test_what_was_masked_is_neither_written_out_nor_shown() -> None:
    prompt = CARRIERS["error text"]("ann@example.com").prompt(count=bytes_of, redactor=Redactor())
    assert "ann@example.com" not in prompt.model_dump_json()
    assert "ann@example.com" not in repr(prompt)


def test_equal_values_have_equal_names_on_all_lines() -> None:
    pieces = [error("from ann@example.com"), error("to ann@example.com, bob@example.com")]
    found = message(pieces, redactor=Redactor())
    first, second = (item.text for item in found.items)
    assert first.removeprefix("from ") in second
    assert sorted(found.restored.values()) == ["ann@example.com", "bob@example.com"]


class Broken(Redactor):
    def redact(self, text: str):
        raise RuntimeError("no redaction")


def test_without_redaction_nothing_is_asked() -> None:
    with pytest.raises(RuntimeError, match="no redaction"):
        message([error("x")], redactor=Broken())
