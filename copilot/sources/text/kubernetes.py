"""What kubectl prints of a pod that does not run: describe, events, lists of pods."""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from ._bounds import unstamped
from ._found import Found

TITLE = "Kubernetes output"

_SIGNS = re.compile(
    r"^(?:Name:\s+\S+\n(?:.*\n){0,12}?(?:Namespace|Priority|Node|Containers):|NAME\s+READY\s+STATUS\s+RESTARTS"
    r"|LAST SEEN\s+TYPE\s+REASON\s+OBJECT|Events:\s*$|\s+(?:Last )?State:\s+(?:Waiting|Terminated))"
    r"|\bCrashLoopBackOff\b|\bOOMKilled\b|\b(?:Err)?ImagePull(?:BackOff)?\b|\bError from server \("
    r"|\bWarning\s{2,}[A-Z]\w+\s{2,}(?:pod|job|deployment|node|statefulset)/",
    re.MULTILINE,
)
#: One of these is in every such text, and they are found faster.
_WORDS = (
    "Name:",
    "Warning  ",
    "READY",
    "LAST SEEN",
    "Events:",
    "State:",
    "CrashLoopBackOff",
    "OOMKilled",
    "ImagePull",
    "Error from server (",
)
_NAME = re.compile(r"^Name:\s+(?P<name>\S+)", re.MULTILINE)
_CONTAINER = re.compile(r"^  (?P<name>[a-z0-9][\w.-]{0,100}):$")
#: What follows the containers.
_SECTIONS = ("Events:", "Conditions:", "Volumes:")
_FIELD = re.compile(
    r"^\s+(?P<field>State|Last State|Reason|Exit Code|Message|Restart Count):\s*(?P<value>.*)$"
)
_EVENT = re.compile(
    r"^\s+Warning\s+(?P<reason>[A-Z]\w+)\s+\S.*?\s{2,}(?P<from>[\w.,/ -]+?)\s{2,}(?P<words>\S.*)$"
)
_LISTED_EVENT = re.compile(
    r"^(?:\S+\s+)?(?:\S+(?: ago| \(x\d+ over \S+\))?)\s+Warning\s+(?P<reason>[A-Z]\w+)\s+(?P<object>\S+/\S+)\s+(?P<words>\S.*)$"
)
_POD_LINE = re.compile(
    r"^(?:[a-z0-9][\w.-]{0,62}\s+)?(?P<pod>[a-z0-9][\w.-]{2,253})\s+\d+/\d+\s+(?P<status>[A-Z][\w:]+)\s+\d+"
)
#: A container's exit code, and its line with the blanks it has: what is quoted must stand in the text.
_EXIT = "Exit Code"
_AS_WRITTEN = "as written"
_HEALTHY = frozenset({"Running", "Completed", "Succeeded", "Terminating", "ContainerCreating"})
#: What says least: that something is tried again.
_AGAIN = frozenset({"BackOff", "CrashLoopBackOff", "Error", "Killing", "Pending"})
_SERVER = re.compile(r"Error from server \((?P<reason>\w+)\): (?P<words>.+)")


def recognise(text: str) -> int:
    return 80 if any(map(text.__contains__, _WORDS)) and _SIGNS.search(text) else 0


def read(text: str) -> list[Found]:
    lines = unstamped(text).split("\n")
    found = [*_described(lines), *_listed_events(lines), *_listed_pods(lines), *_refused(lines)]
    if not found and (
        hit := re.search(
            r".*\b(?:CrashLoopBackOff|OOMKilled|ImagePullBackOff|ErrImagePull)\b.*", text
        )
    ):
        found = [Found(message=hit[0].strip(), unit="pod", inside=text)]
    telling = [one for one in found if not _is_again(one)]
    told = {_pod(one) for one in telling}
    pods = {pod for pod, _ in told}
    return [one for one in found if not _is_again(one) or not _is_explained(_pod(one), told, pods)]


def _is_again(found: Found) -> bool:
    return (found.error_type or "") in _AGAIN


def _pod(found: Found) -> tuple[str, str]:
    """The pod of *found* and its container; '' where it is said of none."""
    pod, _, container = (found.step or "").partition(" > ")
    return pod.rpartition("/")[2], container


