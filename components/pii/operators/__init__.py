"""What stands in the place of a personal value: one small module per idea.

``spec`` says which operators a policy can name; ``apply`` runs one of them on one value; ``keyed`` is all
that depends on the key; ``surrogates`` and ``names`` invent values, ``generalize`` and ``mask`` shorten true
ones; ``json_text`` finds the strings inside JSON.
"""
