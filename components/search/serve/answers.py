"""The JSON of the answers."""

from pydantic import BaseModel, Field


class Found(BaseModel):
    """A found image of the gallery."""

    rank: int = Field(description="From 1, the most similar.")
    name: str = Field(description="Path inside the data set.")
    person: str | None = Field(description="Null if the gallery does not know it.")
    camera: str | None = Field(description="Null if the gallery does not know it.")
    score: float = Field(description="Cosine similarity, -1 to 1.")
    accepted: bool = Field(description="Whether the score is above the threshold.")
    crop: str = Field(description="Address of the image as JPEG, relative to this one.")


class Answer(BaseModel):
    """The answer to a search."""

    gallery: str = Field(description="Name of the data set.")
    images: int = Field(description="Number of images that were searched.")
    threshold: float = Field(description="Images with a higher score are accepted.")
    precision: str = Field(description="Precision of the features: fp32 or bf16.")
    found: list[Found]


class About(BaseModel):
    """The model and the gallery in use."""

    model: str = Field(description="Method and data sets of the model.")
    gallery: str = Field(description="Name of the data set.")
    images: int = Field(description="Number of images.")
    cameras: list[str] = Field(description="Cameras that a search may name.")
    threshold: str = Field(description="The threshold and its rate of false accepts.")


class Health(BaseModel):
    """Whether searches are answered."""

    status: str = Field(description="`ready` or `loading`.")


class Failure(BaseModel):
    """Why a request is not answered."""

    error: str = Field(description="One sentence.")