def _is_explained(again: tuple[str, str], told: Set[tuple[str, str]], pods: Set[str]) -> bool:
    """Whether something better is told of the same pod, and not only of another container."""
    pod, container = again
    return pod in pods if not container else bool({again, (pod, "")} & told)


def _described(lines: Sequence[str]) -> Iterator[Found]:
    """From `kubectl describe pod`: how each container ended, then the warnings."""
    starts = [at for at, line in enumerate(lines) if _NAME.match(line)]
    if not starts:
        starts = [0] if any(line.strip() == "Events:" for line in lines) else []
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        name = _NAME.match(lines[start])
        pod = name["name"] if name else None
        block = range(start, end)
        yield from _containers(lines, block, pod)
        yield from _events(lines, block, pod)


def _containers(lines: Sequence[str], block: range, pod: str | None) -> Iterator[Found]:
    container: str | None = None
    told: list[tuple[str, str]] = []
    start = last = block.start
    for at in [*block, block.stop]:
        line = lines[at] if at < block.stop else "Events:"
        head = _CONTAINER.match(line)
        hit = _FIELD.match(line)
        if head or line.startswith(_SECTIONS):
            for found in _ended(pod, container, told):
                yield replace(found, lines=range(start, last + 1))
            container, told, start = (head["name"] if head else None), [], at
        elif hit:
            last = at
            told.append((hit["field"], hit["value"].strip()))
            if hit["field"] == _EXIT:
                told.append((_AS_WRITTEN, line.strip()))


def _ended(
    pod: str | None, container: str | None, told: Sequence[tuple[str, str]]
) -> Iterator[Found]:
    """How a container ended: the last state tells more than that it is started again."""
    states: list[dict[str, str]] = []
    for name, value in told:
        if name in {"State", "Last State"}:
            states.append({"State": value})
        elif states:
            states[-1].setdefault(name, value)
    bad = [one for one in states if "Reason" in one and one["Reason"] != "Completed"]
    bad.sort(key=lambda one: one["Reason"] in _AGAIN and one["State"] != "Terminated")
    if not bad:
        return
    best = bad[0]
    words = [best["Reason"]]
    if _AS_WRITTEN in best:
        words.append(f"({best[_AS_WRITTEN]})")
    message = " ".join(words) + (f": {best['Message']}" if best.get("Message") else "")
    again = [one["Reason"] for one in states if one.get("Reason") == "CrashLoopBackOff"]
    message += ", CrashLoopBackOff" if again and "CrashLoopBackOff" not in message else ""
    where = f"{pod} > {container}" if pod and container else pod or container
    yield Found(message=message, error_type=best["Reason"], unit="pod", step=where)


def _events(lines: Sequence[str], block: range, pod: str | None) -> Iterator[Found]:
    for at in block:
        if hit := _EVENT.match(lines[at]):
            yield _pod_failure(_with_reason(hit), hit["reason"], pod, at)


def _pod_failure(message: str, reason: str, pod: str | None, at: int) -> Found:
    return Found(message=message, error_type=reason, unit="pod", step=pod, lines=range(at, at + 1))


def _with_reason(hit: re.Match[str]) -> str:
    words = hit["words"].strip()
    return words if words.startswith(hit["reason"]) else f"{hit['reason']}: {words}"


def _listed_events(lines: Sequence[str]) -> Iterator[Found]:
    for at, line in enumerate(lines):
        if hit := _LISTED_EVENT.match(line):
            yield _pod_failure(_with_reason(hit), hit["reason"], hit["object"], at)


def _listed_pods(lines: Sequence[str]) -> Iterator[Found]:
    for at, line in enumerate(lines):
        hit = _POD_LINE.match(line)
        if hit and hit["status"] not in _HEALTHY:
            yield _pod_failure(hit["status"], hit["status"], hit["pod"], at)


def _refused(lines: Sequence[str]) -> Iterator[Found]:
    for at, line in enumerate(lines):
        if hit := _SERVER.search(line):
            yield Found(message=hit[0], error_type=hit["reason"], lines=range(at, at + 1))
