"""How the pipeline is wired."""

from pipelines.pipeline import create_pipeline
from pipelines.settings import steps


def test_only_the_gates_blessing_reaches_pusher(settings, places):
    pipeline = create_pipeline(settings, places)
    pusher = next(c for c in pipeline.components if c.id == "Pusher")
    assert pusher.inputs["model_blessing"].producer_component_id == "PrivacyGate"
    gate = next(c for c in pipeline.components if c.id == "PrivacyGate")
    assert gate.inputs["evaluation_blessing"].producer_component_id == "Evaluator"


def test_canaries_reach_the_trainer_and_no_evaluator(settings, places):
    by_id = {c.id: c for c in create_pipeline(settings, places).components}
    assert by_id["Transform"].inputs["examples"].producer_component_id == "CanaryInjector"
    assert by_id["Evaluator"].inputs["examples"].producer_component_id == "ScrubbingExampleGen"
    assert by_id["PrivacyEvaluator"].inputs["examples"].producer_component_id == "ScrubbingExampleGen"


def test_canaries_can_be_left_out(settings, places):
    without = create_pipeline(settings.model_copy(update={"canary_plan": None}), places)
    assert "CanaryInjector" not in {c.id for c in without.components}


def test_the_progress_bar_knows_how_many_steps_there_are(settings, places):
    for chosen in (settings, settings.model_copy(update={"canary_plan": None})):
        assert len(create_pipeline(chosen, places).components) == steps(chosen)


def test_no_execution_property_holds_a_key(settings, places):
    for component in create_pipeline(settings, places).components:
        for value in component.exec_properties.values():
            assert "of no use but in tests" not in str(value)
