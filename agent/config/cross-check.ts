/** Problems of a device config that concern two places at once, found also while other places are still wrong. */
import { z } from 'zod';
import { closestWord } from '../../daemon/closest-word.ts';
import { dottedPath, shortValue } from '../../daemon/config-errors.ts';

const text = z.string().optional().catch(undefined);

const alarmOutput = { broker: text, url: text, certFile: text, keyFile: text, caFile: text };

/** As much of the config as can be understood; what is malformed reads as absent, because the schema tells of it. */
const lenient = z
  .object({
    sources: z
      .record(z.string(), z.object({ kind: text, speed: text, timeColumn: text }).catch({}))
      .catch({}),
    slots: z
      .record(
        z.string(),
        z
          .object({
            source: text,
            privacy: text,
            keepFeatures: z.boolean().optional().catch(true),
            safety: z.boolean().optional().catch(false),
            exploration: z.unknown().optional(),
            feedback: z.array(z.object({ name: text, when: text }).catch({})).catch([]),
          })
          .catch({ feedback: [], safety: false, exploration: null }),
      )
      .catch({}),
    sync: z.object({ broker: text }).nullable().catch(null),
    alarms: z.object({ outputs: z.array(z.object(alarmOutput).catch({})).catch([]) }).catch({ outputs: [] }),
  })
  .catch({ sources: {}, slots: {}, sync: null, alarms: { outputs: [] } });

/** @returns one line a problem, as `explainIssues` writes them */
export function crossCheck(input: unknown): string[] {
  const config = lenient.parse(input);
  const sources = Object.keys(config.sources);
  const problems: string[] = [];
  for (const [id, source] of Object.entries(config.sources)) {
    if ((source.speed === 'recorded' || source.speed === 'scaled') && source.timeColumn === undefined) {
      const where = dottedPath(['sources', id, 'timeColumn']);
      problems.push(`${where}: is missing; speed "${source.speed}" needs the column that holds the time`);
    }
  }
  for (const [id, slot] of Object.entries(config.slots)) {
    if (slot.source !== undefined && !sources.includes(slot.source)) {
      const meant = closestWord(slot.source, sources);
      const advice = meant ? `did you mean "${meant}"?` : `sources are: ${sources.join(', ') || 'none'}`;
      const where = dottedPath(['slots', id, 'source']);
      problems.push(`${where}: ${shortValue(slot.source)} is not one of the sources; ${advice}`);
    }
    if ((slot.privacy === 'features' || slot.privacy === 'sampled') && slot.keepFeatures !== true) {
      const where = dottedPath(['slots', id, 'keepFeatures']);
      problems.push(`${where}: must be true, because privacy "${slot.privacy}" sends what is kept`);
    }
    if (slot.safety && slot.exploration !== null && slot.exploration !== undefined) {
      const where = dottedPath(['slots', id, 'exploration']);
      problems.push(`${where}: must be left out, because "safety" is true: nothing there is left to chance`);
    }
    const answers = slot.feedback.flatMap((rule, i) => (rule.when === 'answer' ? [i] : []));
    for (const i of answers.slice(1)) {
      const where = dottedPath(['slots', id, 'feedback', i, 'when']);
      problems.push(`${where}: "answer" stands in an earlier rule; operators are trusted alike`);
    }
    const names = slot.feedback.map((rule) => rule.name);
    names.forEach((name, i) => {
      if (name === undefined || names.indexOf(name) === i) return;
      const where = dottedPath(['slots', id, 'feedback', i, 'name']);
      problems.push(`${where}: ${shortValue(name)} is the name of an earlier rule; give each its own`);
    });
  }
  if (/^\w+:\/\/.*:.*@/.test(config.sync?.broker ?? '')) {
    problems.push(
      'sync.broker: holds a password; write it to a file and name that file in sync.passwordFile',
    );
  }
  config.alarms.outputs.forEach(({ broker, url, certFile, keyFile, caFile }, i) => {
    const say = (key: string, problem: string) =>
      problems.push(`${dottedPath(['alarms', 'outputs', i, key])}: ${problem}`);
    if (/^\w+:\/\/[^/]*@/.test(broker ?? url ?? '')) {
      const key = broker === undefined ? 'url' : 'broker';
      say(key, 'holds a login; write its secret part to a file and name that file');
    }
    if (certFile !== undefined && keyFile === undefined) say('keyFile', 'is missing; certFile needs its key');
    if (keyFile !== undefined && certFile === undefined)
      say('certFile', 'is missing; keyFile needs its certificate');
    if ((certFile ?? caFile) !== undefined && /^(mqtt|ws):/.test(broker ?? ''))
      say('broker', 'must be mqtts:// or wss://, because certificates are for TLS');
  });
  return problems;
}
