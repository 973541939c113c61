/** How files travel: the one place where tests cut them. */
import { type ChunkedPackage, chunkPackage } from '../../protocol/package-index.ts';

export function chunked(files: ReadonlyMap<string, Buffer>): ChunkedPackage {
  return chunkPackage(files);
}
