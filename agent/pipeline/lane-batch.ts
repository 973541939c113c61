/** A batch of a lane: the items that the champion can answer with their rows, and the challenger's rows of the same items. */
import type { EngineBatch } from '../inference/engine.ts';
import { type InputReader, slicedRows } from './input-reader.ts';
import type { Item } from './lane-item.ts';

export interface LaneBatch {
  readonly items: readonly Item[];
  /** Items of a window that is not full, or between two strides: nothing is expected of them. */
  readonly notDue: number;
  readonly champion: EngineBatch;
  /** Null when there is none, or it can read none of the items. */
  readonly challenger: {
    readonly batch: EngineBatch;
    /** Item -> its row; -1 where the challenger cannot read the item. */
    readonly rowOf: Int32Array;
    readonly unreadable: number;
  } | null;
}

/** @param onReject an item that the champion cannot read; a request that it belongs to is refused as a whole */
export function laneBatch(
  items: readonly Item[],
  champion: InputReader,
  challenger: InputReader | null,
  onReject: (item: Item, reason: string) => void,
): LaneBatch {
  const accepted: Item[] = [];
  let notDue = 0;
  const data = champion.allocate(items.length);
  for (const item of items) {
    if (item.request?.settled) continue;
    const reading = champion.read(item, data, accepted.length * champion.width);
    if (reading === 'row') accepted.push(item);
    else if (reading === 'not-due') notDue += 1;
    else {
      onReject(item, reading.reason);
      while (item.request && accepted.at(-1)?.request === item.request) accepted.pop();
    }
  }
  const rows = accepted.length;
  // All items of a batch want the same.
  const { extraOutputs = [] } = accepted[0]?.request ?? {};
  const wanted = extraOutputs.length > 0 ? { extraOutputs } : {};
  const batch = { rows, data: slicedRows(data, 0, rows * champion.width), ...wanted };
  return {
    items: accepted,
    notDue,
    champion: batch,
    challenger: challenger && beside(accepted, batch, champion, challenger),
  };
}

function beside(
  items: readonly Item[],
  shared: EngineBatch,
  champion: InputReader,
  challenger: InputReader,
): LaneBatch['challenger'] {
  const rowOf = new Int32Array(items.length);
  if (challenger.signature === champion.signature) {
    for (let i = 0; i < rowOf.length; i++) rowOf[i] = i;
    return { batch: shared, rowOf, unreadable: 0 };
  }
  const data = challenger.allocate(items.length);
  let rows = 0;
  let unreadable = 0;
  for (const [i, item] of items.entries()) {
    const reading = challenger.read(item, data, rows * challenger.width);
    rowOf[i] = reading === 'row' ? rows++ : -1;
    if (typeof reading === 'object') unreadable += 1;
  }
  const batch = { ...shared, rows, data: slicedRows(data, 0, rows * challenger.width) };
  return { batch, rowOf, unreadable };
}
