"""Who asks: a person or a machine, with a role in one workspace, and what that lets them do."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ..errors import Forbidden
from .frozen import Frozen


class PrincipalKind(StrEnum):
    PERSON = "person"
    MACHINE = "machine"


class Role(StrEnum):
    """Each can do all that the one before it can."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    OWNER = "owner"


class Scope(StrEnum):
    """What a use case needs."""

    READ = "read"  # see everything in the workspace
    ANALYZE = "analyze"  # ask why, which may cost credits
    RUN = "run"  # start, cancel, resume and pause
    TUNE = "tune"  # change settings that loosen nothing
    EDIT = "edit"  # store workflows and resources
    APPROVE = "approve"  # approve, apply, undo and revert a fix; rules about groups
    AUDIT = "audit"  # read who did what
    GOVERN = "govern"  # keys, credits, and settings that loosen a limit


_VIEWER = frozenset({Scope.READ})
_OPERATOR = _VIEWER | {Scope.ANALYZE, Scope.RUN, Scope.TUNE}
_APPROVER = _OPERATOR | {Scope.EDIT, Scope.APPROVE}
_OWNER = _APPROVER | {Scope.AUDIT, Scope.GOVERN}

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.OPERATOR: _OPERATOR,
        Role.APPROVER: _APPROVER,
        Role.OWNER: _OWNER,
    }
)
#: Whatever its role. Who can do these could let an untrusted text approve itself.
NEVER_FOR_MACHINES = frozenset({Scope.APPROVE, Scope.GOVERN})


class Principal(Frozen):
    """Somebody in one workspace. `id` is what the records name; `name` is what people read."""

    id: str
    name: str
    workspace_id: str
    kind: PrincipalKind = PrincipalKind.PERSON
    role: Role = Role.VIEWER

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the role implies, less what no machine may do."""
        granted = ROLE_SCOPES[self.role]
        return granted - NEVER_FOR_MACHINES if self.kind is PrincipalKind.MACHINE else granted

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Raises Forbidden, which names what is missing and who has it."""
        if not self.may(scope):
            raise self.refusal(scope)

    def refusal(self, scope: Scope, reason: str = "") -> Forbidden:
        """The error for *scope* missing. Without a *reason* it says what would do."""
        if not reason and scope in ROLE_SCOPES[self.role]:
            reason = "No machine may do this, whatever its role."
        role = least_role(scope)
        return Forbidden(scope.value, role.value, scope in NEVER_FOR_MACHINES, reason)


def least_role(scope: Scope) -> Role:
    """The first role that has *scope*."""
    return next(role for role in Role if scope in ROLE_SCOPES[role])
