"""What runs tell live: masked, never before it is true, and remembered within bounds."""

from datetime import UTC, datetime
from decimal import Decimal

from engine.observe.feed import MOST_ACTIVITIES, MOST_RUNS, Feed
from engine.run.context import NoMasker
from engine.testing import FrozenClock, KnownSecrets

from .watching import begun


def test_live_events_are_masked_and_plain():
    feed = Feed(FrozenClock(), KnownSecrets({"KEY": "hunter2-hunter2"}))
    told = []
    feed.listen("run", told.append)
    sink = feed.listening(begun("run"))
    sink.note(
        "tool_started",
        "/a",
        tool="hunter2-hunter2",
        cost=Decimal("0.10"),
        at=datetime(2026, 1, 5, tzinfo=UTC),
        deep=[{"x": ("hunter2-hunter2", 1, None, True)}],
    )
    (event,) = told
    assert "hunter2" not in event.model_dump_json()
    assert event.facts["cost"] == "0.10"
    assert event.facts["deep"] == [{"x": ["***", 1, None, True]}]
    assert feed.doing("run")[0].tool == "***"


def test_what_the_log_tells_is_not_told_before_it_is_true():
    feed = Feed(FrozenClock(), NoMasker())
    told = []
    feed.listen("run", told.append)
    sink = feed.listening(begun("run"))
    for kind in ("execution_started", "step_completed", "step_failed", "execution_ended"):
        sink.note(kind, "/a")
    assert told == []
    feed.leave("run", told.append)


def test_a_step_that_has_used_nothing_is_forgotten_when_it_ends():
    feed = Feed(FrozenClock(), NoMasker())
    sink = feed.listening(begun("run"))
    sink.note("step_started", "/a", step_kind="tool")
    sink.note("step_completed", "/a")
    assert feed.doing("run") == ()


def test_what_a_feed_remembers_is_bounded():
    feed = Feed(FrozenClock(), NoMasker())
    for number in range(MOST_RUNS + 50):
        feed.listening(begun(str(number)))
    assert feed.doing("0") is None
    sink = feed.listening(begun("run"))
    sink.note("step_started", "/loop", step_kind="loop")
    for number in range(3 * MOST_ACTIVITIES):
        sink.note("step_started", f"/loop/{number}/a")
        sink.note("turn_completed", f"/loop/{number}/a", turn=1, tokens=10, cost=None)
        sink.note("step_completed", f"/loop/{number}/a")
    assert len(feed.doing("run")) == MOST_ACTIVITIES
    assert feed.doing("run")[0].path == "/loop"
    sink.note("execution_ended", "", status="succeeded")
    assert feed.doing("run") is None


def test_who_was_replaced_or_has_left_tells_nothing_more():
    feed = Feed(FrozenClock(), NoMasker())
    told = []
    feed.listen("run", told.append)
    first = feed.listening(begun("run"))
    first.note("step_started", "/a")
    second = feed.listening(begun("run"))
    second.note("step_started", "/b")
    before = len(told)
    first.note("turn_completed", "/a", turn=1, tokens=10, cost=None)
    first.note("execution_left", "")
    assert [one.path for one in feed.doing("run")] == ["/b"]
    second.note("execution_left", "")
    second.note("step_started", "/c")
    assert feed.doing("run") is None
    assert len(told) == before


def test_that_an_interpreter_has_left_is_told_to_nobody():
    feed = Feed(FrozenClock(), NoMasker())
    told = []
    feed.listen("run", told.append)
    feed.listening(begun("run")).note("execution_left", "")
    assert told == []
