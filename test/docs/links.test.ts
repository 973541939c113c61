/** Every link of a page leads somewhere, and every page of docs/ is found from its index. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../support/processes.ts';

const inDocs = (folder: string) =>
  readdirSync(join(projectRoot, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', join('models', 'training', 'README.md')],
  ...inDocs('docs'),
  ...inDocs(join('docs', 'adr')),
];

function textOf(page: string): string {
  return readFileSync(join(projectRoot, page), 'utf8');
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function leadsNowhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const to = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(projectRoot, to))) return true;
  return anchor !== undefined && to.endsWith('.md') && !anchorsOf(to).includes(anchor);
}

describe('the pages', () => {
  it.each(pages)('of %s have no dead link', (page) => {
    const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const own = links.filter((link) => !/^(https?|mailto):/.test(link));
    expect(own.filter((link) => leadsNowhere(page, link))).toEqual([]);
  });

  it('are all in the index', () => {
    const index = textOf(join('docs', 'README.md'));
    const missing = readdirSync(join(projectRoot, 'docs'))
      .filter((name) => name.endsWith('.md') && name !== 'README.md')
      .filter((name) => !index.includes(`](${name})`));
    expect(missing).toEqual([]);
  });
});
