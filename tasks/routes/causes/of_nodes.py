"""Why a session is lost, where the node is what is wrong: off, its daemon gone or stopped, its own peer missing. Pure."""

from tasks.routes.causes.cause import Alternative, CauseOfSession, Explanation, Lost

GONE = ("FAILED", "INCOMPLETE")  # ip-neighbour(8): nobody answers for the address on the link
SILENT_KUBELET = (
    "Unknown",
    "False",
)  # Kubernetes, "Node status": the node controller has heard nothing, or nothing good
NO_WAY = ("RTNETLINK answers", "unreachable", "blackhole", "prohibit", "throw")  # ip-route(8)
# routers' words for a session that the other end has closed (RFC 4486, subcode 2), and ours for what is left of it a while later
LAST_WORDS = (
    "Administrative Shutdown, sent by the node",
    "Administrative shutdown, sent by the node",
    "the node closes the connection",
)
PEERS = "show protocols all (BIRD of calico-node)"
DAEMON = "the state of BIRD's process"
CONTAINER = "crictl ps -a --label io.kubernetes.container.name=calico-node"


class NodeUnreachable(CauseOfSession):
    """Nobody reaches the node: neither its router nor this controller.

    Looks at   the node's SSH port, the router's session and its entry for the node on the link, the node's condition Ready.
    Proved by  no answer from the node, and a router or an API that has not heard of it either, where one of them can tell.
    Cure       power or the link of the machine; which of the two it is nobody beside it can see: its console, or the port of its switch.
    """

    cure = "look at the console of {node} and at the port of its switch; it comes back by itself"

    def explain(self, lost: Lost) -> Explanation | None:
        """Its silence, from every side that can tell."""
        if lost.node is None or not lost.node.silent:
            return None
        near = lost.situation.router.near.get(str(lost.peer), "")
        known = lost.situation.object_of(lost.peer)
        off_the_link, not_ready = near in GONE, known is not None and known.ready in SILENT_KUBELET
        if (near or known) and not (off_the_link or not_ready):
            return None  # somebody else has heard of it: it may be this controller that has no way to it
        evidence = [lost.at_node("ssh", lost.node.unseen), lost.as_seen]
        if off_the_link:
            evidence.append(lost.at_router(f"ip neigh show {lost.peer}", near))
        if known and not_ready:
            evidence.append(lost.at_api(f"Node {known.name}", f"Ready {known.ready}: {known.said}"))
        return self.proved(
            f"{lost.name} answers nobody",
            *evidence,
            node=lost.name,
            alternatives=(
                Alternative("its machine is off", "its console"),
                Alternative("its link is cut", "ip link on its console, and its switch"),
            ),
        )


class CalicoNodeNotRunning(CauseOfSession):
    """The container calico-node does not run on the node.

    Looks at   the node's container runtime, and the pod as the API has it.
    Proved by  a container that has exited, or none, and no process of BIRD.
    Cure       what its log says; the node's kubelet starts it again.
    """

    cure = "on {node}: crictl logs of calico-node, and journalctl -u kubelet"

    def explain(self, lost: Lost) -> Explanation | None:
        """The runtime's word."""
        node = lost.node
        if node is None or node.unseen or node.container in ("", "running") or node.daemon != "absent":
            return None
        known = lost.situation.object_of(lost.peer)
        pod = [lost.at_api(f"pod {known.pod}", known.pod_phase)] if known and known.pod else []
        said = "there is no container calico-node" if node.container == "absent" else f"calico-node is {node.container}"
        kubelet = "" if node.kubelet in ("", "active") else f", and its kubelet is {node.kubelet}"
        extra = [lost.at_node("systemctl is-active kubelet", node.kubelet)] if kubelet else []
        return self.proved(
            f"{lost.name}: {said}{kubelet}", lost.at_node(CONTAINER, node.container), *extra, *pod, node=lost.name
        )


class BirdStopped(CauseOfSession):
    """BIRD is there on the node, and is stopped (SIGSTOP, a debugger): it says nothing, and answers nobody.

    Looks at   the state of its process (proc(5)).
    Proved by  the state T.
    Cure       kill -CONT, once it is known who stopped it.
    """

    cure = "on {node}: pkill -CONT -x bird, once it is known who stopped it"

    def explain(self, lost: Lost) -> Explanation | None:
        """The process's state."""
        if lost.node is None or not lost.node.stopped:
            return None
        return self.proved(
            f"{lost.name}: BIRD is stopped (SIGSTOP)",
            lost.at_node(DAEMON, f"{lost.node.daemon} (stopped)"),
            lost.as_seen,
            node=lost.name,
        )


class BirdNotRunning(CauseOfSession):
    """BIRD does not run on the node, though calico-node does.

    Looks at   the node's processes, and calico-node's container.
    Proved by  no process of that name beside a container that runs.
    Cure       what calico-node's log says of its start: a configuration that it cannot read, or a kill.
    """

    cure = "on {node}: the log of calico-node (kubectl logs -n calico-system): why BIRD does not start"

    def explain(self, lost: Lost) -> Explanation | None:
        """No process."""
        node = lost.node
        if node is None or node.unseen or node.container != "running" or node.daemon != "absent":
            return None
        return self.proved(
            f"{lost.name}: BIRD is not running",
            lost.at_node("pgrep -x bird", "no process"),
            lost.at_node(CONTAINER, node.container),
            lost.as_seen,
            node=lost.name,
        )


