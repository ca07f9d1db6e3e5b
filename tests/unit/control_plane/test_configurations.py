"""kubeadm's two ConfigMaps and the kubelet's own file: only what is ours, or asked for, is a difference."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kubepeer.intent import Intent
from tasks.control_plane import cluster_configuration, kubelet_configuration
from tasks.control_plane.settings import NOTHING_GIVEN


@pytest.mark.cases("kubelets")
def test_a_kubelets_configuration_becomes_this(case: dict[str, Any]) -> None:
    found = kubelet_configuration.planned(case["wanted"], case["stands"])
    assert (None if found is None else yaml.safe_load(found[1])) == case["then"]
    if found is not None:
        assert yaml.safe_load(found[0]) == yaml.safe_load(case["stands"])
        assert kubelet_configuration.planned(case["wanted"], found[1]) is None


@pytest.mark.cases("cluster_configurations")
def test_the_clusters_configuration_becomes_this(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    intent = intent_of(defaults_file={"data": {"kubeadm": case["kubeadm"]}})
    found = cluster_configuration.planned(intent, NOTHING_GIVEN, yaml.safe_dump(case["stands"]))
    assert (None if found is None else yaml.safe_load(found[1])) == case["then"]
    if found is not None:
        assert cluster_configuration.planned(intent, NOTHING_GIVEN, found[1]) is None


def test_a_host_has_its_fields_in_the_place_of_its_groups_and_these_of_the_clusters(
    intent_of: Callable[..., Intent],
) -> None:
    intent = intent_of(
        defaults_file={
            "data": {
                "software": {"kubelet_configuration": {"maxPods": 1, "podPidsLimit": 1, "serializeImagePulls": False}}
            }
        },
        groups={"worker": {"data": {"kubelet_configuration": {"maxPods": 2, "podPidsLimit": 2}}}},
        hosts={"k8s-calico-worker-10-31-90-4": {"data": {"kubelet_configuration": {"maxPods": 3}}}},
    )
    fields = ("maxPods", "podPidsLimit", "serializeImagePulls")
    found = {
        node.name[-4:]: tuple(kubelet_configuration.of_node(intent, node)[field] for field in fields)
        for node in intent.nodes
    }
    assert found["90-4"] == (3, 2, False)
    assert found["90-5"] == (2, 2, False)
    assert found["90-1"] == (1, 1, False)
