/** What people put on published models: aliases (one version each), a stage, a note. The packages themselves never change. */
import type { Sqlite, Statement } from './database.ts';

export const MODEL_STAGES = ['none', 'staging', 'production', 'archived'] as const;
export type ModelStage = (typeof MODEL_STAGES)[number];

export interface Mark {
  readonly stage: ModelStage;
  /** In place of the words that it was published with; null while nobody changed them. */
  readonly note: { readonly text: string; readonly by: string; readonly atMs: number } | null;
}

interface MarkRow {
  manifestSha256: string;
  stage: ModelStage;
  note: string | null;
  noteBy: string | null;
  noteAtMs: number | null;
}

const UNMARKED: Mark = { stage: 'none', note: null };

export class ModelMarks {
  readonly #marks: Statement<[], MarkRow>;
  readonly #setStage: Statement<[string, ModelStage]>;
  readonly #setNote: Statement<[string, string, string, number]>;
  readonly #aliases: Statement<[], { alias: string; manifestSha256: string }>;
  readonly #alias: Statement<[string, string], string>;
  readonly #setAlias: Statement<[string, string, string, number]>;
  readonly #dropAlias: Statement<[string, string]>;

  constructor(sqlite: Sqlite) {
    this.#marks = sqlite.prepare(
      `SELECT manifest_sha256 AS manifestSha256, stage, note, note_by AS noteBy, note_at_ms AS noteAtMs FROM model_marks`,
    );
    this.#setStage = sqlite.prepare(
      `INSERT INTO model_marks (manifest_sha256, stage) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET stage = excluded.stage`,
    );
    this.#setNote = sqlite.prepare(
      `INSERT INTO model_marks (manifest_sha256, note, note_by, note_at_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET note = excluded.note, note_by = excluded.note_by, note_at_ms = excluded.note_at_ms`,
    );
    this.#aliases = sqlite.prepare(
      'SELECT alias, manifest_sha256 AS manifestSha256 FROM model_aliases ORDER BY alias',
    );
    this.#alias = sqlite
      .prepare<[string, string], string>(
        'SELECT manifest_sha256 FROM model_aliases WHERE name = ? AND alias = ?',
      )
      .pluck();
    this.#setAlias = sqlite.prepare(
      'INSERT OR REPLACE INTO model_aliases (name, alias, manifest_sha256, set_at_ms) VALUES (?, ?, ?, ?)',
    );
    this.#dropAlias = sqlite.prepare('DELETE FROM model_aliases WHERE name = ? AND alias = ?');
  }

  /** Of every model that has any, by manifest hash. */
  all(): Map<string, Mark> {
    return new Map(this.#marks.all().map((row) => [row.manifestSha256, markOf(row)]));
  }

  of(manifestSha256: string): Mark {
    return this.all().get(manifestSha256) ?? UNMARKED;
  }

  setStage(manifestSha256: string, stage: ModelStage): void {
    this.#setStage.run(manifestSha256, stage);
  }

  setNote(manifestSha256: string, text: string, by: string, atMs: number): void {
    this.#setNote.run(manifestSha256, text, by, atMs);
  }

  /** Manifest hash -> its aliases, in order. */
  aliases(): Map<string, string[]> {
    const aliases = new Map<string, string[]>();
    for (const { alias, manifestSha256 } of this.#aliases.all()) {
      aliases.set(manifestSha256, [...(aliases.get(manifestSha256) ?? []), alias]);
    }
    return aliases;
  }

  /** @returns the manifest hash that the alias points to */
  byAlias(name: string, alias: string): string | undefined {
    return this.#alias.get(name, alias);
  }

  /** Moves it when it points to another version. */
  setAlias(name: string, alias: string, manifestSha256: string, atMs: number): void {
    this.#setAlias.run(name, alias, manifestSha256, atMs);
  }

  /** @returns false when there was none */
  dropAlias(name: string, alias: string): boolean {
    return this.#dropAlias.run(name, alias).changes > 0;
  }
}

function markOf({ stage, note, noteBy, noteAtMs }: MarkRow): Mark {
  return { stage, note: note === null ? null : { text: note, by: noteBy ?? '', atMs: noteAtMs ?? 0 } };
}
