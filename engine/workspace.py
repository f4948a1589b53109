"""What a run may name: templates, custom fields, integrations and documents of its workspace."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

LONGEST_NAME = 200
#: What the values of a custom field may be.
FIELD_TYPES = ("text", "number", "date")

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class ResourceKind(StrEnum):
    TEMPLATE = "template"
    CUSTOM_FIELD = "custom_field"
    INTEGRATION = "integration"
    DOCUMENT = "document"


class _Resource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Template(_Resource):
    """A message with placeholders, `{name}` or `{{ name }}`."""

    subject: str = Field(default="", max_length=1000)
    body: str = Field(max_length=200_000)
    description: str = ""
    usage_count: int = Field(default=0, ge=0)


class CustomField(_Resource):
    """`type` is one of `FIELD_TYPES`, unless it was stored before there were any."""

    label: str = ""
    type: str = "text"


class Integration(_Resource):
    """An account; `settings` hold no secret, only names of secrets."""

    type: str
    connected: bool = True
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])


class Document(_Resource):
    """A file in the workspace's folder; `path` is relative to it."""

    path: str


Resource = Template | CustomField | Integration | Document

MODELS: Mapping[ResourceKind, type[Resource]] = {
    ResourceKind.TEMPLATE: Template,
    ResourceKind.CUSTOM_FIELD: CustomField,
    ResourceKind.INTEGRATION: Integration,
    ResourceKind.DOCUMENT: Document,
}


class StoredResource(BaseModel):
    """One resource as a workspace keeps it; `content` is plain data, defaults included."""

    model_config = ConfigDict(frozen=True)

    kind: ResourceKind
    name: Name
    version: int = Field(ge=1)
    content: dict[str, JsonValue]
    updated_at: AwareDatetime


class Resources(BaseModel):
    """Everything a workspace has, by kind and name, as one frozen value for one run."""

    model_config = ConfigDict(frozen=True)

    templates: dict[str, Template] = Field(default_factory=dict[str, Template])
    custom_fields: dict[str, CustomField] = Field(default_factory=dict[str, CustomField])
    integrations: dict[str, Integration] = Field(default_factory=dict[str, Integration])
    documents: dict[str, Document] = Field(default_factory=dict[str, Document])


def leads_inside(path: str) -> bool:
    """Whether *path*, as it is written, leads below the folder it is relative to.

    No absolute path does, none with `..`, a backslash or a drive letter, and no empty one.
    """
    relative = PurePosixPath(path)
    odd = "\\" in path or ":" in path or not path.isprintable()
    return bool(relative.parts) and not (odd or relative.is_absolute() or ".." in relative.parts)
