"""What a verification leaves in the run: for the router that is verified beside it, and for the table that a person reads."""

from kubepeer.memory import Memory
from tasks.platforms.seen import RouterSeen
from tasks.routes.expected import Announced
from tasks.routes.metallb import MetalLBObjects

SEEN = Memory[RouterSeen]("what each router had when it was last asked")
UNSEEN = Memory[str]("why a router could not be read when it was last asked; empty where it could")
ANNOUNCED = Memory[Announced]("what the cluster should announce, by the moment")
METALLB = Memory[MetalLBObjects]("the objects of MetalLB that decide what is announced, by the moment")
