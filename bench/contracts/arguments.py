"""Types of arguments that say which numbers make sense: what `--set` and registrations give is held to them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

Count: TypeAlias = Annotated[int, Field(ge=1)]
"""How many there are of something, one or more."""
Seed: TypeAlias = Annotated[int, Field(ge=0)]
Weight: TypeAlias = Annotated[float, Field(ge=0)]
"""A factor on a loss."""
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A part of a whole."""
Temperature: TypeAlias = Annotated[float, Field(gt=0)]
