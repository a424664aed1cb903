import traceback

import pytest

from components.pii.operators.generalize import generalize, generalize_found, lower_bound
from components.pii.operators.spec import Generalize


def _rule(**settings: object) -> Generalize:
    return Generalize(action="generalize", **settings)


@pytest.mark.parametrize(
    ("value", "settings", "expected"),
    [
        ("1984-03-05", {"to": "year"}, "1984"),
        (" 1984-03-05 ", {"to": "month"}, "1984-03"),
        ("2024-02-29", {"to": "year"}, "2024"),
        ("2000-02-29T23:59:59+02:00", {"to": "month"}, "2000-02"),
        ("60614-1234", {"prefix": 3}, "606"),
        ("SW1A 1AA", {"prefix": 5}, "SW1A 1"),
        ("41.8781", {"grid": 0.1}, "41.8"),
        ("-87.6298", {"grid": 0.1}, "-87.7"),
        ("-0.05", {"grid": 0.1}, "-0.1"),
        ("0.05", {"grid": 0.1}, "0.0"),
        ("-0.0", {"grid": 0.1}, "0.0"),
        ("-87.7", {"grid": 0.1}, "-87.7"),
        ("0.3", {"grid": 0.1}, "0.3"),
        ("1234567", {"grid": 1000}, "1234000"),
        ("4.2e1", {"grid": 0.25}, "42.00"),
        ("42", {"width": 10}, "40-49"),
        ("49.9", {"width": 10}, "40-49"),
        ("50", {"width": 10}, "50-59"),
        ("-3", {"width": 10}, "-10 to -1"),
        ("0", {"width": 5}, "0-4"),
        ("2.7", {"width": 0.5}, "2.5-3.0"),
        ("7.3", {"width": 1}, "7"),
    ],
)
def test_a_coarser_value(value: str, settings: dict, expected: str) -> None:
    assert generalize(value, _rule(**settings)) == expected


@pytest.mark.parametrize(
    ("value", "settings"),
    [
        ("2023-02-29", {"to": "year"}),
        ("1900-02-29", {"to": "year"}),
        ("1984-13-01", {"to": "month"}),
        ("05/03/1984", {"to": "year"}),
        ("Quinn Ito", {"to": "year"}),
        ("\u0661\u0669\u0668\u0664-03-05", {"to": "year"}),
        ("606", {"prefix": 3}),
        ("6-0 6", {"prefix": 3}),
        ("nan", {"grid": 0.1}),
        ("inf", {"width": 10}),
        ("1e999", {"width": 10}),
        ("1e30", {"grid": 0.1}),
        ("4_2", {"width": 10}),
        ("\u0664\u0662", {"width": 10}),
        ("42 years", {"width": 10}),
        ("41\u00b052'41\"N", {"grid": 0.1}),
        ("", {"width": 10}),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_quoted(value: str, settings: dict) -> None:
    with pytest.raises(ValueError, match=r"\w") as error:
        generalize(value, _rule(**settings))
    shown = "".join(traceback.format_exception(error.value)).replace(__file__, "")
    assert not value.strip() or value not in str(error.value)
    assert error.value.__suppress_context__ or "isoformat" not in shown


@pytest.mark.parametrize(
    ("value", "settings", "expected"),
    [
        ("1984-03-05", {"to": "year"}, 1984.0),
        ("42", {"width": 10}, 40.0),
        ("-3", {"width": 10}, -10.0),
        ("-87.63", {"grid": 0.1}, -87.7),
    ],
)
def test_the_lower_bound(value: str, settings: dict, expected: float) -> None:
    assert lower_bound(value, _rule(**settings)) == expected


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("5 March 1984", {"to": "year"}, "1984"),
        ("03/05/1984", {"to": "year"}, "1984"),
        ("1984-03-05", {"to": "month"}, "1984-03"),
        ("41.8781, -87.6298", {"grid": 0.1}, "41.8, -87.7"),
        ("(41.8781,-87.6298)", {"grid": 1}, "(41,-88)"),
        ("60614", {"prefix": 3}, "606"),
    ],
)
def test_findings_are_read_as_people_write(text: str, settings: dict, expected: str) -> None:
    assert generalize_found(text, _rule(**settings)) == expected


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("5 March 84", {"to": "year"}),
        ("1984 or 1985", {"to": "year"}),
        ("5 March 1984", {"to": "month"}),
        ("41\u00b052'41\"N 87\u00b037'W", {"grid": 0.1}),
        ("41.8781 N", {"grid": 0.1}),
        ("home", {"grid": 0.1}),
    ],
)
def test_findings_that_cannot_be_read(text: str, settings: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        generalize_found(text, _rule(**settings))
