"""The use cases over HTTP: one workspace, one token, problems as RFC 9457 describes them."""
