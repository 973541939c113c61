/**
 * What deflate knows before it begins with a body of version 2: the words that every batch has. A lone event or prediction is
 * mostly such words. Part of the wire format: another dictionary is another version.
 */

const ROWS = ['timeMs', 'slot', 'name', 'value'];
const EVENTS = ['info', 'alarm', 'warning', 'kind', 'severity', 'message', 'data'];
const FEEDBACK = [
  ...['explicit', 'operator', 'implicit', 'predictionSeq', 'kind', 'label', 'weight', 'rule', 'evidence'],
  ...['precedence', 'withdrawn', 'observedMs'],
];
/** In the order in which they stand in a body. */
const PREDICTIONS = [
  ...['context', 'circumstances', 'contextOf', 'timeMs', 'correlationId', 'label', 'score', 'latencyUs'],
  ...['health', 'pairDistance', 'featureWidth', 'features'],
];

/** As msgpack writes it: most of the words are shorter than 32 bytes, and their length stands in the byte before. */
function word(text: string): Buffer {
  return Buffer.concat([Buffer.from([0xa0 | text.length]), Buffer.from(text)]);
}

export const BATCH_DICTIONARY = Buffer.concat([...EVENTS, ...FEEDBACK, ...ROWS, ...PREDICTIONS].map(word));
