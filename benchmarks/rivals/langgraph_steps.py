# pyright: basic, reportMissingImports=false
"""LangGraph: a node that goes round, with its SQLite checkpointer and synchronous durability."""

import asyncio
from typing import Any, TypedDict
from uuid import uuid4

from _turns import PAYLOAD, given, take_turns
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    steps: int
    done: int
    output: Any


async def step(state: State) -> State:
    return {**state, "done": state["done"] + 1, "output": PAYLOAD}


async def main() -> None:
    folder, steps = given()
    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges(
        "step", lambda state: END if state["done"] >= state["steps"] else "step", ["step", END]
    )
    async with AsyncSqliteSaver.from_conn_string(str(folder / "langgraph.db")) as saver:
        app = graph.compile(checkpointer=saver)

        async def run(steps: int) -> None:
            config: Any = {
                "configurable": {"thread_id": uuid4().hex},
                "recursion_limit": steps + 10,
            }
            end = await app.ainvoke(
                {"steps": steps, "done": 0, "output": None}, config, durability="sync"
            )
            assert end["done"] == steps

        await take_turns("langgraph", run, steps=steps)


asyncio.run(main())
