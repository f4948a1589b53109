"""Places below one workspace of a server, and what it means when there is nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from ..errors import NotFound
from .connection import Connection

M = TypeVar("M", bound=BaseModel)
Missing: TypeAlias = Callable[[], Exception]


class Place:
    """One resource of the workspace: requests below its path, and what a 404 there means."""

    def __init__(
        self, connection: Connection, path: Callable[[], tuple[str, ...]], missing: Missing
    ) -> None:
        self._connection = connection
        self._path = path
        self._missing = missing
        self.read = connection.read
        self.many = connection.many
        self.member = connection.member

    def ask(self, method: str, *segments: str, **options: Any) -> Any:
        """See `Connection.ask`."""
        if not all(segments):
            raise self._missing()  # an empty id would be another address
        a_list = method == "GET" and not segments  # there always is one, where there is a workspace
        missing = partial(NotFound, "workspace") if a_list else self._missing
        return self._connection.ask(method, *self._path(), *segments, missing=missing, **options)

    def listening(
        self, *segments: str, headers: Mapping[str, str]
    ) -> AbstractContextManager[Iterator[Any] | None]:
        """See `Connection.listening`."""
        if not all(segments):
            raise self._missing()
        path = (*self._path(), *segments)
        return self._connection.listening(*path, missing=self._missing, headers=headers)

    def one(self, kind: type[M], method: str, *segments: str, **options: Any) -> M:
        """The answer as a model."""
        return self.read(kind, self.ask(method, *segments, **options))


class Workspace:
    """The workspace of an API key; its id is asked for when it is first needed."""

    def __init__(self, connection: Connection, workspace_id: Callable[[], str]) -> None:
        self._connection = connection
        self._id = workspace_id

    def at(self, *path: str, missing: Missing | str) -> Place:
        """What is under *path*.

        missing: makes the error for a 404, or names what there is none of.
        """
        gone = partial(NotFound, missing) if isinstance(missing, str) else missing
        return Place(self._connection, lambda: ("api", "workspaces", self._id(), *path), gone)
