"""Workflows with an injected fault, and what the rules make of each."""
