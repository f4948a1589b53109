"""A first wording for a template that does not exist yet, from what the workspace has."""

from ...errors import InvalidFix
from ...fixes import parse
from ...fixes.create_template import VALUES, CreateTemplate, placeholders
from ...names import candidates, words_of
from .scene import Scene, shown

_WHOM = ("first_name", "firstname", "first name", "name", "full name", "full_name", "contact")


def draft(scene: Scene, name: str) -> tuple[CreateTemplate, str] | None:
    """A template called *name* and where its wording comes from; None when it can't be one.

    A copy of the template whose name is closest, as long as the step fills its placeholders; else
    a greeting and the values that the step hands over, which somebody has to read first.
    """
    values = _values(scene)
    for source in candidates(name, scene.templates):
        copied = _template(name, *scene.templates[source])
        if copied is not None and _is_filled(scene, copied, values):
            return copied, f", as a copy of {shown(source)}"
    written = _template(name, _subject(name), _body(values))
    return (written, " with a first wording, to be read and reworded") if written else None


def _template(name: str, subject: object, body: object) -> CreateTemplate | None:
    try:
        fix = parse({"type": "create_template", "name": name, "subject": subject, "body": body})
    except InvalidFix:
        return None
    return fix if isinstance(fix, CreateTemplate) else None


def _is_filled(scene: Scene, template: CreateTemplate, values: tuple[str, ...]) -> bool:
    """Whether the step has a value for every placeholder, as far as can be known: rows may."""
    return scene.parameter("rows") is not None or set(template.placeholders) <= set(values)


def _values(scene: Scene) -> tuple[str, ...]:
    """Names the failed step surely has values for: its own, and columns its address line uses."""
    given = scene.parameter(*VALUES)
    line = scene.parameter("to")
    of_rows = placeholders(line) if isinstance(line, str) else ()
    return tuple(dict.fromkeys((*(given if isinstance(given, dict) else ()), *of_rows)))


def _subject(name: str) -> str:
    return " ".join(name.replace("_", " ").split())


def _body(values: tuple[str, ...]) -> str:
    """A greeting, and a line for every value but addresses."""
    by_folded = {name.casefold(): name for name in values}
    whom = next((by_folded[name] for name in _WHOM if name in by_folded), None)
    told = [name for name in values if name != whom and "email" not in words_of(name)]
    lines = [f"{' '.join(words_of(name)).capitalize()}: {{{name}}}" for name in told]
    greeting = f"Hello {{{whom}}}," if whom else "Hello,"
    return "\n".join(
        [greeting, "", *(lines or ["this message is for you."]), "", "Kind regards", ""]
    )
