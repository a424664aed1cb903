import keras
import numpy as np
import pytest
from keras import layers

from dpcore.ledger import Ledger
from dpcore.session import active_session, private_session


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2), layers.Dense(1)])
    model.compile(keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def session():
    with private_session(Ledger(), "first") as session:
        yield session


def arrays(model):
    return {variable.path: variable.numpy() for variable in model.weights}


def test_what_was_written_is_recognised(session, model):
    session.record(model, model.optimizer)
    assert session.differences(arrays(model)) == []


def test_names_do_not_matter(session, model):
    session.record(model, model.optimizer)
    assert session.differences({f"array {i}": a for i, a in enumerate(arrays(model).values())}) == []


def test_the_optimizer_may_be_exported_too(session, model):
    session.record(model, model.optimizer)
    beside = {f"optimizer/{variable.path}": variable.numpy() for variable in model.optimizer.variables}
    assert len(beside) > 4
    assert session.differences(arrays(model) | beside) == []


def test_the_state_of_random_layers_may_be_exported_too(session):
    model = keras.Sequential([layers.Input((3,)), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd")
    session.record(model, model.optimizer)
    every = {variable.path: variable.numpy() for variable in model.variables}
    assert any("seed_generator_state" in path for path in every)
    assert session.differences(every) == []


@pytest.mark.parametrize("change", [1e-7, np.nan])
def test_a_changed_weight_is_named(session, model, change):
    session.record(model, model.optimizer)
    exported = arrays(model)
    name = next(iter(exported))
    exported[name].flat[0] += change
    assert session.differences(exported) == [
        f"{name} was not written by it",
        "1 of its weights were not exported",
    ]


def test_an_array_from_elsewhere_is_named(session, model):
    session.record(model, model.optimizer)
    found = session.differences(arrays(model) | {"vocabulary": np.arange(9)})
    assert found == ["vocabulary was not written by it"]


def test_a_missing_weight_is_counted(session, model):
    session.record(model, model.optimizer)
    exported = arrays(model)
    exported.popitem()
    exported.pop(next(iter(exported)))
    assert session.differences(exported) == ["2 of its weights were not exported"]


@pytest.mark.parametrize("alter", [lambda a: a.astype(np.float64), np.transpose])
def test_another_type_or_shape_is_another_array(session, model, alter):
    session.record(model, model.optimizer)
    exported = arrays(model)
    name = next(iter(exported))
    exported[name] = alter(exported[name])
    assert f"{name} was not written by it" in session.differences(exported)


def test_without_private_training_nothing_is_private(session, model):
    assert session.differences(arrays(model)) == ["no PrivateModel was trained"]


def test_the_last_writing_counts(session, model):
    session.record(model, model.optimizer)
    before = arrays(model)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    assert session.differences(arrays(model))
    session.record(model, model.optimizer)
    assert session.differences(arrays(model)) == []
    assert session.differences(before)


def test_a_session_is_active_inside_and_only_there():
    ledger = Ledger()
    assert active_session() is None
    with private_session(ledger, "outer") as outer:
        assert active_session() is outer
        assert outer.ledger is ledger
        with private_session(Ledger(), "inner") as inner:
            assert active_session() is inner
        assert active_session() is outer
    assert active_session() is None


def fail_inside():
    with private_session(Ledger(), "broken"):
        raise KeyError


def test_a_session_ends_with_an_error_too():
    with pytest.raises(KeyError):
        fail_inside()
    assert active_session() is None
