"""MLServer: a runtime of its own kind, over the open inference protocol."""

from linear import score
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Linear(MLModel):
    """The linear model."""

    async def load(self) -> bool:
        """Be ready."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Score one row."""
        row = NumpyCodec.decode_input(payload.inputs[0])
        output = ResponseOutput(name="score", shape=[1], datatype="FP32", data=[score(row[0])])
        return InferenceResponse(model_name=self.name, outputs=[output])
