"""The lab's own errors: what went wrong and what to do, in one line."""


class LabError(Exception):
    """Something that the person at the keyboard can act upon; shown as one line, never as a traceback."""


class Unsupported(LabError):
    """The host cannot run the lab at all: no root, no namespaces, a missing package."""
