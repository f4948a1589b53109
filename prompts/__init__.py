"""Prompt text as data, one Markdown file each. The offline rules ask no model and need none yet."""
