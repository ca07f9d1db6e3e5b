"""The containers of kube-system on a node: by crictl, or by containerd's own ctr where there is no crictl. Pure."""

SOCKET = "/run/containerd/containerd.sock"
ENDPOINT = f"unix://{SOCKET}"

# kubeadm's package depends on crictl before 1.32 only; ctr comes with containerd itself, and also lists containers that have ended.
# Only kube-system is looked at: a pod of somebody's own may have a container of the same name. Standard input is the script's own.
FUNCTIONS = f"""cri() {{ crictl --runtime-endpoint {ENDPOINT} "$@"; }}
ctd() {{ ctr --address {SOCKET} --namespace k8s.io "$@"; }}
has_cri() {{ command -v crictl >/dev/null; }}
running() {{
    if has_cri; then
        cri ps -q --name "^$1\\$" --label io.kubernetes.pod.namespace=kube-system
        return
    fi
    labels="labels.\\"io.kubernetes.container.name\\"==$1,labels.\\"io.kubernetes.pod.namespace\\"==kube-system"
    named=$(ctd containers ls -q "$labels") && tasks=$(ctd tasks ls) || return
    for id in $named; do
        ! printf '%s\\n' "$tasks" | grep -q "^$id .*RUNNING" || echo "$id"
    done
}}
inside() {{
    name=$1 ids=$(running "$1") || return
    shift
    for id in $ids; do
        if has_cri; then cri exec "$id" "$@" </dev/null; else ctd tasks exec --exec-id "kubepeer-$$" "$id" "$@" </dev/null; fi
        return
    done
    echo "no container $name runs" >&2
    return 1
}}
stop() {{
    name=$1 ids=$(running "$1") || return
    for id in $ids; do
        if has_cri; then cri stop "$id" >/dev/null || return; continue; fi
        ctd tasks kill "$id" || return
        n=0
        while running "$name" | grep -q "^$id"; do n=$((n + 1)); [ $n -lt 30 ] || return 1; sleep 1; done
    done
}}
"""


def stopping(name: str) -> str:
    """A script that stops the running containers of this name; the kubelet starts them anew. None that runs is as good.

    It fails where they cannot be stopped, or where nothing is there to ask for them.
    """
    return f"{FUNCTIONS}stop {name}"


def executing(name: str, command: str) -> str:
    """A script that runs a command in the running container of this name."""
    return f"{FUNCTIONS}inside {name} {command}"
