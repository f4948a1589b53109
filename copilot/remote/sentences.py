"""Errors read back from their words, so that a client raises what the server raised."""

import re
from typing import Any, Generic, TypeVar

E = TypeVar("E", bound=Exception)

#: Numbers and texts that stand for an argument in a sample; no message holds them itself.
_NUMBER = 90_001
_TEXT = "\x00{}\x00"
_SHOWN = {str: "(?P<a{}>.*?)", int: r"(?P<a{}>-?\d+)", float: r"(?P<a{}>-?[\d.e+-]+)"}


class Sentence(Generic[E]):
    """How one class of errors words its arguments, taken from a sample of it.

    Every `str`, `int` or `float` among *arguments* is one that the words show; anything else is the
    argument itself, which they do not show.
    """

    def __init__(self, error: type[E], *arguments: Any) -> None:
        self._error = error
        self._arguments = arguments
        samples = [_sample(one, place) for place, one in enumerate(arguments)]
        pattern = re.escape(str(error(*samples)))
        for place, (one, sample) in enumerate(zip(arguments, samples, strict=True)):
            if one in _SHOWN:
                pattern = pattern.replace(re.escape(str(sample)), _SHOWN[one].format(place))
        self._pattern = re.compile(pattern, re.DOTALL)

    def read(self, words: str) -> E | None:
        """The error that says *words*; None when it does not say it so."""
        found = self._pattern.fullmatch(words)
        if found is None:
            return None
        shown = found.groupdict()
        return self._error(
            *(
                one(shown[f"a{place}"]) if one in _SHOWN else one
                for place, one in enumerate(self._arguments)
            )
        )


def _sample(argument: Any, place: int) -> Any:
    if argument is str:
        return _TEXT.format(place)
    return _NUMBER + place if argument in {int, float} else argument
