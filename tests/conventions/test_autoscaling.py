"""The ScaledObject that operators apply names the streams, groups and metrics that the engine really has."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from liquidation_engine.config import Settings
from liquidation_engine.redis_keys import CANDIDATES, WORKERS_GROUP
from liquidation_engine.telemetry.metrics import Metrics, Registry

FILE = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "workers-autoscaling.yaml"
KNOWN = {
    "redis-streams": {
        "address", "databaseIndex", "stream", "consumerGroup", "lagCount", "activationLagCount", "pendingEntriesCount",
    },
    "prometheus": {"serverAddress", "query", "threshold", "activationThreshold"},
}  # fmt: skip


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(FILE.read_text())}


@pytest.fixture(scope="module")
def triggers(documents: dict[str, Any]) -> dict[str, Any]:
    return {trigger["name"]: trigger for trigger in documents["ScaledObject"]["spec"]["triggers"]}


def test_it_scales_the_workers_between_1_and_100_pods(documents: dict[str, Any]) -> None:
    spec = documents["ScaledObject"]["spec"]
    assert documents["ScaledObject"]["apiVersion"] == "keda.sh/v1alpha1"
    assert spec["scaleTargetRef"] == {"kind": "Deployment", "name": "liquidation-workers"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 100)


def test_it_looks_at_lag_pending_entries_and_the_oldest_ones_age(triggers: dict[str, Any]) -> None:
    assert set(triggers) == {"lag", "pending", "age"}
    assert "lagCount" in triggers["lag"]["metadata"]
    assert "pendingEntriesCount" in triggers["pending"]["metadata"]
    assert "oldest_pending" in triggers["age"]["metadata"]["query"]


@pytest.mark.parametrize("name", ["lag", "pending"])
def test_stream_and_group_are_those_of_the_engine(triggers: dict[str, Any], name: str) -> None:
    metadata = triggers[name]["metadata"]
    assert (metadata["stream"], metadata["consumerGroup"]) == (CANDIDATES, WORKERS_GROUP)


def test_one_pod_is_asked_for_as_much_as_it_takes_at_once(triggers: dict[str, Any]) -> None:
    concurrency = str(Settings.model_fields["worker_concurrency"].default)
    assert triggers["lag"]["metadata"]["lagCount"] == concurrency
    assert triggers["pending"]["metadata"]["pendingEntriesCount"] == concurrency


def test_the_query_names_a_metric_that_is_exposed_and_never_asks_for_a_missing_value(triggers: dict[str, Any]) -> None:
    metrics, query = Metrics(Registry()), triggers["age"]["metadata"]["query"]
    exposed = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    assert set(re.findall(r"liquidation_\w+", query)) <= exposed
    assert ">= 0" in query  # NaN, which stands for a gauge that was not fed, is not
    assert triggers["age"]["metricType"] == "Value"


def test_every_setting_is_one_that_keda_reads_and_is_text(triggers: dict[str, Any]) -> None:
    for trigger in triggers.values():
        assert set(trigger["metadata"]) <= KNOWN[trigger["type"]]
        assert all(isinstance(value, str) for value in trigger["metadata"].values())


def test_the_password_comes_from_a_secret(documents: dict[str, Any], triggers: dict[str, Any]) -> None:
    authentication = documents["TriggerAuthentication"]
    parameters = {entry["parameter"] for entry in authentication["spec"]["secretTargetRef"]}
    assert parameters == {"username", "password"}
    for name in ("lag", "pending"):
        assert triggers[name]["authenticationRef"]["name"] == authentication["metadata"]["name"]
