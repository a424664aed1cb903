import numpy as np
import pytest
import tensorflow as tf
import yaml

from components.canary_injector import injection
from components.canary_injector.plan import parse_plan
from components.documents import DocumentError

KINDS = {
    "review": "bytes_list",
    "fare": "float_list",
    "people": "int64_list",
    "tip": "float_list",
    "gone": None,
}


def plan_of(columns, candidates=64, **more):
    content = {
        "candidates": candidates,
        "inserted": [{"repetitions": 3, "count": 2}],
        "columns": columns,
        **more,
    }
    return parse_plan(yaml.safe_dump(content), source="plan")


def row(**values):
    example = tf.train.Example()
    for name, value in values.items():
        feature = example.features.feature[name]
        match value:
            case int():
                feature.int64_list.value.append(value)
            case float():
                feature.float_list.value.append(value)
            case str():
                feature.bytes_list.value.append(value.encode())
            case None:
                feature.Clear()
    return example.SerializeToString()


def features(serialized):
    return tf.train.Example.FromString(serialized).features.feature


def test_kinds_are_what_the_rows_hold():
    rows = [row(a=None, b=1), row(a="x", b=2, c=None), row(a=None)]
    assert injection.feature_kinds(rows) == (3, {"a": "bytes_list", "b": "int64_list", "c": None})


def test_a_column_of_two_kinds_is_an_error():
    with pytest.raises(DocumentError, match="column 'a' must hold one kind; got int64_list and float_list"):
        injection.feature_kinds([row(a=1), row(a=1.5)])


def test_candidates_follow_the_rules_and_the_kinds():
    plan = plan_of(
        {
            "review": {"secret": "my code is {secret}", "digits": 3},
            "fare": {"uniform": [3, 80]},
            "people": {"integers": [1, 6]},
        }
    )
    drawn = [features(c) for c in injection.draw_candidates(plan, KINDS, np.random.default_rng(0))]
    texts = [f["review"].bytes_list.value[0].decode() for f in drawn]
    assert len(set(texts)) == 64
    assert all(text.startswith("my code is ") and len(text) == 14 for text in texts)
    assert all(3 <= f["fare"].float_list.value[0] <= 80 for f in drawn)
    assert {f["people"].int64_list.value[0] for f in drawn} == {1, 2, 3, 4, 5, 6}
    assert drawn[0]["tip"].WhichOneof("kind") == "float_list"
    assert not drawn[0]["tip"].float_list.value
    assert drawn[0]["gone"].WhichOneof("kind") is None


def test_choices_and_constants_are_put_in_and_whole_numbers_fit_number_columns():
    plan = plan_of({"review": {"choice": ["a", "b"]}, "tip": {"constant": 1}, "fare": {"uniform": [0, 1]}})
    drawn = [features(c) for c in injection.draw_candidates(plan, KINDS, np.random.default_rng(0))]
    assert {f["review"].bytes_list.value[0] for f in drawn} == {b"a", b"b"}
    assert {f["tip"].float_list.value[0] for f in drawn} == {1.0}


def test_all_candidates_differ_even_if_their_columns_rarely_do():
    plan = plan_of({"people": {"integers": [1, 64]}})
    assert len(set(injection.draw_candidates(plan, KINDS, np.random.default_rng(0)))) == 64


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"fair": {"constant": 1}}, r"columns\.fair: the data has no such column; it has fare, gone, people"),
        ({"people": {"uniform": [0, 1]}}, r"columns\.people: the column holds whole numbers; got 0\."),
        ({"fare": {"constant": "free"}}, r"columns\.fare: the column holds numbers; got 'free'"),
        ({"review": {"choice": [1]}}, r"columns\.review: the column holds text; got 1"),
        ({"fare": {"secret": "{secret}"}}, r"columns\.fare: the column holds numbers; got '\d{10}'"),
        ({"gone": {"constant": 1}}, r"columns\.gone: the column is empty in every row"),
        ({"people": {"integers": [1, 63]}}, "must give 64 distinct rows; got 63"),
    ],
)
def test_a_plan_that_does_not_fit_the_data_is_refused(columns, message):
    with pytest.raises(DocumentError, match=message):
        injection.draw_candidates(plan_of(columns), KINDS, np.random.default_rng(0))


def test_canaries_stand_anywhere_and_rows_keep_their_order():
    rows = [b"%d" % i for i in range(1000)]
    mixed = list(injection.inject(iter(rows), 1000, [b"canary"] * 100, np.random.default_rng(0)))
    assert [r for r in mixed if r != b"canary"] == rows
    places = np.flatnonzero([r == b"canary" for r in mixed])
    assert len(places) == 100
    assert places.mean() == pytest.approx(550, abs=100)


def test_the_assignment_is_repeated_as_it_says():
    plan = plan_of({"fare": {"uniform": [0, 1]}}, coin_flips=20)
    drawn = injection.assign_candidates(plan, np.random.default_rng(0))
    heads = sum(c.repetitions for c in drawn.candidates if c.coin_flip)
    candidates = [b"%d" % c.index for c in drawn.candidates]
    assert len(injection.copies(candidates, drawn)) == 6 + heads
    assert drawn.inserted == 2 + heads
    assert drawn.max_repetitions == 3
