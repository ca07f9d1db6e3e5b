"""What the phases of verify_services.py leave for each other."""

from kubepeer.memory import Memory
from tasks.services.judge import Traffic
from tasks.services.looking import NodeSeen
from tasks.services.matrix import Workload
from tasks.services.node_state import NodeState, RouterState

READER = Memory[str | None]("the control plane in whose name the cluster is read")
WORKLOAD = Memory[Workload]("what of the workload can be tried")
NODE_SEEN = Memory[NodeSeen]("a node's addresses, MTU and pods before anything is sent")
TRAFFIC = Memory[Traffic]("what a host has tried, and what became of it")
SILENT = Memory[str]("why a host cannot try")
NODE_STATE = Memory[NodeState]("a node's own account, asked because cells are red")
ROUTER_STATE = Memory[RouterState]("a router's own account, asked because cells are red")
MADE = Memory[bool]("whether the Local service of this run may be there")
