"""Submitting: what goes over the wire to a server that speaks Kubeflow's v2beta1 API."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from pipelines.kubeflow import specification
from pipelines.kubeflow.errors import ParameterError, SubmitError
from pipelines.kubeflow.submit import submit

GOLDEN = Path(__file__).parents[3] / "kubeflow" / "pipeline.yaml"
API = "/apis/v2beta1"


class Server(ThreadingHTTPServer):
    """Answers as Kubeflow Pipelines does, and keeps what it was asked."""

    def __init__(self, *, known=False, status=200):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known, self.status, self.asked = known, status, []

    @property
    def host(self):
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method, path):
        there = {"pipelines": [{"pipeline_id": "p1", "display_name": "taxi"}]} if self.known else {}
        return {
            ("GET", f"{API}/healthz"): {"multi_user": False},
            ("GET", f"{API}/experiments"): {},
            ("POST", f"{API}/experiments"): {"experiment_id": "e1"},
            ("GET", f"{API}/pipelines"): there,
            ("POST", f"{API}/pipelines/upload"): {"pipeline_id": "p1"},
            ("POST", f"{API}/pipelines/upload_version"): {"pipeline_id": "p1", "pipeline_version_id": "v2"},
            ("GET", f"{API}/pipelines/p1/versions"): {"pipeline_versions": [{"pipeline_version_id": "v1"}]},
            ("POST", f"{API}/runs"): {"run_id": "r1"},
        }.get((method, path))


class _Handler(BaseHTTPRequestHandler):
    def _respond(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.server.asked.append((self.command, url.path, parse_qs(url.query), body, dict(self.headers)))
        answer = self.server.answer(self.command, url.path)
        self.send_response(self.server.status if answer is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer or {}).encode())

    do_GET = do_POST = _respond  # noqa: N815

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch, tmp_path):
    monkeypatch.setattr("kfp.client.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    running = []

    def start(**kwargs):
        server = Server(**kwargs)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def spec():
    return specification.load(GOLDEN)


def sent(server, method, path):
    return [(query, body, headers) for m, p, query, body, headers in server.asked if (m, p) == (method, path)]


def test_a_new_pipeline_is_uploaded_whole_and_a_run_started(serve, spec):
    server = serve()
    run_id, page = submit(
        GOLDEN, spec, {"target_epsilon": "2"}, host=server.host, service_account="tfx-privacy"
    )
    assert (run_id, page) == ("r1", f"{server.host}/#/runs/details/r1")
    ((query, body, _),) = sent(server, "POST", f"{API}/pipelines/upload")
    assert query["name"] == ["taxi"]
    assert GOLDEN.read_bytes() in body
    ((_, body, _),) = sent(server, "POST", f"{API}/experiments")
    assert json.loads(body)["display_name"] == "taxi"
    ((_, body, _),) = sent(server, "POST", f"{API}/runs")
    run = json.loads(body)
    assert run["experiment_id"] == "e1"
    assert run["pipeline_version_reference"] == {"pipeline_id": "p1", "pipeline_version_id": "v1"}
    assert run["service_account"] == "tfx-privacy"
    default = next(yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8")))["root"]["inputDefinitions"]
    assert run["runtime_config"]["parameters"] == {
        name: declared["defaultValue"] for name, declared in default["parameters"].items()
    } | {"target_epsilon": 2.0}


def test_a_pipeline_that_is_there_gets_another_version(serve, spec):
    server = serve(known=True)
    submit(GOLDEN, spec, {}, host=server.host, experiment="autumn")
    assert not sent(server, "POST", f"{API}/pipelines/upload")
    ((query, body, _),) = sent(server, "POST", f"{API}/pipelines/upload_version")
    assert query["pipelineid"] == ["p1"]
    assert GOLDEN.read_bytes() in body
    ((_, body, _),) = sent(server, "POST", f"{API}/runs")
    assert json.loads(body)["pipeline_version_reference"]["pipeline_version_id"] == "v2"
    ((_, body, _),) = sent(server, "POST", f"{API}/experiments")
    assert json.loads(body)["display_name"] == "autumn"


def test_a_wrong_parameter_is_refused_before_anything_is_sent(serve, spec):
    server = serve()
    with pytest.raises(ParameterError, match="epochs"):
        submit(GOLDEN, spec, {"epochs": "many"}, host=server.host)
    assert server.asked == []


def test_where_nobody_answers_the_error_says_what_to_do(spec):
    with pytest.raises(SubmitError, match=r"127\.0\.0\.1:9: no .* server answers .* port-forward"):
        submit(GOLDEN, spec, {}, host="http://127.0.0.1:9")


@pytest.mark.parametrize(("status", "word"), [(401, "--token"), (403, "does not let you"), (500, "500")])
def test_a_refusal_is_told_in_words_and_without_the_token(serve, spec, status, word):
    server = serve(status=status)
    with pytest.raises(SubmitError, match=word) as error:
        submit(GOLDEN, spec, {}, host=server.host, token="a token of nobody")
    assert "a token of nobody" not in str(error.value)
    assert server.asked[-1][4]["authorization"] == "Bearer a token of nobody"
