/** One folder of artifacts behind MLflow's own proxy (`mlflow server --serve-artifacts`, its default). */
import { isSafePath } from '../../protocol/package-index.ts';
import { serverError } from '../errors.ts';
import { artifactListAnswer } from './mlflow-answers.ts';
import type { MlflowClient } from './mlflow-client.ts';

const BASE = '/mlflow-artifacts/artifacts';

export class ArtifactFolder {
  readonly #client: MlflowClient;
  /** Below the proxy's root, without slashes at its ends. */
  readonly #root: string;

  /**
   * @param uri `mlflow-artifacts:/1/models/m-…/artifacts`
   * @throws CodedError MLFLOW_ARTIFACTS_ELSEWHERE for any other kind of place
   */
  constructor(client: MlflowClient, uri: string, below = '') {
    this.#client = client;
    const url = URL.canParse(uri) ? new URL(uri) : undefined;
    const isHere = url?.host === '' || url?.host === new URL(client.trackingUri).host;
    if (url?.protocol !== 'mlflow-artifacts:' || !isHere) {
      throw serverError(
        'MLFLOW_ARTIFACTS_ELSEWHERE',
        `the artifacts are at ${uri.slice(0, 200)}, not at MLflow’s server`,
        {
          hint: 'Let the server hand them out: mlflow server --serve-artifacts, with --artifacts-destination for the place.',
        },
      );
    }
    this.#root = [...decodeURI(url.pathname).split('/'), ...below.split('/')].filter(Boolean).join('/');
    checkPath(this.#root);
  }

  /** @returns file name -> size in bytes; folders below are left out @throws errors of `MlflowClient.get` */
  async list(): Promise<Map<string, number>> {
    const { files } = await this.#client.get(BASE, { path: this.#root }, artifactListAnswer);
    return new Map(
      files
        .filter((file) => !file.is_dir)
        .map((file) => {
          checkPath(file.path);
          return [file.path, file.file_size];
        }),
    );
  }

  /** @param path below this folder @throws errors of `MlflowClient.download`; MLFLOW_ANSWER_INVALID for an unsafe path */
  read(path: string, maxBytes: number): Promise<Buffer> {
    checkPath(path);
    const whole = `${this.#root}/${path}`.split('/').map(encodeURIComponent).join('/');
    return this.#client.download(`${BASE}/${whole}`, maxBytes);
  }
}

/** A path comes from the server: it must not lead out of the folder, here or there. */
function checkPath(path: string): void {
  if (isSafePath(path)) return;
  throw serverError('MLFLOW_ANSWER_INVALID', `MLflow names an artifact "${path.slice(0, 100)}"`, {
    hint: 'Paths with "..", a leading slash or odd characters are not taken. Look at what was logged.',
  });
}
