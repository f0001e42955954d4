"""Launchers that make a container a run make it with image, secrets, database and limits: their own code, over HTTP.

A cluster's and an engine's HTTP API are played by a server that records what it is asked for.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.test_utils import create_run_for_test

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
IMAGE = "tradematrix:0.1.0"


@dataclass
class Recorder:
    """A server's address, and the bodies of what it was asked to make, by path."""

    url: str = ""
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, end: str) -> dict[str, Any]:
        [body] = [body for path, body in self.made if path.partition("?")[0].endswith(end)]
        return body


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorded = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"ApiVersion": "1.45", "Id": "made", "Name": "made", "Config": {}})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            recorded.made.append((self.path, body))
            self._answer({"Id": "made", **body})

        def _answer(self, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *terms: object) -> None:  # noqa: A002 - its name
            del format, terms

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    recorded.url = f"127.0.0.1:{server.server_port}"
    try:
        yield recorded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def launched(settings: Settings, instance_config: dict[str, Any]) -> dg.DagsterRun:
    """Launch a run with an installation's launcher, and return it as it is stored."""
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(instance_config))
    origin = JobPythonOrigin(
        job_name="ingest_candles",
        repository_origin=RepositoryPythonOrigin(
            executable_path="/app/bin/python",
            code_pointer=ModuleCodePointer("tradematrix_pipelines.definitions", "defs"),
            container_image=IMAGE,
            entry_point=["/app/bin/python", "-m", "dagster"],
            container_context=None,
        ),
    )
    with open_instance(settings) as instance:
        run = create_run_for_test(instance, job_name="ingest_candles", job_code_origin=origin)
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    return stored


def test_a_pod_a_run(settings: Settings, recorder: Recorder, tmp_path: Path) -> None:
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://{recorder.url}"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    manifests = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "tradematrix.yaml").read_text()))
    [instance] = [m for m in manifests if m["metadata"]["name"] == "tradematrix-instance"]
    config = yaml.safe_load(instance["data"]["dagster.yaml"])
    outside = {"load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kubeconfig")}
    config["run_launcher"]["config"] |= outside
    run = launched(settings, config)

    import kubernetes_validate  # type: ignore[import-untyped]  # no types; it takes a second to import

    job = recorder.of("/namespaces/tradematrix/jobs")
    kubernetes_validate.validate({"apiVersion": "batch/v1", "kind": "Job", **job}, "1.34", strict=True)
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == IMAGE == run.tags["dagster/image"]
    assert container["args"][:5] == ["/app/bin/python", "-m", "dagster", "api", "execute_run"]
    assert run.run_id in container["args"][5]
    assert "command" not in container, "the image has no entry point, so these are the whole command"
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert env["DAGSTER_HOME"] == "/opt/dagster"
    assert env["TWELVE_DATA_API_KEY_FILE"] == "/run/secrets/tradematrix/twelve_data_key"
    assert container["envFrom"] == [{"configMapRef": {"name": "tradematrix-environment"}}]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts["/run/secrets/tradematrix"] == "secrets"
    assert "/opt/dagster/dagster.yaml" in mounts
    assert {"name": "secrets", "secret": {"secretName": "tradematrix", "defaultMode": 0o440}} in pod["volumes"]
    assert container["resources"] == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (10001, True)
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert pod["serviceAccountName"] == "tradematrix"
    assert job["spec"]["ttlSecondsAfterFinished"] == 3600
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() not in json.dumps(job), "secrets come as files"


def test_a_container_a_run(settings: Settings, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{recorder.url}")
    run = launched(settings, yaml.safe_load((DEPLOY / "docker" / "dagster.yaml").read_text()))
    container = recorder.of("/containers/create")
    assert container["Image"] == IMAGE
    assert container["Cmd"][:5] == ["/app/bin/python", "-m", "dagster", "api", "execute_run"]
    assert run.run_id in container["Cmd"][5]
    assert "TRADEMATRIX_DATABASE_URL_FILE=/run/secrets/database_url" in container["Env"]
    assert container["User"] == "10001:10001"
    host = container["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Memory"]) == (True, ["ALL"], 2 * 1024**3)
    assert "/etc/tradematrix/secrets:/run/secrets:ro" in host["Binds"]
    assert [path for path, _ in recorder.made if path.endswith("/start")]
