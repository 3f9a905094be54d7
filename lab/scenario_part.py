"""What every part of a scenario file is made of. Not here: any part."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Seconds = Annotated[float, Field(ge=0, le=600)]
Size = Annotated[str, Field(pattern=r"^[0-9]+[kmg]$")]


class Part(BaseModel):
    """Closed: a key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
