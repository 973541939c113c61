/**
 * Encoded pictures as rows of a uint8 tensor. The only importer of sharp, which is loaded with the first picture and only
 * in the engine process: a hostile file can end that process, and nothing else.
 */
import type { ImageInput } from '../../protocol/manifest.ts';

const MAX_BYTES = 32 * 1024 * 1024;
const MAX_PIXELS = 64_000_000;
const BLACK = { r: 0, g: 0, b: 0 };
/** What cameras write; the loaders of documents and drawings stay shut. */
const FORMATS = ['Jpeg', 'Png', 'Webp', 'Tiff'];

/** A row whose picture could not be read, and why. */
export type Unreadable = readonly [row: number, reason: string];

/**
 * @returns row-major pixels of all pictures; an unreadable one is a black row
 */
export async function decodeImages(
  spec: ImageInput,
  images: readonly Uint8Array[],
): Promise<{ data: Uint8Array; unreadable: Unreadable[] }> {
  const width = spec.width * spec.height * spec.channels;
  const data = new Uint8Array(images.length * width);
  const unreadable: Unreadable[] = [];
  await Promise.all(
    images.map(async (image, row) => {
      try {
        const pixels = await pixelsOf(spec, image);
        writeRow(spec, pixels, data.subarray(row * width, (row + 1) * width));
      } catch (error) {
        unreadable.push([row, reasonOf(error)]);
      }
    }),
  );
  return { data, unreadable: unreadable.sort(([a], [b]) => a - b) };
}

/** @returns height x width x channels */
async function pixelsOf(
  { width, height, channels, fit }: ImageInput,
  image: Uint8Array,
): Promise<Uint8Array> {
  if (image.length > MAX_BYTES) throw new Error(`it has ${image.length} bytes, more than ${MAX_BYTES}`);
  const sharp = await loadSharp();
  return sharp(image, { limitInputPixels: MAX_PIXELS, failOn: 'error', sequentialRead: true })
    .autoOrient()
    .flatten({ background: BLACK })
    .resize(width, height, { fit, background: BLACK, kernel: 'linear' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
}

/** Pixels come interleaved; `nchw` wants one plane a channel. */
function writeRow({ channels, layout }: ImageInput, pixels: Uint8Array, row: Uint8Array): void {
  if (pixels.length !== row.length)
    throw new Error(`it decodes to ${pixels.length} values, not ${row.length}`);
  if (layout === 'nhwc' || channels === 1) {
    row.set(pixels);
    return;
  }
  const plane = row.length / channels;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) row[c * plane + i] = pixels[i * channels + c] as number;
  }
}

let loading: Promise<typeof import('sharp').default> | undefined;

function loadSharp(): NonNullable<typeof loading> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    sharp.cache(false);
    // Pictures of a batch are decoded side by side already.
    sharp.concurrency(1);
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({ operation: FORMATS.map((format) => `VipsForeignLoad${format}`) });
    return sharp;
  });
  return loading;
}

function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.slice(0, 200);
}
