"""What all parts of the inventory have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the inventory: unknown keys are refused, nothing changes after it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
