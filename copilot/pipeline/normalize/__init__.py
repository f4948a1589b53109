"""The first stage: an error text becomes a key that is the same for the same failure.

    >>> normalize("Template 'Outbound v3' not found").key
    'template <*> not found'

The same text gives the same signature on every machine and Python version, whatever was seen
before: there is nothing to train and nothing that drifts. What changes the remedy stays in the
key (exception class, HTTP status, errno name, SQLSTATE, provider code, JSON keys); what does not
is masked and kept beside it.
"""

import re
from collections.abc import Mapping, Sequence

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.angles import mask_angles
from copilot.pipeline.normalize.bounds import clean
from copilot.pipeline.normalize.layouts import mask_layouts
from copilot.pipeline.normalize.quotes import mask_quotes
from copilot.pipeline.normalize.recipes import look_up, work_out
from copilot.pipeline.normalize.render import render, sign
from copilot.pipeline.normalize.shapes import shape_of
from copilot.pipeline.normalize.structure import Dissected, dissect, last_class
from copilot.types import Entity, Normalized

__all__ = ["normalize"]

_LONGEST_TEMPLATE = 8000
_KEPT = re.compile(f"{marks.KEPT}([0-9]+){marks.KEPT}")


def normalize(
    message: str,
    *,
    error_type: str | None = None,
    traceback: str | None = None,
    fingerprint: str | None = None,
    keep: Sequence[str] = (),
) -> Normalized:
    """The signature, key, label, exemplar, entities and facets of an error text.

    *message* may be any text, a whole log excerpt or traceback included; it never raises and looks
    at 64 K characters at most. *error_type* is the exception class if known, dotted or not: given
    here, in the message, or in both gives the same signature. *traceback* adds facets, and
    stands in for an empty message. *fingerprint*, when not blank, alone decides the signature.
    *keep* are regular expressions whose matches stay unmasked, such as a tenant's id; a pattern
    that isn't one raises `re.error`.
    """
    error = _effective_error(message, error_type, traceback)
    kept: list[str] = []
    text = error.message[:_LONGEST_TEMPLATE]
    if keep:
        text = _set_aside(text, keep, kept)
    layouts: list[Entity] = []
    spans: list[str] = []
    text = mask_quotes(mask_layouts(text, layouts), spans)
    if "<" in text:
        text, spans = mask_angles(text, spans)
    shape, values = shape_of(text)
    kinds = tuple([entity.kind for entity in layouts]) if layouts else ()
    if kept:
        recipe = work_out(error.exception, shape, kinds)
        rendered = render(error.exception, _restore(recipe.template, kept))
    else:
        recipe, rendered = look_up(error.exception, shape, kinds)
    entities = recipe.filled(values, spans, layouts)
    if kept:
        entities = tuple(Entity(part.kind, _restore(part.value, kept)) for part in entities)
    return Normalized(
        signature=_signature(rendered.signature, fingerprint),
        key=rendered.key,
        label=rendered.label,
        exemplar=rendered.exemplar,
        entities=entities,
        facets=_facets(rendered.facets, error, recipe.exit_code),
    )


def _effective_error(message: str, error_type: str | None, traceback: str | None) -> Dissected:
    found = dissect(clean(message))
    given = last_class(clean(error_type)) if error_type else ""
    if traceback:
        found = _with_traceback(found, dissect(clean(traceback)))
    if not given or given == found.exception:
        return found
    words = f"{found.exception}: {found.message}" if found.exception else found.message
    return Dissected(given, words.strip().removesuffix(":"), found.crash_frame, found.outer)


def _with_traceback(found: Dissected, raised: Dissected) -> Dissected:
    if not found.exception and not found.message:
        return raised
    exception = found.exception
    if not exception and raised.message == found.message:
        exception = raised.exception
    return Dissected(exception, found.message, found.crash_frame or raised.crash_frame, found.outer)


def _set_aside(text: str, keep: Sequence[str], kept: list[str]) -> str:
    """*text* with every match of *keep* replaced by a tag, and the matches in *kept*."""
    spans = sorted(m.span() for pattern in keep for m in re.finditer(pattern, text) if m[0])
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        if start >= position:
            pieces += [text[position:start], f"{marks.KEPT}{len(kept)}{marks.KEPT}"]
            kept.append(text[start:end])
            position = end
    return "".join([*pieces, text[position:]])


def _restore(text: str, kept: Sequence[str]) -> str:
    return _KEPT.sub(lambda match: kept[int(match[1])], text)


def _signature(read: str, fingerprint: str | None) -> str:
    if fingerprint is None or not fingerprint.strip():
        return read
    return sign("fingerprint", "", fingerprint.strip())


def _facets(shared: Mapping[str, str], error: Dissected, exit_code: str) -> Mapping[str, str]:
    if not (exit_code or error.crash_frame or error.outer):
        return shared
    own = {"exit_code": exit_code, "crash_frame": error.crash_frame, "outer": error.outer}
    return {**shared, **{name: value for name, value in own.items() if value}}
