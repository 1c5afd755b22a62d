"""The Grafana dashboard and the Prometheus alerts ask only for metrics and labels that a gate has."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from desk import AT_HOME
from http_desk import make_http_desk

from tosqauyl.errors import FaultKind
from tosqauyl.facts import Reason, Verdict
from tosqauyl.gate.metrics import SHED, Metrics
from tosqauyl.gate.report import reload_section
from tosqauyl.networks.desk import Senses, origination_desk
from tosqauyl.networks.provider import Networks
from tosqauyl.state.rates import Rates

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "tosqauyl.json").read_text("utf-8"))
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]] + [rule["expr"] for rule in RULES]
SCRAPED = {"instance", "job"}
"""Labels that Prometheus adds."""
SELECTOR = re.compile(r"\b((?:tosqauyl|process)_[a-z0-9_]+|up)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')
VALUES = {
    ("tosqauyl_faults_total", "kind"): {kind.value for kind in FaultKind},
    ("tosqauyl_shed_total", "what"): set(SHED),
    ("tosqauyl_calls_total", "reason"): {reason.value for reason in Reason},
    ("tosqauyl_calls_total", "verdict"): {verdict.value for verdict in Verdict},
}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Every sample name of a gate that has every part, with its labels."""
    http = make_http_desk(tmp_path_factory.mktemp("dashboards"), enforce=False)
    http.desk.session.engine.rates = Rates(10, 10, 4)
    http.desk.session.counters.update({"dropped_not_sip": 1, "refused_400": 1, "stranger": 1})
    http.screen(presented="+77172123456")
    http.feeds.events("kcell", [(AT_HOME, "home")], 0.0, 1_790_000_000.0)
    http.gate.streams = [type("Listener", (), {"name": "tcp:x", "__len__": lambda self: 1})()]
    http.report.add("reload", reload_section(lambda: {"age_seconds": 1, "loads": 1}))
    desk = origination_desk(SimpleNamespace(originated=None, close=None), Senses(lambda: 0.0, lambda: 0.5))
    http.report.add("networks", lambda: Networks({}, {"kcell": desk}).state(0.0))
    http.report.add("http", lambda: {**http.application.section(), "connections": 1, "certificate_days": 30.0})
    found = {"up": set()}
    for family in Metrics(http.report).collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_asks_for_metrics_and_labels_that_exist(known, expression):
    found = SELECTOR.findall(expression)
    assert found, "no metric at all"
    for name, labels in found:
        assert name in known
        for label, _, value in MATCHER.findall(labels):
            assert label in known[name] | SCRAPED
            if (name, label) in VALUES and "$" not in value:
                assert set(value.split("|")) <= VALUES[name, label]
    for by in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in by.split(",")} <= set().union(*known.values()) | SCRAPED


def test_every_legend_names_a_label_of_its_expression():
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                by = re.findall(r"by \(([^)]*)\)", target["expr"])
                assert label == "instance" or any(label in labels for labels in by), target


def test_no_two_panels_lie_on_one_another():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_alert_says_what_it_is_and_how_urgent():
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["alert"].startswith("Tosqauyl")
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
