"""What is said on both sides of the wire by the same words. Pure."""

PLUGIN = "kubepeer"
OPEN, OPENED, CALL, ANSWER, WAITS = "open", "opened ", "call ", "answer ", "waits"


def topic_of(mark: str) -> str:
    """Dask's topic of what the hosts of a run wait for."""
    return f"kubepeer-{mark}-waits"


def session_key(mark: str, number: int) -> str:
    """Dask's key of a session."""
    return f"kubepeer-{mark}-session-{number}"


def call_key(mark: str, number: str) -> str:
    """Dask's key of a call."""
    return f"kubepeer-{mark}-call-{number}"
