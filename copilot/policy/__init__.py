"""What a workspace has decided: typed, bounded and documented settings, read anew by each use case."""

from .bounds import Bounds, bounds_of, checked_policy, parse_setting
from .policies import Policies
from .settings import Policy

__all__ = ["Bounds", "Policies", "Policy", "bounds_of", "checked_policy", "parse_setting"]
