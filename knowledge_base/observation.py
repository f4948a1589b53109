"""What can be read off an error without knowing any entry: its words, and facts such as its status."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

HEAD = 16_384
TAIL = 8_192
MAX_LINES = 40
MAX_LINE = 2_000

_HIDDEN = re.compile(
    r"\x1b\[[0-9;?]{0,20}[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[a-z_][a-z0-9_]{2,79}")
_VALUE = re.compile(
    r"""["']?\b(?:code|type|status|reason|error|errors|error_?code|error_?type|name|__type|category|title)
        \\?["']?\s{0,3}[:=]\s{0,3}\\?["']?([a-z][a-z0-9_.-]{2,60})\b
      | statuscode\.([a-z_]{4,30}) | \(([a-z_]{4,30})\)\ when\ calling | \b[45]\d\d\s{1,2}([a-z_]{4,30})\b""",
    re.VERBOSE,
)
_STATUS = re.compile(
    r"""(?:\b(?:status(?:[\ _]?code)?(?:\ of)?|http(?:\ error|\ status|\ code|/[\d.]{1,3})?|
            error[\ _]?code|code|response|returned|responded\ with|got|failed\ with|error)
        \\?["']?\s{0,2}[:=]?\s{0,2}[("'\[]{0,2}([1-5]\d\d)(?![\d.,:]\d|\d|\ ?(?:ms|s\b|sec|tokens|bytes|rows|items)))
      | (?:^|[\s(\["'])([45]\d\d)(?=\s(?:client\ error|server\ error|bad\ request|unauthorized|payment|forbidden|
            not\ found|method\ not|request\ timeout|conflict|gone|precondition|payload|request\ entity|
            unprocessable|too\ many|internal|not\ implemented|bad\ gateway|service|gateway|
            resource_exhausted|unavailable|invalid_argument|permission_denied|unauthenticated)|\s?[-:]\s|\)|\])
      | \.\w{4,40}:\s([45]\d\d)\s(?=[a-z]) | (?:error|exception)\(([45]\d\d),\s""",
    re.VERBOSE,
)
_STATUS_OF_KIND = re.compile(r"\b[45]\d\d\b")
_SQLSTATE = re.compile(r"(?:sqlstate|code|pgcode)\W{0,5}([0-9a-z]{5})\b|\[([0-9a-z]{5})\]")
_ERRNO = re.compile(
    r"(?:\(|errno:? |error |error:? |code:? |\[)(\d{4,6})[,):\] ]"
    r"|\(#(\d{1,7})\)|code\\?[\"']\s?[:=]\s?\\?[\"']?(\d{1,7})\b|(?:^|\n)(\d{3}) - |\b(13[0-3]\d{3})\b"
    r"|\bmsg (\d{3,6}),|\((\d{3,6})\) \(sql|\(([1-9]\d{2}), b?[\"']|\b(\d{6}) \("
)
_OS = re.compile(r"\[errno (-?\d{1,3})\]|\bos error (\d{1,3})\)|\[(winerror \d{1,5})\]")
_CODE = re.compile(r"\b([a-z]{2,6}-\d{3,6})\b")
_SMTP = re.compile(
    r"\b([45]\d\d)[ -]{1,2}#?([45]\.\d{1,3}\.\d{1,3})\b|\b(5[0-9]{2}|4[0-9]{2}), ?b?['\"]"
)
_FRAME = re.compile(r"\s+(?:at |File \"|\.\.\. |\^|~)|\s{4,}|Traceback \(|goroutine |\s*$")
_PYTHON_FRAME = re.compile(r'^\s{1,8}file "([^"\n]{1,300})", line \d', re.MULTILINE)
_LIBRARY = re.compile(r"[/\\](?:site|dist)-packages[/\\]")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Observation:
    """One failure as the knowledge base sees it.

    text: the message, which ends at message_end; the exception's class where the message does not
    name it, to type_end; then the exception lines of the traceback. lower: the same in lower case,
    at the same offsets. trace: the traceback with its frames, in lower case, the message too where
    it holds frames. facts: 'status:429' or 'name:keyerror' to the offset where it stands, -1 when
    it comes from the exception's class.
    """

    text: str
    lower: str
    message_end: int
    type_end: int
    action: str
    trace: str
    error_type: str
    facts: Mapping[str, int]


def observe(
    *, message: str, error_type: str | None, traceback: str | None, step_action: str | None
) -> Observation:
    """Read one failure. Total on any text, and linear in at most 64 KB of it."""
    head = clean(clip(message))
    kind = clean((error_type or "")[:200])
    trace = clean(clip(traceback or ""))
    named = [kind] if kind and kind not in head else []
    text = "\n".join([head, *named, *_exception_lines(trace, head)])
    lower = _lowered(text)
    frames = trace.lower()
    if not frames or _PYTHON_FRAME.search(lower, 0, len(head)):
        frames = f"{lower[: len(head)]}\n{frames}"
    return Observation(
        text=text,
        lower=lower,
        message_end=len(head),
        type_end=len(head) + sum(1 + len(name) for name in named),
        action=clean((step_action or "")[:500]).lower(),
        trace=frames,
        error_type=kind,
        facts=dict([*_facts(lower, kind.lower()), *_raised_in(frames)]),
    )


def clip(text: str) -> str:
    """The head and the tail: what failed stands at one of them."""
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]}\n…\n{text[-TAIL:]}"


def clean(text: str) -> str:
    """Without control and invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATE.sub("\ufffd", _HIDDEN.sub("", text))


def _lowered(text: str) -> str:
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _exception_lines(traceback: str, message: str) -> list[str]:
    """What the traceback says besides frames and source lines, newest last, message left out."""
    if not traceback:
        return []
    lines = [
        line[:MAX_LINE]
        for line in traceback.splitlines()
        if not _FRAME.match(line) and line.strip() not in message
    ]
    return lines[-MAX_LINES:]


def _facts(lower: str, kind: str) -> Iterator[tuple[str, int]]:
    for found in _NAME.finditer(lower):
        yield f"name:{found[0]}", found.start()
    for name in _NAME.findall(kind):
        yield f"name:{name}", -1
        yield f"value:{name}", -1
    for found in _STATUS_OF_KIND.finditer(kind):
        yield f"status:{found[0]}", -1
    yield from _positioned("value", _VALUE, lower)
    if not _DIGIT.search(lower):
        return
    yield from _positioned("status", _STATUS, lower)
    for state, position in _positioned("sqlstate", _SQLSTATE, lower):
        yield state, position
        yield state[: len("sqlstate:") + 2], position
    yield from _positioned("code", _CODE, lower)
    yield from _positioned("os", _OS, lower)
    yield from _positioned("errno", _ERRNO, lower)
    for found in _SMTP.finditer(lower):
        yield from ((f"smtp:{part}", found.start()) for part in found.groups() if part)


def _raised_in(frames: str) -> Iterator[tuple[str, int]]:
    """Whether a library raised it: then its versions, or what it was handed, do not fit."""
    places = _PYTHON_FRAME.findall(frames)
    if places and _LIBRARY.search(places[-1]):
        yield "raised:library", -1


def _positioned(kind: str, what: re.Pattern[str], lower: str) -> Iterator[tuple[str, int]]:
    for found in what.finditer(lower):
        value = next((group for group in found.groups() if group), None)
        if value:
            yield f"{kind}:{value}", found.start()
