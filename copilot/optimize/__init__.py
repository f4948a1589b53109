"""Before a run: what could be better about a definition. Each suggestion rests on counted facts."""

from .budget import forecast
from .draft import Draft, FailureNearby
from .remedies import Remedy, remedy_for
from .suggest import Experience, drafts_for, is_grown

__all__ = [
    "Draft",
    "Experience",
    "FailureNearby",
    "Remedy",
    "drafts_for",
    "forecast",
    "is_grown",
    "remedy_for",
]
