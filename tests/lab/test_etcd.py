"""etcd's members as a table, and their databases defragmented one after the other, the leader last."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.api_client import ApiClient, Requests
from tests.lab.conftest import Measure
from tests.lab.devices import ETCDCTL, Kubectl
from tests.lab.laboratory import MASTERS, Laboratory
from tests.lab.runbooks import Answer, Runbooks
from tests.lab.test_certificates import credentials

pytestmark = [pytest.mark.lab, pytest.mark.long("settings")]
GAP_SECONDS = 5
# 40 revisions of half a megabyte, compacted: free within the file until a defragmentation
FILL = """i=0; while [ $i -lt 40 ]; do
    head -c 400000 /dev/urandom | base64 | {etcdctl} put kubepeer-test >/dev/null || exit
    i=$((i + 1))
done"""


def etcdctl(cluster: Kubectl, *words: str) -> str:
    return cluster("exec", "-n", "kube-system", f"etcd-{MASTERS[0]}.tinychen.io", "--", *ETCDCTL, *words)


@dataclass(frozen=True)
class Defragmented:
    """What was seen, with a client of the API at work."""

    look: Answer
    planned: Answer
    not_worth_it: Answer
    made: Answer
    requests: Requests


@pytest.fixture(scope="module")
def defragmented(
    lab: Laboratory,
    cluster: Kubectl,
    runbooks: Runbooks,
    tmp_path_factory: pytest.TempPathFactory,
    measure: Measure,
) -> Iterator[Defragmented]:
    """Fill, compact, look, plan, defragment."""
    fill(lab, cluster)
    look = runbooks.etcd("--output", "json")
    planned = runbooks.etcd("--defragment", "--all", "--dry-run", "--output", "json")
    not_worth_it = runbooks.etcd("--defragment", "--output", "json")
    with ApiClient(lab, tmp_path_factory.mktemp("api-client"), credentials(lab)) as client:
        made = runbooks.etcd("--defragment", "--all", "--output", "json")
        requests = client.stop()
    measure("etcd.py --defragment --all of three members", made.seconds)
    measure("the longest gap between two answers of the API meanwhile", requests.gap)
    yield Defragmented(look, planned, not_worth_it, made, requests)
    etcdctl(cluster, "del", "kubepeer-test")


def fill(lab: Laboratory, cluster: Kubectl) -> None:
    """Write many revisions of a key of our own, and compact them."""
    told = "crictl exec -i $(crictl ps -q --name '^etcd$')"
    lab.inside(MASTERS[0], FILL.format(etcdctl=f"{told} {' '.join(ETCDCTL)}"), deadline=180)
    (status,) = [one for one in statuses(cluster) if one["Endpoint"].startswith("127")]
    etcdctl(cluster, "compaction", str(status["Status"]["header"]["revision"]), "--physical")


def statuses(cluster: Kubectl) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(etcdctl(cluster, "endpoint", "status", "-w", "json"))
    return found


def test_the_table_has_every_member_and_one_leader(defragmented: Defragmented) -> None:
    members = defragmented.look.ended(0).json["members"]
    assert {one["member"] for one in members} == {f"{name}.tinychen.io" for name in MASTERS}
    assert sum(one["leader"] for one in members) == 1
    assert all(one["answers"] and one["size"] >= one["in_use"] > 0 and one["alarms"] == [] for one in members)


def test_the_dry_run_shows_the_leader_last_and_the_run_does_the_same(defragmented: Defragmented) -> None:
    planned, made = defragmented.planned.ended(0), defragmented.made.ended(0)
    assert planned.changes.keys() == made.changes.keys()
    assert len(made.changes) == len(MASTERS)
    order = next(line for line in planned.lines if "one after the other" in line)
    leader = next(one["member"] for one in planned.json["members"] if one["leader"]).partition(".")[0]
    assert order.rstrip().endswith(leader)


def test_a_small_database_is_not_worth_it(defragmented: Defragmented) -> None:
    told = defragmented.not_worth_it.ended(0)
    assert told.changes == {}
    assert "not worth it (--all)" in told.stderr


def test_the_space_is_given_back_on_every_member(defragmented: Defragmented) -> None:
    before = {one["member"]: one["size"] for one in defragmented.look.json["members"]}
    after = {one["member"]: one["size"] for one in defragmented.made.json["members"]}
    assert all(after[name] < before[name] for name in before), (before, after)


def test_the_api_was_answered_all_the_time(defragmented: Defragmented) -> None:
    print(defragmented.requests)
    assert defragmented.requests.gap < GAP_SECONDS, defragmented.requests


def test_what_means_nothing_is_one_line(runbooks: Runbooks) -> None:
    for words in (("--all",), ("--dry-run",), ("--host", MASTERS[0])):
        told = runbooks.etcd(*words).ended(2)
        assert len(told.lines) <= 2
        assert "Nothing was contacted." in told.text


class TestNoSpace:
    """A quota is reached: nothing is written any more; compacted, defragmented and disarmed, it is."""

    def test_the_alarm_goes_when_there_is_room_again(
        self, lab: Laboratory, cluster: Kubectl, runbooks: Runbooks
    ) -> None:
        self.alarmed(lab)
        said = runbooks.etcd("--output", "json").ended(1)
        assert any("NOSPACE" in one["alarms"] for one in said.json["members"])
        made = runbooks.etcd("--defragment", "--output", "json").ended(0)
        assert any(what == "etcd alarm NOSPACE" for _, what in made.changes)
        runbooks.etcd().ended(0)
        cluster("create", "configmap", "kubepeer-test")
        cluster("delete", "configmap", "kubepeer-test")

    def alarmed(self, lab: Laboratory) -> None:
        """etcd's own word for it: its API arms an alarm, as a member does that has reached its quota."""
        arm = (
            "curl -sS --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt "
            "--key /etc/kubernetes/pki/etcd/server.key https://127.0.0.1:2379/v3/maintenance/alarm"
        )
        member = lab.inside(MASTERS[0], f'{arm} -d \'{{"action": "GET"}}\'')
        number = member.partition('"member_id":"')[2].partition('"')[0]
        lab.inside(MASTERS[0], f'{arm} -d \'{{"action": "ACTIVATE", "memberID": "{number}", "alarm": "NOSPACE"}}\'')
