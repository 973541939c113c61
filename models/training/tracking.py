"""Logs parameters and metrics to MLflow when it is installed; needs no server and is silent without it."""

import os

try:
    import mlflow
except ImportError:
    mlflow = None


def log_run(job: str, params: dict, metrics: dict[str, float]) -> None:
    """One run a job, in the run that `mlflow run` opened or in a new one under MLFLOW_TRACKING_URI."""
    if mlflow is None or not (os.environ.get("MLFLOW_TRACKING_URI") or os.environ.get("MLFLOW_RUN_ID")):
        return
    if not os.environ.get("MLFLOW_RUN_ID"):
        mlflow.set_experiment("andon")
    with mlflow.start_run(run_name=job, nested=mlflow.active_run() is not None):
        mlflow.log_params(params)
        mlflow.log_metrics(metrics)
