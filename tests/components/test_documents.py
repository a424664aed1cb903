"""Documents name the file, the key, the rule and the value."""

import pydantic
import pytest

import components
from components.documents import Document, DocumentError, load, parse


class Example(Document):
    share: float = pydantic.Field(ge=0, le=1)
    name: str = "x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("share: 2", "d.yaml: share: Input should be less than or equal to 1; got 2."),
        ("share: .nan", "d.yaml: share: Input should be a finite number; got nan."),
        ("share: .inf", "d.yaml: share: "),
        ("name: y", "d.yaml: share: required, but missing."),
        ("share: 0\nnaem: y", "d.yaml: naem: no such key; remove it or correct its spelling."),
        ("- share", "d.yaml: must be a mapping of keys to values; got list."),
        ("", "d.yaml: must be a mapping of keys to values; got NoneType."),
        ("share: [", "d.yaml: not valid YAML"),
    ],
)
def test_errors(text, said):
    with pytest.raises(DocumentError) as error:
        parse(Example, text, source="d.yaml")
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DocumentError, match=r"none\.yaml: cannot be read"):
        load(Example, tmp_path / "none.yaml")


def test_what_is_exported_is_what_is_there():
    for name in components.__all__:
        assert getattr(components, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        components.Nothing  # noqa: B018


def test_artifact_types_can_be_imported_by_their_type_name():
    for name in ("ScrubReport", "CanarySet", "PrivacyLedger", "PrivacyReport"):
        kind = getattr(components, name)
        assert f"components.{name}" == kind.TYPE_NAME
        assert not kind.PROPERTIES
