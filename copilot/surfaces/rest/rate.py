"""How much one API key may ask: a bucket of requests that fills up again."""

import math
import time
from collections.abc import Callable

from ...errors import TooManyRequests

MINUTE = 60.0
#: So that rounding does not refuse who waited exactly as long as was said.
_ROUNDING = 1e-6


class RateLimit:
    """A minute's requests at once, then as they come back, for each holder by itself.

    It is counted in this process and used on its event loop alone. Holders are keys that were
    found valid, so there are never more of them than keys.
    """

    def __init__(
        self, requests_per_minute: int, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """requests_per_minute: 0 for no limit."""
        self._limit = requests_per_minute
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when it was counted

    def take(self, holder: str) -> None:
        """Count one request of *holder*. Raises TooManyRequests with the seconds to wait."""
        if self._limit == 0:
            return
        now = self._now()
        left, counted_at = self._buckets.get(holder, (float(self._limit), now))
        a_second = self._limit / MINUTE
        left = min(float(self._limit), left + (now - counted_at) * a_second)
        if left < 1 - _ROUNDING:
            self._buckets[holder] = (left, now)
            raise TooManyRequests(self._limit, math.ceil((1 - left) / a_second))
        self._buckets[holder] = (left - 1, now)
