/** Protobuf as far as ONNX files need it: the fields of one message, read by offsets, and one field written. */

export interface ProtobufField {
  readonly number: number;
  /** Of a field with a length; empty for the others. */
  readonly bytes: Buffer;
  /** Of a varint. */
  readonly value: number;
  /** All of it as it stands in the file, its number included. */
  readonly whole: Buffer;
}

const NO_BYTES = Buffer.alloc(0);

/** One level of a protobuf message. @throws RangeError where it ends too early or has an unknown kind of field */
export function fieldsOf(message: Buffer): ProtobufField[] {
  const fields: ProtobufField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number has no end');
  };
  while (at < message.length) {
    const begin = at;
    const key = varint();
    const number = Math.floor(key / 8);
    let length = 0;
    let value = 0;
    switch (key % 8) {
      case 0:
        value = varint();
        break;
      case 1:
        length = 8;
        break;
      case 2:
        length = varint();
        break;
      case 5:
        length = 4;
        break;
      default:
        throw new RangeError(`a field of kind ${key % 8}`);
    }
    if (length > message.length - at) throw new RangeError('it ends in the middle of a field');
    const bytes = length === 0 ? NO_BYTES : message.subarray(at, at + length);
    at += length;
    fields.push({ number, value, bytes, whole: message.subarray(begin, at) });
  }
  return fields;
}

export function textIn(fields: readonly ProtobufField[], wanted: number): string {
  return fields.find(({ number }) => number === wanted)?.bytes.toString('utf8') ?? '';
}

export function numberIn(fields: readonly ProtobufField[], wanted: number): number {
  return fields.find(({ number }) => number === wanted)?.value ?? 0;
}

/** A field with a length, as it stands in a file. */
export function encodeField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
