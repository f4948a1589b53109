"""What a hostile text, or a model that has given in to one, can and can't do."""
