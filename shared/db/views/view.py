"""View: the base of everything that is read out of the database."""

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """A frozen value that can be read from a row's attributes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
