"""The runtimes of this installation, made ready off the path of any question.

A provider's package takes up to some seconds to be imported; that happens once, in a thread.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from types import ModuleType

from ..errors import InvalidInput
from ..registry import pick
from ..runtimes import RUNTIMES, FailureKind, ModelFailure, Runtime
from ..settings import Settings

_CLOSING_SECONDS = 0.5
_log = logging.getLogger(__name__)


class RuntimePool:
    """Of *names*, the first before the others. Raises UnknownName, or InvalidInput for a runtime
    that asks no model."""

    def __init__(
        self,
        settings: Settings,
        names: Sequence[str],
        *,
        catalog: Mapping[str, ModuleType] = RUNTIMES,
        afterwards: Callable[[], object] = bool,
    ) -> None:
        """*afterwards* is done in the same thread when all are made."""
        self._settings = settings
        self._afterwards = afterwards
        self._modules = {name: pick(catalog, name, kind="runtime") for name in names}
        for name, module in self._modules.items():
            if not hasattr(module, "make"):
                problem = f"{name} asks no model. It is always there and needs no setting."
                raise InvalidInput("ASK_COPILOT_RUNTIMES", problem, "")
        self._made: dict[str, Future[Runtime | str]] = {name: Future() for name in names}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """The first is asked before the others."""
        return tuple(self._modules)

    def warm(self) -> None:
        """Begins to make them ready, in a thread that keeps no process alive; once is enough."""
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._make_all, name="runtimes", daemon=True)
                self._thread.start()

    async def get(self, name: str, seconds: float) -> Runtime:
        """Raises ModelFailure 'not_ready': it can't be used, or not within *seconds*."""
        made = self._made.get(name)
        if made is None:
            raise ModelFailure(FailureKind.NOT_READY, f"{name} is not among the runtimes set up")
        self.warm()
        if not made.done():
            follower = asyncio.wrap_future(_follow(made))
            try:
                await asyncio.wait({follower}, timeout=max(0.0, seconds))
            finally:
                follower.cancel()  # what it follows belongs to all, and goes on
        if not made.done():
            raise ModelFailure(FailureKind.NOT_READY, f"{name} is still being loaded")
        runtime = made.result()
        if isinstance(runtime, str):
            raise ModelFailure(FailureKind.NOT_READY, runtime)
        return runtime

    def problem(self, name: str) -> str | None:
        """Why a runtime can't be used, in words; None: it can, or nobody has tried."""
        made = self._made[name]
        found = made.result() if made.done() else None
        return found if isinstance(found, str) else None

    async def aclose(self) -> None:
        """Closes those that are ready; one that does not end soon is left alone."""
        with self._lock:
            self._is_closed = True
        ready = [made.result() for made in self._made.values() if made.done()]
        closing = [
            asyncio.ensure_future(runtime.aclose())
            for runtime in ready
            if not isinstance(runtime, str)
        ]
        if closing:
            done, _ = await asyncio.wait(closing, timeout=_CLOSING_SECONDS)
            for task in done:
                if not task.cancelled() and task.exception() is not None:
                    _log.warning("a runtime could not be closed: %r", task.exception())

    def _make_all(self) -> None:
        for name, module in self._modules.items():
            if self._is_closed:
                self._made[name].set_result("it was closed before it was ready")
            else:
                self._made[name].set_result(self._make(name, module))
        if not self._is_closed:
            self._afterwards()

    def _make(self, name: str, module: ModuleType) -> Runtime | str:
        missing: str | None = module.missing(self._settings)
        if missing is not None:
            return missing
        try:
            return module.make(self._settings)
        except Exception as error:  # noqa: BLE001 - a provider's package is being imported
            _log.warning("runtime %s can't be used", name, exc_info=True)
            return f"{type(error).__name__}: {error}"


def _follow(made: "Future[Runtime | str]") -> "Future[None]":
    """Done when *made* is; cancelling it does nothing else."""
    follower: Future[None] = Future()

    def tell(_: "Future[Runtime | str]") -> None:
        if follower.set_running_or_notify_cancel():
            follower.set_result(None)

    made.add_done_callback(tell)
    return follower
