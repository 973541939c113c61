"""Runs ONNX models on one thread, the way a device does."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

Model = onnx.ModelProto | Path


def session(model: Model) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def predict(model: Model, inputs: np.ndarray, batch: int = 256) -> np.ndarray:
    """float32 [N, k]."""
    run = session(model)
    name = run.get_inputs()[0].name
    parts = [run.run(None, {name: inputs[i : i + batch]})[0] for i in range(0, len(inputs), batch)]
    return np.concatenate(parts)


def check_batch_independence(model: Model, inputs: np.ndarray, tolerance: float = 1e-5) -> None:
    """Raises ValueError if a sample's output depends on the batch that it travels in."""
    sample = inputs[:32]
    gap = float(np.abs(predict(model, sample, 32) - predict(model, sample, 1)).max())
    if not gap <= tolerance:
        raise ValueError(f"outputs differ by {gap} between batch 1 and batch 32")


def latency_us(model: Model, inputs: np.ndarray, batch: int) -> float:
    """Median microseconds of one call with `batch` samples."""
    run = session(model)
    feed = {run.get_inputs()[0].name: np.resize(inputs, (batch, *inputs.shape[1:]))}
    return median_us(lambda: run.run(None, feed), runs=400)


def median_us(call: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs + runs // 20):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return float(np.median(times[runs // 20 :])) / 1000
