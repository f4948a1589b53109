"""Every folder in fixtures/cases, carried through the whole pipeline and compared with its goldens.

Runs are real: the workflow is carried out by the engine, the fix is approved and applied, the run
resumed, and later runs tell whether the fix held. A run of another system is read from JSON Lines.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from copilot.fixes import ACTIONS, FIXES
from copilot.types import RootCause

from .cases import CASES, Goldens, read_case, slugs, stable
from .product import Product
from .servers import Mailbox, Web
from .stage import Stage, explain_foreign, explain_ours, go_on


@pytest.mark.parametrize("slug", slugs())
def test_case(
    slug: str,
    product: Product,
    mailbox: Mailbox,
    web: Web,
    goldens: Callable[[str], Goldens],
) -> None:
    case = read_case(slug)
    web.new_day()
    stage = Stage(slug, case, product, mailbox, web, goldens(slug))
    if case.workflow is None:
        explain_foreign(stage)
    elif case.meanwhile == "mail server connected":
        product.start(smtp_host=None)
        failed, report = explain_ours(stage)
        product.start()
        go_on(stage, failed, report)
    elif case.is_apart:
        if case.now is not None:  # its own times are of another day
            stage.golden.until = stage.golden.since + timedelta(days=1)
        product.start_apart(slug, now=case.now, runtimes=case.runtimes)
        try:
            go_on(stage, *explain_ours(stage))
        finally:
            product.start()
    else:
        go_on(stage, *explain_ours(stage))
    stage.golden.finish()


def test_every_root_cause_has_a_case() -> None:
    assert {read_case(slug).expect.root_cause for slug in slugs()} == set(RootCause)


def test_every_fix_type_and_action_is_applied_in_a_case_and_does_what_it_is_for() -> None:
    assert {_applied_in(slug) for slug in slugs()} >= {*FIXES, *ACTIONS}


def _applied_in(slug: str) -> str | None:
    """What is applied in a case, if that is proven there: it held, or the run went on after it."""
    case, folder = read_case(slug), CASES / slug
    if case.apply in ACTIONS:
        return case.apply if (folder / "7_resumed.json").exists() else None
    found = folder / "8_outcome.json"
    if not found.exists() or json.loads(found.read_text("utf-8"))["outcome"]["state"] != "verified":
        return None
    fixes = json.loads((folder / "3_report.json").read_text("utf-8"))["suggested_fixes"]
    return case.apply or next(one["type"] for one in fixes if one["auto_fix_available"])


def test_both_spellings_are_one_failure() -> None:
    first, second = json.loads((CASES / "both-spellings" / "2_failure.json").read_text("utf-8"))
    assert first.pop("occurred_at") < second.pop("occurred_at")
    assert first == second


def test_a_golden_that_differs_or_is_missing_fails_with_a_diff(tmp_path: Path) -> None:
    (tmp_path / "4_diff.patch").write_text("same\nold\n", encoding="utf-8")
    (tmp_path / "9_left.json").touch()
    golden = Goldens(tmp_path, since=datetime.now(UTC), updating=False)
    golden.check("4_diff.patch", "same\nnew\n")
    golden.check_json("5_new.json", {"at": 1})
    with pytest.raises(AssertionError) as failed:
        golden.finish()
    for words in ("-old\n+new", "5_new.json is missing", '"at": 1', "9_left.json is made by no"):
        assert words in str(failed.value)
    assert not (tmp_path / "5_new.json").exists()


def test_an_update_writes_what_is_compared_and_removes_the_rest(tmp_path: Path) -> None:
    (tmp_path / "9_left.json").touch()
    for updating in (True, False):
        golden = Goldens(tmp_path, since=datetime.now(UTC), updating=updating)
        golden.check("4_diff.patch", "new\n")
        golden.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["4_diff.patch"]


def test_only_what_changes_from_run_to_run_is_marked() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    run = "0123456789abcdef" * 2
    given = {
        "at": ["2026-02-28T23:59:59Z", "2026-03-01T00:00:00.5+00:00"],
        "text": f"In run {run} fix_{run} was n1:9bbb39aaab907ce3cc77",
        "traceback": "File x.py, line 3",
    }
    assert stable(given, since) == {
        "at": ["2026-02-28T23:59:59Z", "<now>"],
        "text": "In run <run> <fix> was n1:9bbb39aaab907ce3cc77",
        "traceback": "<traceback>",
    }
