"""Whether a signature is the same in any order, for any hash seed and on every Python there is."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot.pipeline.normalize import normalize

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
_SEEDS = ("0", "1", "4711")
_SHUFFLES = 3
_LAST_WORDS = 120
#: The normalizer needs nothing but the standard library; the packages around it do, so they are
#: stood in for by empty ones with a path.
_PROGRAM = """
import json, sys, types
root = sys.argv[1]
for name in ("copilot", "copilot.pipeline"):
    package = types.ModuleType(name)
    package.__path__ = [root + "/" + name.replace(".", "/")]
    sys.modules[name] = package
class Entity:
    def __init__(self, kind, value):
        self.kind, self.value = kind, value
class Normalized:
    def __init__(self, **values):
        self.__dict__.update(values)
values = types.ModuleType("copilot.types")
values.Entity, values.Normalized = Entity, Normalized
sys.modules["copilot.types"] = values
from copilot.pipeline.normalize import normalize
print(json.dumps([normalize(message).signature for message in json.load(sys.stdin)]))
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to make signatures again: the share that came out the same, None if it can't be."""

    what: str
    same: float | None
    why: str = ""


def trials(messages: Sequence[str]) -> list[Trial]:
    """All of them, for *messages*."""
    expected = [normalize(message).signature for message in messages]
    found = [_shuffled(messages, expected, seed) for seed in range(_SHUFFLES)]
    for seed in _SEEDS:
        found.append(_elsewhere(f"hash seed {seed}", sys.executable, messages, expected, seed))
    for version, python in interpreters():
        found.append(_elsewhere(f"Python {version}", python, messages, expected, "random"))
    return found


def interpreters() -> Iterator[tuple[str, str]]:
    """(version, path) of every Python from 3.11 on that is on the PATH or was built by pyenv."""
    built = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    for version in VERSIONS:
        own = [str(one) for one in built if one.parts[-3].startswith(f"{version}.")]
        python = own[-1] if own else shutil.which(f"python{version}")
        if python:
            yield version, python


def _shuffled(messages: Sequence[str], expected: Sequence[str], seed: int) -> Trial:
    order = list(range(len(messages)))
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, no secret
    again = {index: normalize(messages[index]).signature for index in order}
    return Trial(f"order {seed}", _share([again[n] for n in range(len(messages))], expected))


def _elsewhere(
    what: str, python: str, messages: Sequence[str], expected: Sequence[str], seed: str
) -> Trial:
    done = subprocess.run(  # noqa: S603 - an interpreter of this machine, our own program
        [python, "-c", _PROGRAM, str(ROOT)],
        input=json.dumps(messages),
        env={"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return Trial(what, None, done.stderr.strip().rpartition("\n")[2][-_LAST_WORDS:])
    return Trial(what, _share(json.loads(done.stdout), expected))


def _share(found: Sequence[str], expected: Sequence[str]) -> float:
    same = sum(one == other for one, other in zip(found, expected, strict=True))
    return round(same / max(1, len(expected)), 6)
