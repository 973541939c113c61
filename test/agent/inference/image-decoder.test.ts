import sharp, { type Color } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImages } from '../../../agent/inference/image-decoder.ts';
import type { ImageInput } from '../../../protocol/manifest.ts';

const RED = { r: 255, g: 0, b: 0 };
const small: ImageInput = {
  kind: 'image',
  tensor: 'input',
  width: 4,
  height: 2,
  channels: 3,
  layout: 'nhwc',
  fit: 'fill',
};

const plain = (width: number, height: number, background: Color = RED) =>
  sharp({ create: { width, height, channels: 3, background } });

/** Left half red, right half blue. */
async function halves(width: number, height: number): Promise<Uint8Array> {
  const blue = await plain(width / 2, height, { r: 0, g: 0, b: 255 })
    .png()
    .toBuffer();
  return bytes(
    await plain(width, height)
      .composite([{ input: blue, left: width / 2, top: 0 }])
      .png()
      .toBuffer(),
  );
}

function bytes(buffer: Buffer): Uint8Array {
  return Uint8Array.from(buffer);
}

describe('pictures', () => {
  it('become pixels of the manifest’s size, channels last or first', async () => {
    const image = await halves(4, 2);
    const nhwc = await decodeImages(small, [image]);
    expect([...nhwc.data.subarray(0, 12)]).toEqual([255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255]);
    const nchw = await decodeImages({ ...small, layout: 'nchw' }, [image]);
    expect([...nchw.data]).toEqual([
      ...[255, 255, 0, 0, 255, 255, 0, 0],
      ...[0, 0, 0, 0, 0, 0, 0, 0],
      ...[0, 0, 255, 255, 0, 0, 255, 255],
    ]);
  });

  it('become grey where the model has one channel', async () => {
    const grey: ImageInput = { ...small, channels: 1 };
    const white = await plain(4, 2, { r: 255, g: 255, b: 255 }).png().toBuffer();
    const { data } = await decodeImages(grey, [bytes(white), await halves(4, 2)]);
    expect([...data.subarray(0, 8)]).toEqual(Array(8).fill(255));
    expect(data[8]).toBeGreaterThan(data[11] ?? 255);
  });

  it.each(['jpeg', 'png', 'webp', 'tiff'] as const)('can be %s, of any size', async (format) => {
    const image = await plain(40, 30).toFormat(format).toBuffer();
    const { data, unreadable } = await decodeImages(small, [bytes(image)]);
    expect(unreadable).toEqual([]);
    for (let i = 0; i < data.length; i += 3) {
      expect(data[i]).toBeGreaterThan(250);
      expect(data[i + 1]).toBeLessThan(5);
    }
  });

  it('are stretched, bordered with black, or cut, as the manifest says', async () => {
    const square = bytes(await plain(8, 8).png().toBuffer());
    const reds = async (fit: ImageInput['fit']) => {
      const { data } = await decodeImages({ ...small, fit }, [square]);
      return Array.from({ length: 8 }, (_, i) => (data[3 * i] === 255 ? 1 : 0));
    };
    expect(await reds('fill')).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(await reds('contain')).toEqual([0, 1, 1, 0, 0, 1, 1, 0]);
    const wide = await halves(16, 2);
    const { data } = await decodeImages({ ...small, fit: 'cover' }, [wide]);
    expect([data[0], data[9]]).toEqual([255, 0]);
  });

  it('are turned as the camera says, and stand on black where they are transparent', async () => {
    const turned = await sharp(Buffer.from(await halves(4, 2)))
      .withMetadata({ orientation: 3 })
      .png()
      .toBuffer();
    const { data } = await decodeImages(small, [bytes(turned)]);
    expect([...data.subarray(0, 3)]).toEqual([0, 0, 255]);
    const clear = { create: { width: 4, height: 2, channels: 4 as const, background: { ...RED, alpha: 0 } } };
    const glass = await decodeImages(small, [bytes(await sharp(clear).png().toBuffer())]);
    expect(new Set(glass.data)).toEqual(new Set([0]));
  });

  it('that cannot be read are named with their reason, and leave the others alone', async () => {
    const good = bytes(await plain(4, 2).png().toBuffer());
    const text = new TextEncoder().encode('no picture');
    const cut = good.subarray(0, good.length - 20);
    const drawing = new TextEncoder().encode(
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"/>',
    );
    const { data, unreadable } = await decodeImages(small, [
      text,
      good,
      cut,
      drawing,
      new Uint8Array(),
      good,
    ]);
    expect(unreadable.map(([row]) => row)).toEqual([0, 2, 3, 4]);
    for (const [, reason] of unreadable) expect(reason).toMatch(/\w+ \w+/);
    const one = data.length / 6;
    expect(data.subarray(one, one + 3)).toEqual(Uint8Array.of(255, 0, 0));
    expect(data.subarray(5 * one, 5 * one + 3)).toEqual(Uint8Array.of(255, 0, 0));
    expect(new Set(data.subarray(0, one))).toEqual(new Set([0]));
  });

  it('with more pixels than any camera gives are not unpacked', async () => {
    const bomb = await plain(9000, 9000).png({ compressionLevel: 9 }).toBuffer();
    expect(bomb.length).toBeLessThan(2_000_000);
    const { unreadable } = await decodeImages(small, [bytes(bomb)]);
    expect(unreadable).toEqual([[0, expect.stringContaining('pixel limit')]]);
  });
});
