"""How long it takes from applying a fix until the next run has started, beside a plain start."""

import statistics
import time
from datetime import UTC, datetime

from ..normalize import Figure
from .names import misspelt_template
from .plot import Plot
from .trial import approved
from .world import PATIENCE, WORKFLOW, Place, World

SAMPLES = 31
AIM = 3


def measure(world: World, seed: int) -> Figure:
    """One after the other, nothing else going on, and both kinds taken in turn."""
    plain: list[float] = []
    applying: list[float] = []
    after: list[float] = []
    for number in range(SAMPLES + 1):
        case = misspelt_template(Plot(f"{seed}/delay/{number}", "delay"))
        place = world.place(case, f"delay{number}")
        plain.append(_started(place))
        report = place.service.analyses.analyze(place.run().id)
        fix = next(one for one in report.suggested_fixes if one.fix_id)
        approval_id = approved(place, fix)
        begun = time.perf_counter()
        place.service.fixes.apply(approval_id)
        applying.append(time.perf_counter() - begun)
        after.append(_started(place))
    applied = [sum(both) for both in zip(applying, after, strict=True)]
    both, start, later, alone = (
        1000 * statistics.median(one[1:]) for one in (applied, plain, after, applying)
    )
    facts = {
        "apply and start, ms": round(both, 1),
        "apply alone, ms": round(alone, 1),
        "plain start, ms": round(start, 1),
        "start once applied, ms": round(later, 1),
    }
    what = "apply to next run started, p50, to a plain start"
    return Figure(what, both / start, AIM, at_least=False, facts=facts)


def _started(place: Place) -> float:
    """Seconds from asking for a run until it is under way."""
    asked = datetime.now(UTC)
    run = place.service.executions.start(WORKFLOW)
    run = place.service.executions.wait(run.id, PATIENCE)
    assert run.started_at is not None
    return (run.started_at - asked).total_seconds()
