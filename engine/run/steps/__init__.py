"""One executor for each kind of step."""
