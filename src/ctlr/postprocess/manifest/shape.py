"""What every shape of the manifest has in common. Pure."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """It never changes, and keeps the keys of later versions that it does not know."""

    model_config = ConfigDict(frozen=True, extra="allow")
