/** The engine process goes after the agent: for the processor's time, and first where memory ends. */
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** A model that takes all it can get must leave the agent its turn. */
const NICE = 3;
/** Of 1000: where memory ends, the kernel ends this process and not the agent. */
const OOM_SCORE = 500;

export function yieldToTheAgent(): void {
  try {
    setPriority(NICE);
    writeFileSync('/proc/self/oom_score_adj', String(OOM_SCORE));
  } catch {
    // Not every system has these, or grants them: it works without.
  }
}
