"""The manifests against the schemas of Kubernetes, and against what we want of them."""

import base64
import binascii
import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from pipelines.kubeflow.settings import Kubeflow

MANIFESTS = Path(__file__).parents[2] / "kubeflow" / "manifests"
KUBERNETES = ("1.28", "1.37")

# The part of the training operator's schema for a TFJob (kubeflow.org/v1) that is used here. What the
# operator does not know, the API server drops without a word: so it is refused here. Pod templates are
# checked as Kubernetes' own.
TFJOB: dict[str, Any] = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "kubeflow.org/v1"},
        "kind": {"const": "TFJob"},
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "required": ["tfReplicaSpecs"],
            "additionalProperties": False,
            "properties": {
                "runPolicy": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "backoffLimit": {"type": "integer"},
                        "cleanPodPolicy": {"enum": ["All", "Running", "None"]},
                        "activeDeadlineSeconds": {"type": "integer", "minimum": 1},
                        "ttlSecondsAfterFinished": {"type": "integer"},
                    },
                },
                "tfReplicaSpecs": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"enum": ["Chief", "Worker", "PS", "Evaluator"]},
                    "additionalProperties": {
                        "type": "object",
                        "required": ["template"],
                        "additionalProperties": False,
                        "properties": {
                            "replicas": {"type": "integer", "minimum": 1},
                            "restartPolicy": {"enum": ["Always", "OnFailure", "Never", "ExitCode"]},
                            "template": {"type": "object"},
                        },
                    },
                },
            },
        },
    },
}


def read(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / file).read_text(encoding="utf-8")))


FILES = [path.name for path in sorted(MANIFESTS.glob("*.yaml")) if path.name != "kustomization.yaml"]
OBJECTS = [
    pytest.param(one, id=f"{one['kind']}-{one['metadata'].get('name')}") for f in FILES for one in read(f)
]


def templates(one: dict[str, Any]) -> list[dict[str, Any]]:
    """The pod templates of an object."""
    if one["kind"] == "TFJob":
        return [replica["template"] for replica in one["spec"]["tfReplicaSpecs"].values()]
    return [one["spec"]["template"]] if "template" in one.get("spec", {}) else []


PODS = [pytest.param(pod, id=one.id) for one in OBJECTS for pod in templates(one.values[0])]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("one", OBJECTS)
def test_it_is_what_kubernetes_takes(one: dict[str, Any], version: str) -> None:
    if one["kind"] == "TFJob":
        jsonschema.validate(one, TFJOB)
        for template in templates(one):
            pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}, "template": template}
            kubernetes_validate.validate(pod, version, strict=True)
    else:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_can_do_next_to_nothing(pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 10000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        assert key not in spec
    assert not any("hostPath" in volume for volume in spec["volumes"])
    for container in spec["containers"]:
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        # Secrets come by reference.
        assert all("value" not in variable for variable in container.get("env", []))


def test_the_account_may_do_no_more_than_it_must() -> None:
    (role,) = [one for one in read("service-account.yaml") if one["kind"] == "Role"]
    granted = {(r, verb) for rule in role["rules"] for r in rule["resources"] for verb in rule["verbs"]}
    assert granted == {
        ("configmaps", "get"),
        ("secrets", "get"),
        ("pods", "get"),
        ("pods", "list"),
        ("workflowtaskresults", "create"),
        ("workflowtaskresults", "patch"),
    }
    for rule in role["rules"]:
        if {"secrets", "configmaps"} & set(rule["resources"]):
            assert rule["resourceNames"], "only by name"
    assert not any(one["kind"].startswith("ClusterRole") for file in FILES for one in read(file))
    (binding,) = [one for one in read("service-account.yaml") if one["kind"] == "RoleBinding"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["name"] for subject in binding["subjects"]] == ["tfx-privacy"]


def test_the_template_of_the_secrets_is_refused_until_it_is_filled_in() -> None:
    for secret in read("secrets.yaml"):
        assert "stringData" not in secret
        for value in secret["data"].values():
            with pytest.raises(binascii.Error):
                base64.b64decode(value, validate=True)
    assert "secrets.yaml" not in read("kustomization.yaml")[0]["resources"]


def test_the_secrets_and_the_claim_are_those_that_the_compiled_pipeline_asks_for() -> None:
    keys = {secret["metadata"]["name"]: set(secret["data"]) for secret in read("secrets.yaml")}
    asked = Kubeflow()
    for secret in asked.secrets:
        assert secret.key in keys[secret.secret]
    (claim,) = read("storage.yaml")
    assert claim["metadata"]["name"] == asked.volume.claim
    mounts = [m for pod in PODS for m in pod.values[0]["spec"]["containers"][0]["volumeMounts"]]
    assert {m["mountPath"] for m in mounts} == {"/tmp", asked.volume.mount}  # noqa: S108


def test_nothing_may_talk_unless_it_is_listed() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in read("network.yaml")}
    assert policies["deny-by-default"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    everything = [policy["spec"] for f in FILES for policy in read(f) if policy["kind"] == "NetworkPolicy"]
    for policy in everything:
        for rule in policy.get("egress", []):
            assert rule["to"], "a rule without addressees allows all of them"
            for peer in rule["to"]:
                assert peer.get("podSelector") or peer["ipBlock"]["cidr"].endswith("/32")
        for rule in policy.get("ingress", []):
            assert all(peer.get("podSelector") for peer in rule["from"])


def test_kustomize_finds_its_files() -> None:
    (kustomization,) = read("kustomization.yaml")
    assert kustomization["namespace"]
    for file in kustomization["resources"]:
        assert (MANIFESTS / file).is_file()


@pytest.mark.parametrize(
    "change",
    [
        lambda job: job["spec"].pop("tfReplicaSpecs"),
        lambda job: job["spec"].update(replicas=2),
        lambda job: job["spec"]["tfReplicaSpecs"]["Worker"].update(restartPolicy="Sometimes"),
    ],
)
def test_the_schema_of_a_tfjob_can_fail(change: Any) -> None:
    job = read("trainer.yaml")[0]
    change(job)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, TFJOB)


def test_the_trainers_are_called_what_the_operator_looks_for_and_know_their_arguments() -> None:
    from components.dp_trainer import job, training

    replicas = read("trainer.yaml")[0]["spec"]["tfReplicaSpecs"]
    assert sum(replica["replicas"] for replica in replicas.values()) == 2
    for replica in replicas.values():
        (container,) = replica["template"]["spec"]["containers"]
        assert container["name"] == "tensorflow"
        assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"tfjob-port": 2222}
        assert importlib.util.find_spec(container["command"][2])
    given = job._arguments(replicas["Chief"]["template"]["spec"]["containers"][0]["args"])
    assert training.config_from_json(given.privacy) is not None
    assert json.loads(given.custom_config)["epochs"]
