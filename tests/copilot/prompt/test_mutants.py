"""The tests of the prompt notice when something that keeps data apart from orders is broken."""

from pathlib import Path

import pytest

from tests.mutants import Mutant, copy_of_repository, run, survives

PROMPT = "copilot/pipeline/prompt"
GUARDS = (
    "tests/copilot/prompt/test_encoding.py",
    "tests/copilot/prompt/test_clipping.py",
    "tests/copilot/prompt/test_frame.py",
    "tests/copilot/prompt/test_secrets_stay.py",
    "tests/copilot/prompt/test_prompt_for.py",
    "tests/copilot/prompt/test_orders.py",
    "tests/copilot/test_untrusted.py",
    "tests/copilot/test_sanitize.py",
)

MUTANTS = (
    Mutant("angles not escaped", f"{PROMPT}/encoding.py", 'SIGNS = "<>&|', 'SIGNS = "&|'),
    Mutant("bars not escaped", f"{PROMPT}/encoding.py", 'SIGNS = "<>&|', 'SIGNS = "<>&'),
    Mutant("roles only in small letters", f"{PROMPT}/encoding.py", 'rf"(?i:{', 'rf"(?:{'),
    Mutant("runs not escaped", f"{PROMPT}/encoding.py", "_EVERY = 3", "_EVERY = 10**9"),
    Mutant("images not escaped", f"{PROMPT}/encoding.py", r"|!(?=\[)", r"|\x00!(?=\[)"),
    Mutant("unprintable left", f"{PROMPT}/encoding.py", " and text.isprintable()", ""),
    Mutant("path not encoded", f"{PROMPT}/encoding.py", "{encode(line.path)}", '"{line.path}"'),
    Mutant("clipped before redacted", f"{PROMPT}/cleaning.py", "limit=max(SHORTEST_LIMIT, len(text))", "limit=SHORTEST_LIMIT"),
    Mutant("redacted before sanitized", f"{PROMPT}/cleaning.py", "self._redactor.redact(seen.text)", "self._redactor.redact(text)"),
    Mutant("path not cleaned", f"{PROMPT}/cleaning.py", "path, _ = washing.wash(text.reveal_path(RENDER))", "path = text.reveal_path(RENDER)"),
    Mutant("no margin where a text is split", f"{PROMPT}/cleaning.py", "_MARGIN = 8_192", "_MARGIN = 0"),
    Mutant("hidden not counted", f"{PROMPT}/cleaning.py", "self.hidden += seen.hidden", "self.hidden += 0"),
    Mutant("collision not noticed", f"{PROMPT}/frame.py", "while boundary == canary or any(", "while boundary == canary or False and any("),
    Mutant("constant marks", f"{PROMPT}/frame.py", "secrets.randbelow(10**_DIGITS)", "7 * 10**16"),
    Mutant("nothing is fitted", f"{PROMPT}/budget.py", "> 1 and most > 0:", "> 10**9 and most > 0:"),
    Mutant("a cut is not counted", f"{PROMPT}/budget.py", "line.dropped_bytes + cut.dropped_bytes", "line.dropped_bytes"),
    Mutant("what is not needed is lost", f"{PROMPT}/budget.py", "weight -= weights[place]", "weight -= 0"),
    Mutant("data in the orders", f"{PROMPT}/__init__.py", "        system=system,", "        system=system + run.workflow_name[:0] + (failure.error.message[:1]),"),
    Mutant("explanation in the header", f"{PROMPT}/__init__.py", '"later_failures": failure.later_failures,', '"later_failures": failure.error.message[:40],'),
    Mutant("own entry in the header", f"{PROMPT}/finding_pieces.py", " and report.own_entry is None", ""),
    Mutant("format allowed", "copilot/untrusted/__init__.py", "def __format__(self, spec: str) -> str:\n        self._refuse()", "def __format__(self, spec: str) -> str:\n        return self._value"),
    Mutant("looking shows the text", "copilot/untrusted/__init__.py", "{len(self._value)} characters>", "{self._value} characters>"),
    Mutant("anybody may reveal", "copilot/untrusted/__init__.py", 'raise Tainted("the capability to render is missing")\n        return self._value', "pass\n        return self._value"),
    Mutant("hidden characters stay", "copilot/pipeline/sanitize.py", 'seen = HIDDEN_RUN.sub("", lined)', "seen = lined"),
    Mutant("terminal sequences stay", "copilot/pipeline/sanitize.py", 'without = SEQUENCE.sub("", text)', "without = text"),
)  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_what_a_mutant_changes_is_there(mutant: Mutant) -> None:
    assert mutant.is_there
    assert mutant.old != mutant.new


@pytest.mark.long
def test_without_a_mistake_the_copy_passes(tmp_path: Path) -> None:
    ended = run(copy_of_repository(tmp_path / "copy"), GUARDS)
    assert ended.returncode == 0, ended.stdout[-3000:]


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mistake_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    assert not survives(mutant, GUARDS, tmp_path)
