/** The one sentence on the board: what is most wrong, and what a person does next. Pure. */
import type { Severity } from '../../protocol/records.ts';
import type { StatusView } from './view.ts';

interface Problem {
  readonly severity: Severity;
  readonly text: string;
  readonly next: string | null;
}

/** What the headline rests on. */
export interface HeadlineFacts {
  readonly view: Omit<StatusView, 'headline'>;
  /** Parts that a model raised and that nobody has looked at. */
  readonly unanswered: number;
}

const RANK: Record<Severity, number> = { alarm: 0, warning: 1, info: 2 };

export function headline(facts: HeadlineFacts): StatusView['headline'] {
  const { view, unanswered } = facts;
  const problems = [...view.alarms, ...slotProblems(view), ...storeProblems(view)].sort(
    (a, b) => RANK[a.severity] - RANK[b.severity],
  );
  const [worst, ...others] = problems;
  if (worst) {
    const { severity, text, next } = worst;
    const more = others.filter((other) => other.severity === severity).length;
    return { severity, text: more > 0 ? `${text} And ${counted(more, 'more thing')}.` : text, next };
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

function slotProblems({ slots }: HeadlineFacts['view']): Problem[] {
  return slots.flatMap(({ slot, champion, install, drift, inputs }) => {
    const problems: Problem[] = [];
    const failed = install && (install.state === 'refused' || install.state === 'rolled-back');
    if (champion && failed) {
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
