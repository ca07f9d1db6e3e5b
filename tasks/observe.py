"""The first two phases, for every kind of host: connect and ask; refuse early."""

import time

from nornir.core.task import Result, Task

from kubepeer.memory import LOOKS, hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import ASKED_API
from tasks.cluster.tasks import refuse_early as refuse_cluster
from tasks.control_plane import membership, record
from tasks.control_plane.kubeadm import KUBEADM_SECONDS
from tasks.control_plane.membership import MEMBER
from tasks.control_plane.preflight import (
    refuse_another_provider,
    refuse_begun_restore,
    refuse_busy_load_balancer,
    refuse_unready_api,
    refuse_unusable_passwords,
)
from tasks.control_plane.record import SETTINGS
from tasks.control_plane.settling import keep_settings
from tasks.control_plane.tasks import keep_membership
from tasks.linux import run_lock
from tasks.linux.holding import OTHER_RUN, look_for_others, refuse_beside_another
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import open_shell
from tasks.nodes import facts
from tasks.nodes.facts import FACTS
from tasks.nodes.tasks import keep_facts, refuse_early, refuse_for_all
from tasks.rotation.refusal import refuse_other_passwords
from tasks.routers.tasks import ANSWERS
from tasks.routers.tasks import observe as observe_router
from tasks.routers.tasks import refuse_early as refuse_router

OBSERVED = (FACTS, MEMBER, ANSWERS, OTHER_RUN)


@hands_over(gives=(*OBSERVED, SETTINGS), apart=LOOKS)
def observe(task: Task, run: Run) -> Result:
    """Connect to a host and ask what the phases must know before anything begins."""
    if _is_router(task, run):
        return observe_router(task, run)
    node = run.intent.node(task.host.name)
    others = {"run lock": run_lock.question(wait=not run.options.dry_run)}
    questions = {
        **facts.questions(run.intent, node),
        **membership.questions(run.intent),
        **record.QUESTIONS,
        **others,
    }
    files = (*membership.FILES, *record.FILES)
    shell, began = open_shell(run.nornir, node.name), time.time()
    seen = at_rest(ask(shell, questions, files, deadline=KUBEADM_SECONDS + 30), node.name)
    look_for_others(run, node.name, run_lock.other_run(seen["run lock"]))
    keep_membership(run, node.name, seen)
    keep_settings(run, node.name, seen)
    keep_facts(run, shell, seen, (began, time.time()))
    return done(task)


@hands_over(gives=(*OBSERVED, SETTINGS), apart=LOOKS)
def observe_when_usable(task: Task, run: Run) -> Result:
    """The same, when the passwords can be used: what is known here is refused before anything is contacted."""
    if not run.intent.cluster.adopted:
        refuse_unusable_passwords(run)
    return observe(task, run)


@hands_over(needs=OBSERVED, gives=ASKED_API)
def preflight(task: Task, run: Run) -> Result:
    """Refuse, with every cure at once, where it cannot end well; for all hosts, routers too, where the reason is one of all."""
    refuse_beside_another(run)
    refuse_for_all(run)
    refuse_unready_api(run)
    return refuse_router(task, run) if _is_router(task, run) else refuse_early(task, run)


@hands_over(needs=OBSERVED, gives=ASKED_API)
def preflight_with_cluster(task: Task, run: Run) -> Result:
    """The same, and what cannot end well in the cluster itself: then no host is touched; of somebody else's cluster nothing of that."""
    if run.intent.cluster.adopted:
        return refuse_router(task, run)
    refuse_begun_restore(run)
    refuse_another_provider(run)
    refuse_busy_load_balancer(run)
    result = preflight(task, run)
    refuse_other_passwords(run)
    refuse_cluster(run)
    return result


def _is_router(task: Task, run: Run) -> bool:
    return any(router.name == task.host.name for router in run.intent.routers)
