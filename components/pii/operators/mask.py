"""Covering the letters and digits of a value."""

from components.pii.operators.spec import Mask

_LAYOUT = frozenset(" \t\n!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def mask(value: str, rule: Mask) -> str:
    """The value with everything covered but its layout and what the rule shows; as long as before.

    Layout is blanks and ASCII punctuation; anything else counts as a letter or digit, accents that stand on
    their own among them. Where nothing would be covered, all is.
    """
    places = [index for index, char in enumerate(value) if char not in _LAYOUT]
    if len(places) > rule.keep_first + rule.keep_last:
        places = places[rule.keep_first : len(places) - rule.keep_last]
    covered = set(places)
    return "".join(rule.character if index in covered else char for index, char in enumerate(value))
