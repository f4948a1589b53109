"""Whether tests can fail: the code is broken on purpose, one way at a time, and they must notice.

Each mutant is a textual change in a copy of the repository's packages. A list of them belongs to
the tests that guard what it changes:

    MUTANTS = (Mutant("no escaping", "copilot/pipeline/prompt/encoding.py", "SIGNS = ...", "..."),)

    @pytest.mark.long
    @pytest.mark.parametrize("mutant", MUTANTS, ids=str)
    def test_a_mistake_is_noticed(mutant, tmp_path):
        assert not survives(mutant, GUARDS, tmp_path)
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("copilot", "engine", "prompts", "knowledge_base", "benchmarks", "tests", "fixtures")
_LEFT = shutil.ignore_patterns("__pycache__", "node_modules", ".hypothesis", "*.sqlite*")
#: Exit status of pytest when tests have failed; any other is a mistake in the mutant or here.
TESTS_FAILED, COLLECTED_NONE_OR_ALL_PASSED = 1, (0, 5)
MOST_SECONDS = 600


#: A property that fails need not look for its smallest example: that is what takes the time.
_AT_ONCE = """
from hypothesis import Phase, settings
settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None)
settings.load_profile("mutants")
"""


class BadMutant(Exception):
    """A mutant that changes nothing, or keeps the tests from running at all."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: in *file*, the first *old* becomes *new*."""

    name: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def is_there(self) -> bool:
        """Whether the text it changes is found, exactly once."""
        return (ROOT / self.file).read_text(encoding="utf-8").count(self.old) == 1

    def apply(self, root: Path) -> None:
        """Change the copy at *root*. Raises BadMutant if the text is not there just once."""
        file = root / self.file
        text = file.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise BadMutant(f"{self.name}: {self.file} has it {text.count(self.old)} times")
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")


def survives(mutant: Mutant, guards: Sequence[str], folder: Path) -> bool:
    """Whether the tests in *guards* pass all the same, run on a copy in *folder*.

    Tests that never end are no way to miss it. Raises BadMutant when they could not run: that would
    look like a mistake they have noticed.
    """
    root = copy_of_repository(folder / "copy")
    mutant.apply(root)
    try:
        ended = run(root, guards)
    except subprocess.TimeoutExpired:
        return False
    if ended.returncode in COLLECTED_NONE_OR_ALL_PASSED:
        return True
    if ended.returncode != TESTS_FAILED or " error" in ended.stdout.splitlines()[-1]:
        raise BadMutant(f"{mutant.name}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return False


def copy_of_repository(root: Path) -> Path:
    """What tests need, at *root*."""
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, root / name, ignore=_LEFT)
    shutil.copy(ROOT / "pyproject.toml", root)
    with (root / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(_AT_ONCE)
    return root


def run(root: Path, guards: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The tests in *guards*, as paths from the root, on the packages at *root*."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0"]
    command += ["-m", "not long", "-W", "ignore", *guards]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
