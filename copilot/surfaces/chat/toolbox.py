"""The tools bound to one machine's service: a name and arguments in, a result or an error as data out."""

import json
import logging
import traceback
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, JsonValue, ValidationError

from ...bootstrap import DELIBERATE, UNREACHABLE
from ...errors import InvalidInput
from ...pipeline.sanitize import one_line, sanitize
from ...registry import pick
from ...service.protocol import Service
from ...types.principal import PrincipalKind
from .advice import advice_for
from .bounds import bounded
from .tools import Catalog, catalog

LONGEST_MESSAGE = 1_000
LONGEST_ARGUMENTS = 100_000
MOST_PROBLEMS = 5
#: Raised on purpose, but about our own files: nothing a model could do about it.
_OURS = frozenset({"invalid_knowledge"})

_log = logging.getLogger(__name__)


def machine_service(service: Service) -> Service:
    """*service* as it is, when it acts for a machine.

    Raises InvalidInput for a person's: a tool that a model calls must never be able to approve.
    """
    if service.principal.kind is not PrincipalKind.MACHINE:
        raise InvalidInput(
            "Chat tools",
            "they act for a machine, and this is a person's key.",
            "Make one for them: ask-copilot keys create chat --kind machine --role operator",
        )
    return service


class Connection(Protocol):
    """Where a call finds its service; asked anew for each call."""

    def open(self, *, starts_work: bool) -> AbstractContextManager[Service]:
        """starts_work: the call leaves a run behind that somebody must carry out."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered, as JSON data.

    An error is `{"error": {"code", "message", "advice", "retryable"}}`.
    """

    data: dict[str, JsonValue]
    is_error: bool = False

    @property
    def text(self) -> str:
        return json.dumps(self.data, ensure_ascii=False)


class Toolbox:
    """Every tool, for one machine in one workspace.

    public_url: address of the pages on which people approve fixes, if there are any.
    """

    def __init__(self, connection: Connection, *, public_url: str | None = None) -> None:
        self.tools: Catalog = catalog(public_url=public_url)
        self._connection = connection

    @classmethod
    def of(cls, service: "Service | Toolbox", *, public_url: str | None = None) -> "Toolbox":
        """The tools over a service that is open already. Raises InvalidInput for a person's."""
        if isinstance(service, Toolbox):
            return service
        return cls(_Opened(machine_service(service)), public_url=public_url)

    def call(self, name: str, arguments: Mapping[str, Any] | str | bytes) -> Answer:
        """Carry out one call; whatever was asked, the answer is data and nothing is raised."""
        try:
            tool = pick(self.tools, one_line(name, limit=100), kind="tool")
            parsed = _parsed(tool.arguments, arguments)
            with self._connection.open(starts_work=tool.starts_work) as service:
                result = tool.run(machine_service(service), parsed)
            return Answer(bounded(result).model_dump(mode="json"))
        except DELIBERATE as error:
            return _internal(error) if error.code in _OURS else _refused(error)
        except UNREACHABLE as error:
            _log.error("The database does not answer: %s", type(error.orig).__qualname__)
            return _error("store_busy", "The database does not answer.", retryable=True)
        except Exception as error:  # noqa: BLE001 - one bad call must not end the conversation
            return _internal(error)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A connection to a service that is open already."""

    service: Service

    @contextmanager
    def open(self, *, starts_work: bool) -> Generator[Service]:
        yield self.service


def _parsed(model: type[BaseModel], arguments: Mapping[str, Any] | str | bytes) -> Any:
    """The arguments as *model*. Raises InvalidInput naming the fields, never the values."""
    try:
        if isinstance(arguments, str | bytes):
            if len(arguments) > LONGEST_ARGUMENTS:
                raise InvalidInput("arguments", "they are too long.", "Send only what is asked.")
            return model.model_validate_json(arguments or "{}")
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = "; ".join(_problem(one["loc"], one["msg"]) for one in found[:MOST_PROBLEMS])
        raise InvalidInput("arguments", f"{problems}.", "Follow the tool's schema.") from None


def _problem(place: tuple[str | int, ...], message: str) -> str:
    where = one_line(".".join(map(str, place)), limit=100) or "all"
    return f"{where}: {message.removeprefix('Value error, ')}"


def _refused(error: Any) -> Answer:
    return _error(error.code, str(error), retryable=error.retryable)


def _internal(error: Exception) -> Answer:
    """Logs where it happened, not what was said: the words may hold somebody's data."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("A chat tool failed with %s:\n%s", type(error).__qualname__, frames)
    return _error("internal_error", "Internal error.", retryable=False)


def _error(code: str, message: str, *, retryable: bool) -> Answer:
    told: dict[str, JsonValue] = {
        "code": code,
        "message": sanitize(message, limit=LONGEST_MESSAGE).text,
        "advice": advice_for(code),
        "retryable": retryable,
    }
    return Answer({"error": told}, is_error=True)
