"""Two other ways to group by rules: the first draft's, and one large pattern of token classes."""

import re


def three_patterns(message: str) -> str:
    """The rule of the first draft: quoted strings out, digits out, blanks collapsed, lower case."""
    text = re.sub(r"""["'`][^"'`]*["'`]""", "", message)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "", text)).strip().lower()


#: One alternation, the first that matches decides; the class of a match takes its place.
_TOKENS = re.compile(
    r"""
    (?P<email>[\w.%+\-]+@[\w\-]+(?:\.[\w\-]+)+)
  | (?P<url>\b(?:https?|wss?|ftp)://[^\s'"<>]+)
  | (?P<host>\b(?:[\w\-]+\.)+(?:com|net|org|io|dev|app|ai|co|de|fr|uk|us|cloud|local|internal)\b)
  | (?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b)
  | (?P<trace>\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b)
  | (?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)
  | (?P<sha1>\b[0-9a-fA-F]{40}\b)
  | (?P<md5>\b[0-9a-fA-F]{32}\b)
  | (?P<date>\b\d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+\-]\d\d:?\d\d)?\b
      |\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ \d{1,2}\ \w{3}\ \d{4}(?:\ \d\d:\d\d:\d\d)?
      |\b\d{1,2}:\d\d(?::\d\d)?(?:\ ?[AP]M)?\b|datetime\.datetime\([^)]*\))
  | (?P<duration>\b\d+(?:\.\d+)?(?:ms|us|ns|s|m|h)\b)
  | (?P<hex>\b0x[0-9a-fA-F]+\b|\b(?=[a-f]*\d)[0-9a-f]{8,128}\b)
  | (?P<float>[-+]?\b\d+\.\d+\b)
  | (?P<int>[-+]?\b\d+\b)
  | (?P<quoted>=(?:'[^']*'|"[^"]*"))
  | (?P<bool>=(?:[Tt]rue|[Ff]alse)\b)
    """,
    re.VERBOSE,
)


def one_pattern(message: str) -> str:
    """What error trackers do where there is no stack trace: the first two lines, classes masked."""
    lines = [line for line in message.splitlines() if line.strip()]
    return _TOKENS.sub(lambda match: f"<{match.lastgroup}>", "\n".join(lines[:2]))
