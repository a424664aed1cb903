import inspect

import pytest

from dpcore import errors

KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]


def test_every_error_is_in_the_drawing():
    assert len(KINDS) > 3
    for kind in KINDS:
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_dp_error_and_says_what_it_is_about(kind):
    assert issubclass(kind, errors.DpError)
    assert kind.__doc__


def test_a_bad_setting_is_a_value_error_too():
    assert issubclass(errors.ConfigError, ValueError)
