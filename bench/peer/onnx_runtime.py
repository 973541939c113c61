"""The same model in MLServer, as its documentation says to write a custom runtime."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.settings.parameters.uri, options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (given,) = payload.inputs
        rows = NumpyCodec.decode_input(given).astype("float32")
        outputs = self._session.run(None, {given.name: rows})
        names = [output.name for output in self._session.get_outputs()]
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output(name, values) for name, values in zip(names, outputs)],
        )
