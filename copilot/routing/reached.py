"""Whether a failed call can have cost anything."""

import socket
import ssl
from collections.abc import Iterator
from typing import cast

from ..runtimes import FailureKind, ModelFailure, Usage

_NEVER_CONNECTED = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_MOST_CAUSES = 20


def used(failure: ModelFailure) -> Usage:
    """What a failed call used, as far as that is known.

    Nothing if there was no connection, or if the provider sent the request back (4xx) before it
    did anything. After a time-out, a broken connection or a fault of the provider nobody knows.
    """
    if failure.usage is not None:
        return failure.usage
    sent_back = failure.status is not None and 400 <= failure.status < 500
    return Usage(known=sent_back or not may_have_reached(failure))


def may_have_reached(failure: ModelFailure) -> bool:
    """Whether a provider may have got the request."""
    if failure.kind is FailureKind.NOT_READY:
        return False
    return not any(isinstance(cause, _NEVER_CONNECTED) for cause in _causes(failure))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What *error* came from, near before far."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _MOST_CAUSES:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [one for one in (cause.__cause__, cause.__context__) if one is not None]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", cause).exceptions
