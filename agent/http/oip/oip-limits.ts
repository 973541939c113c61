/** What one inference request may hold. What is larger is refused before memory is taken for it. */
export const OIP_LIMITS = {
  /** Of a body, as it comes and when it is decompressed. No tensor has more values either. */
  bodyBytes: 32 * 1024 * 1024,
  /** Of all bodies that have yet to end. */
  unendedBytes: 64 * 1024 * 1024,
  tensors: 64,
  rank: 8,
  nameChars: 256,
  /** Correlation ids of one request. */
  rows: 65_536,
  priority: 0xffff_ffff,
} as const;
