/** What no log may hold: fields by these names, at any of the first three levels, are written as `[redacted]`. */
const SECRET_FIELDS = [
  'password',
  'passphrase',
  'secret',
  'token',
  'pin',
  'apiKey',
  'privateKey',
  'authorization',
  'cookie',
  'set-cookie',
  'x-andon-pin',
];

/** As pino's `redact` takes it. */
export const SECRETS = {
  paths: SECRET_FIELDS.flatMap((field) => {
    const key = /^\w+$/.test(field) ? field : `["${field}"]`;
    const dot = key === field ? '.' : '';
    return [key, `*${dot}${key}`, `*.*${dot}${key}`];
  }),
  censor: '[redacted]',
};
