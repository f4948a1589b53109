"""What a run may name: templates, custom fields, integrations and documents of its workspace."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

Name = Annotated[str, Field(min_length=1, max_length=200)]


class ResourceKind(StrEnum):
    TEMPLATE = "template"
    CUSTOM_FIELD = "custom_field"
    INTEGRATION = "integration"
    DOCUMENT = "document"


class _Resource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Template(_Resource):
    """A message with `{name}` placeholders."""

    subject: str = Field(default="", max_length=1000)
    body: str = Field(max_length=200_000)
    description: str = ""
    usage_count: int = Field(default=0, ge=0)


class CustomField(_Resource):
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
