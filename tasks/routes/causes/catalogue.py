"""Every cause, in the order in which they are asked: who is sure speaks before who only follows. Pure."""

from collections.abc import Iterator

from tasks.routes.causes.cause import Cause, CauseOfRoute, CauseOfSession
from tasks.routes.causes.of_announcements import (
    NodeDoesNotAnnounce,
    NodeFilterRefuses,
    NodeWaits,
    NotAdvertised,
    RouterFilterRefuses,
)
from tasks.routes.causes.of_api_servers import OF_API_SERVERS
from tasks.routes.causes.of_both_ends import (
    AsDiffers,
    DuplicateRouterId,
    HoldTimerExpired,
    NobodyListens,
    PasswordDiffers,
    PasswordOnOneSide,
    PortFiltered,
    TtlSecurityOnOneSide,
    Unanswered,
)
from tasks.routes.causes.of_errors import OF_ERRORS
from tasks.routes.causes.of_intent import OF_INTENT
from tasks.routes.causes.of_nodes import (
    BirdNotRunning,
    BirdStopped,
    CalicoNodeNotRunning,
    DisabledOnNode,
    EndedByNode,
    NodeUnreachable,
    NoWayToRouter,
    RouterNotPeerOfNode,
    SecretMissing,
)
from tasks.routes.causes.of_routers import (
    NeighbourNotConfigured,
    NotAMember,
    PolicyMissing,
    PrefixLimitReached,
    ShutDownOnRouter,
    WrongNodeAddress,
)
from tasks.routes.causes.of_strangers import (
    LeftBehind,
    MoreSpecificRoute,
    NextHopIsSelf,
    NodeAnnouncesTooMuch,
    StrangerAnnounces,
)
from tasks.routes.causes.of_tables import BetterRoute, EqualPathsOff, KernelRouteMissing, RouteByHand, TooFewPaths

OF_SESSIONS: tuple[CauseOfSession, ...] = (
    WrongNodeAddress(),
    NotAMember(),
    NeighbourNotConfigured(),
    ShutDownOnRouter(),
    PolicyMissing(),
    PrefixLimitReached(),
    NodeUnreachable(),
    CalicoNodeNotRunning(),
    BirdStopped(),
    BirdNotRunning(),
    RouterNotPeerOfNode(),
    DisabledOnNode(),
    EndedByNode(),
    NoWayToRouter(),
    AsDiffers(),
    DuplicateRouterId(),
    SecretMissing(),
    PasswordOnOneSide(),
    PasswordDiffers(),
    TtlSecurityOnOneSide(),
    PortFiltered(),
    NobodyListens(),
    HoldTimerExpired(),
    Unanswered(),
)
OF_ROUTES: tuple[CauseOfRoute, ...] = (
    LeftBehind(),
    MoreSpecificRoute(),
    StrangerAnnounces(),
    NextHopIsSelf(),
    NodeAnnouncesTooMuch(),
    RouteByHand(),
    BetterRoute(),
    NotAdvertised(),
    NodeWaits(),
    NodeFilterRefuses(),
    RouterFilterRefuses(),
    NodeDoesNotAnnounce(),
    EqualPathsOff(),
    TooFewPaths(),
    KernelRouteMissing(),
)
EVERY: tuple[Cause, ...] = (*OF_ERRORS, *OF_API_SERVERS, *OF_SESSIONS, *OF_ROUTES, *OF_INTENT)


def manual() -> Iterator[str]:
    """What each cause looks at, what proves it, and the cure."""
    for cause in EVERY:
        yield cause.manual()
