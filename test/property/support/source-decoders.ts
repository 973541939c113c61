/** Decoders of files that people lay down on a device: its configuration, and the rows that a source replays. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDeviceConfig } from '../../../agent/config/load.ts';
import { deviceConfigSchema, type FileSourceConfig } from '../../../agent/config/schema.ts';
import { CsvRows, csvColumns } from '../../../agent/sources/csv-rows.ts';
import { NdjsonRows } from '../../../agent/sources/ndjson-rows.ts';
import type { RowReader } from '../../../agent/sources/row.ts';
import { type Line, LineSplitter } from '../../../agent/sources/text-lines.ts';
import { projectRoot } from '../../support/processes.ts';
import type { Decoder } from './decoders.ts';

const MAX_ROW_BYTES = 100_000;

function sourceOf(format: 'csv' | 'ndjson'): FileSourceConfig {
  const file = { kind: 'file', path: 'x', format, timeColumn: 'time', maxRowBytes: MAX_ROW_BYTES };
  const { sources } = deviceConfigSchema.parse({ device: { id: 'd' }, sources: { file }, slots: {} });
  return sources.file as FileSourceConfig;
}

function linesOf(bytes: Buffer): Line[] {
  const splitter = new LineSplitter(MAX_ROW_BYTES);
  return [...splitter.take(bytes), ...splitter.end()];
}

function rowsOf(reader: RowReader, lines: readonly Line[]): unknown {
  return [...lines.flatMap((line) => reader.take(line)), ...reader.end()];
}

const csv = sourceOf('csv');
const ndjson = sourceOf('ndjson');

export const SOURCE_DECODERS: readonly Decoder[] = [
  {
    name: 'rows: CSV',
    decode: (bytes) => {
      const lines = linesOf(bytes);
      return rowsOf(new CsvRows(csvColumns(lines[0] ?? '', csv), csv), lines);
    },
    seeds: [Buffer.from('time,a,b\n2026-01-01T00:00:00Z,1,"x ""y"""\n2026-01-01T00:00:01Z,2,"two\nlines"\n')],
  },
  {
    name: 'rows: NDJSON',
    decode: (bytes) => rowsOf(new NdjsonRows(ndjson), linesOf(bytes)),
    seeds: [Buffer.from('{"time":"2026-01-01T00:00:00Z","a":1,"b":"x"}\n{"time":1790000000000,"a":null}\n')],
  },
  {
    name: 'device configuration',
    decode: (bytes) => {
      const folder = mkdtempSync(join(tmpdir(), 'andon-fuzz-'));
      try {
        writeFileSync(join(folder, 'device.json'), bytes);
        return loadDeviceConfig(join(folder, 'device.json'));
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    seeds: [readFileSync(join(projectRoot, 'device.config.json'))],
  },
];
