"""Exactly what a fix would change or do, as a text a person can approve."""

import difflib
import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache

from pydantic import JsonValue

from ..characters import escape_hidden
from ..fixes import Action, Change, Fix, type_of
from ..snapshot import Snapshot, Standing, canonical_yaml
from ..types import Preview

NOWHERE = "/dev/null"
#: Parts that are kept at hand as YAML: a fix is shown, approved and applied on the same ones.
MOST_PARTS = 128


def preview(fix: Change, *, fix_id: str, base: Snapshot) -> tuple[Preview, Snapshot]:
    """What *fix* makes of *base*: the preview and the changed snapshot.

    The preview's digest is over the fix, the base and the diff, so an approval that names it can
    only mean this change of this version. Raises `InvalidFix` when the fix does not fit *base*.
    """
    changed = fix.apply(base)
    diff = unified_diff(base, changed)
    shown = Preview(
        fix_id=fix_id,
        fix_type=type_of(fix),
        base_version=base.version,
        base_digest=base.digest,
        diff=diff,
        summary=escape_hidden(fix.summary(base)),
        digest=approval_digest(fix, base_digest=base.digest, diff=diff),
    )
    return shown, changed


def preview_action(
    action: Action, *, fix_id: str, base: Snapshot, standing: Standing
) -> tuple[Preview, Snapshot]:
    """What *action* does as things stand: the preview, and *base* with what is to be done.

    In the place of a diff it has sentences, the inverse among them; its digest is made the same
    way, over what the action goes by as well. Raises `InvalidFix` where it could do nothing now.
    """
    action.check(standing)
    decided = base.model_copy(
        update={"standing": action.concerns(standing), "deed": action.deed(standing)}
    )
    base_digest = decided.model_copy(update={"deed": None}).digest
    diff = escape_hidden("".join(f"{line}\n" for line in (*action.told(standing), *_back(action))))
    shown = Preview(
        fix_id=fix_id,
        fix_type=type_of(action),
        kind="hand_over" if action.by_hand else "action",
        base_version=base.version,
        base_digest=base_digest,
        diff=diff,
        summary=escape_hidden(action.summary(standing)),
        digest=approval_digest(action, base_digest=base_digest, diff=diff),
    )
    return shown, decided


def _back(action: Action) -> Iterator[str]:
    """How it is taken back; nothing is said of what we do not do."""
    if action.inverse is not None:
        yield f"It can be taken back: {action.inverse}."
    elif not action.by_hand:
        yield "It can't be taken back."


def approval_digest(fix: Fix, *, base_digest: str, diff: str) -> str:
    """SHA-256 over the canonical fix, the digest of its base and the diff that was shown."""
    content = [fix.model_dump(mode="json"), base_digest, diff]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def unified_diff(base: Snapshot, changed: Snapshot) -> str:
    """All parts that differ, in the order of their names; empty when none does.

    Hidden characters, in lines of context too, are written as escapes: who approves a diff must
    see all of it.
    """
    before, after = base.parts(), changed.parts()
    names = sorted(before.keys() | after.keys())
    lines = [
        line
        for name in names
        if before.get(name) != after.get(name)
        for line in _part(name, _text(before.get(name)), _text(after.get(name)))
    ]
    return escape_hidden("".join(f"{line}\n" for line in lines))


def _part(name: str, old: str | None, new: str | None) -> Iterator[str]:
    shown = _on_one_line(name)
    return difflib.unified_diff(
        _lines(old),
        _lines(new),
        fromfile=NOWHERE if old is None else f"a/{shown}",
        tofile=NOWHERE if new is None else f"b/{shown}",
        lineterm="",
    )


def _text(part: dict[str, JsonValue] | None) -> str | None:
    return None if part is None else _yaml(json.dumps(part))


@lru_cache(MOST_PARTS)
def _yaml(part: str) -> str:
    """Of a part as JSON text."""
    return canonical_yaml(json.loads(part))


def _lines(text: str | None) -> list[str]:
    r"""Lines as a file has them: only `\n` ends one, whatever else Unicode says."""
    return (text or "").removesuffix("\n").split("\n") if text else []


def _on_one_line(name: str) -> str:
    """A part's name; in quotes with escapes when it has line breaks or tabs, as git writes it."""
    return (
        json.dumps(name, ensure_ascii=False) if any(char in name for char in "\n\r\t\\") else name
    )
