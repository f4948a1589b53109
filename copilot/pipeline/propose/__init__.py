"""From a model's answer to a proposal: read as hostile input, held against rules, run and prompt.

`read` takes the text apart, `judge` decides what of it stands, `shown` makes its words fit for
people. Which of its fixes may be offered is decided after this, in `pipeline/validate.py`.
"""

from .judging import judge
from .reading import read
from .shown import names_in, shown
from .wire import ModelReport

__all__ = ["ModelReport", "judge", "names_in", "read", "shown"]
