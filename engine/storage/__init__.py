"""Where definitions, runs and step outputs live: tables, and functions of one transaction each."""
