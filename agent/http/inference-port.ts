/** The Open Inference Protocol on the server of the page: HTTP under `/v2`, and gRPC on the same port where it is asked for. */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { GrpcServer } from './grpc/grpc-server.ts';
import { splitByPreface } from './grpc/preface.ts';
import { OipModels } from './oip/oip-models.ts';
import { addOipRoutes, type OipDeps } from './oip/oip-routes.ts';

export interface InferencePortDeps {
  readonly inference: OipDeps;
  /** Where the server listens. */
  readonly host: string;
  readonly grpc: boolean;
}

export class InferencePort {
  readonly #deps: InferencePortDeps;
  readonly #models: OipModels;
  #grpc: Promise<GrpcServer> | undefined;
  #endUndecided: () => void = () => undefined;

  constructor(app: FastifyInstance, deps: InferencePortDeps) {
    const { inference, grpc } = deps;
    this.#deps = deps;
    this.#models = new OipModels(inference);
    app.register(async (scope) => addOipRoutes(scope, this.#models, inference), { prefix: '/v2' });
    if (grpc) this.#endUndecided = splitByPreface(app.server, (socket) => void this.#takeGrpc(socket));
  }

  /** Ends the connections of gRPC; those of HTTP are the server's. */
  async stop(): Promise<void> {
    this.#endUndecided();
    (await this.#grpc)?.stop();
  }

  /** HTTP/2 is loaded with the first connection that wants it. */
  async #takeGrpc(socket: Socket): Promise<void> {
    const { host, inference } = this.#deps;
    const { log, counters } = inference;
    this.#grpc ??= import('./grpc/grpc-server.ts').then(
      ({ GrpcServer }) => new GrpcServer({ models: this.#models, host, log, counters }),
    );
    (await this.#grpc).take(socket);
  }
}
