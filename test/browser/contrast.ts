/** WCAG 2.2 contrast of every visible text on a page, from computed styles (success criterion 1.4.3). */
import type { Page } from 'playwright-core';

interface TextColours {
  readonly text: string;
  readonly colour: string;
  /** The first background up the tree that is not transparent. */
  readonly background: string;
  readonly sizePx: number;
  readonly weight: number;
}

/** Runs in the page; a string, because the tests are compiled without the DOM's types. */
const COLLECT = `(() => {
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest('.visually-hidden, noscript')) continue;
    let behind = element;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const style = getComputedStyle(element);
    const entry = {
      text: text.slice(0, 40),
      colour: style.color,
      background: getComputedStyle(behind ?? document.documentElement).backgroundColor,
      sizePx: parseFloat(style.fontSize),
      weight: Number(style.fontWeight),
    };
    found.set(entry.colour + entry.background + entry.sizePx + entry.weight, entry);
  }
  return [...found.values()];
})()`;

/** The texts that miss AA (4.5, or 3 for large text), in words; and how many pairs of colours were judged. */
export async function contrastProblems(page: Page): Promise<{ judged: number; problems: string[] }> {
  const colours = await page.evaluate<TextColours[]>(COLLECT);
  const problems = colours.flatMap((pair) => {
    const large = pair.sizePx >= 24 || (pair.sizePx >= 18.66 && pair.weight >= 700);
    const ratio = contrastRatio(pair.colour, pair.background);
    return ratio >= (large ? 3 : 4.5)
      ? []
      : [`"${pair.text}": ${pair.colour} on ${pair.background} is ${ratio.toFixed(2)}`];
  });
  return { judged: colours.length, problems };
}

/** @param a, b `rgb(r, g, b)`; formula of WCAG 2.2, "contrast ratio" and "relative luminance" */
function contrastRatio(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number).map((value) => {
    const c = value / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
