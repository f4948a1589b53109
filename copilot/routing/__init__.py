"""Which model is asked, for how long, and who is asked when it fails."""

from .models import Models, open_models
from .router import Attempt, Refused, Routed, Router

__all__ = ["Attempt", "Models", "Refused", "Routed", "Router", "open_models"]
