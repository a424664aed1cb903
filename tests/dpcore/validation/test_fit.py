import pytest
from keras import callbacks

from dpcore.errors import ConfigError, NotPrivateError, NotSupportedError
from dpcore.validation import check_callbacks, check_fit_arguments


def orbax(**attributes):
    """The callback without its library, which is not installed."""
    callback = callbacks.OrbaxCheckpoint.__new__(callbacks.OrbaxCheckpoint)
    callback.__dict__.update({"monitor": "val_loss"} | attributes)
    return callback


class Patient(callbacks.EarlyStopping):
    pass


def best(monitor="val_loss"):
    return callbacks.ModelCheckpoint("best.keras", monitor, save_best_only=True)


DECIDES = [
    (
        callbacks.EarlyStopping,
        r"callback EarlyStopping has monitor='{}': the decision to stop is taken from rows that are private"
        r".*Fix the number of epochs beforehand, or monitor a val_ metric of public rows and say so: "
        r"fit\(validation_data=..., validation_is_public=True\)",
    ),
    (Patient, "callback Patient has monitor='{}'.*Fix the number of epochs"),
    (callbacks.ReduceLROnPlateau, "the learning rate .*keras.optimizers.schedules.*LearningRateScheduler"),
    (best, "save_best_only=True, monitor='{}': the choice of a checkpoint .*save_best_only=False"),
    (lambda monitor: orbax(save_best_only=True, monitor=monitor), "save_best_only=False and take the last"),
]


@pytest.mark.parametrize(("make", "message"), DECIDES)
@pytest.mark.parametrize("monitor", ["val_loss", "loss"])
def test_a_decision_by_private_rows_is_refused_with_a_way_out(make, message, monitor):
    with pytest.raises(NotPrivateError, match=message.format(monitor)):
        check_callbacks([make(monitor)])


@pytest.mark.parametrize("make", [make for make, _ in DECIDES])
def test_a_decision_by_public_validation_rows_is_taken_and_never_one_by_training_rows(make):
    check_callbacks([make("val_loss")], validation_is_public=True)
    with pytest.raises(NotPrivateError, match="monitor='accuracy'"):
        check_callbacks([make("accuracy")], validation_is_public=True)


@pytest.mark.parametrize("public", [True, False])
def test_stopping_at_a_loss_that_is_not_a_number_is_a_decision_by_training_rows(public):
    with pytest.raises(NotPrivateError, match=r"TerminateOnNaN: .*loss of private rows.*Leave it out"):
        check_callbacks(callbacks.TerminateOnNaN(), validation_is_public=public)


def test_going_on_with_a_killed_run_is_not_supported_yet():
    with pytest.raises(
        NotSupportedError, match=r"BackupAndRestore: .*another ledger.*Save with ModelCheckpoint"
    ):
        check_callbacks([callbacks.BackupAndRestore("backup")])


TAKEN = {
    "CSVLogger": lambda: callbacks.CSVLogger("log.csv"),
    "Callback": callbacks.Callback,
    "CallbackList": callbacks.CallbackList,
    "History": callbacks.History,
    "LambdaCallback": callbacks.LambdaCallback,
    "LearningRateScheduler": lambda: callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
    "ModelCheckpoint": lambda: callbacks.ModelCheckpoint("{epoch}.keras"),
    "OrbaxCheckpoint": lambda: orbax(save_best_only=False),
    "ProgbarLogger": callbacks.ProgbarLogger,
    "RemoteMonitor": callbacks.RemoteMonitor,
    "SwapEMAWeights": callbacks.SwapEMAWeights,
    "TensorBoard": lambda: callbacks.TensorBoard("logs"),
}
REFUSED = {"BackupAndRestore", "EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN"}


def test_the_expectations_name_every_callback():
    names = {n for n in dir(callbacks) if isinstance(getattr(callbacks, n), type)}
    assert names == TAKEN.keys() | REFUSED


@pytest.mark.parametrize("name", TAKEN)
def test_callbacks_that_look_or_follow_the_epoch_are_taken(name):
    check_callbacks(TAKEN[name]())


@pytest.mark.parametrize(
    "nest",
    [
        lambda one: one,
        lambda one: [callbacks.History(), one],
        lambda one: [[one], None],
        lambda one: callbacks.CallbackList([one], add_history=True),
        lambda one: [callbacks.CallbackList([one])],
    ],
)
def test_callbacks_are_found_in_every_nest(nest):
    check_callbacks(nest(callbacks.History()))
    with pytest.raises(NotPrivateError, match="EarlyStopping"):
        check_callbacks(nest(callbacks.EarlyStopping()))


def test_no_callbacks_are_taken():
    check_callbacks(None)
    check_callbacks([])


def test_all_callbacks_are_told_at_once():
    with pytest.raises(NotPrivateError) as caught:
        check_callbacks([callbacks.EarlyStopping(), callbacks.BackupAndRestore("backup"), best()])
    text = str(caught.value)
    assert text.startswith("3 things break the guarantee")
    assert "- never: callback EarlyStopping" in text
    assert "- not yet: callback BackupAndRestore" in text
    assert "- never: callback ModelCheckpoint" in text


def test_class_weights_are_refused():
    with pytest.raises(NotSupportedError, match=r"class_weight is not supported.*pass sample_weight"):
        check_fit_arguments(class_weight={0: 1.0, 1: 2.0})
    check_fit_arguments(class_weight=None)


def test_rows_split_from_the_private_ones_are_not_public():
    with pytest.raises(ConfigError, match=r"validation_split=0.2, which takes them from x.*validation_data"):
        check_fit_arguments(validation_split=0.2, validation_is_public=True)
    check_fit_arguments(validation_split=0.2)
    check_fit_arguments(validation_is_public=True)
