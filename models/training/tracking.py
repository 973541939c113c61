"""Logs parameters and metrics to MLflow when it is installed; needs no server and is silent without it."""

import os

try:
    import mlflow
except ImportError:
    mlflow = None


def log_run(job: str, params: dict, metrics: dict[str, float]) -> None:
    """Into the run that `mlflow run` opened, or into a new one a job under MLFLOW_TRACKING_URI."""
    if mlflow is None or not (os.environ.get("MLFLOW_TRACKING_URI") or os.environ.get("MLFLOW_RUN_ID")):
        return
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow-skinny has no database, so a folder it is
    if not os.environ.get("MLFLOW_RUN_ID"):
        mlflow.set_experiment("andon")
    with mlflow.start_run(run_name=job):
        mlflow.log_params({f"{job}/{key}": value for key, value in params.items()})
        mlflow.log_metrics({f"{job}/{_metric_key(name)}": value for name, value in metrics.items()})


def _metric_key(name: str) -> str:
    """MLflow allows letters, digits, `_-./ ` and, in newer versions, colons."""
    return "".join(c if c.isalnum() or c in "_-. " else " " for c in name)
