"""The use cases that all surfaces share; a surface translates and decides nothing."""

from .protocol import Service

__all__ = ["Service"]
