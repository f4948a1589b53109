"""Words that only say that something failed, put around the error that says what."""

import re

LONGEST = 2_000

_THING = (
    r"(?:step|task|node|activity|job|stage|action|execution|workflow|run|flow|agent|pipeline|"
    r"operation|process|command|graph|chain|tool|function|request|dag)"
)
_NAMED = r"(?:\s{1,2}(?:[\"'`][^\"'`\n]{1,80}[\"'`]|#?\d{1,6}|[\w./-]{1,60}))?"
_FAILED = (
    r"(?:\s{1,2}(?:execution|run|run execution))?\s{1,2}(?:has\s|was\s)?"
    r"(?:failed|errored|aborted|error|exception|crashed|terminated|stopped)"
    r"(?:\s(?:with|due to|because of)(?:\s(?:an?|the|following|unhandled))?"
    r"(?:\s(?:exception|error|errors))?)?"
)
_LEVEL = r"(?:\[?(?:error|critical|fatal)\]?\s?[:-]\s{1,3})?"
_BEFORE = re.compile(
    rf"\s{{0,8}}{_LEVEL}(?:(?:the|your|one|an?)\s)?{_THING}{_NAMED}{_FAILED}\s?(?:[:.;,-]|$)\s{{0,3}}",
    re.IGNORECASE,
)
#: All there is to say of a process that ended, of a group of tasks, of retries that were used up.
_NOTHING_MORE = re.compile(
    r"""(?: (?:the\ |airflow\ )?(?:task|process|command|job|worker|container|script|it|step|program)?
            .{0,120}? \b(?:exited|exit|returned|terminated|failed|died|completed)\b
            .{0,30}? \b(?:return\ code|exit\ code|exit\ status|code|status)\ ?[:=]?\ ?-?[1-9]\d?
          | unhandled\ errors\ in\ a\ taskgroup .{0,40}
          | (?:\w{0,40}exceptiongroup:\ )? .{0,60} \(\d{1,4}\ sub-exceptions?\)
          | retryerror\[ .{0,200}
          | <future\ at\ .{0,120} \ raised\ \w{1,80}>
          | (?:an?\ )?(?:unexpected\ |unhandled\ |unknown\ |internal\ )?(?:error|exception|failure)
            (?:\ (?:has\ )?occurr?ed)?
          | (?:something|it)\ (?:went\ wrong|failed)
          | (?:one\ or\ more|some|multiple|several)\ (?:errors|exceptions|steps|tasks|nodes)\ (?:occurr?ed|failed)
            .{0,40}
          | \d{1,6}\ (?:of\ \d{1,6}\ )?(?:steps?|tasks?|nodes?|jobs?|activities)\ (?:have\ |has\ )?failed
          | (?:maximum|max)\ (?:number\ of\ )?(?:retries|attempts)\ (?:reached|exceeded|exhausted)
          | (?:all\ )?(?:retries|attempts)\ (?:were\ |are\ )?(?:failed|exhausted)
          | see\ (?:the\ )?(?:inner|logs?)\b .{0,60}
          | none | null | undefined
        )? [\s.!:;]{0,4}""",
    re.IGNORECASE | re.VERBOSE,
)
_RAISED = re.compile(r"retryerror\[.{0,200}?\braised\s(\w{1,80})", re.IGNORECASE)


def inner_start(message: str) -> int:
    """Where in *message* the wrapped error begins: 0 when nothing is put around it."""
    start = 0
    for _ in range(4):
        found = _BEFORE.match(message, start, start + LONGEST)
        if found is None or found.end() == start:
            return start
        start = found.end()
    return start


def is_empty(message: str) -> bool:
    """Whether *message*, without what is put around it, does not say what went wrong."""
    start = inner_start(message)
    rest = message[start : start + LONGEST]
    return _NOTHING_MORE.fullmatch(rest.strip()) is not None


def raised_inside(message: str) -> str | None:
    """The class that tenacity's RetryError says was raised last."""
    found = _RAISED.search(message[:LONGEST])
    return found[1] if found else None
