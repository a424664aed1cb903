"""A rule, a thing that breaks it, and one error for all that do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dpcore.errors import DpError, NotPrivateError, NotSupportedError


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is refused and what to do instead.

    Attributes:
      of: the class, or tuple of classes, that the rule is about.
      breaks: from an instance to the value that breaks the rule, in words (``"axis=0"``), to True where the
        class alone breaks it, or to something false where it is kept.
      why: why that cannot be private, or not yet; a sentence without its full stop.
      instead: the way out, in sentences.
      error: NotPrivateError for never, NotSupportedError for not yet.
    """

    of: Any
    breaks: Callable[[Any], str | bool]
    why: str
    instead: str
    error: type[DpError] = NotPrivateError


@dataclass(frozen=True)
class Problem:
    """A thing that breaks a rule: ``layer 'bn' (BatchNormalization) has trainable=True: ...``."""

    noun: str
    name: str
    kind: str
    value: str
    rule: Rule


def problems_of(
    thing: Any, rules: Iterable[Rule], *, noun: str, kind: str, name: str = ""
) -> Iterator[Problem]:
    """The rules that ``thing`` breaks."""
    for rule in rules:
        if isinstance(thing, rule.of) and (value := rule.breaks(thing)):
            yield Problem(noun, name, kind, value if isinstance(value, str) else "", rule)


def refuse(problems: Iterable[Problem]) -> None:
    """Raises one error that tells all problems, each reason once; does nothing if there are none.

    Raises:
      NotPrivateError: at least one can never be private.
      NotSupportedError: none is of that kind, and one is not covered yet.
    """
    alike: dict[Problem, list[str]] = {}
    for problem in problems:
        names = alike.setdefault(Problem(problem.noun, "", problem.kind, problem.value, problem.rule), [])
        if problem.name:
            names.append(problem.name)
    if not alike:
        return
    never = any(problem.rule.error is NotPrivateError for problem in alike)
    error = NotPrivateError if never else NotSupportedError
    texts = [(problem.rule.error, _text(problem, names)) for problem, names in alike.items()]
    if len(texts) == 1:
        raise error(texts[0][1])
    lines = [f"- {'never' if kind is NotPrivateError else 'not yet'}: {text}" for kind, text in texts]
    raise error("\n".join([f"{len(texts)} things break the guarantee or are not supported yet:", *lines]))


def _text(problem: Problem, names: list[str]) -> str:
    what = f"{problem.noun} {problem.kind}"
    if names:
        listed = ", ".join(repr(name) for name in names)
        what = f"{problem.noun}{'s' * (len(names) > 1)} {listed} ({problem.kind})"
    has = "have" if len(names) > 1 else "has"
    value = f" {has} {problem.value}" if problem.value else ""
    return f"{what}{value}: {problem.rule.why}. {problem.rule.instead}"
