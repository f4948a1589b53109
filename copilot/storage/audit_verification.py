"""Reading an audit from its start, to see whether it is the one that was written."""

from collections.abc import Iterator

from sqlalchemy import Connection

from ..types.audit import AuditBreak, AuditHead, AuditVerification
from .audit_chain import NOTHING_BEFORE, Link, links, stored_head

_START = Link(0, NOTHING_BEFORE, None)


def verify(
    connection: Connection, workspace_id: str, against: AuditHead | None
) -> AuditVerification:
    """The chain of a workspace, up to the first break; with *against* it must hold that entry.

    An entry and the head are written together. So every entry up to a head that was read before
    must be there, and when no more come, the head is the last one.
    """
    reading = _Reading(connection, workspace_id, against)
    while True:
        head = stored_head(connection, workspace_id)
        came = reading.go_on()
        noted = head.entry_id or 0
        if reading.broken is None and noted < reading.last.entry_id and came:
            continue  # they came meanwhile
        broken = reading.broken or reading.broken_end(head)
        return AuditVerification(
            intact=broken is None,
            entries=reading.count,
            head=head,
            compared_with=against,
            broken=broken,
        )


class _Reading:
    def __init__(
        self, connection: Connection, workspace_id: str, against: AuditHead | None
    ) -> None:
        self._connection = connection
        self._workspace_id = workspace_id
        self._against = against if against is not None and against.entry_id else None
        self._found = self._against is None
        self.last = _START
        self.count = 0
        self.broken: AuditBreak | None = None

    def go_on(self) -> bool:
        """Read what follows, to its end or to a break; whether there was anything."""
        before = self.count
        for link in self._behind(self.last.entry_id, self.last.digest):
            self.last = link
            self.count += 1
            problem = link.problem or self._differs(link)
            if problem:
                self.broken = AuditBreak(entry_id=link.entry_id, problem=problem)
                break
        return self.count > before

    def broken_end(self, head: AuditHead) -> AuditBreak | None:
        """What is wrong behind the last entry, or with the heads; None: nothing."""
        noted = head.entry_id or 0
        if noted > self.last.entry_id:
            return AuditBreak(entry_id=noted, problem="It was the newest entry, and is missing.")
        if noted < self.last.entry_id:
            first = next(self._behind(noted, head.digest), self.last)
            problem = "It was added behind the end, not as entries are."
            return AuditBreak(entry_id=first.entry_id, problem=problem)
        if (head.digest, head.entries) != (self.last.digest, self.count):
            return AuditBreak(entry_id=noted or None, problem="It is not the end that was noted.")
        if not self._found and self._against is not None:
            problem = "The head that was given names it, and it is not there."
            return AuditBreak(entry_id=self._against.entry_id, problem=problem)
        return None

    def _behind(self, entry_id: int, digest: str) -> Iterator[Link]:
        return links(self._connection, self._workspace_id, after=entry_id, previous=digest)

    def _differs(self, link: Link) -> str | None:
        """Whether this is the entry that the given head names, and yet another."""
        given = self._against
        if given is None or link.entry_id != given.entry_id:
            return None
        self._found = True
        if (link.digest, self.count) == (given.digest, given.entries):
            return None
        return "It is another one than when the head was taken out."
