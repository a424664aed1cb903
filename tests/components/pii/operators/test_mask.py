import pytest

from components.pii.operators.mask import mask
from components.pii.operators.spec import Mask


@pytest.mark.parametrize(
    ("value", "settings", "expected"),
    [
        ("4111 1111 1111 1234", {"keep_last": 4}, "**** **** **** 1234"),
        ("4111-1111-1111-1234", {"keep_first": 2, "keep_last": 2}, "41**-****-****-**34"),
        ("q.ito@mail.org", {}, "*.***@****.***"),
        ("Quinn Ito", {"character": "#", "keep_first": 1}, "Q#### ###"),
        ("12345", {"keep_last": 4}, "*2345"),
        ("1234", {"keep_last": 4}, "****"),
        ("12", {"keep_last": 4}, "**"),
        ("1 2 3 4", {"keep_first": 2, "keep_last": 2}, "* * * *"),
        ("re\u0301ne\u0301", {"keep_last": 0}, "******"),
        ("\u0661\u0662\u2460\U0001f600", {}, "****"),
        ("", {"keep_last": 4}, ""),
        (" - ", {}, " - "),
    ],
)
def test_only_what_was_asked_for_is_shown(value: str, settings: dict, expected: str) -> None:
    assert mask(value, Mask(action="mask", **settings)) == expected


def test_never_more_than_asked_for() -> None:
    for length in range(12):
        for first in range(5):
            for last in range(5):
                value = "0123456789ab"[:length]
                shown = mask(value, Mask(action="mask", keep_first=first, keep_last=last)).replace("*", "")
                assert len(shown) == (first + last if length > first + last else 0)
