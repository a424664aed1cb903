"""The driver of ScrubbingExampleGen: which files are read, and what TFX's cache takes for the same input."""

from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types

from components.pii.operators.keyed import Keyed
from components.pii.policy import KeyUnavailableError, load_key, parse_policy
from components.scrubbing_example_gen import executor


class Driver(driver.FileBasedDriver):
    """The stock driver; another key is another input, so that no cached row keeps a pseudonym of the old one.

    The fingerprint of the input gets eight bytes of HMAC-SHA256 under the key: they tell nothing of it.
    """

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        resolved = super().resolve_exec_properties(exec_properties, pipeline_info, component_info)
        resolved[utils.FINGERPRINT_PROPERTY_NAME] += _key_tag(resolved)
        return resolved


def _key_tag(exec_properties: dict[str, Any]) -> str:
    policy = parse_policy(
        exec_properties[executor.POLICY_KEY], source=exec_properties[executor.POLICY_SOURCE_KEY]
    )
    try:
        key = load_key(policy)
    except KeyUnavailableError:
        # It may be on the workers alone. Where it is missing there too, the executor says so.
        return ""
    return f",key:{Keyed(key).digest('cache')[:8].hex()}" if key else ""
