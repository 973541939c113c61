/** Reads the Prometheus text format strictly, as a scraper does that accepts nothing odd. */

export interface ParsedFamily {
  readonly type: string;
  readonly series: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly value: number;
  }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SERIES = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/** @throws Error naming the line that no scraper would take */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, ParsedFamily>();
  const seen = new Set<string>();
  let helped = '';
  let current: { name: string; family: ParsedFamily } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (!NAME.test(name) || families.has(name)) throw new Error(`helped twice or badly named: ${line}`);
      helped = name;
    } else if (kind === 'TYPE') {
      if (name !== helped || !/^(counter|gauge|histogram)$/.test(rest))
        throw new Error(`a bad type: ${line}`);
      current = { name, family: { type: rest, series: [] } };
      families.set(name, current.family);
    } else {
      const series = parseSeries(line);
      const base =
        current?.family.type === 'histogram' ? series.name.replace(/_(bucket|sum|count)$/, '') : series.name;
      if (!current || base !== current.name) throw new Error(`stands in no family of its own: ${line}`);
      const id = `${series.name} ${JSON.stringify(series.labels)}`;
      if (seen.has(id)) throw new Error(`given twice: ${line}`);
      seen.add(id);
      current.family.series.push(series);
    }
  }
  for (const [name, { type, series }] of families) if (type === 'histogram') checkHistogram(name, series);
  return families;
}

function parseSeries(line: string): ParsedFamily['series'][number] {
  const [, name = '', labelText, valueText = ''] = SERIES.exec(line) ?? [];
  const value = Number(valueText);
  if (name === '' || valueText === '' || !Number.isFinite(value)) throw new Error(`no series: ${line}`);
  const labels: Record<string, string> = {};
  if (labelText !== undefined) {
    LABEL.lastIndex = 0;
    for (let at = 0; at < labelText.length; at = LABEL.lastIndex) {
      const match = LABEL.exec(labelText);
      if (!match || (match[1] as string) in labels) throw new Error(`bad labels: ${line}`);
      labels[match[1] as string] = (match[2] as string).replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    }
  }
  return { name, labels, value };
}

/** Buckets rise with their bounds, and the last one is all. */
function checkHistogram(name: string, series: ParsedFamily['series']): void {
  const groups = new Map<string, { last: number; bound: number; count?: number; sum?: number }>();
  for (const { name: of, labels, value } of series) {
    const { le, ...others } = labels;
    const id = JSON.stringify(others);
    const group = groups.get(id) ?? { last: 0, bound: Number.NEGATIVE_INFINITY };
    groups.set(id, group);
    if (of === `${name}_sum`) group.sum = value;
    else if (of === `${name}_count`) group.count = value;
    else {
      const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
      if (!(bound > group.bound) || value < group.last) throw new Error(`buckets of ${name} do not rise`);
      Object.assign(group, { bound, last: value });
    }
  }
  for (const { last, bound, count, sum } of groups.values()) {
    if (bound !== Number.POSITIVE_INFINITY || count !== last || sum === undefined) {
      throw new Error(`${name} is not whole`);
    }
  }
}
