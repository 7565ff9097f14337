"""The dashboard and the rules that come with the service speak of metrics that there are, and of each of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.prometheus.exposition import families
from executions.models import LedgerCheck
from jobs.clock import database_now
from tests.dashboard.prometheus.scraped import scraped
from tests.executions.rollups.histories import a_row, written
from tests.factories import a_job, a_run

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
GROUPS = yaml.safe_load((FOLDER / "prometheus-rules.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# What Prometheus itself knows of a target.
OF_PROMETHEUS = {"up", "scrape_duration_seconds"}
DURATION = re.compile(r"\d+[smhd]")


def spoken_of(expression: str) -> set[str]:
    """The names of metrics in it: what is no function, no keyword, no label and no text."""
    bare = re.sub(r'"[^"]*"|\[[^]]*\]|\b(by|without|on|ignoring) *\([^)]*\)', " ", expression)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    return set(re.findall(r"\b[a-z_]{2,}\b(?! *\()", bare)) - {"and", "or", "unless", "by"}


def labels_of(expression: str) -> Iterator[tuple[str, str]]:
    """(metric, label) of each selector."""
    for metric, selector in re.findall(r"\b([a-z_]+)\{([^}]*)\}", expression):
        for label in re.findall(r"([a-z_]+) *[=!]", selector):
            yield metric, label


def expressions() -> list[str]:
    return [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]


@pytest.fixture
def exposed(db: None) -> dict[str, set[str]]:
    """Of a system of which everything can be told: the labels of each name of a sample."""
    now = database_now()
    job = a_job("job")
    written(a_row(job, now))
    a_run(job)  # waits
    LedgerCheck.objects.create(
        checked_from=now, checked_until=now, finished_at=now, jobs=1, planned=1, unaccounted=0, unplanned=0
    )
    found: dict[str, set[str]] = {}
    for family in scraped():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_that_they_speak_of_is_there(exposed: dict[str, set[str]]) -> None:
    for expression in expressions():
        assert spoken_of(expression) <= exposed.keys() | OF_PROMETHEUS, expression


def test_every_label_that_they_select_by_is_there(exposed: dict[str, set[str]]) -> None:
    for expression in expressions():
        for metric, label in labels_of(expression):
            assert label == "job" or label in exposed[metric], expression


@pytest.mark.django_db
def test_every_family_has_its_panel() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name in spoken_of(target["expr"])}
    shown |= {re.sub(r"_(total|bucket|sum|count|info)$", "", name) for name in shown}
    assert [family.name for family in families() if family.name not in shown] == []


def test_the_rules_have_the_form_that_prometheus_reads() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) >= 15
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations", "keep_firing_for"}, rule
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert DURATION.fullmatch(rule.get("for", "1m")), rule
        for opening, closing in ("()", "{}", "[]"):
            assert rule["expr"].count(opening) == rule["expr"].count(closing), rule
        for text in rule["annotations"].values():
            assert all(
                re.fullmatch(r" *\$(value|labels\.\w+)( \| \w+)? *", each) for each in re.findall(r"{{(.*?)}}", text)
            )


def test_what_must_not_go_unnoticed_has_a_rule() -> None:
    text = " ".join(rule["expr"] for rule in RULES)
    for name in (
        "absent(up", "beat_lease_age", "scheduler_workers", "overdue", "lateness", "unaccounted", "failed",
        "notices_oldest", "vector(1)",
    ):  # fmt: skip
        assert name.lower() in text.lower(), name


def test_the_dashboard_has_the_form_that_grafana_reads() -> None:
    assert DASHBOARD["schemaVersion"] >= 36 and DASHBOARD["uid"] and DASHBOARD["title"]
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "service"]
    identities = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(identities)) == len(identities)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {(place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}" and panel["title"]
