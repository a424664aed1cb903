"""What a policy does, shown on values that nobody has."""

from collections.abc import Mapping

from components.pii.operators.keyed import Keyed
from components.pii.operators.surrogates import WITHOUT_SURROGATE, surrogate
from components.pii.policy import Detect, Drop, Generalize, Keep, Randomize, Rule, ScrubPolicy
from components.pii.report import Rejected, Specimen
from components.pii.scrubber import Scrubber
from components.pii.sources import Record

# Everybody has this key; what is made with it is for show.
_KEY = b"specimens are nobody's data"

# How each kind of thing is written, and words in which it stands.
_SEEN: Mapping[str, tuple[str, str]] = {
    "PERSON": ("Ada Lovelace", "Dear {}, thank you for calling."),
    "ADDRESS": ("12 Elm Street", "We came to {}."),
    "EMAIL_ADDRESS": ("ada@example.org", "We will write to {}."),
    "PHONE_NUMBER": ("(312) 555-0143", "We rang {}."),
    "CREDIT_CARD": ("4111 1111 1111 1111", "Paid with {}."),
    "RECEIPT_NUMBER": ("R-1234-567890", "Your receipt number is {}."),
    "DATE_OF_BIRTH": ("1984-03-17", "Date of birth: {}."),
    "IP_ADDRESS": ("203.0.113.7", "Seen from {}."),
}


def specimens(policy: ScrubPolicy) -> list[Specimen]:
    """For each column whose cells are changed, an invented one before and after the scrub.

    It is the scrub itself that makes them, with a key of their own: no row of the data is read.
    """
    columns = list(policy.columns)
    keyed = Keyed(_KEY)
    cells = {name: _cell(rule, keyed) for name, rule in policy.columns.items()}
    record = Record("specimen", 1, 1, tuple(cells.values()))
    (row,) = Scrubber(policy, _KEY, columns).scrub_rows([record])
    if isinstance(row, Rejected):
        return []
    leaving = {name: "" if value is None else str(value) for name, value in row.values.items()}
    return [
        Specimen(column=name, before=cells[name], after=leaving.get(name, ""))
        for name, rule in policy.columns.items()
        if not isinstance(rule, Keep | Drop)
    ]


def _cell(rule: Rule, keyed: Keyed) -> str:
    """An invented cell that fits the rule."""
    if isinstance(rule, Keep):
        return "1"
    if isinstance(rule, Randomize):
        return rule.values[0]
    if isinstance(rule, Generalize):
        return _cell_to_generalize(rule)
    if isinstance(rule, Detect):
        sentences = {kind: sentence for kind, (_, sentence) in _SEEN.items() if kind in rule.entities}
        return " ".join(sentence.format(_value(kind, keyed)) for kind, sentence in sentences.items())
    return _value(rule.entity, keyed) if rule.entity in _SEEN else "A-1234"


def _cell_to_generalize(rule: Generalize) -> str:
    if rule.to is not None:
        return "1984-03-17"
    if rule.prefix is not None:
        return "6" * rule.prefix + "14"
    return "41.8781" if rule.grid is not None else "47"


def _value(entity_type: str | None, keyed: Keyed) -> str:
    kind = str(entity_type)
    seed = _SEEN[kind][0]
    return seed if kind in WITHOUT_SURROGATE else surrogate(seed, kind, keyed)
