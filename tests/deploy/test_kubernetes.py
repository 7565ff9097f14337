"""The manifests and the gateway's routes fit the image, the settings, one another, and the rules of the cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scheduler_project.local import commands, prepare
from scheduler_project.probes import PROBES
from tests.deploy.image import ROOT, UID
from tests.deploy.variables import documented

KUBERNETES = ROOT / "deploy" / "kubernetes"
KINDS = ("web", "worker", "beat")
SAID = """
from django.conf import settings
database = settings.DATABASES["default"]
print(settings.IS_PRODUCTION, database["HOST"], database["PORT"], database["OPTIONS"]["sslmode"])
print(settings.CELERY_BROKER_URL.partition("@")[2], settings.SCHEDULER_JWT["issuer"])
"""


def objects() -> dict[tuple[str, str], Any]:
    """Of every file that kustomization.yaml names, by kind and name."""
    files = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert {f"{path.name}" for path in KUBERNETES.glob("*.yaml")} == {*files, "kustomization.yaml"}
    found = [each for name in files for each in yaml.safe_load_all((KUBERNETES / name).read_text())]
    named = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(named) == len(found)
    return named


def pod(component: str) -> Any:
    kind = "Job" if component == "migrate" else "Deployment"
    return objects()[kind, f"schedulerservice-{component}"]["spec"]["template"]["spec"]


def config() -> dict[str, str]:
    return objects()["ConfigMap", "schedulerservice-config"]["data"]


def test_the_commands_are_those_of_bin_up() -> None:
    said = {kind: tuple(pod(kind)["containers"][0]["command"]) for kind in KINDS}
    assert said == {"web": commands.web("0.0.0.0", 8080), "worker": commands.worker(4), "beat": commands.beat()}
    assert pod("migrate")["containers"][0]["command"] == ["python", "-m", prepare.__name__]
    for kind in KINDS:
        (migrated,) = pod(kind)["initContainers"]
        assert migrated["command"] == ["python", "manage.py", "migrate", "--check"]


@pytest.mark.parametrize("component", ["migrate", *KINDS])
def test_every_pod_is_closed_as_the_cluster_demands_and_has_its_limits(component: str) -> None:
    spec = pod(component)
    assert spec["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": UID, "runAsGroup": UID, "fsGroup": UID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert spec["enableServiceLinks"] is False and spec["automountServiceAccountToken"] is False
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in [*spec.get("initContainers", ()), *spec["containers"]]:
        assert container["image"] == "schedulerservice"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"cpu", "memory"} == set(container["resources"]["limits"]) == set(container["resources"]["requests"])
        mounted = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert {mount["name"] for mount in mounted.values()} <= volumes
        assert "/tmp" in mounted and mounted["/run/secrets"]["readOnly"]
        assert [next(iter(source.values()))["name"] for source in container["envFrom"]] == [
            "global-config", "schedulerservice-config", "schedulerservice-db-secret", "jwt-secrets", "redis-secrets",
        ]  # fmt: skip


def test_web_is_asked_by_http_and_worker_and_beat_for_their_sign_of_life() -> None:
    (web,) = pod("web")["containers"]
    assert web["livenessProbe"]["httpGet"] == web["startupProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    assert web["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "http"}
    assert {probe["httpGet"]["path"].strip("/") for name, probe in web.items() if name.endswith("Probe")} <= set(PROBES)
    assert web["ports"] == [{"name": "http", "containerPort": 8080}]
    for kind in ("worker", "beat"):
        (container,) = pod(kind)["containers"]
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["exec"]["command"] == ["python", "-m", "executions.vitals", kind]
        assert "readinessProbe" not in container  # nobody is sent to it


def test_a_stopped_worker_gets_the_time_that_its_runs_were_promised() -> None:
    assert pod("worker")["terminationGracePeriodSeconds"] >= int(config()["SCHEDULER_SHUTDOWN_SECONDS"]) + 15
    web = pod("web")
    assert web["terminationGracePeriodSeconds"] > web["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] + 3
    (worker,) = pod("worker")["containers"]
    folders = [mount["mountPath"] for mount in worker["volumeMounts"] if mount["name"] == "work"]
    assert worker["env"] == [{"name": "SCHEDULER_WORK_DIR", "value": f"{folders[0]}/work"}]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_selects_pods_selects_those_that_are_there(kind: str) -> None:
    labels = objects()["Deployment", f"schedulerservice-{kind}"]["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app": "schedulerservice", "component": kind, "tier": "backend"}
    wanted = {"app": "schedulerservice", "component": kind}
    deployment, budget = (
        objects()[each, f"schedulerservice-{kind}"]["spec"] for each in ("Deployment", "PodDisruptionBudget")
    )
    assert deployment["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == wanted
    # One can go while the other works.
    assert deployment["replicas"] == 2 and budget["maxUnavailable"] == 1
    service = objects()["Service", "schedulerservice"]["spec"]
    assert service["selector"] == {**wanted, "component": "web"} and service["ports"][0]["port"] == 8080


def test_all_pods_are_shut_but_web_which_the_gateway_may_call() -> None:
    policies = {name: each["spec"] for (kind, name), each in objects().items() if kind == "NetworkPolicy"}
    assert policies["schedulerservice-in"] == {
        "podSelector": {"matchLabels": {"app": "schedulerservice"}}, "policyTypes": ["Ingress"], "ingress": [],
    }  # fmt: skip
    (rule,) = policies["schedulerservice-web-in"]["ingress"]
    assert {"podSelector": {"matchLabels": {"app": "gateway"}}} in rule["from"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]
    blocks = [
        to["ipBlock"] for rule in policies["schedulerservice-calls"]["egress"] for to in rule["to"] if "ipBlock" in to
    ]
    assert all("169.254.0.0/16" in block["except"] for block in blocks) and blocks
    asked = {
        url.partition("://")[2].partition(":")[0] for name, url in config().items() if name.startswith("ServiceUrls")
    }
    (opened,) = policies["schedulerservice-to-neighbours"]["podSelector"]["matchExpressions"]
    assert asked | {"vehiclessaleservice", "authservice", "gateway"} == set(opened["values"])


def test_every_variable_of_the_configuration_is_one_that_the_service_reads() -> None:
    assert set(config()) <= set(documented())


def test_production_starts_with_this_configuration_and_secrets_as_okla_gives_them(tmp_path: Path) -> None:
    """envFrom in the manifests' order; the names and forms of OKLA's own secrets."""
    key = tmp_path / "SCHEDULER_SECRET_KEY"
    key.write_text("only-for-this-test-0123456789-abcdefghijklmnop\n")
    given = {
        **config(),
        "ConnectionStrings__DefaultConnection": "Host=pg.example;Port=25060;Database=schedulerservice;Username=me;"
        "Password=a-password-of-its-own;SSL Mode=Require;Trust Server Certificate=true",
        "ConnectionStrings__RedisConnection": "redis://:a-password-of-its-own@redis:6379",
        "Jwt__Key": "a-key-of-its-own-with-32-characters-and-more",
        "SCHEDULER_SECRET_KEY_FILE": str(key),
        "TZ": "America/New_York",
    }
    done = subprocess.run(
        [sys.executable, "-c", SAID], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "scheduler_project.settings", **given},
    )  # fmt: skip
    assert done.stdout.split() == ["True", "pg.example", "25060", "require", "redis:6379", "OklaService"], done.stderr


def test_the_gateways_routes_reach_web_and_only_health_is_open() -> None:
    routes = json.loads((ROOT / "deploy" / "gateway" / "ocelot.scheduler.json").read_text())["Routes"]
    assert [route["UpstreamPathTemplate"] for route in routes] == [
        "/api/scheduler/health", "/api/scheduler", "/api/scheduler/{everything}",
    ]  # fmt: skip
    for route in routes:
        assert route["DownstreamHostAndPorts"] == [{"Host": "schedulerservice", "Port": 8080}]
        assert route["QoSOptions"]["TimeoutValue"] == 30_000
    health, *rest = routes
    assert health["DownstreamPathTemplate"] == "/health" and health["UpstreamHttpMethod"] == ["Get"]
    assert all(route["Priority"] < health["Priority"] for route in rest)
    for route in rest:
        assert route["UpstreamPathTemplate"] == route["DownstreamPathTemplate"]
        assert route["AuthenticationOptions"]["AuthenticationProviderKey"] == "Bearer"
        assert route["RouteClaimsRequirement"] == {"role": "Admin"}
        assert set(route["UpstreamHttpMethod"]) == {"Get", "Post", "Put", "Patch", "Delete"}
