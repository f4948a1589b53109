"""The two APIs of OpenAI, and what servers that speak the second make of it."""
