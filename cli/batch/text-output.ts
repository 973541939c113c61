/** Answered rows as lines of CSV or NDJSON. Pure. */
import { type AnsweredRow, answeredRows, type BlockAnswers, type BlockStart } from './block-answers.ts';
import type { BlockRows, Kept } from './block-rows.ts';
import { floatText } from './float-text.ts';
import type { OpenPlan } from './plan.ts';

/** Names of the columns of the output, in their order. */
export function outputColumns({ input, output, model }: OpenPlan): string[] {
  return [
    'row',
    ...(input.key === null ? [] : [ownName(input.key)]),
    ...output.keep.map(ownName),
    'label',
    'score',
    'model',
    ...(output.allOutputs ? outputNames(model.manifest.output.decision) : []),
  ];
}

/** A column of the input that is called as one of ours, in labelled data often `label`. */
function ownName(column: string): string {
  return ['row', 'label', 'score', 'model'].includes(column) ? `input_${column}` : column;
}

export function outputNames(decision: {
  readonly kind: string;
  readonly labels: readonly string[];
}): string[] {
  return decision.kind === 'argmax' ? decision.labels.map((label) => `output_${label}`) : ['output'];
}

/** `steel-surface@1` */
export function modelName({ model }: Pick<OpenPlan, 'model'>): string {
  return `${model.manifest.name}@${model.manifest.version}`;
}

export function csvHeader(plan: OpenPlan): string {
  return `${outputColumns(plan).map(csvCell).join(',')}\n`;
}

export function csvLines(plan: OpenPlan, rows: BlockRows, answers: BlockAnswers, start: BlockStart): string {
  const { keep } = plan.output;
  const hasKey = plan.input.key !== null;
  const labels = new Map(plan.model.manifest.output.decision.labels.map((label) => [label, csvCell(label)]));
  const model = csvCell(modelName(plan));
  let text = '';
  for (const { row, key, label, score, at } of answeredRows(plan, rows, answers, start)) {
    text += row;
    if (hasKey) text += `,${csvCell(key)}`;
    for (let k = 0; k < keep.length; k++) text += `,${csvCell(rows.kept[at * keep.length + k] ?? null)}`;
    text += `,${labels.get(label)},${floatText(score)},${model}`;
    if (plan.output.allOutputs) {
      for (let k = 0; k < answers.width; k++)
        text += `,${floatText(answers.outputs[at * answers.width + k] as number)}`;
    }
    text += '\n';
  }
  return text;
}

export function ndjsonLines(
  plan: OpenPlan,
  rows: BlockRows,
  answers: BlockAnswers,
  start: BlockStart,
): string {
  const { keep } = plan.output;
  const names = outputNames(plan.model.manifest.output.decision).map((name) => JSON.stringify(name));
  const model = JSON.stringify(modelName(plan));
  const keyName = plan.input.key === null ? null : JSON.stringify(ownName(plan.input.key));
  const keepNames = keep.map((name) => JSON.stringify(ownName(name)));
  const line = ({ row, key, label, score, at }: AnsweredRow): string => {
    let text = `{"row":${row}`;
    if (keyName !== null) text += `,${keyName}:${JSON.stringify(key)}`;
    for (const [k, name] of keepNames.entries())
      text += `,${name}:${JSON.stringify(rows.kept[at * keep.length + k] ?? null)}`;
    text += `,"label":${JSON.stringify(label)},"score":${floatText(score)},"model":${model}`;
    if (plan.output.allOutputs) {
      for (const [k, name] of names.entries())
        text += `,${name}:${floatText(answers.outputs[at * answers.width + k] as number)}`;
    }
    return `${text}}\n`;
  };
  let text = '';
  for (const answered of answeredRows(plan, rows, answers, start)) text += line(answered);
  return text;
}

/** The lines of the side file: rows that could not be read, and rows that the model could not answer. */
export function rejectedLines(
  rows: BlockRows,
  { refused }: BlockAnswers,
  firstRow: number,
): { text: string; codes: Record<string, number> } {
  const all = [
    ...rows.rejected,
    ...[...refused].map(([at, why]) => ({
      row: rows.places[at] as number,
      key: rows.keys[at] ?? null,
      ...why,
    })),
  ].sort((a, b) => a.row - b.row);
  const codes: Record<string, number> = {};
  let text = '';
  for (const { row, key, code, reason } of all) {
    codes[code] = (codes[code] ?? 0) + 1;
    text += `${JSON.stringify({ row: firstRow + row, key, code, reason })}\n`;
  }
  return { text, codes };
}

export function csvCell(value: Kept): string {
  if (value === null) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
