"""`python -m copilot` is the command `ask-copilot`."""

from copilot.surfaces.cli import main

main()
