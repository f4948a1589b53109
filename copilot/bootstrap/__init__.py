"""The one place that constructs things: settings in, an engine and a copilot that know each other out.

Surfaces find here, too, what they need of the engine without importing it.
"""

from engine.definition import LARGEST_DEFINITION, dump_workflow, to_data
from engine.errors import InvalidDefinition
from engine.storage.codec import encode

from .app import App, build, open_app
from .definitions import definition_text, read_workflow
from .failures import DELIBERATE, STORAGE_FAILURES, UNREACHABLE, is_full, unavailable

__all__ = [
    "DELIBERATE",
    "LARGEST_DEFINITION",
    "STORAGE_FAILURES",
    "UNREACHABLE",
    "App",
    "InvalidDefinition",
    "build",
    "definition_text",
    "dump_workflow",
    "encode",
    "is_full",
    "open_app",
    "read_workflow",
    "to_data",
    "unavailable",
]
