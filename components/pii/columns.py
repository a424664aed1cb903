"""What a policy says about the values of a column, whatever the format of the file."""

from typing import Literal

from components.pii.policy import Detect, Generalize, Keep, Rule, ScrubPolicy


def value_type(rule: Rule) -> Literal["string", "int", "float"]:
    """The type of the values that leave a column under this rule."""
    return rule.type if isinstance(rule, Keep | Generalize) else "string"


def may_be_nested(policy: ScrubPolicy) -> frozenset[str]:
    """The columns where a list or a structure may stand as JSON text.

    Not where text is searched without ``json: true``: JSON spells a line end as \\n, and a name behind it
    would be missed. Nor where ``entity`` says what the value is, for it is looked for in other columns.
    """
    return frozenset(
        name
        for name, rule in policy.columns.items()
        if (rule.as_json if isinstance(rule, Detect) else getattr(rule, "entity", None) is None)
    )
