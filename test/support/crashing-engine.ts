/** The engine's program with a native crash built in. */
import './crash-on-666.ts';

await import('../../agent/inference/engine-main.ts');
