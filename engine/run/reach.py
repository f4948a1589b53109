"""What tool and agent steps ask for beside the ports of a whole run, and where a step stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import plugins, processors, validators
from ..definition.workflow import Workflow
from ..plugins import Plugin, PluginContext
from ..ports import EventSink, IntegrationRefresher, ModelCatalog
from ..workspace import Resources
from .context import NobodyListens, Outside, Run
from .quality import Catalogs, Parts, Quality

_PLAIN = Quality()


@dataclass(frozen=True, slots=True)
class Reach:
    """`plugins` are the application's own, by name, and go before the shipped ones."""

    catalog: ModelCatalog | None = None
    refresher: IntegrationRefresher | None = None
    plugins: Mapping[str, Plugin] = field(default_factory=dict[str, Plugin])

    def catalogs(self) -> Catalogs:
        """Everything a step may name for its output."""
        shipped = plugins.catalog()
        return Catalogs(processors.catalog(), validators.catalog(), {**shipped, **self.plugins})


@dataclass(frozen=True, slots=True)
class Site:
    """One step of a run: where it stands, what its expressions see, and who hears of it.

    `part` tells a step and its fallback apart, which are two effects.
    """

    run: Run
    path: str
    scope: Mapping[str, Any]
    outside: Outside
    reach: Reach = field(default_factory=Reach)
    events: EventSink = field(default_factory=NobodyListens)
    part: str = ""

    @property
    def workflow(self) -> Workflow:
        return self.run.workflow

    @property
    def resources(self) -> Resources:
        return self.run.resources

    @property
    def workspace_id(self) -> str:
        return self.run.begun.workspace_id

    @property
    def effect_key(self) -> str:
        return self.run.effect_key(self.path) + self.part

    def quality(self, parts: Parts) -> Quality:
        """Raises `InvalidParameters` or `VariableNotFound` before anything is done."""
        if not (parts.processors or parts.validators or parts.plugins):
            return _PLAIN
        return self.reach.catalogs().prepare(parts, self.scope, self._plugin_context())

    def _plugin_context(self) -> PluginContext:
        return PluginContext(
            workspace_id=self.workspace_id,
            execution_id=self.run.ticket.execution_id,
            path=self.path,
            effect_key=self.effect_key,
            secrets=self.outside.secrets,
            network=self.outside.network,
        )
