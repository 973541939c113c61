/** `/api/trust`: the signed metadata, newer ones from their holders, and the public key that the root has to name. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LIMITS } from '../../protocol/limits.ts';
import type { MetadataFiles } from '../../protocol/signed-file.ts';
import type { TrustView } from '../views/fleet.ts';
import { whoOf } from './access.ts';
import { parseRequest } from './error-reply.ts';
import { decodePackageBody } from './package-body.ts';

export interface TrustRouteDeps {
  readonly trustView: () => TrustView;
  readonly trust: {
    readonly files: MetadataFiles;
    accept(files: MetadataFiles): void;
  };
  readonly audit: (who: string, action: string, subject: string) => void;
}

export function addTrustRoutes(app: FastifyInstance, { trust, trustView, audit }: TrustRouteDeps): void {
  app.get('/api/trust', async () => trustView());

  /** All files as texts, for a bundle that travels without a network. */
  app.get('/api/trust/files', async () =>
    Object.fromEntries([...trust.files].map(([name, bytes]) => [name, bytes.toString('utf8')])),
  );

  /** The same body as for a package: `<n>.root.json` and `targets.json`. They prove themselves. */
  app.put('/api/trust', { bodyLimit: LIMITS.metadataBundleBytes }, async (request) => {
    const body = parseRequest(z.instanceof(Buffer, { error: 'send application/msgpack' }), request.body);
    trust.accept(decodePackageBody(body));
    audit(whoOf(request), 'trust-published', metadataTitle(trustView()));
    return trustView();
  });
}

function metadataTitle({ metadata }: TrustView): string {
  return metadata ? `root ${metadata.root}, list ${metadata.targets}` : 'nothing yet';
}
