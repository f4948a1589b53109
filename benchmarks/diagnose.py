"""How often the rules name the right root cause, and how fast, beside a keyword matcher.

    python -m benchmarks.diagnose [--corpus PATH] [--json]

A corpus is a JSONL file of failures, or a folder with a `failures-dev.jsonl`: `message`, `error_type`, `traceback`, `step_action`, the true
`root_cause`, `also_ok` (other answers to accept), `hard` (its words point elsewhere) and
`fix_keywords`, one of which a useful fix names. The rival is the list of keywords most people
start with: the first that stands in the text decides.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel

import knowledge_base
from copilot.pipeline.diagnose import diagnose
from copilot.pipeline.normalize import normalize
from copilot.types import Diagnosis, RootCause, Verdict

OWN = Path(__file__).parent.parent / "fixtures" / "failures.jsonl"
IN_A_FOLDER = "failures-dev.jsonl"
REPEATS = 7
#: What a person reads of the fixes: the two best, so many characters of each.
BEST_FIXES = 2
READ_OF_A_FIX = 300

#: What the rules are to reach: percent, or times as long.
AIMS = {
    "lenient": ">= 98",
    "not_hard": ">= 95",
    "hard": ">= 75",
    "fix_named": ">= 90",
    "confirmed_share": ">= 60",
    "confirmed_wrong": "0",
    "times_normalize": "<= 10",
}

KEYWORDS: tuple[tuple[str, str], ...] = (
    ("insufficient_quota|current quota|credit balance|daily limit", "quota_exhausted"),
    ("budget", "budget_exceeded"),
    ("rate limit|ratelimit|too many requests|429|throttl", "rate_limit"),
    ("context length|too long|context window", "context_length"),
    ("content filter|content_filter|safety|content management", "content_filtered"),
    ("recursion|max turns|iterations", "turn_limit"),
    ("no module named|importerror|cannot import", "dependency_error"),
    ("environment variable|not configured|unsupported parameter", "configuration_error"),
    ("undefined|variable", "missing_step_output"),
    ("template", "missing_template"),
    ("model", "model_unavailable"),
    ("not connected|integration", "missing_integration"),
    ("unauthorized|401|api key|expired|authentication|password", "auth_error"),
    ("forbidden|403|permission|denied|scope", "permission_denied"),
    ("parse llm|outputparser|output validation", "invalid_model_output"),
    ("serializable|pickle", "serialization_error"),
    ("out of memory|no space|oom|too many connections", "resource_exhausted"),
    ("duplicate|already exists|conflict|locked|deadlock", "conflict"),
    ("column|field|keyerror", "missing_field"),
    ("timed out|timeout|deadline", "timeout"),
    ("connection|econn|enotfound|ssl|certificate", "network_error"),
    ("500|502|503|overloaded|internal server", "upstream_error"),
    ("typeerror|attributeerror|nameerror|syntax", "logic_error"),
    ("not found|does not exist|no such|404", "missing_resource"),
    ("invalid|valueerror", "invalid_data"),
)


class Case(BaseModel):
    message: str
    root_cause: str
    error_type: str | None = None
    traceback: str | None = None
    step_action: str | None = None
    also_ok: tuple[str, ...] = ()
    hard: bool = False
    fix_keywords: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.message) + len(self.traceback or "")


@dataclass(frozen=True, slots=True)
class Shares:
    """Percent of cases answered right; None where there is no such case."""

    strict: float | None
    lenient: float | None
    not_hard: float | None
    hard: float | None


@dataclass(frozen=True, slots=True)
class Result:
    cases: int
    rules: Shares
    keywords: Shares
    fix_named: float | None
    confirmed: float | None
    confirmed_share: float | None
    confirmed_wrong: float | None
    likely: float | None
    recall: dict[str, str]
    microseconds: float
    ratio: float
    times_normalize: float


def by_keyword(case: Case) -> str:
    text = f"{case.error_type or ''} {case.message}".lower()
    return next(
        (cause for words, cause in KEYWORDS if any(word in text for word in words.split("|"))),
        "unknown",
    )


def by_rules(case: Case) -> Diagnosis:
    return diagnose(
        message=case.message,
        error_type=case.error_type,
        traceback=case.traceback,
        step_action=case.step_action,
        knowledge=knowledge_base.load(),
    )


def normalized(case: Case) -> None:
    normalize(case.message, error_type=case.error_type, traceback=case.traceback)


def read(path: Path) -> list[Case]:
    """The failures of a file, or of a folder of corpora."""
    if path.is_dir():
        path /= IN_A_FOLDER
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Case.model_validate(json.loads(line)) for line in lines if line.strip()]


def percent(right: Iterable[bool]) -> float | None:
    flags = list(right)
    return round(100 * sum(flags) / len(flags), 1) if flags else None


def shares(cases: Sequence[Case], answers: Sequence[str]) -> Shares:
    pairs = list(zip(cases, answers, strict=True))
    return Shares(
        strict=percent(answer == case.root_cause for case, answer in pairs),
        lenient=percent(answer in {case.root_cause, *case.also_ok} for case, answer in pairs),
        not_hard=percent(answer == case.root_cause for case, answer in pairs if not case.hard),
        hard=percent(answer == case.root_cause for case, answer in pairs if case.hard),
    )


def names_a_fix(case: Case, diagnosis: Diagnosis) -> bool:
    best = (fix.description[:READ_OF_A_FIX] for fix in diagnosis.fixes[:BEST_FIXES])
    text = " ".join(best).lower()
    return any(word.lower() in text for word in case.fix_keywords)


def precision(
    cases: Sequence[Case], diagnoses: Sequence[Diagnosis], verdict: Verdict
) -> float | None:
    return percent(
        diagnosis.root_cause == case.root_cause
        for case, diagnosis in zip(cases, diagnoses, strict=True)
        if diagnosis.verdict == verdict
    )


def confirmed_share(cases: Sequence[Case], diagnoses: Sequence[Diagnosis]) -> float | None:
    """Of the cases that are not hard, those that the rules are sure of."""
    return percent(
        diagnosis.verdict is Verdict.CONFIRMED
        for case, diagnosis in zip(cases, diagnoses, strict=True)
        if not case.hard
    )


def confirmed_wrong(cases: Sequence[Case], diagnoses: Sequence[Diagnosis]) -> float | None:
    """Of those that the rules are sure of, the ones with an answer nobody would accept."""
    return percent(
        diagnosis.root_cause not in {case.root_cause, *case.also_ok}
        for case, diagnosis in zip(cases, diagnoses, strict=True)
        if diagnosis.verdict is Verdict.CONFIRMED
    )


def recall(cases: Sequence[Case], diagnoses: Sequence[Diagnosis]) -> dict[str, str]:
    total = Counter(case.root_cause for case in cases)
    right = Counter(
        case.root_cause
        for case, diagnosis in zip(cases, diagnoses, strict=True)
        if diagnosis.root_cause == case.root_cause
    )
    return {cause: f"{right[cause]}/{total[cause]}" for cause in RootCause if total[cause]}


def timed(what: Callable[[Case], object], cases: Sequence[Case]) -> float:
    """Microseconds for one case, once through all of them."""
    started = time.perf_counter()
    for case in cases:
        what(case)
    return (time.perf_counter() - started) / len(cases) * 1e6


def measure(cases: Sequence[Case]) -> Result:
    diagnoses = [by_rules(case) for case in cases]
    times = [
        (timed(by_rules, cases), timed(by_keyword, cases), timed(normalized, cases))
        for _ in range(REPEATS)
    ]
    return Result(
        cases=len(cases),
        rules=shares(cases, [diagnosis.root_cause.value for diagnosis in diagnoses]),
        keywords=shares(cases, [by_keyword(case) for case in cases]),
        fix_named=percent(
            names_a_fix(case, diagnosis)
            for case, diagnosis in zip(cases, diagnoses, strict=True)
            if case.fix_keywords
        ),
        confirmed=precision(cases, diagnoses, Verdict.CONFIRMED),
        confirmed_share=confirmed_share(cases, diagnoses),
        confirmed_wrong=confirmed_wrong(cases, diagnoses),
        likely=precision(cases, diagnoses, Verdict.LIKELY),
        recall=recall(cases, diagnoses),
        microseconds=round(statistics.median(rules for rules, _, _ in times), 1),
        ratio=round(statistics.median(rules / words for rules, words, _ in times), 1),
        times_normalize=round(statistics.median(rules / normal for rules, _, normal in times), 1),
    )


ROWS = (
    ("a best fix names it", "fix_named"),
    ("confirmed, of not hard", "confirmed_share"),
    ("wrong when confirmed", "confirmed_wrong"),
    ("exact when confirmed", "confirmed"),
    ("exact when likely", "likely"),
    ("times normalizing it", "times_normalize"),
)


def show(result: Result) -> None:
    print(f"{result.cases} failures               rules  keywords       aim   (percent)")
    for name in ("strict", "lenient", "not_hard", "hard"):
        ours, theirs = getattr(result.rules, name), getattr(result.keywords, name)
        print(f"  {name:<24} {ours!s:>7} {theirs!s:>9} {AIMS.get(name, ''):>9}")
    for title, name in ROWS:
        print(f"  {title:<24} {getattr(result, name)!s:>7} {'':>9} {AIMS.get(name, ''):>9}")
    print(f"  {'microseconds each':<24} {result.microseconds:>7} (keywords x {result.ratio})")
    print("right of all, by root cause:")
    for cause, part in result.recall.items():
        print(f"  {cause:<24} {part:>7}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=OWN)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = measure(read(options.corpus))
    if options.json:
        print(json.dumps(asdict(result), indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
