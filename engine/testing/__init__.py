"""Fakes and builders for tests of the engine and of what is built on it; shipped, and used by us."""

from .bench import StepBench, step_bench
from .builders import (
    WORKSPACE,
    AnyParameters,
    FunctionAction,
    actions,
    agent,
    echo,
    inline_engine,
    settings,
    tool,
    workflow,
)
from .fakes import (
    CountingRefresher,
    Died,
    FrozenClock,
    HeardEvents,
    KnownModels,
    KnownSecrets,
    MortalWriter,
    ScriptedModel,
    calling,
)

__all__ = [
    "WORKSPACE",
    "AnyParameters",
    "CountingRefresher",
    "Died",
    "FrozenClock",
    "FunctionAction",
    "HeardEvents",
    "KnownModels",
    "KnownSecrets",
    "MortalWriter",
    "ScriptedModel",
    "StepBench",
    "actions",
    "agent",
    "calling",
    "echo",
    "inline_engine",
    "settings",
    "step_bench",
    "tool",
    "workflow",
]
