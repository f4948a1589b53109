"""What a language model may do here: one set of tools, offered in the forms that models' clients speak.

`tools.py` is the catalog, `toolbox.py` binds it to the service of one machine, and `mcp.py`,
`langchain.py` and `schemas.py` are forms of it. No tool approves, applies or grants anything.
"""
