"""Names that people put in quotation marks in their instructions."""

import re

_PAIRS = {"'": "'", '"': '"', "`": "`", "\u2018": "\u2019", "\u201c": "\u201d", "\u00ab": "\u00bb"}
_OPENING = re.escape("".join(_PAIRS))
_CLOSING = re.escape("".join(_PAIRS.values()))


def swap_quoted(text: str, old: str, new: str) -> tuple[str, int]:
    """*text* with *new* for every quoted *old*, and how many there were; the marks stay."""
    count = 0

    def swap(found: re.Match[str]) -> str:
        nonlocal count
        if _PAIRS[found[1]] != found[2]:
            return found[0]
        count += 1
        return f"{found[1]}{new}{found[2]}"

    pattern = rf"(?<!\w)([{_OPENING}]){re.escape(old)}([{_CLOSING}])(?!\w)"
    return re.sub(pattern, swap, text), count


def is_quoted(text: str, name: str) -> bool:
    """Whether *name* stands in quotes in *text*."""
    return swap_quoted(text, name, name)[1] > 0
