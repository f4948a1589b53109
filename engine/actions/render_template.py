"""Fills the placeholders of a message, `{name}` or `{{ name }}`, once or for every row."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..definition.expressions import as_text
from ..definition.suggestions import did_you_mean, near
from ..errors import FieldNotFound, InvalidData, TemplateNotFound
from ..workspace import Template
from . import ActionContext

LARGEST_RESULT = 20_000_000  # characters over all rows
repeatable = True
effect = "computes"

# A letter, then letters, digits, blanks, dots and dashes; so `{ color: red }` stays text.
# Double braces, as in a definition, mean the same: nobody wants one of them in a message.
_NAME = r"[^\W\d_][\w .-]{0,99}"
_PLACEHOLDER = re.compile(rf"\{{\{{ *({_NAME}?) *\}}\}}|\{{({_NAME})\}}")


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    template: str | None = Field(default=None, description="Name of a template of the workspace.")
    subject: str = Field(default="", max_length=1000, description="Instead of a template.")
    body: str | None = Field(default=None, max_length=200_000, description="Instead of a template.")
    to: str | None = Field(default=None, description="Address, such as '{Name} <{Email}>'.")
    values: dict[str, Any] = Field(default_factory=dict[str, Any])
    rows: list[dict[str, Any]] | None = Field(
        default=None, max_length=10_000, description="One message each; a row goes before `values`."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Parameters":
        if (self.template is None) == (self.body is None):
            raise ValueError("give either a template or a body")
        return self


async def run(parameters: Parameters, context: ActionContext) -> Any:
    """A message `{subject, body}` (and `to` if asked for), or with rows a list of them.

    Raises `TemplateNotFound` and `FieldNotFound`, each with what there is.
    """
    template = _template(parameters, context)
    if parameters.rows is None:
        return _message(parameters, template, parameters.values)
    messages: list[dict[str, str]] = []
    total = 0
    for row in parameters.rows:
        message = _message(parameters, template, {**parameters.values, **row})
        total += sum(map(len, message.values()))
        if total > LARGEST_RESULT:
            raise InvalidData(
                "The messages are too large together", kind="size", field="rows", value=total
            )
        messages.append(message)
    return messages


def _template(parameters: Parameters, context: ActionContext) -> Template:
    if parameters.template is None:
        return Template(subject=parameters.subject, body=parameters.body or "")
    templates = context.resources.templates
    found = templates.get(parameters.template)
    if found is None:
        alike = near(parameters.template, templates)
        raise TemplateNotFound(
            f"Email template {parameters.template!r} was not found"
            + ("." + did_you_mean(alike) if alike else ""),
            name=parameters.template,
            available=list(templates),
            near=alike,
        )
    return found


def _message(
    parameters: Parameters, template: Template, values: Mapping[str, Any]
) -> dict[str, str]:
    name = parameters.template
    message = {
        "subject": _filled(template.subject, values, name),
        "body": _filled(template.body, values, name),
    }
    if parameters.to is not None:
        message = {"to": _filled(parameters.to, values, None, part="the address line"), **message}
    return message


def _filled(
    text: str, values: Mapping[str, Any], template: str | None, part: str = "the message"
) -> str:
    """*text* with its placeholders replaced; what is put in is not searched again."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in values:
            raise _missing(name, values, template, part)
        return as_text(values[name])

    return _PLACEHOLDER.sub(value_of, text)


def _missing(
    name: str, values: Mapping[str, Any], template: str | None, part: str
) -> FieldNotFound:
    alike = near(name, values)
    where = f"email template {template!r}" if template else part
    return FieldNotFound(
        f"Field {name!r} used by {where} not found" + ("." + did_you_mean(alike) if alike else ""),
        name=name,
        available=list(values),
        near=alike,
        template=template,
    )
