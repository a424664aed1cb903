"""Hands a compiled pipeline to a Kubeflow Pipelines server, by kfp's own client."""

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import kfp_server_api
import urllib3.exceptions
from kfp import client as kfp_client

from pipelines.kubeflow.errors import SubmitError
from pipelines.kubeflow.specification import Specification

_REFUSED = {
    401: "asks who you are; give --token",
    403: "does not let you; give another --token or --namespace",
    404: "knows no v2beta1 API there: is it Kubeflow Pipelines 2, and is the path right?",
}


def submit(
    file: Path,
    spec: Specification,
    given: Mapping[str, object],
    *,
    host: str,
    experiment: str | None = None,
    namespace: str | None = None,
    service_account: str | None = None,
    token: str | None = None,
) -> tuple[str, str]:
    """Uploads the pipeline as a new version and starts a run of it.

    Args:
      file: the compiled pipeline.
      spec: the same, read.
      given: parameters that do not take their defaults.
      host: address of the server.
      experiment: the experiment of the run; by default named as the pipeline.
      namespace: of the user, where the server has several.
      service_account: the Kubernetes service account under which the steps run.
      token: tells the server who asks.

    Returns:
      The run's id, and the address of its page.

    Raises:
      ParameterError: a parameter is unknown, missing or wrong; nothing was sent.
      SubmitError: the server cannot be reached, or refuses.
    """
    arguments = spec.arguments(given)
    try:
        _require_server(host, token)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            client = kfp_client.Client(host=host, namespace=namespace or "kubeflow", existing_token=token)
        found = client.create_experiment(experiment or spec.name, namespace=namespace)
        name = f"{spec.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        pipeline = client.get_pipeline_id(spec.name)
        if pipeline is None:
            pipeline = client.upload_pipeline(str(file), spec.name, namespace=namespace).pipeline_id
            (version,) = client.list_pipeline_versions(pipeline).pipeline_versions
        else:
            version = client.upload_pipeline_version(str(file), name, pipeline_id=pipeline)
        run = client.run_pipeline(
            experiment_id=found.experiment_id,
            job_name=name,
            params=arguments,
            pipeline_id=pipeline,
            version_id=version.pipeline_version_id,
            service_account=service_account,
        )
    except kfp_server_api.ApiException as error:
        why = _REFUSED.get(error.status, f"answers {error.status} {error.reason}")
        raise SubmitError(f"{host}: the server {why}.") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise SubmitError(
            f"{host}: no Kubeflow Pipelines server answers ({type(error).__name__}). Is the cluster up, and "
            "the address right? From outside: kubectl port-forward -n kubeflow svc/ml-pipeline 8888."
        ) from None
    return run.run_id, f"{host.rstrip('/')}/#/runs/details/{run.run_id}"


def _require_server(host: str, token: str | None) -> None:
    """Asks once whether the server is there: kfp's client would ask for half a minute, and not say why."""
    configuration = kfp_server_api.Configuration()
    configuration.host = host.rstrip("/")
    if token:
        configuration.api_key = {"authorization": token}
        configuration.api_key_prefix = {"authorization": "Bearer"}
    api = kfp_server_api.HealthzServiceApi(kfp_server_api.ApiClient(configuration))
    api.healthz_service_get_healthz(_request_timeout=10)
