/** The two forms of the fault tests: short and seeded with every `npm test`, long with `npm run faults`. */
import { Random } from '../../../agent/sources/random.ts';

export const isLong = process.env.ANDON_FAULTS === 'long';
const LONG_TEST_MS = 30 * 60_000;
const SHORT_TEST_MS = 120_000;
export const testTimeoutMs = isLong ? LONG_TEST_MS : SHORT_TEST_MS;
/** Of a test that waits for processes to start and to find each other again, over and over. */
export const restartsTimeoutMs = Math.max(testTimeoutMs, 3 * SHORT_TEST_MS);

/** ANDON_FAULTS_SEED plays other moments; the default is always the same. */
const seed = Number(process.env.ANDON_FAULTS_SEED ?? 1);

export function times(short: number, long: number): number {
  return isLong ? long : short;
}

/** @param stream a number of its own for each test, so that no two share their moments */
export function seededRandom(stream: number): Random {
  return new Random(seed * 1000 + stream);
}

/** The one place where a fault test lets time pass: until the moment of its fault. */
export function moment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
