"""Gemini through two packages of LangChain: what they share, and what one of them needs."""
