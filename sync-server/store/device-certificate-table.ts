/** Certificates that were given to devices, and codes by which a device may ask for its first. */
import type { Sqlite, Statement } from './database.ts';

export interface DeviceCertificate {
  /** Hex, upper case. */
  readonly serialNumber: string;
  readonly device: string;
  /** SPKI DER. */
  readonly publicKey: Buffer;
  readonly notAfterMs: number;
  readonly revokedAtMs: number | null;
}

const COLUMNS =
  'serial_number AS serialNumber, device, public_key AS publicKey, not_after_ms AS notAfterMs, revoked_at_ms AS revokedAtMs';

export class DeviceCertificateTable {
  readonly #insert: Statement<[string, string, Buffer, number]>;
  readonly #get: Statement<[string], DeviceCertificate>;
  readonly #revoked: Statement<[], DeviceCertificate>;
  readonly #out: Statement<[number], string>;
  readonly #revoke: Statement<[number, string]>;
  readonly #putCode: Statement<[string, Buffer, number]>;
  readonly #code: Statement<[string], { key: Buffer; expiresAtMs: number }>;
  readonly #dropCode: Statement<[string]>;

  constructor(sqlite: Sqlite) {
    this.#insert = sqlite.prepare(
      'INSERT INTO device_certificates (serial_number, device, public_key, not_after_ms) VALUES (?, ?, ?, ?)',
    );
    this.#get = sqlite.prepare(`SELECT ${COLUMNS} FROM device_certificates WHERE serial_number = ?`);
    this.#revoked = sqlite.prepare(
      `SELECT ${COLUMNS} FROM device_certificates WHERE revoked_at_ms IS NOT NULL ORDER BY serial_number`,
    );
    this.#out = sqlite
      .prepare<[number], string>(
        `SELECT device FROM device_certificates GROUP BY device
         HAVING sum(revoked_at_ms IS NULL AND not_after_ms > ?) = 0 ORDER BY device`,
      )
      .pluck();
    this.#revoke = sqlite.prepare(
      'UPDATE device_certificates SET revoked_at_ms = ? WHERE device = ? AND revoked_at_ms IS NULL',
    );
    this.#putCode = sqlite.prepare(
      'INSERT OR REPLACE INTO enrolment_codes (device, key, expires_at_ms) VALUES (?, ?, ?)',
    );
    this.#code = sqlite.prepare(
      'SELECT key, expires_at_ms AS expiresAtMs FROM enrolment_codes WHERE device = ?',
    );
    this.#dropCode = sqlite.prepare('DELETE FROM enrolment_codes WHERE device = ?');
  }

  add({ serialNumber, device, publicKey, notAfterMs }: Omit<DeviceCertificate, 'revokedAtMs'>): void {
    this.#insert.run(serialNumber, device, publicKey, notAfterMs);
  }

  bySerialNumber(serialNumber: string): DeviceCertificate | undefined {
    return this.#get.get(serialNumber);
  }

  revoked(): DeviceCertificate[] {
    return this.#revoked.all();
  }

  /** Devices that have had certificates, none of which counts now. */
  devicesOut(nowMs: number): string[] {
    return this.#out.all(nowMs);
  }

  /** @returns how many certificates of the device counted until now */
  revoke(device: string, timeMs: number): number {
    return this.#revoke.run(timeMs, device).changes;
  }

  /** In place of an earlier one. @param key what is kept of the code */
  putCode(device: string, key: Buffer, expiresAtMs: number): void {
    this.#putCode.run(device, key, expiresAtMs);
  }

  code(device: string): { key: Buffer; expiresAtMs: number } | undefined {
    return this.#code.get(device);
  }

  /** @returns false when it was used meanwhile */
  dropCode(device: string): boolean {
    return this.#dropCode.run(device).changes > 0;
  }
}
