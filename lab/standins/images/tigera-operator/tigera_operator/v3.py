"""The projectcalico.org/v3 API as custom resource definitions.

Fields and defaults: the API of Calico 3.24 (api/pkg/apis/projectcalico/v3). There an aggregated API server stores these
objects as crd.projectcalico.org/v1; here they are stored as what they are. Values that the real one refuses by its own code
are refused here by patterns and ranges, as far as a schema can.
"""

from cluster_api.objects import Json

GROUP = "projectcalico.org"
VERSION = "v3"
IP_POOLS, BGP_CONFIGURATIONS, BGP_PEERS = "ippools", "bgpconfigurations", "bgppeers"

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_CIDR: Json = {"type": "string", "format": "cidr"}
_AS_NUMBER: Json = {
    "x-kubernetes-int-or-string": True,
    "pattern": r"^[0-9]+(\.[0-9]+)?$",
    "minimum": 0,
    "maximum": 4294967295,
}
_DURATION: Json = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}


def _object(*required: str, **properties: Json) -> Json:
    schema: Json = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _choice(*values: str, **more: object) -> Json:
    return {"type": "string", "enum": list(values), **more}


_PASSWORD = _object(secretKeyRef=_object("key", name=_TEXT, key=_TEXT, optional=_FLAG))
_NETWORKS = _list(_object("cidr", cidr=_CIDR))

_IP_POOL = _object(
    "cidr",
    allowedUses=_list(_choice("Workload", "Tunnel")),
    blockSize={"type": "integer", "minimum": 20, "maximum": 128, "default": 26},
    cidr=_CIDR,
    disableBGPExport=_FLAG,
    disabled=_FLAG,
    ipipMode=_choice("Never", "Always", "CrossSubnet", default="Never"),
    natOutgoing=_FLAG,
    nodeSelector=_TEXT | {"default": "all()"},
    vxlanMode=_choice("Never", "Always", "CrossSubnet", default="Never"),
)
_BGP_CONFIGURATION = _object(
    asNumber=_AS_NUMBER,
    bindMode=_choice("None", "NodeIP"),
    communities=_list(
        _object(name=_TEXT, value={"type": "string", "pattern": r"^(\d+):(\d+)$|^(\d+):(\d+):(\d+)$"}),
    ),
    listenPort={"type": "integer", "minimum": 1, "maximum": 65535},
    logSeverityScreen={"type": "string", "pattern": "^(?i)(Trace|Debug|Info|Warning|Error|Fatal)?$"},
    nodeMeshMaxRestartTime=_DURATION,
    nodeMeshPassword=_PASSWORD,
    nodeToNodeMeshEnabled=_FLAG,
    prefixAdvertisements=_list(_object("cidr", cidr=_CIDR, communities=_list(_TEXT))),
    serviceClusterIPs=_NETWORKS,
    serviceExternalIPs=_NETWORKS,
    serviceLoadBalancerIPs=_NETWORKS,
)
_BGP_PEER = _object(
    asNumber=_AS_NUMBER,
    keepOriginalNextHop=_FLAG,
    maxRestartTime=_DURATION,
    node=_TEXT,
    nodeSelector=_TEXT,
    numAllowedLocalASNumbers={"type": "integer", "format": "int32", "minimum": 0},
    password=_PASSWORD,
    peerIP=_TEXT,
    peerSelector=_TEXT,
    sourceAddress=_choice("UseNodeIP", "None"),
    ttlSecurity={"type": "integer", "minimum": 1, "maximum": 255},
)


def definition(plural: str) -> Json:
    """Write the definition of one kind."""
    kind, spec = _KINDS[plural]
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    schema = _object(apiVersion=_TEXT, kind=_TEXT, metadata={"type": "object"}, spec=spec)
    version = {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Cluster", "versions": [version]},
    }


_KINDS: dict[str, tuple[str, Json]] = {
    IP_POOLS: ("IPPool", _IP_POOL),
    BGP_CONFIGURATIONS: ("BGPConfiguration", _BGP_CONFIGURATION),
    BGP_PEERS: ("BGPPeer", _BGP_PEER),
}
