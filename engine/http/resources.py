"""Templates, custom fields, integrations and documents of a workspace."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, ConfigDict, JsonValue

from ..errors import InvalidParameters
from ..workspace import ResourceKind, StoredResource
from .conditions import etag, expected_version
from .fields import STORABLE, Asking, Body, Kind

router = APIRouter(prefix="/resources", tags=["resources"])

#: A name may hold a slash.
Name = Annotated[str, Path(pattern=STORABLE, max_length=200)]
IfMatch = Annotated[str | None, Header(description="Only if this is still the version.")]
IfNoneMatch = Annotated[str | None, Header(description="* to make one that is not there yet.")]


class ResourceContent(Body):
    """What is stored under the name; its fields depend on the kind."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"content": {"subject": "Welcome", "body": "Hello {name}"}}]
        }
    )

    content: dict[str, JsonValue]


class ResourceList(BaseModel):
    resources: list[StoredResource]


@router.get("")
def list_resources(asking: Asking, kind: ResourceKind | None = None) -> ResourceList:
    """All of them, or those of one kind."""
    return ResourceList(resources=list(asking.resources.list(kind)))


@router.get("/{kind}/{name:path}")
def get_resource(kind: Kind, name: Name, asking: Asking, response: Response) -> StoredResource:
    """One with its content; its ETag is what If-Match wants."""
    return _tagged(asking.resources.get(kind, name), response)


@router.put("/{kind}/{name:path}")
def put_resource(
    kind: Kind,
    name: Name,
    body: ResourceContent,
    asking: Asking,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> StoredResource:
    """Store it, new or over what there is, under the conditions given."""
    expected = _condition(kind, name, asking, if_match)
    if if_none_match is not None:
        if if_none_match.strip() != "*" or if_match is not None:
            raise InvalidParameters(
                "If-None-Match is * and stands alone.", parameter="If-None-Match"
            )
        expected = 0
    stored = asking.resources.put(kind, name, body.content, expected_version=expected)
    return _tagged(stored, response)


@router.delete("/{kind}/{name:path}", status_code=204)
def delete_resource(kind: Kind, name: Name, asking: Asking, if_match: IfMatch = None) -> None:
    """Take it away. Steps that name it fail from then on."""
    asking.resources.delete(kind, name, expected_version=_condition(kind, name, asking, if_match))


def _condition(kind: ResourceKind, name: str, asking: Asking, if_match: str | None) -> int | None:
    """`*` means that it must be there. Raises `NotFound`."""
    newest = None
    if if_match is not None and if_match.strip() == "*":
        newest = asking.resources.get(kind, name).version
    return expected_version(if_match, newest=newest)


def _tagged(stored: StoredResource, response: Response) -> StoredResource:
    response.headers["ETag"] = etag(stored.version)
    return stored
