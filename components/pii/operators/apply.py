"""One operator, applied to one value."""

from components.pii.operators import spec
from components.pii.operators.generalize import generalize_found
from components.pii.operators.keyed import Keyed
from components.pii.operators.mask import mask
from components.pii.operators.names import NOBODY, People, person
from components.pii.operators.surrogates import WITHOUT_SURROGATE, normalized, surrogate

PSEUDONYM_DIGITS = 12


def replacement(
    text: str,
    entity_type: str,
    operator: spec.Operator,
    keyed: Keyed | None,
    people: People = NOBODY,
) -> str:
    """What stands in the place of a finding's text.

    ``people`` are full names that the row knows. A value that cannot be generalised becomes ``<TYPE>``; so
    does one that needs a key where there is none.
    """
    if isinstance(operator, spec.Keep):
        return text
    if isinstance(operator, spec.Redact):
        return ""
    if isinstance(operator, spec.Mask):
        return mask(text, operator)
    if isinstance(operator, spec.Generalize):
        try:
            return generalize_found(text, operator)
        except ValueError:
            return f"<{entity_type}>"
    if isinstance(operator, spec.Replace) or keyed is None:
        return f"<{entity_type}>"
    if isinstance(operator, spec.Hash):
        return keyed.digest("hash", entity_type, text).hex()[: operator.length]
    if operator.surrogate and entity_type in WITHOUT_SURROGATE:
        return f"<{entity_type}>"
    if operator.surrogate:
        return surrogate(text, entity_type, keyed, people)
    return f"<{entity_type}_{_pseudonym(text, entity_type, keyed, people)}>"


def _pseudonym(text: str, entity_type: str, keyed: Keyed, people: People) -> str:
    """Upper-case hex digits, 48 bits: of a million different values two are alike with probability 0.002."""
    if entity_type == "PERSON":
        identity = person(text, people).words or (text,)
    else:
        identity = (normalized(text, entity_type),)
    return keyed.digest("pseudonym", entity_type, *identity).hex()[:PSEUDONYM_DIGITS].upper()
