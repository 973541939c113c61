/** Sentences about the link and the store. */
import { formatBytes, formatCounted, formatMinute, formatShare, sumOf } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import type { StatusView } from '../http/view.ts';

export interface Said {
  readonly state: PageState;
  readonly word: string;
  readonly sentence: string;
}

export function linkWords(link: StatusView['link'], nowMs: number): Said {
  if (!link.configured) {
    return {
      state: 'idle',
      word: 'Works alone',
      sentence: 'No server is configured. Records stay on this device.',
    };
  }
  const waiting = sumOf(link.backlog);
  const records = formatCounted(waiting, 'record');
  const since = formatMinute(link.sinceMs, nowMs);
  if (!link.connected) {
    return {
      state: 'info',
      word: 'Offline',
      sentence:
        waiting === 0
          ? `Offline since ${since}. Nothing waits yet; the line goes on as ever.`
          : `Offline since ${since}. ${records} ${waiting === 1 ? 'waits' : 'wait'} safely on this device.`,
    };
  }
  if (link.heldBack !== null && waiting > 0) {
    return {
      state: 'info',
      word: 'Saving data',
      sentence: `Connected since ${since}. ${records} ${waiting === 1 ? 'waits' : 'wait'}: ${link.heldBack}. Events still go.`,
    };
  }
  return {
    state: 'ok',
    word: 'Connected',
    sentence:
      waiting === 0
        ? `Connected since ${since}. The server has everything.`
        : `Connected since ${since}. ${records} on the way.`,
  };
}

export function storeWords(store: StatusView['store']): Said {
  const used = store.maxBytes === 0 ? 0 : store.sizeBytes / store.maxBytes;
  const sentence = `${formatBytes(store.sizeBytes)} of ${formatBytes(store.maxBytes)} used (${formatShare(used)}).`;
  if (store.dropped > 0) {
    return {
      state: 'warning',
      word: 'Room was made',
      sentence: `${sentence} ${formatCounted(store.dropped, 'record')} that the server never got had to go.${thinnedWords(store)}`,
    };
  }
  if (used >= 0.8) {
    return {
      state: 'warning',
      word: 'Filling up',
      sentence: `${sentence} Connect this device before unsent predictions have to be thinned out.`,
    };
  }
  return { state: 'ok', word: 'Room enough', sentence };
}

function thinnedWords({ dropped, thinned }: StatusView['store']): string {
  if (thinned === 0) return '';
  const them = thinned === dropped ? 'They' : `${formatCounted(thinned, 'prediction')} of them`;
  const were = thinned === 1 && thinned !== dropped ? 'was' : 'were';
  return ` ${them} ${were} thinned out fairly: those kept count for them, so rates and the metric stay right.`;
}
