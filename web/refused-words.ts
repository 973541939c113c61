/** What each error code means to a person at a page, and what to do. Unknown codes are shown as they are. */
const WORDS: Record<string, string> = {
  PAYLOAD_TOO_LARGE: 'Messages larger than allowed were refused.',
  PAYLOAD_TRUNCATED: 'Messages arrived cut off and were refused; the sender sends them again.',
  PAYLOAD_MALFORMED: 'Messages that are not ours or are damaged were refused.',
  PAYLOAD_VERSION_UNKNOWN: 'Messages of a newer version were refused. Update this side.',
  PAYLOAD_EXPANDS_TOO_FAR: 'Messages that unpack to far more than allowed were refused.',
  PACKAGE_MANIFEST_INVALID: 'A model package has an invalid manifest.',
  PACKAGE_PATH_UNSAFE: 'A model package names a path outside its folder.',
  PACKAGE_FILE_MISSING: 'A model package lacks a file.',
  PACKAGE_HASH_MISMATCH: 'A model package was changed after it was signed.',
  PACKAGE_TOO_LARGE: 'A model package is larger than allowed.',
  SIGNATURE_UNTRUSTED: 'Something was signed by a key that is not trusted here.',
  SIGNATURE_INVALID: 'A signature does not match. Somebody or something changed the content.',
  TRUST_UNREADABLE: 'The files where trust begins could not be read.',
  TRUST_MALFORMED: 'Signed metadata were damaged or are not ours.',
  TRUST_TOO_LARGE: 'Signed metadata were larger than allowed and were refused.',
  TRUST_SIGNATURE_INVALID: 'Signed metadata were changed after they were signed, and were refused.',
  TRUST_WRONG_ROLE: 'Metadata were signed by a key that may not sign them, and were refused.',
  TRUST_THRESHOLD: 'Metadata lack signatures: another key holder has to sign.',
  TRUST_ROLLBACK: 'Older metadata than those known here were offered and refused.',
  TRUST_MIXED: 'Metadata of different states were mixed and were refused.',
  TRUST_EXPIRED: 'Metadata have run out: nothing new is installed until the server sends fresh ones.',
  TARGET_UNKNOWN: 'A model is not on the signed list of what may run.',
  TARGET_MISMATCH: 'A model is another one than the signed list has under its name.',
  PIN_WRONG: 'Somebody gave a wrong PIN.',
  PIN_LOCKED: 'After five wrong PINs this page took none for a minute.',
  PIN_NOT_SET: 'Somebody tried what needs a PIN, and this device has none.',
  SLOT_UNKNOWN: 'A model was brought for a slot that this device does not have.',
  TOPIC_MISMATCH: 'A device wrote under the name of another and was refused.',
  BATCH_GAP: 'Records came out of order and were asked for again.',
  EPOCH_UNBORN:
    'Records of a new device memory came before the device had told of it, and were asked for again.',
  SOURCE_FILE_UNREADABLE: 'The input file could not be read.',
  SOURCE_COLUMN_MISSING: 'The input lacks a column that the model needs.',
  SOURCE_ROW_TOO_LONG: 'Input rows were longer than allowed and were skipped.',
  SAMPLE_INVALID: 'Samples with missing, wrong or impossible values were refused.',
  SAMPLE_DROPPED: 'Samples came faster than this device can take and were dropped.',
  LINE_EVENT_INVALID: 'Line events could not be understood.',
  ENGINE_MODEL_UNREADABLE: 'A model file could not be loaded.',
  ENGINE_INPUT_MISMATCH: 'A model expects other inputs than its manifest says.',
  ENGINE_OUTPUT_INVALID: 'A model gave an unusable answer (not a number, or the wrong shape).',
  ENGINE_CRASHED: 'The engine crashed and was started again.',
  ENGINE_TIMEOUT: 'The engine did not answer in time and was replaced.',
  GOLDEN_SAMPLES_FAILED: 'A new model failed its self-test and was not used.',
  MODEL_UNREADABLE: 'A stored model could not be read.',
  MODEL_NOT_ACTIVE: 'A model was asked for that is not active.',
  DESIRED_REFUSED: 'An order from the server was refused (old, or for another device).',
  LINK_CUT: 'The link was cut while something was on its way; it is sent again.',
  ACK_REFUSED: 'A confirmation of the server did not fit what this device sent and was refused.',
  BROKER_REFUSED: 'The broker refused this device. Check its name and password.',
  BROKER_UNREACHABLE: 'The broker could not be reached; the device tries again by itself.',
  NOT_ENROLLED: 'This device has no certificate yet and could not connect. Enrol it: andon enrol.',
  ENROLMENT_FAILED: 'The certificate could not be renewed; it is tried again each hour.',
  ALARM_UNDELIVERED: 'An alarm output of the line did not take something; it is tried again by itself.',
  ALARM_REFUSED: 'A web server of the line called an alarm wrong and refused it.',
  ALARM_DROPPED: 'Alarms never reached an output of the line. See alarms.outputs in the configuration.',
  SERVICE_MANAGER_UNTOLD: 'systemd could not be told how this agent is: is systemd-notify there?',
  FETCH_ABORTED: 'Fetching a model was given up because a newer one was ordered.',
  CHUNKS_UNREACHABLE:
    'Pieces of a model could not be fetched over HTTP; they are tried again. Check sync.chunksUrl.',
  CHUNKS_MALFORMED: 'The address of sync.chunksUrl answered something else than what was asked for.',
  CHUNKS_CHANGED:
    'A model was laid out anew on the server while it was fetched over HTTP; the rest is asked for again.',
  CHUNK_UNKNOWN: 'A device asked for pieces of a model that is not published here.',
  DISK_TOO_FULL: 'A new model does not fit on the disk. Free some room, or lower store.maxBytes.',
  STORE_CORRUPT: 'The store was damaged.',
  STORE_OVERTAKEN:
    'The disk lost records that the server had: it reports as written what is not. Replace it.',
  STORE_FULL: 'The store is full.',
  STORE_UNWRITABLE: 'The disk could not be written.',
  PREDICTION_UNKNOWN: 'An answer named a prediction that is no longer kept.',
  REQUEST_INVALID: 'Requests to this page’s address were malformed.',
  REQUEST_TOO_LARGE: 'Requests to this page’s address were larger than allowed.',
  HOST_REFUSED: 'The page was called by another name than its own and refused.',
  ORIGIN_REFUSED: 'Another web page tried to act here and was refused.',
  NOT_FOUND: 'Somebody asked for an address that does not exist.',
  TOO_MANY_VIEWERS: 'More pages were open than this device serves at once.',
  PAGE_NOT_BUILT: 'The page was asked for before it was built.',
};

function refusedWords(code: string): string | undefined {
  return WORDS[code];
}

/** Error codes only: counters that are no error have a dot in their name. */
export function refusedRows(
  counters: Record<string, number>,
): { code: string; count: number; words: string }[] {
  return Object.entries(counters)
    .filter(([code, count]) => count > 0 && /^[A-Z][A-Z0-9_]+$/.test(code))
    .map(([code, count]) => ({ code, count, words: refusedWords(code) ?? 'No words for this code yet.' }))
    .sort((a, b) => b.count - a.count);
}
