"""Every call of a use case as a span named noun.verb, whoever calls it and however it ends."""

from typing import Any, cast

from ....service.local import Copilot, LocalService
from ....types.principal import Principal
from .requests import Tracing

_NOUNS = frozenset(
    {
        "workflows",
        "executions",
        "resources",
        "events",
        "quotas",
        "schedules",
        "analyses",
        "fixes",
        "account",
        "nights",
        "learning",
        "patterns",
        "optimizer",
    }
)


class TracedCopilot:
    """A `Copilot` whose services trace what is asked of them."""

    def __init__(self, copilot: Copilot, traces: Tracing) -> None:
        self._copilot = copilot
        self._traces = traces

    @classmethod
    def over(cls, copilot: Copilot, traces: Tracing) -> Copilot:
        """*copilot* in every respect but that."""
        return cast("Copilot", cls(copilot, traces))

    def serve(self, principal: Principal, *, request_key: str | None = None) -> LocalService:
        service = self._copilot.serve(principal, request_key=request_key)
        return cast("LocalService", _TracedService(service, self._traces))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._copilot, name)


class _TracedService:
    """Stands for a service, or for its engine, which has some of the same parts."""

    def __init__(self, service: Any, traces: Tracing) -> None:
        self._service = service
        self._traces = traces

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        if name in _NOUNS:
            return _TracedPart(name, found, self._traces)
        return _TracedService(found, self._traces) if name == "engine" else found


class _TracedPart:
    def __init__(self, noun: str, part: Any, traces: Tracing) -> None:
        self._noun = noun
        self._part = part
        self._traces = traces

    def __getattr__(self, verb: str) -> Any:
        use_case = getattr(self._part, verb)

        def traced(*arguments: Any, **named: Any) -> Any:
            with self._traces.use_case(f"{self._noun}.{verb}"):
                return use_case(*arguments, **named)

        return traced
