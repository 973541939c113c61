/** Starts a source where its slots left off; one that does not start is told of, and keeps no other slot from its work. */
import { CodedError, codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import type { Source } from '../sources/source.ts';
import type { NewEvent } from '../store/records.ts';
import type { Pipeline } from './pipeline.ts';

export interface StartSourceDeps {
  readonly pipeline: Pick<Pipeline, 'sinkOf' | 'resumeAfter'>;
  readonly tell: (event: NewEvent) => void;
  readonly clock: Clock;
}

export async function startSource(source: Source, { pipeline, tell, clock }: StartSourceDeps): Promise<void> {
  const sink = pipeline.sinkOf(source.id);
  try {
    await source.start(sink, pipeline.resumeAfter(source.id));
  } catch (error) {
    const code = codeOf(error);
    const hint = error instanceof CodedError ? (error.hint ?? '') : '';
    const reason = `${error instanceof Error ? error.message : String(error)}. ${hint}`;
    sink.refused(code, `did not start: ${reason}`);
    tell({
      timeMs: clock.wallMs(),
      kind: 'source-not-started',
      severity: 'alarm',
      slot: null,
      message: `The source ${source.id} did not start: ${reason}`.slice(0, 1024),
      data: { source: source.id, code },
    });
  }
}
