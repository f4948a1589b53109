"""Code that is not ours: run it, and turn whatever it raises into stored facts."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar, cast

from ..errors import ActionFailed, EngineError, NetworkFailed, RunTimeout, StepError, StepTimeout
from ..execution import ErrorInfo
from ..ports import SecretMasker

T = TypeVar("T")


def result_of(call: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """What *call* returns, or raises."""
    try:
        return call(), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - kept whole by `describe`
        return None, error


async def awaited_result_of(
    call: Callable[[], Awaitable[T]], *, limit: float
) -> tuple[T | None, BaseException | None]:
    """The same within *limit* seconds; `StepTimeout` after that. A cancellation of ours passes.

    The clock is only started for what has to wait: nothing else can be interrupted anyway.
    """
    deadline = asyncio.timeout_at(asyncio.get_running_loop().time() + limit)
    try:
        work = call().__await__()
        try:
            waits_for = next(work)
        except StopIteration as done:
            return done.value, None
        async with deadline:
            return await _Begun(work, waits_for), None
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return None, error  # nobody cancelled this run: the code let a cancellation of its own out
    except (Exception, SystemExit) as error:  # noqa: BLE001 - kept whole by `describe`
        if isinstance(error, TimeoutError) and deadline.expired():
            return None, StepTimeout(f"The step took longer than {limit:g} s.", limit=limit)
        return None, error


class _Begun(Generator[Any, Any, T]):
    """Work that was begun by hand, and waits for something; to be awaited."""

    def __init__(self, work: Generator[Any, Any, T], waits_for: Any) -> None:
        self._work = work
        self._first = [waits_for]

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any, /) -> Any:
        return self._first.pop() if self._first else self._work.send(value)

    def throw(self, *error: Any) -> Any:
        return self._work.throw(*error)


def describe(error: BaseException, masker: SecretMasker, *, trace: bool = True) -> ErrorInfo:
    """*error* for the store.

    An error that is not ours keeps its own class and words, under the code of the nearest of our
    classes: a builtin time-out or connection failure is transient, anything else is not.
    """
    nearest = _nearest(error)
    details = error.details if isinstance(error, StepError | RunTimeout) else {}
    return ErrorInfo(
        type=_dotted(type(error)),
        message=masker.mask(text_of(error)),
        code=nearest.code,
        retryable=nearest.retryable,
        traceback=masker.mask(_clean("".join(traceback.format_exception(error))))
        if trace
        else None,
        details=_plain(details, masker),
    )


def text_of(error: BaseException) -> str:
    """The error's words, even when its own `__str__` fails."""
    try:
        return _clean(str(error))
    except Exception as broken:  # noqa: BLE001 - its class is not ours either
        return f"(this {type(error).__name__} can't be shown as text: {type(broken).__name__})"


def _nearest(error: BaseException) -> type[EngineError]:
    if isinstance(error, EngineError):
        return type(error)
    if isinstance(error, TimeoutError):
        return StepTimeout
    return NetworkFailed if isinstance(error, ConnectionError) else ActionFailed


def _dotted(cls: type[BaseException]) -> str:
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def _clean(text: str) -> str:
    """Half a character can't be stored; it is spelled out instead."""
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(details: Mapping[str, Any], masker: SecretMasker) -> dict[str, Any]:
    plain = json.loads(json.dumps(dict(details), default=str, skipkeys=True))
    return cast("dict[str, Any]", _masked(plain, masker))


def _masked(value: Any, masker: SecretMasker) -> Any:
    if isinstance(value, str):
        return masker.mask(_clean(value))
    if isinstance(value, list):
        return [_masked(item, masker) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: _masked(item, masker) for key, item in items}
    return value
