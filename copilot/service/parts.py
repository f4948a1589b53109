"""What the use cases are made of: one object a job, put together by bootstrap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..access import Access
from ..autonomy import Autonomy
from ..intake import Intake
from ..knowledge import Knowledge
from ..nightly import Nightly
from ..notify import Courier, Outbox
from ..pipeline.analyze import Analyzer
from ..pipeline.apply import Applier
from ..pipeline.validate import ANY_FIX, FixPolicy
from ..policy import Policies
from ..ports import (
    Deeds,
    DefinitionChecker,
    DefinitionReader,
    DryRunner,
    Outlooks,
    RunReader,
    Target,
    Versions,
)
from ..rollbacks import Rollbacks
from ..storage.store import Store
from ..types.account import RuntimeInfo

#: Of a workspace, a fix and a failed run, for so many seconds at most.
DryRun = Callable[[str, str, str, float], Literal["passed", "failed", "not_possible"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """analyzer: for runs of our engine; foreign: for those of other systems.

    analysis_seconds: the longest an analysis takes. mask: takes secrets out of a text.
    fix_policy: what fixes may do in a workspace, as it is now. dry_run: what came of trying a fix
    on the input that a run has failed on.
    """

    store: Store
    runs: RunReader
    target: Target
    versions: Versions
    deeds: Deeds
    checker: DefinitionChecker
    definitions: DefinitionReader
    outlooks: Outlooks
    dry_runner: DryRunner
    analyzer: Analyzer
    foreign: Analyzer
    applier: Applier
    intake: Intake
    rollbacks: Rollbacks
    autonomy: Autonomy
    nightly: Nightly
    knowledge: Knowledge
    access: Access
    policies: Policies
    outbox: Outbox
    courier: Courier
    runtimes: Callable[[str], tuple[RuntimeInfo, ...]]
    analysis_seconds: float = 10.0
    mask: Callable[[str], str] = str
    fix_policy: Callable[[str], FixPolicy] = lambda _workspace_id: ANY_FIX
    dry_run: DryRun = lambda _workspace_id, _fix_id, _run, _seconds: "not_possible"
