"""What a fix may look at and change: one workflow version and the resources it names, as plain data."""

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue

ResourceKind: TypeAlias = Literal["template", "custom_field", "integration", "document"]

WORKFLOW_PART = "workflow.yaml"


class Snapshot(BaseModel):
    """A workflow definition with the workspace resources around it, versioned.

    Plain JSON values only, so that fixes need no engine. A snapshot is a value: `evolve` gives a
    changed copy, nothing edits one in place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: str
    workflow_id: str
    version: int = Field(ge=1, description="Version of the workflow definition.")
    definition: dict[str, JsonValue]
    resources: dict[ResourceKind, dict[str, dict[str, JsonValue]]] = Field(
        default_factory=dict[ResourceKind, dict[str, dict[str, JsonValue]]],
        description="Kind, then name, then content: resources['template']['Outbound v3'].",
    )
    resource_versions: dict[str, int] = Field(
        default_factory=dict[str, int], description="'template/Outbound v3' to its version."
    )

    def evolve(
        self,
        *,
        definition: Mapping[str, JsonValue] | None = None,
        resource: tuple[ResourceKind, str, Mapping[str, JsonValue]] | None = None,
    ) -> "Snapshot":
        """A copy with another definition, or with one resource added or replaced."""
        resources = copy.deepcopy(self.resources)
        if resource is not None:
            kind, name, content = resource
            resources.setdefault(kind, {})[name] = dict(content)
        return self.model_copy(
            update={
                "definition": copy.deepcopy(
                    dict(self.definition if definition is None else definition)
                ),
                "resources": resources,
            }
        )

    def parts(self) -> dict[str, dict[str, JsonValue]]:
        """Every part a fix can touch, keyed by a file-like name; see `canonical_yaml`."""
        found = {WORKFLOW_PART: self.definition}
        for kind, named in sorted(self.resources.items()):
            for name, content in sorted(named.items()):
                found[f"{kind}s/{name}.yaml"] = content
        return found

    @property
    def digest(self) -> str:
        """Hash of everything in it: equal digests mean equal content and equal versions."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


#: The C emitter where libyaml is there; both write the same text.
_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _BlockDumper(_Dumper):
    """Text with line breaks as a block, so that a diff of instructions reads line by line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_BlockDumper.add_representer(str, _represent_text)


def canonical_yaml(value: Any) -> str:
    """The one spelling of *value* that diffs are made from: key order kept, block text, width 88."""
    return yaml.dump(
        value, Dumper=_BlockDumper, sort_keys=False, allow_unicode=True, width=88, indent=2
    )
