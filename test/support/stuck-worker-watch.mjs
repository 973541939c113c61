/** The other side of stuck-worker.ts: a thread that sees whether the main one still moves. */

import { readFileSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';

const { beats, testPath, lookEveryMs, standsStillMs } = workerData;
/** An interrupted script answers within moments; one that waits inside the system never does. */
const STACK_WITHIN_MS = 5000;

let seen = Atomics.load(beats, 0);
let stillMs = 0;

setInterval(() => {
  const now = Atomics.load(beats, 0);
  stillMs = now === seen ? stillMs + lookEveryMs : 0;
  seen = now;
  if (stillMs >= standsStillMs) end();
}, lookEveryMs);

function end() {
  stillMs = 0;
  const urls = new Map();
  const session = new Session();
  session.connectToMainThread();
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => {
    const places = params.callFrames.map(({ functionName, location }) => {
      return `${functionName || '(no name)'} ${urls.get(location.scriptId)}:${location.lineNumber + 1}`;
    });
    die(places.filter((place) => !place.includes('/node_modules/') && !place.includes(' node:')));
  });
  session.post('Debugger.enable');
  session.post('Debugger.pause');
  setTimeout(() => die(['a call that waits inside the system', ...children()]), STACK_WITHIN_MS);
}

function die(lines) {
  writeSync(
    2,
    `${testPath} stood still for ${standsStillMs / 1000} s and is ended. It stood at:\n  ${lines.join('\n  ')}\n`,
  );
  process.kill(process.pid, 'SIGKILL');
}

/** What it may wait for; only Linux tells. */
function children() {
  try {
    const pids = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
    return pids.map((pid) => `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`);
  } catch {
    return [];
  }
}
