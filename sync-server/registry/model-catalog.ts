/** The published models as people know them: found by version or alias, marked with alias, stage and note, searched. */
import { modelTitle } from '../../protocol/manifest.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { ModelStage } from '../store/model-marks.ts';
import type { PublishedModel } from '../store/model-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { LineageView, ModelView } from '../views/model.ts';
import { type ModelQuery, matchesQuery } from './model-query.ts';
import { modelView } from './model-view.ts';

export class ModelCatalog {
  readonly #store: ServerStore;
  readonly #clock: Clock;

  constructor(deps: { readonly store: ServerStore; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /**
   * @param reference a version (`3`) or an alias (`champion`)
   * @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN
   */
  find(name: string, reference: string): PublishedModel {
    if (/^[1-9][0-9]{0,8}$/.test(reference)) {
      const model = this.#store.models.byVersion(name, Number(reference));
      if (model) return model;
      throw serverError('MODEL_UNKNOWN', `${name} ${reference} was never published here`, {
        hint: 'Publish it first: andon publish <folder>. List what is there: andon models.',
      });
    }
    const hash = this.#store.marks.byAlias(name, reference);
    const model = hash === undefined ? undefined : this.#store.models.byHash(hash);
    if (model) return model;
    throw serverError('ALIAS_UNKNOWN', `no version of ${name} has the alias "${reference}"`, {
      hint: `Set it: andon models alias ${name}@<version> ${reference}. List what is there: andon models.`,
    });
  }

  /** By name, then version. */
  views(query: ModelQuery = {}): ModelView[] {
    const marks = this.#store.marks.all();
    const aliases = this.#store.marks.aliases();
    return this.#store.models
      .all()
      .map((model) => {
        const hash = model.ref.manifestSha256;
        return modelView(model, marks.get(hash), aliases.get(hash));
      })
      .filter((view) => matchesQuery(view, query));
  }

  /** @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN */
  view(name: string, reference: string): ModelView {
    return this.#viewOf(this.find(name, reference));
  }

  /** What it was made from and of, and what was made from it. @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN */
  lineage(name: string, reference: string): LineageView {
    const model = this.find(name, reference);
    const all = this.#store.models.all();
    const parents: LineageView['parents'] = [];
    const seen = new Set([model.ref.manifestSha256]);
    for (let hash = model.manifest.lineage.parent; hash !== undefined && !seen.has(hash); ) {
      seen.add(hash);
      const parent = this.#store.models.byHash(hash);
      parents.push({ manifestSha256: hash, title: parent ? modelTitle(parent.manifest) : null });
      hash = parent?.manifest.lineage.parent;
    }
    const children = all
      .filter(({ manifest }) => manifest.lineage.parent === model.ref.manifestSha256)
      .map(({ ref, manifest }) => ({ manifestSha256: ref.manifestSha256, title: modelTitle(manifest) }));
    return { ...this.#viewOf(model), parents, children };
  }

  /** @param by who says so @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN */
  setNote(name: string, reference: string, text: string, by: string): ModelView {
    return this.#change(name, reference, by, 'model-noted', (hash, nowMs) =>
      this.#store.marks.setNote(hash, text, by, nowMs),
    );
  }

  /** For people; no rollout goes by it. @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN */
  setStage(name: string, reference: string, stage: ModelStage, by: string): ModelView {
    return this.#change(name, reference, by, `model-stage-${stage}`, (hash) =>
      this.#store.marks.setStage(hash, stage),
    );
  }

  /** Points the alias to this version, from wherever it pointed. @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN */
  setAlias(name: string, alias: string, reference: string, by: string): ModelView {
    return this.#change(name, reference, by, `model-alias-${alias}`, (hash, nowMs) =>
      this.#store.marks.setAlias(name, alias, hash, nowMs),
    );
  }

  /** @throws CodedError ALIAS_UNKNOWN */
  dropAlias(name: string, alias: string, by: string): ModelView {
    return this.#change(name, alias, by, `model-alias-${alias}-dropped`, () =>
      this.#store.marks.dropAlias(name, alias),
    );
  }

  #change(
    name: string,
    reference: string,
    by: string,
    action: string,
    change: (manifestSha256: string, nowMs: number) => void,
  ): ModelView {
    const nowMs = this.#clock.wallMs();
    const model = this.find(name, reference);
    this.#store.transaction(() => {
      change(model.ref.manifestSha256, nowMs);
      const subject = `${name}@${model.ref.version}`;
      this.#store.audit.append({ timeMs: nowMs, who: by, action, subject });
    });
    return this.#viewOf(model);
  }

  #viewOf(model: PublishedModel): ModelView {
    const hash = model.ref.manifestSha256;
    return modelView(model, this.#store.marks.of(hash), this.#store.marks.aliases().get(hash));
  }
}
