"""The tools as LangChain's StructuredTools, for agents built with langchain or langgraph."""

from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from ...service.protocol import Service
from .schemas import strict_schema
from .toolbox import Toolbox

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool


def structured_tools(
    service: Service | Toolbox, *, public_url: str | None = None
) -> "list[StructuredTool]":
    """Every tool, for one machine's service. Each gives a JSON text, also for an error.

    Raises InvalidInput for a person's service, and without the extra `langchain`.
    """
    try:
        from langchain_core.tools import StructuredTool
    except ImportError:
        raise InvalidInput(
            "LangChain tools",
            "the package langchain is not installed.",
            "Install it: pip install 'ask-copilot[langchain]'",
        ) from None
    toolbox = Toolbox.of(service, public_url=public_url)
    return [
        # A schema as data: the toolbox checks the arguments, and answers for them as for all else.
        StructuredTool(
            name=tool.name,
            description=tool.description,
            args_schema=strict_schema(tool.arguments),
            func=partial(_call, toolbox, tool.name),
        )
        for tool in toolbox.tools.values()
    ]


def _call(toolbox: Toolbox, name: str, /, **arguments: Any) -> str:
    return toolbox.call(name, arguments).text
