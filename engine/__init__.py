"""Durable workflows as data: definitions in, executions with every step's full output out."""
