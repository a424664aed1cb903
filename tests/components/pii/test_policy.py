import textwrap

import pytest

from components.documents import DocumentError
from components.pii import policy as module
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
        (
            "columns: {a: hide}",
            "policy.yaml: columns.a: .*'keep', 'drop', 'redact', 'detect', 'pseudonymize'",
        ),
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
        (
            "columns: {a: {action: hash, length: 4}}",
            "columns.a.hash.length: .*greater than or equal to 8; got 4",
        ),
        ("columns: {a: {action: mask, character: x}}", "columns.a.mask.character: must not be a letter or a"),
        ("columns: {a: {action: mask, keep_last: -1}}", "columns.a.mask.keep_last: .*got -1"),
        ("columns: {a: generalize}", "columns.a.generalize: must have exactly one of to, .*; has 0"),
        ("columns: {a: {action: generalize, to: year, prefix: 3}}", "a.generalize: must have .*; has 2"),
        ("columns: {a: {action: generalize, grid: 0}}", "columns.a.generalize.grid: .*got 0"),
        ("columns: {a: {action: generalize, prefix: 3, type: int}}", "a.generalize: type must be string"),
        ("columns: {a: {action: generalize, grid: 0.1, type: int}}", "a.generalize: type must be float or"),
        ("columns: {a: {action: pseudonymize, surrogate: true}}", "a.pseudonymize: entity is required with"),
        (
            "columns: {a: {action: pseudonymize, surrogate: true, entity: DATE_OF_BIRTH}}",
            "columns.a.pseudonymize: there are no surrogates for DATE_OF_BIRTH; generalize it",
        ),
        ("columns: {a: randomize}", "columns.a.randomize.values: required"),
        (
            "columns: {a: {action: randomize, values: [yes, no], epsilon: 1}}",
            r'columns.a.randomize.values: must be in quotes \(\["yes", "no"\]\)',
        ),
        (
            'columns: {a: {action: randomize, values: [b, "B "], epsilon: 1}}',
            "columns.a.randomize: values must differ in more than case",
        ),
        (
            "columns: {a: {action: randomize, values: [b, c], epsilon: 0}}",
            "columns.a.randomize.epsilon: .*greater than 0; got 0",
        ),
        (
            "columns: {a: {action: randomize, values: [b, c], epsilon: 1}}",
            "key is required, because a is randomized",
        ),
        (
            "columns: {a: {action: detect, default: hash}, b: {action: detect, operators: {URL: hash}}}",
            "key is required, because a is hashed, b is hashed",
        ),
        (
            "columns: {a: {action: detect, entities: [URL], operators: {PERSON: mask}}}",
            "columns.a.operators: PERSON is not among the column's entities",
        ),
        (
            "columns: {a: {action: detect, operators: {PERSON: hide}}}",
            "columns.a.detect.operators.PERSON: .*'replace', 'redact', 'keep', 'mask', 'hash'",
        ),
        ("columns: {a: keep}\nprofile: slow", "policy.yaml: profile: .*'fast', 'balanced' or 'thorough'"),
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
        "(keep, drop, redact, detect, pseudonymize, hash, mask, generalize or randomize).",
        "policy.yaml: columns.b: names a column that rows.csv does not have; remove the rule or correct "
        "its spelling.",
    ]


def test_every_rule_of_the_module_s_example_is_a_rule() -> None:
    example = textwrap.dedent(str(module.__doc__).split("YAML.\n")[1].split("\nA column")[0])
    rules = _policy(example).columns
    assert {rule.action for rule in rules.values()} == {
        "keep", "drop", "redact", "detect", "pseudonymize", "hash", "mask", "generalize", "randomize",
    }  # fmt: skip
    assert rules["payload"].as_json
    receipt = rules["receipt"]
    assert receipt.operator("CREDIT_CARD").keep_last == 4
    assert receipt.operator("ADDRESS").action == "replace"


def test_numbers_can_be_randomized_values() -> None:
    policy = _policy("columns: {a: {action: randomize, values: [0, 1.5], epsilon: 1}}\nkey: {env: A}")
    assert policy.columns["a"].values == ("0", "1.5")


def test_what_is_kept_is_not_looked_for() -> None:
    policy = _policy("columns: {a: {action: detect, entities: [URL, PERSON], operators: {URL: keep}}}")
    assert policy.columns["a"].removed == {"PERSON"}


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
