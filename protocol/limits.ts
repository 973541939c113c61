/** Sizes that every decoder enforces before it allocates. All in bytes unless the name says otherwise. */
export const LIMITS = {
  /** AWS IoT Core's message limit; every message of ours fits in it. */
  messageBytes: 128 * 1024,
  /** A batch may inflate to this much and no further. */
  batchInflatedBytes: 4 * 1024 * 1024,
  batchRecords: 4096,
  /** Plain bytes of one chunk of a package, or of its index; encoded it fits under `messageBytes` with MQTT's own header. */
  chunkBytes: 124 * 1024,
  manifestBytes: 256 * 1024,
  packageBytes: 64 * 1024 * 1024,
  packageFiles: 64,
  /** A package and its metadata in one file. */
  bundleBytes: 68 * 1024 * 1024,
  correlationIdChars: 128,
  /** One file of signed metadata, and all that an update of trust brings. */
  metadataBytes: 512 * 1024,
  metadataFiles: 64,
  metadataBundleBytes: 2 * 1024 * 1024,
  /** Model versions that may run at one time; older ones are struck off the list. */
  metadataTargets: 1000,
  metadataSignatures: 16,
} as const;