class SecretMissing(CauseOfSession):
    """The node's session has no password, though its BGPPeer names one: Calico could not read the Secret.

    Looks at   the BGPPeer and the node's own session.
    Proved by  a BGPPeer with a Secret, a session of the node without a password, and a router that expects one.
    Cure       the Secret and the Role that lets calico-node read it: python runbooks/deploy.py writes both.
    """

    cure = "python runbooks/deploy.py writes the Secret, and the Role that lets calico-node read it"

    def explain(self, lost: Lost) -> Explanation | None:
        """The three of them."""
        own, configured = lost.own, lost.configured
        named = [peer for peer in lost.situation.cluster.peers_at(lost.situation.addresses) if peer.secret]
        if not (own and configured and named and own.password == "" and configured.password):
            return None
        return self.proved(
            f"{lost.name} speaks without the password of Secret {named[0].secret}, which {lost.host} expects",
            lost.at_api(f"BGPPeer {named[0].name}", f"password: Secret {named[0].secret}"),
            lost.at_node("bird.cfg of calico-node", f"protocol bgp {own.name}: no password"),
            lost.at_router("configuration", configured.lines.get("password", "a password")),
        )


class RouterNotPeerOfNode(CauseOfSession):
    """The node does not have the router as its peer.

    Looks at   the sessions of the node's own BIRD, and the BGPPeers of the API.
    Proved by  a BIRD that answers and has no neighbour with the router's address.
    Cure       the BGPPeer: python runbooks/deploy.py writes it.
    """

    cure = "python runbooks/deploy.py writes the BGPPeer of {router}"

    def explain(self, lost: Lost) -> Explanation | None:
        """The node's list, and the objects that it is made of."""
        if lost.node is None or lost.node.peers is None or lost.own is not None or not lost.situation.addresses:
            return None
        others = ", ".join(map(str, lost.node.peers)) or "none"
        evidence = [lost.at_node(PEERS, f"neighbours: {others}")]
        said = f"{lost.name} has no peer {lost.situation.addresses[0]} ({lost.host})"
        if not lost.situation.cluster.unseen:
            named = lost.situation.cluster.peers_at(lost.situation.addresses)
            names = ", ".join(peer.name for peer in named)
            evidence.append(
                lost.at_api("BGPPeers", f"{names} name it" if named else f"none names {lost.situation.addresses[0]}")
            )
            said += f": BGPPeer {names} does not choose this node" if named else ": no BGPPeer names it"
        return self.proved(said, *evidence, router=lost.host)


class NoWayToRouter(CauseOfSession):
    """The node has no route to the router's address, or one that drops.

    Looks at   what the node's kernel says of the way to the router.
    Proved by  its refusal: unreachable, prohibited, a blackhole.
    Cure       the node's own routes, or a rule that somebody has made there.
    """

    cure = "on {node}: ip route get {router}, and who made the route or the rule that refuses it"

    def explain(self, lost: Lost) -> Explanation | None:
        """The kernel's words."""
        ways = lost.node.ways if lost.node else {}
        for address in lost.situation.addresses:
            said = ways.get(str(address), "")
            if said.startswith(NO_WAY):
                return self.proved(
                    f"{lost.name} has no way to {address} ({lost.host})",
                    lost.at_node(f"ip route get {address}", said),
                    lost.as_seen,
                    node=lost.name,
                    router=address,
                )
        return None


class DisabledOnNode(CauseOfSession):
    """The node's BIRD has its session with the router disabled.

    Looks at   the state of the session in the node's own BIRD.
    Proved by  the state down, without an error: somebody has disabled it (birdcl disable).
    Cure       birdcl enable.
    """

    cure = "in calico-node on {node}: birdcl -s /var/run/calico/bird.ctl enable {session}, once it is known who disabled it"

    def explain(self, lost: Lost) -> Explanation | None:
        """The state of the protocol."""
        own = lost.own
        if own is None or own.state != "down":
            return None
        return self.proved(
            f"{lost.name}: its session with {lost.host} is disabled",
            lost.at_node(PEERS, f"{own.name} BGP {own.state} {own.last_error}".strip()),
            lost.as_seen,
            node=lost.name,
            session=own.name,
        )


class EndedByNode(CauseOfSession):
    """The node has ended its session with the router by itself, and nobody here may ask it why.

    Looks at   what the node has told the router last, and the BGPPeers of the API.
    Proved by  a notification of the node's (RFC 4486: administrative shutdown), or connections that it closes at once, while its
             BGPPeer is there and the node itself has no login here.
    Cure       what its own BIRD says of the session.
    """

    cure = (
        "in calico-node on {node}: birdcl -s /var/run/calico/bird.ctl show protocols; enable the session,"
        " once it is known who disabled it"
    )

    def explain(self, lost: Lost) -> Explanation | None:
        """The node's last word."""
        session, situation = lost.session, lost.situation
        if lost.node is None or not lost.node.unseen or lost.node.silent or session is None or session.established:
            return None
        named = situation.cluster.peers_at(situation.addresses)
        if not named or not any(words in session.last_error for words in LAST_WORDS):
            return None
        return self.proved(
            f"{lost.name} has ended its session with {lost.host} by itself",
            lost.as_seen,
            *(lost.at_api(f"BGPPeer {peer.name}", f"AS {peer.as_number}") for peer in named),
            node=lost.name,
            alternatives=(
                Alternative("the session is disabled there", "birdcl show protocols in its calico-node"),
                Alternative("its BIRD was ended", "kubectl get pods -n calico-system"),
            ),
        )
