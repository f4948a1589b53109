"""Each check between a model and a workflow is missed when it is gone: its tests fail without it."""

from pathlib import Path

import pytest

from tests.mutants import Mutant, survives

PROPOSE = "copilot/pipeline/propose"
FIXES = "copilot/fixes"

#: By the tests that have to notice.
MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "tests/copilot/propose/test_reading.py": (
        Mutant(
            "depth is not counted",
            f"{PROPOSE}/decoding.py",
            "if _depth(text) > MAX_DEPTH:",
            "if False:",
        ),
        Mutant(
            "the last of two equal keys counts",
            f"{PROPOSE}/decoding.py",
            "if len(found) != len(pairs):",
            "if False:",
        ),
        Mutant(
            "NaN is read as a number", f"{PROPOSE}/decoding.py", "parse_constant=_constant, ", ""
        ),
        Mutant(
            "characters are counted in place of bytes",
            f"{PROPOSE}/decoding.py",
            "    if size > MAX_BYTES:",
            "    if False:",
        ),
        Mutant(
            "the canary is looked for before its escapes are read, and not after",
            f"{PROPOSE}/reading.py",
            'if gives_back(prompt.canary, "", strings_of',
            'if False and gives_back(prompt.canary, "", strings_of',
        ),
        Mutant(
            "a fence that was never opened is taken off",
            f"{PROPOSE}/reading.py",
            "if _FENCE in before:",
            "if True:",
        ),
        Mutant(
            "any number of fixes is read", f"{PROPOSE}/reading.py", "if count > most:", "if False:"
        ),
        Mutant(
            "fields nobody asked for are let in",
            f"{PROPOSE}/wire.py",
            'extra="forbid"',
            'extra="ignore"',
        ),
        Mutant(
            "values are made to fit",
            f"{PROPOSE}/wire.py",
            "        strict=True,",
            "        strict=False,",
        ),
    ),
    "tests/copilot/propose/test_remedies.py": (
        Mutant(
            "what was masked can be written into another text",
            f"{PROPOSE}/remedies.py",
            "return written <= named and named <= restorer.restored.keys()",
            "return True",
        ),
        Mutant(
            "of a parameter given twice the last one counts",
            f"{PROPOSE}/remedies.py",
            "or len(set(names)) != len(names)",
            "",
        ),
    ),
    "tests/copilot/propose/test_shown.py": (
        Mutant("two slashes are shown", f"{PROPOSE}/shown.py", '"//", "\\\\\\\\",', '"\\\\\\\\",'),
        Mutant(
            "what cannot come apart is left to the last check",
            f"{PROPOSE}/shown.py",
            'text = _WWW.sub(r"\\1[.]", text)',
            "",
        ),
        Mutant(
            "a link to a domain of the prompt stays whole",
            f"{PROPOSE}/shown.py",
            "if bare in known and not is_address",
            "if bare in known",
        ),
    ),
    "tests/copilot/propose/test_judging.py": (
        Mutant(
            "a model overrules what the rules are sure of",
            f"{PROPOSE}/judging.py",
            "if verdict is Verdict.CONFIRMED:\n        return _Decision(",
            "if False:\n        return _Decision(",
        ),
        Mutant(
            "a model names a class without a quote",
            f"{PROPOSE}/judging.py",
            "    if not evidence:",
            "    if False:",
        ),
        Mutant(
            "a quote that stands nowhere counts",
            f"{PROPOSE}/quoting.py",
            "words not in whole",
            "False",
        ),
    ),
    "tests/copilot/propose/test_oracle.py": (
        Mutant(
            "nobody looks how far a fix reached",
            "copilot/pipeline/validate.py",
            "if beyond := checked.reach.beyond(snapshot, changed):",
            "if beyond := ():",
        ),
        Mutant(
            "a loop that is put in may ask anything",
            f"{FIXES}/_added.py",
            'return same and differs_in_references(step.data.get("prompt"), part.get("prompt"))',
            "return same",
        ),
        Mutant(
            "a fallback may be anything",
            f"{FIXES}/_reach.py",
            "return is_fallback(difference.new, owner, definition, self.fallbacks)",
            "return True",
        ),
        Mutant(
            "documents may come from anywhere",
            f"{FIXES}/_reach.py",
            "return same_documents(definition, after.definition)",
            "return True",
        ),
        Mutant(
            "a reference may come with other words",
            f"{FIXES}/_reach.py",
            "return same_words and not is_destination(pointer)",
            "return not is_destination(pointer)",
        ),
        Mutant(
            "a template may say something else",
            f"{FIXES}/_reach.py",
            "return bool(corrected_placeholders(str(difference.old), str(difference.new)))",
            "return True",
        ),
        Mutant(
            "a value may change its type",
            f"{FIXES}/_reach.py",
            "type(difference.old) is not type(difference.new)",
            "False",
        ),
    ),
    "tests/copilot/propose/test_compromised.py": (
        Mutant(
            "an approval is good for any diff",
            "copilot/pipeline/apply/applier.py",
            "        require_same_diff(approval, preview)\n",
            "        pass\n",
        ),
        Mutant(
            "links and template syntax can be written",
            f"{FIXES}/replace_value.py",
            "problem = problem_with(self.value)",
            "problem = None",
        ),
        Mutant(
            "a message can be sent to somebody else",
            f"{FIXES}/replace_value.py",
            "if destination:",
            "if False:",
        ),
        Mutant(
            "a template can be taken for another one",
            f"{FIXES}/create_template.py",
            "if likeness(taken) == likeness(self.name):",
            "if False:",
        ),
        Mutant(
            "a limit can be raised",
            f"{FIXES}/adjust_restrictions.py",
            "if value >= current:",
            "if False:",
        ),
        Mutant(
            "a message can hold a domain",
            f"{FIXES}/_text.py",
            'if _DOMAIN.search(unicodedata.normalize("NFKC", text)):',
            "if False:",
        ),
    ),
}
EVERY = [(mutant, guard) for guard, mutants in MUTANTS.items() for mutant in mutants]
each = pytest.mark.parametrize(("mutant", "guard"), EVERY, ids=[str(one) for one, _ in EVERY])


@each
def test_what_a_mutant_changes_is_there_just_once(mutant: Mutant, guard: str) -> None:
    assert mutant.is_there


@pytest.mark.long
@pytest.mark.timeout(1200)
@each
def test_no_check_can_be_taken_away_unnoticed(mutant: Mutant, guard: str, tmp_path: Path) -> None:
    assert not survives(mutant, [guard], tmp_path)
