"""What deploy/ says holds: image, compose file, units and manifests start commands that there are, and nothing is open.

No Docker engine and no cluster is asked: the files are checked by the tools for them, and against the command.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Context

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import SECRETS, VARIABLES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KNOWN = {variable.name for variable in VARIABLES.values()} | {f"{name}_FILE" for name in SECRETS}
KUBERNETES = ("1.28", "1.34")


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "tradematrix.yaml").read_text()))


def pods() -> dict[str, dict[str, Any]]:
    return {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
        for manifest in manifests()
        if manifest["kind"] in {"Deployment", "Job"}
    }


def services() -> dict[str, dict[str, Any]]:
    composed: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return composed


def commands() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each command that a file starts, with where that is."""
    for name, service in services().items():
        if "command" in service:
            yield f"compose {name}", service["command"]
            if "test" in service["healthcheck"]:
                yield f"compose health {name}", service["healthcheck"]["test"][1:]
    for name, pod in pods().items():
        yield f"pod {name}", pod["containers"][0]["args"]
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        yield f"Procfile {name}", shlex.split(command)
    image = (DEPLOY / "Dockerfile").read_text()
    for name, command in re.findall(r"^ *(CMD|HEALTHCHECK[^\n]*\n +CMD) (\[.+\])$", image, re.MULTILINE):
        yield f"image {name[:4]}", yaml.safe_load(command)
    for unit in (DEPLOY / "systemd").glob("*.service"):
        [command] = re.findall(r"^ExecStart=/opt/tradematrix/bin/(.+)$", unit.read_text(), re.MULTILINE)
        for service in ("webserver", "daemon", "code-server", "board"):
            yield f"unit {unit.stem} {service}", shlex.split(command.replace("%i", service))


@pytest.mark.parametrize(
    ("where", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_command_is_one_of_tradematrix(where: str, command: Sequence[str]) -> None:
    program, *arguments = command
    assert program == "tradematrix"
    context = Context(main, info_name="tradematrix")
    known: Any = main
    while arguments and not arguments[0].startswith("-"):
        known = known.get_command(context, arguments.pop(0))
        assert known is not None, where
    known.make_context(where, arguments, parent=context, resilient_parsing=False)


def test_each_variable_is_a_setting() -> None:
    environments = [service.get("environment", {}) for name, service in services().items() if name != "postgres"]
    environments += [
        manifest["data"] for manifest in manifests() if manifest["metadata"]["name"] == "tradematrix-environment"
    ]
    environments += [
        {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]} for pod in pods().values()
    ]
    lines = (DEPLOY / "systemd" / "environment.example").read_text().splitlines()
    environments.append(dict(line.split("=", 1) for line in lines if not line.startswith("#")))
    given = {name for environment in environments for name in environment}
    image = re.findall(r"\b(TRADEMATRIX_\w+)=", (DEPLOY / "Dockerfile").read_text())
    assert given | set(image) <= KNOWN
    assert "TRADEMATRIX_DATABASE_URL_FILE" in given
    assert given & SECRETS == set(), "secrets come as files"


def test_compose_publishes_web_ui_and_board_on_loopback_and_nothing_else() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"], "board": ["127.0.0.1:3001:3001"]}
    for name, service in services().items():
        if name != "postgres":
            assert (service["read_only"], service["user"], service["cap_drop"]) == (True, "10001:10001", ["ALL"]), name
    by_key = {name for name, service in services().items() if "twelve_data_key" in service.get("secrets", [])}
    assert by_key == {"code-server", "board"}


def test_the_image_is_linted_and_made_of_what_is_there() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    text = (DEPLOY / "Dockerfile").read_text()
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source.removeprefix("./")
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)
    assert text.index("USER 10001:10001") > text.rindex("FROM ")
    assert "ENTRYPOINT" not in text, "launchers give whole commands"


def test_the_image_has_the_versions_that_are_tested_and_none_of_our_tools() -> None:
    def pinned(path: Path) -> dict[str, str]:
        lines = re.findall(r"^([a-z0-9.-]+)(?:\[[^]]+\])?==(\S+)", path.read_text(), re.MULTILINE)
        return dict(lines)

    image, tested = pinned(DEPLOY / "requirements.lock"), pinned(ROOT / "requirements.lock")
    assert image.items() <= tested.items()
    assert {"dagster", "dagster-k8s", "dagster-docker", "hatchling"} <= image.keys()
    assert not {"pytest", "mypy", "playwright", "uv"} & image.keys()


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_manifests_are_valid(version: str) -> None:
    import kubernetes_validate  # type: ignore[import-untyped]  # no types; it takes a second to import

    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_pods_may_do_little() -> None:
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["enableServiceLinks"] is False, name
        [container] = pod["containers"]
        rights = container["securityContext"]
        assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False), name
        assert "memory" in container["resources"]["limits"], name
    with_token = {name for name, pod in pods().items() if pod["automountServiceAccountToken"]}
    assert with_token == {"daemon", "webserver"}, "who starts and cancels runs"


def test_the_instances_differ_from_the_projects_in_their_launcher_alone() -> None:
    [map_] = [m for m in manifests() if m["metadata"]["name"] == "tradematrix-instance"]
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    for text in (map_["data"]["dagster.yaml"], (DEPLOY / "docker" / "dagster.yaml").read_text()):
        other = yaml.safe_load(text)
        assert other.pop("run_launcher") != ours["run_launcher"]
        assert other == {key: value for key, value in ours.items() if key != "run_launcher"}


def test_the_units_are_valid_and_may_do_little(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not there: it comes with systemd")
    for unit in (DEPLOY / "systemd").glob("*.service"):
        text = unit.read_text().replace("/opt/tradematrix/bin/tradematrix", "/bin/true")
        (tmp_path / unit.name).write_text(text.replace("User=tradematrix", "User=daemon"))
    units = sorted(tmp_path.glob("*.service"))
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    template = tmp_path / "tradematrix@.service"
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=25", template], capture_output=True, text=True, check=False
    )
    assert rated.returncode == 0, rated.stdout[-200:]


def test_a_service_needs_neither_root_nor_a_root_file_system_that_can_be_written(tmp_path: Path) -> None:
    """The image's restrictions, without an engine: another user, no capabilities, everything read-only but the home."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        pytest.skip("it takes root, unshare and setpriv to give up what the image gives up")
    script = f"""
        set -e
        mount -o remount,bind,ro / && mount -t tmpfs -o mode=0700,uid=10001,gid=10001 tmpfs {tmp_path}
        exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all -- "$@"
    """
    probe = [*("unshare", "--mount", "sh", "-c", script, "sh")]
    allowed = subprocess.run([*probe, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
    if allowed.returncode != 0:
        pytest.skip(f"this machine's Python can't be run so: {allowed.stderr.strip()[-200:]}")
    python = "from tradematrix_pipelines.cli.main import main; main()"
    environment = {
        "PATH": os.environ["PATH"],
        "TRADEMATRIX_HOME": str(tmp_path / "home"),
        "TRADEMATRIX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
    }
    done = subprocess.run(
        [*probe, sys.executable, "-c", python, "serve", "daemon"],
        env=environment, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "can't use database 'nowhere' on 127.0.0.1:1" in done.stderr
