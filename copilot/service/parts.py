"""What the use cases are made of: one object a job, put together by bootstrap."""

from collections.abc import Callable
from dataclasses import dataclass

from ..access import Access
from ..intake import Intake
from ..knowledge import Knowledge
from ..nightly import Nightly
from ..pipeline.analyze import Analyzer
from ..pipeline.apply import Applier
from ..policy import Policies
from ..ports import DefinitionChecker, RunReader, Target
from ..storage.store import Store
from ..types.account import RuntimeInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """analyzer: for runs of our engine; foreign: for those of other systems."""

    store: Store
    runs: RunReader
    target: Target
    checker: DefinitionChecker
    analyzer: Analyzer
    foreign: Analyzer
    applier: Applier
    intake: Intake
    nightly: Nightly
    knowledge: Knowledge
    access: Access
    policies: Policies
    runtimes: Callable[[], tuple[RuntimeInfo, ...]]
