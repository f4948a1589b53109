"""The digest tells first what is new, growing or back, and last what was dismissed."""

from datetime import timedelta
from types import MappingProxyType

from copilot.digest import as_markdown, as_text, in_order
from copilot.types.nightly import Digest, DigestItem, PassState
from copilot.types.pattern import PatternState
from tests.copilot.storage_builders import START

STATES = MappingProxyType(
    {
        ("outreach", "n1:dismissed"): PatternState.DISMISSED,
        ("outreach", "n1:repeating"): PatternState.REPEATING,
        ("outreach", "n1:regressed"): PatternState.REGRESSED,
        ("outreach", "n1:new"): PatternState.NEW,
        ("outreach", "n1:worsening"): PatternState.WORSENING,
    }
)


def an_item(name: str) -> DigestItem:
    return DigestItem(
        workflow_id="outreach",
        signature=f"n1:{name}",
        label=name,
        failures=5,
        is_new=False,
        first_occurred=START,
        last_occurred=START + timedelta(minutes=5),
        execution_id="run-1",
    )


def a_digest(*names: str) -> Digest:
    return Digest(
        pass_id="pass-1",
        workspace_id="acme",
        state=PassState.FINISHED,
        started_at=START,
        finished_at=START,
        failures=5,
        groups=len(names),
        analysed=0,
        items=in_order([an_item(name) for name in names], lambda _: STATES),
        credits=0,
        credit_cap=None,
        cost_usd=None,
        spend_cap_usd=None,
    )


def test_what_is_new_growing_or_back_comes_first_and_the_dismissed_last() -> None:
    digest = a_digest("dismissed", "once", "worsening", "repeating", "new", "regressed")
    assert [item.label for item in digest.items] == [
        "worsening",
        "new",
        "regressed",
        "once",
        "repeating",
        "dismissed",
    ]


def test_the_digest_says_where_each_stands() -> None:
    digest = a_digest("once", "worsening", "regressed")
    text = as_text(digest)
    assert "Repeated failure, worsening: it comes more often than before." in text
    assert "Repeated failure, regressed: it is back after it was resolved." in text
    assert text.count("Repeated failure") == as_markdown(digest).count("Repeated failure") == 2
