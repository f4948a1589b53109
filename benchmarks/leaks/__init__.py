"""Texts with secrets, personal data and what only looks like them, made when they are needed."""
