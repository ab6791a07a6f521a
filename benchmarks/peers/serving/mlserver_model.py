"""MLServer: a runtime of its own kind, over the open inference protocol."""

from linear import scores
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Linear(MLModel):
    """The linear model."""

    async def load(self) -> bool:
        """Be ready."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Score the rows."""
        found = scores(NumpyCodec.decode_input(payload.inputs[0]))
        output = ResponseOutput(name="score", shape=[len(found)], datatype="FP32", data=found)
        return InferenceResponse(model_name=self.name, outputs=[output])
