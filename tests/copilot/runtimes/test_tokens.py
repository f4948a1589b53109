"""Tokens are counted by a table on this machine or guessed; nothing is ever asked for them."""

import base64
import hashlib
import logging
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.runtimes._prices import about_tokens
from copilot.runtimes._tokens import LONGEST_COUNTED, O200K_BASE, counter

#: Every byte, and some pairs that are put together in the order of their ranks.
MERGES = (b"th", b"the", b" t", b" the", b"in", b"er", b"<|")
TABLE = [bytes([one]) for one in range(256)] + list(MERGES)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every attempt to reach anything is counted, and refused."""
    attempts: list[object] = []

    def refuse(_socket: socket.socket, address: object) -> None:
        attempts.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: refuse(None, "a name"))  # type: ignore[arg-type]
    yield attempts
    assert attempts == []


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, str]:
    """A small table of tokens, and its digest."""
    lines = [b"%s %d" % (base64.b64encode(one), rank) for rank, one in enumerate(TABLE)]
    file = tmp_path / "small.tiktoken"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("the", 1),
        ("the the", 2),
        ("in the end", 6),
        ("xyz", 3),
        ("é", 2),
        ("日本", 6),
        ("\ud800", 3),
    ],
)
def test_a_text_has_the_tokens_of_the_table(
    table: tuple[Path, str], text: str, tokens: int
) -> None:
    file, digest = table
    assert counter(file, sha256=digest)(text) == tokens


def test_the_name_of_a_special_token_is_text(table: tuple[Path, str]) -> None:
    file, digest = table
    count = counter(file, sha256=digest)
    assert count("<|endoftext|>") == len("<|endoftext|>") - 1
    assert count("a<|endofprompt|>b") > 8


def test_a_text_has_no_more_tokens_than_bytes(table: tuple[Path, str]) -> None:
    file, digest = table
    count = counter(file, sha256=digest)
    for text in ("=" * 5_000, "a" * 5_000, "\n" * 500, " " * 500, "<|>" * 500, "é日🎉" * 300):
        assert 0 < count(text) <= len(text.encode())


def test_a_very_long_text_is_guessed_by_its_length(table: tuple[Path, str]) -> None:
    file, digest = table
    count = counter(file, sha256=digest)
    for text in ("the " * LONGEST_COUNTED, "日" * (LONGEST_COUNTED // 2)):
        assert count(text) == about_tokens(text)
    short = "the " * 100
    assert count(short) != about_tokens(short)


def test_without_a_file_it_is_guessed() -> None:
    assert counter(None) is about_tokens


def test_a_file_that_is_not_there_is_said_and_guessed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert counter(tmp_path / "none.tiktoken") is about_tokens
    assert "can't be read" in caplog.text


def test_another_file_than_the_expected_one_is_not_used(
    table: tuple[Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert counter(table[0]) is about_tokens
    assert "not the table that is expected" in caplog.text


@pytest.mark.parametrize("data", [b"not base64 at all x\n", b"!!!! 1 2\n", b"YQ==\n", b"YQ== x\n"])
def test_a_file_that_is_no_table_is_not_used(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "broken.tiktoken"
    file.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert counter(file, sha256=hashlib.sha256(data).hexdigest()) is about_tokens
    assert "not a table of tokens" in caplog.text


def test_without_the_package_it_is_guessed(
    table: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with caplog.at_level(logging.WARNING):
        assert counter(table[0], sha256=table[1]) is about_tokens
    assert "ask-copilot[tokens]" in caplog.text


def test_the_table_is_read_from_its_place_and_copied_nowhere(
    table: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    counter(table[0], sha256=table[1])("the")
    assert not cache.exists()


def test_the_expected_table_is_the_one_the_package_knows() -> None:
    import inspect

    from tiktoken_ext import openai_public

    assert O200K_BASE in inspect.getsource(openai_public.o200k_base)


def test_texts_are_split_as_the_package_splits_them() -> None:
    import inspect

    from tiktoken_ext import openai_public

    from copilot.runtimes import _tokens

    source = inspect.getsource(openai_public.o200k_base)
    written = [line.strip() for line in source.splitlines() if 'r"""' in line]
    theirs = [one.removeprefix('r"""').removesuffix('""",') for one in written]
    assert len(theirs) == 7
    assert "|".join(theirs) == _tokens._SPLITS
