/** From a source's configuration to the source. */
import type { Clock } from '../clock.ts';
import type { SourceConfig } from '../config/schema.ts';
import { FileReplay } from './file-replay.ts';
import { SimulatedLine } from './simulated-line.ts';
import type { Source } from './source.ts';

export function createSource(id: string, config: SourceConfig, deps: { readonly clock: Clock }): Source {
  switch (config.kind) {
    case 'simulated-line':
      return new SimulatedLine(id, config, deps);
    case 'file':
      return new FileReplay(id, config, deps);
  }
}
