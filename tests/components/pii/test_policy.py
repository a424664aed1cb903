import pytest

from components.documents import DocumentError
from components.pii.errors import ColumnMismatchError, KeyUnavailableError
from components.pii.policy import (
    DEFAULT_ENTITIES,
    Detect,
    Keep,
    ScrubPolicy,
    load_key,
    missing_columns,
    parse_policy,
    require_columns,
)


def _policy(text: str) -> ScrubPolicy:
    return parse_policy(text, source="policy.yaml")


def test_an_action_alone_is_a_rule() -> None:
    policy = _policy("columns: {kind: keep, note: detect, other: {action: drop}}")
    assert policy.columns["kind"] == Keep(action="keep", type="string")
    assert policy.columns["note"] == Detect(action="detect", entities=DEFAULT_ENTITIES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {a: hide}", "policy.yaml: columns.a: .*'keep', 'drop', 'detect', 'pseudonymize'"),
        ("columns: {}", "policy.yaml: columns: .*at least 1"),
        ("columns: {a: keep}\ncolumn: {}", "policy.yaml: column: no such key"),
        ("columns: {a: {action: keep, type: text}}", "policy.yaml: columns.a.keep.type: .*'text'"),
        ("columns: {a: {action: detect, entities: []}}", "policy.yaml: columns.a.detect.entities"),
        (
            "columns: {a: {action: detect, entities: [PERSN]}}",
            "no recognizer finds PERSN; known are .*PERSON",
        ),
        ("columns: {a: keep}\nmax_malformed_share: .nan", "max_malformed_share: .*got nan"),
        ("columns: {a: keep}\nmax_malformed_share: 2", "max_malformed_share: .*less than or equal to 1"),
        ("columns: {a: keep}\nlanguage: de", "language: .*'en'.*'de'"),
        (
            "columns: {a: keep}\nrecognizers: [{entity: BADGE, regex: '(B'}]",
            r"recognizers.0.regex: must be a regular expression .*missing",
        ),
        ("columns: {a: pseudonymize}", "key is required, because a is pseudonymized"),
        ("columns: {a: pseudonymize}\nkey: {}", "key: must name either env or file"),
        ("columns: {a: pseudonymize}\nkey: {env: A, file: b}", "key: must name either env or file"),
    ],
)
def test_a_broken_policy_names_file_key_and_rule(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        _policy(text)


def test_a_column_that_nobody_decided_about_stops_the_run() -> None:
    policy = _policy("columns: {a: keep, b: drop}")
    assert missing_columns(policy, ["a", "c"]) == (["c"], ["b"])
    with pytest.raises(ColumnMismatchError) as error:
        require_columns(policy, ["a", "c"], data="rows.csv", source="policy.yaml")
    assert str(error.value).splitlines() == [
        "policy.yaml: columns.c: required, because rows.csv has this column; add a rule for it "
        "(keep, drop, detect or pseudonymize).",
        "policy.yaml: columns.b: names a column that rows.csv does not have; remove the rule or correct "
        "its spelling.",
    ]


def test_the_digest_is_of_the_rules_not_of_their_spelling() -> None:
    one = _policy("columns: {a: keep}  # a comment")
    assert one.digest == _policy("columns:\n  a: {action: keep, type: string}").digest
    assert one.digest != _policy("columns: {a: drop}").digest


class TestKey:
    policy = _policy("columns: {a: pseudonymize}\nkey: {env: THE_KEY}")

    def test_from_the_environment(self) -> None:
        assert load_key(self.policy, {"THE_KEY": "k" * 16}) == b"k" * 16

    def test_from_a_file_without_its_line_end(self, tmp_path) -> None:
        path = tmp_path / "key"
        path.write_bytes(b"k" * 16 + b"\n")
        assert load_key(_policy(f"columns: {{a: pseudonymize}}\nkey: {{file: {path}}}")) == b"k" * 16

    def test_no_key_where_none_is_named(self) -> None:
        assert load_key(_policy("columns: {a: keep}")) is None

    def test_not_set(self) -> None:
        with pytest.raises(KeyUnavailableError, match="key: environment variable THE_KEY is not set"):
            load_key(self.policy, {})

    def test_no_such_file(self) -> None:
        policy = _policy("columns: {a: pseudonymize}\nkey: {file: /no/such/key}")
        with pytest.raises(KeyUnavailableError, match="key: file /no/such/key cannot be read: No such file"):
            load_key(policy)

    def test_too_short_and_its_content_is_not_told(self) -> None:
        with pytest.raises(KeyUnavailableError, match="at least 16 bytes; got 13") as error:
            load_key(self.policy, {"THE_KEY": "secret-secret"})
        assert "secret" not in str(error.value)
