/** The one sentence on the board: what is most wrong, and what a person does next. Pure. */
import type { Severity } from '../../protocol/records.ts';
import type { StatusView } from './view.ts';

export interface Problem {
  readonly severity: Severity;
  readonly text: string;
  readonly next: string | null;
}

/** What the headline rests on. */
export interface HeadlineFacts {
  readonly view: Omit<StatusView, 'headline'>;
  /** Silence and whatever else the monitors found, worst first or in any order. */
  readonly alarms: readonly Problem[];
  /** Parts that a model raised and that nobody has looked at. */
  readonly unanswered: number;
}

const RANK: Record<Severity, number> = { alarm: 0, warning: 1, info: 2 };

export function headline(facts: HeadlineFacts): StatusView['headline'] {
  const { view, alarms, unanswered } = facts;
  const problems = [...alarms, ...engineProblems(view), ...slotProblems(view), ...storeProblems(view)].sort(
    (a, b) => RANK[a.severity] - RANK[b.severity],
  );
  const [worst, ...others] = problems;
  if (worst) {
    const more = others.filter(({ severity }) => severity === worst.severity).length;
    return { ...worst, text: more > 0 ? `${worst.text} And ${counted(more, 'more thing')}.` : worst.text };
  }
  const offline = view.link.configured && !view.link.connected;
  const waiting = Object.values(view.link.backlog).reduce((sum, count) => sum + count, 0);
  const link = offline
    ? ` Offline: ${counted(waiting, 'record')} ${waiting === 1 ? 'waits' : 'wait'} safely on this device.`
    : '';
  if (unanswered > 0) {
    return {
      severity: 'warning',
      text: `Running. ${counted(unanswered, 'part')} ${unanswered === 1 ? 'needs' : 'need'} attention.${link}`,
      next: 'Look at each and say whether the model was right.',
    };
  }
  return { severity: 'info', text: `Running.${link}`, next: null };
}

/** @param failing code of the error by which the store's last write failed */
export function recordingProblems(failing: string | null): Problem[] {
  if (failing === null) return [];
  const full = failing === 'STORE_FULL';
  return [
    {
      severity: 'alarm',
      text: `Predictions go on, but nothing is recorded: ${full ? 'the disk of this device is full' : `the store fails (${failing})`}.`,
      next: full
        ? 'Free space on the disk; recording goes on by itself.'
        : 'Call the person who looks after this device: its disk may be failing.',
    },
  ];
}

function engineProblems({ engine }: HeadlineFacts['view']): Problem[] {
  if (engine.alive) return [];
  return [
    {
      severity: 'alarm',
      text: 'The engine is down. It is being started again.',
      next: 'Wait ten seconds. If this stays, call the person who looks after this device.',
    },
  ];
}

function slotProblems({ slots }: HeadlineFacts['view']): Problem[] {
  return slots.flatMap(({ slot, champion, install, drift, inputs }) => {
    const problems: Problem[] = [];
    const failed = install && (install.state === 'refused' || install.state === 'rolled-back');
    if (!champion) {
      problems.push({
        severity: 'alarm',
        text: `No model serves ${slot}.${install?.reason ? ` ${sentence(install.reason)}` : ''}`,
        next: 'Inspect by hand until a model is installed, and call the person who releases models.',
      });
    } else if (failed) {
      problems.push({
        severity: 'warning',
        text: `The last model for ${slot} was ${install.state === 'refused' ? 'refused' : 'rolled back'}; ${champion.title} runs on.${install.reason ? ` ${sentence(install.reason)}` : ''}`,
        next: 'Go on working. Tell the person who released it.',
      });
    }
    const drifting = drift.filter((each) => each.drifting).map(({ feature }) => feature);
    if (drifting.length > 0) {
      problems.push({
        severity: 'warning',
        text: `${listed(drifting)} ${drifting.length === 1 ? 'has' : 'have'} moved away from what the model of ${slot} learned.`,
        next: `Check ${drifting.length === 1 ? 'that sensor' : 'those sensors'} and the tool first, then whether the process was changed.`,
      });
    }
    const broken = [...new Set(inputs.faults.map(({ feature }) => feature))];
    if (broken.length > 0) {
      problems.push({
        severity: 'warning',
        text: `${listed(broken)} of ${slot} ${broken.length === 1 ? 'does' : 'do'} not come in as ${broken.length === 1 ? 'it' : 'they'} should.`,
        next: `Check ${broken.length === 1 ? 'that sensor and its cable' : 'those sensors and their cables'}; see below what is wrong.`,
      });
    }
    return problems;
  });
}

function storeProblems({ store }: HeadlineFacts['view']): Problem[] {
  if (store.sizeBytes < 0.9 * store.maxBytes) return [];
  return [
    {
      severity: 'warning',
      text: 'The buffer of this device is nearly full. Old records will be thinned out.',
      next: 'Bring the connection to the server back, or allow a larger store.maxBytes.',
    },
  ];
}

function listed(names: readonly string[]): string {
  if (names.length > 3) return `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : String(names[0]);
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
