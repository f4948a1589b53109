"""Secrets and personal data out of text; what is taken out has a name and a number.

Known values go first, then what its surroundings give away, then the keys of providers by their
formats, then what is about a person. `redactor` puts the placeholders, `scan` says where.
"""

from .known import SHORTEST, KnownValues
from .redactor import Redacted, Redactor, mask_secrets

__all__ = ["SHORTEST", "KnownValues", "Redacted", "Redactor", "mask_secrets"]
