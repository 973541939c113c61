"""Static int8 quantization (QDQ) of chosen nodes, calibrated on training data; preprocessing stays float32."""

import logging
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static


class _Batches(CalibrationDataReader):
    def __init__(self, name: str, inputs: np.ndarray, batch: int = 256):
        self.feeds = iter([{name: inputs[i : i + batch]} for i in range(0, len(inputs), batch)])

    def get_next(self):
        return next(self.feeds, None)


def quantize(model: onnx.ModelProto, calibration: np.ndarray, nodes: list[str], out: Path) -> Path:
    """Writes the int8 model. Weights are int8 a channel in 7 bits: 8 bits saturate on AVX2 devices without VNNI."""
    float_path = out.with_suffix(".float.onnx")
    onnx.save(model, str(float_path))
    logging.disable(logging.WARNING)
    try:
        quantize_static(
            str(float_path),
            str(out),
            _Batches(model.graph.input[0].name, calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_quantize=nodes,
            calibrate_method=CalibrationMethod.MinMax,
        )
    finally:
        logging.disable(logging.NOTSET)
    float_path.unlink()
    return out
