"""Plays the calls of tritonclient[http] against an agent, and prints what came back as one line of JSON.

Arguments: host:port, model, path of the ONNX file, JSON rows.
"""

import json
import sys

import numpy as np
import onnxruntime
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

address, model, onnx, rows_json = sys.argv[1:]
rows = np.array(json.loads(rows_json), dtype=np.float32)
client = http.InferenceServerClient(address)
session = onnxruntime.InferenceSession(onnx)
metadata = client.get_model_metadata(model)
name, output = metadata["inputs"][0]["name"], metadata["outputs"][0]["name"]
(wanted,) = session.run([output], {name: rows})


def tensor(values, binary=True, datatype="FP32", called=name):
    made = http.InferInput(called, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def infer(binary_in=True, binary_out=True, **more):
    wish = http.InferRequestedOutput(output, binary_data=binary_out)
    result = client.infer(model, [tensor(rows, binary_in)], outputs=[wish], **more)
    return result, float(np.abs(result.as_numpy(output) - wanted).max())


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


best = client.infer(model, [tensor(rows)], outputs=[http.InferRequestedOutput(output, class_count=2)])
seen = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "modelReady": client.is_model_ready(model),
    "versionReady": client.is_model_ready(model, metadata["versions"][0]),
    "noModelReady": client.is_model_ready("nobody"),
    "server": client.get_server_metadata(),
    "metadata": metadata,
    "config": client.get_model_config(model),
    "index": client.get_model_repository_index(),
    "differences": {
        "binary": infer()[1],
        "json": infer(False, False)[1],
        "jsonToBinary": infer(False, True)[1],
        "gzip": infer(request_compression_algorithm="gzip", response_compression_algorithm="gzip")[1],
        "deflate": infer(request_compression_algorithm="deflate", response_compression_algorithm="deflate")[1],
        "allOutputs": float(np.abs(client.infer(model, [tensor(rows)]).as_numpy(output) - wanted).max()),
        "version": infer(model_version=metadata["versions"][0])[1],
        "sequence": infer(sequence_id=7, sequence_start=True, priority=1, timeout=5_000_000)[1],
        "async": float(
            np.abs(client.async_infer(model, [tensor(rows)]).get_result().as_numpy(output) - wanted).max()
        ),
    },
    "shape": list(infer()[0].as_numpy(output).shape),
    "classification": [[text.decode() for text in row] for row in best.as_numpy(output)],
    "wanted": wanted.tolist(),
    "refused": {
        "dtype": refused(lambda: client.infer(model, [tensor(rows.astype(np.float64), datatype="FP64")])),
        "name": refused(lambda: client.infer(model, [tensor(rows, called="strange")])),
        "model": refused(lambda: client.infer("nobody", [tensor(rows)])),
        "version": refused(lambda: client.infer(model, [tensor(rows)], model_version="999")),
        "output": refused(
            lambda: client.infer(model, [tensor(rows)], outputs=[http.InferRequestedOutput("strange")])
        ),
        "load": refused(lambda: client.load_model(model)),
        "unload": refused(lambda: client.unload_model(model)),
        "trace": refused(lambda: client.get_trace_settings(model)),
        "sharedMemory": refused(lambda: client.get_system_shared_memory_status()),
    },
    "statistics": client.get_inference_statistics(model),
}
# Last, so that it is among the newest on the page.
one_row = np.ascontiguousarray(rows[:1])
identified = client.infer(model, [tensor(one_row)], request_id="r-1", parameters={"correlation_id": "plate-1"})
response = identified.get_response()
seen["identified"] = {"id": response["id"], "parameters": response["parameters"]}
print(json.dumps(seen))
