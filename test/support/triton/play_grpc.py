"""Plays the calls of tritonclient[grpc] against an agent, and prints what came back as one line of JSON.

Arguments: host:port, model, path of the ONNX file, JSON rows.
"""

import json
import queue
import sys

import numpy as np
import onnxruntime
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

address, model, onnx, rows_json = sys.argv[1:]
rows = np.array(json.loads(rows_json), dtype=np.float32)
client = grpc.InferenceServerClient(address)
session = onnxruntime.InferenceSession(onnx)
metadata = client.get_model_metadata(model, as_json=True)
name, output = metadata["inputs"][0]["name"], metadata["outputs"][0]["name"]
(wanted,) = session.run([output], {name: rows})


def tensor(values, datatype="FP32"):
    made = grpc.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


def infer(**more):
    result = client.infer(model, [tensor(rows)], outputs=[grpc.InferRequestedOutput(output)], **more)
    return result, float(np.abs(result.as_numpy(output) - wanted).max())


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def typed():
    """Values in the message's own fields, as clients of other languages send them."""
    stub, service = client._client_stub, grpc.service_pb2
    request = service.ModelInferRequest(model_name=model)
    request.inputs.append(service.ModelInferRequest.InferInputTensor(name=name, datatype="FP32", shape=rows.shape))
    request.inputs[0].contents.fp32_contents.extend(rows.flatten().tolist())
    given = np.frombuffer(stub.ModelInfer(request).raw_output_contents[0], dtype=np.float32)
    return float(np.abs(given.reshape(wanted.shape) - wanted).max())


def later():
    """Many calls at once on one connection."""
    answers = queue.Queue()
    for _ in range(50):
        client.async_infer(model, [tensor(rows)], lambda result, error: answers.put((result, error)))
    results = [answers.get(timeout=60) for _ in range(50)]
    return max(float(np.abs(result.as_numpy(output) - wanted).max()) for result, _ in results)


best = client.infer(model, [tensor(rows)], outputs=[grpc.InferRequestedOutput(output, class_count=2)])
seen = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "modelReady": client.is_model_ready(model),
    "versionReady": client.is_model_ready(model, metadata["versions"][0]),
    "server": client.get_server_metadata(as_json=True),
    "metadata": metadata,
    "config": client.get_model_config(model, as_json=True)["config"],
    "index": client.get_model_repository_index(as_json=True)["models"],
    "differences": {
        "raw": infer()[1],
        "typed": typed(),
        "gzip": infer(compression_algorithm="gzip")[1],
        "deflate": infer(compression_algorithm="deflate")[1],
        "deadline": infer(client_timeout=20.0, priority=1, sequence_id=7)[1],
        "version": infer(model_version=metadata["versions"][0])[1],
        "async": later(),
    },
    "shape": list(infer()[0].as_numpy(output).shape),
    "classification": [[text.decode() for text in row] for row in best.as_numpy(output)],
    "wanted": wanted.tolist(),
    "refused": {
        "dtype": refused(lambda: client.infer(model, [tensor(rows.astype(np.float64), "FP64")])),
        "model": refused(lambda: client.infer("nobody", [tensor(rows)])),
        "version": refused(lambda: client.infer(model, [tensor(rows)], model_version="999")),
        "output": refused(lambda: client.infer(model, [tensor(rows)], outputs=[grpc.InferRequestedOutput("strange")])),
        "load": refused(lambda: client.load_model(model)),
        "sharedMemory": refused(lambda: client.get_system_shared_memory_status()),
    },
    "statistics": client.get_inference_statistics(model, as_json=True),
}
# Last, so that it is among the newest on the page.
one_row = np.ascontiguousarray(rows[:1])
identified = client.infer(model, [tensor(one_row)], request_id="r-1", parameters={"correlation_id": "plate-1"})
response = identified.get_response(as_json=True)
seen["identified"] = {
    "id": response["id"],
    "parameters": {key: next(iter(value.values())) for key, value in response["parameters"].items()},
}
print(json.dumps(seen))
