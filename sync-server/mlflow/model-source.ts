/** Where a model of MLflow stands: `models:/name@alias`, `models:/name/3`, `models:/m-…` or `runs:/…` looked up. */
import { serverError } from '../errors.ts';
import { ArtifactFolder } from './artifact-folder.ts';
import {
  downloadUriAnswer,
  loggedModelAnswer,
  type ModelVersion,
  modelVersionAnswer,
  type Run,
  runAnswer,
} from './mlflow-answers.ts';
import type { MlflowClient } from './mlflow-client.ts';

export interface ModelSource {
  readonly artifacts: ArtifactFolder;
  /** The registered version; undefined for a model that was taken from a run. */
  readonly modelVersion: ModelVersion | undefined;
  /** Undefined for a model that was logged outside of a run. */
  readonly run: Run | undefined;
  /** What the run keeps for us: `baseline.json`, `golden.json`, `card.md`. */
  readonly extras: ArtifactFolder | undefined;
}

/** The folder of a run's artifacts that holds what MLflow has no place for. */
export const EXTRAS_FOLDER = 'andon';

/** @throws CodedError MLFLOW_URI_INVALID, and those of `MlflowClient.get` */
export async function findModel(client: MlflowClient, uri: string): Promise<ModelSource> {
  const ofRun = /^runs:\/([0-9a-f]{32})\/(.+)$/.exec(uri);
  if (ofRun?.[1] && ofRun[2]) {
    const run = await getRun(client, ofRun[1]);
    return sourceOf(client, run, undefined, await folderOfRun(client, run, ofRun[2]));
  }
  const logged = /^models:\/(m-[0-9a-f]{32})$/.exec(uri);
  if (logged?.[1]) {
    const info = await getLogged(client, logged[1]);
    const run = info.source_run_id === '' ? undefined : await getRun(client, info.source_run_id);
    return sourceOf(client, run, undefined, new ArtifactFolder(client, info.artifact_uri));
  }
  const version = await getVersion(client, uri);
  if (version.status !== 'READY') {
    throw serverError('MLFLOW_REFUSED', `${uri} is ${version.status}, not READY`, {
      hint: 'Wait until MLflow has registered it, or register it again.',
    });
  }
  const { name } = version;
  const { artifact_uri } = await client.get(
    '/mlflow/model-versions/get-download-uri',
    { name, version: String(version.version) },
    downloadUriAnswer,
  );
  const loggedId = /^models:\/(m-[0-9a-f]{32})$/.exec(artifact_uri)?.[1];
  const place = loggedId === undefined ? artifact_uri : (await getLogged(client, loggedId)).artifact_uri;
  const run = version.run_id === '' ? undefined : await getRun(client, version.run_id);
  return sourceOf(client, run, version, new ArtifactFolder(client, place));
}

/** @throws CodedError MLFLOW_REFUSED (MLflow's word for an alias that does not exist), and those of `MlflowClient.get` */
export async function getByAlias(
  client: MlflowClient,
  name: string,
  alias: string,
  signal?: AbortSignal,
): Promise<ModelVersion> {
  const path = '/mlflow/registered-models/alias';
  return (await client.get(path, { name, alias }, modelVersionAnswer, signal)).model_version;
}

async function getVersion(client: MlflowClient, uri: string): Promise<ModelVersion> {
  const byAlias = /^models:\/([^/@]+)@([^/@]+)$/.exec(uri);
  if (byAlias?.[1] && byAlias[2]) {
    return getByAlias(client, decodeURIComponent(byAlias[1]), byAlias[2]);
  }
  const byNumber = /^models:\/([^/@]+)\/([1-9][0-9]*)$/.exec(uri);
  if (byNumber?.[1] && byNumber[2]) {
    const query = { name: decodeURIComponent(byNumber[1]), version: byNumber[2] };
    return (await client.get('/mlflow/model-versions/get', query, modelVersionAnswer)).model_version;
  }
  throw serverError('MLFLOW_URI_INVALID', `"${uri}" names no model of MLflow`, {
    hint: 'Write models:/<name>@<alias>, models:/<name>/<version> or runs:/<run id>/<model name>. A stage or "latest" changes under one’s feet; give the version an alias.',
  });
}

async function getRun(client: MlflowClient, run_id: string): Promise<Run> {
  return (await client.get('/mlflow/runs/get', { run_id }, runAnswer)).run;
}

async function getLogged(client: MlflowClient, id: string) {
  return (await client.get(`/mlflow/logged-models/${id}`, {}, loggedModelAnswer)).model.info;
}

/** MLflow 3 keeps a run's models beside it, by name; MLflow 2 among its artifacts. */
async function folderOfRun(client: MlflowClient, run: Run, path: string): Promise<ArtifactFolder> {
  for (const { model_id } of run.outputs.model_outputs) {
    if (!/^m-[0-9a-f]{32}$/.test(model_id)) continue;
    const info = await getLogged(client, model_id);
    if (info.name === path) return new ArtifactFolder(client, info.artifact_uri);
  }
  return new ArtifactFolder(client, run.info.artifact_uri, path);
}

function sourceOf(
  client: MlflowClient,
  run: Run | undefined,
  modelVersion: ModelVersion | undefined,
  artifacts: ArtifactFolder,
): ModelSource {
  const extras = run && new ArtifactFolder(client, run.info.artifact_uri, EXTRAS_FOLDER);
  return { artifacts, modelVersion, run, extras };
}
