"""Words that are never a name by themselves, whatever a model says."""

import regex

_WORD = regex.compile(r"\w+")
_WORDS = """
january february march april may june july august september october november december
jan feb mar apr jun jul aug sep sept oct nov dec
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
i me my you your he she it we us they them his her our their mine yours who whom what when where why how
a an the this that these those and or but if so as at by for from in of on to with without
yes no not ok okay hi hello hey dear thanks thank please sorry welcome regards sincerely cheers bye lol omg
customer client patient driver rider passenger guest member user agent team support service staff manager
doctor nurse officer president sir madam mr mrs ms dr prof mom mum dad baby guy guys dude bro man boy
girl friend friends people everyone everybody someone anyone nobody god
name email phone address account order invoice receipt number date total subtotal tax id
"""
_NEVER = frozenset(_WORDS.split())


def is_no_name(text: str) -> bool:
    """Whether none of its words can be a name: months, days, pronouns, greetings, roles, words of forms."""
    words = _WORD.findall(text.lower())
    return all(word in _NEVER or word.isdigit() for word in words)
