import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const DOCUMENTS = globSync(['*.md', 'docs/*.md', 'examples/**/*.md']).sort();

/** As the page is shown: headings become anchors, in lower case, with hyphens between the words. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm);
  return new Set(
    Array.from(headings, ([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Outside of code, which may look like a link. */
function proseOf(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/^ *```[^]*?^ *```$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replaceAll('](', '] ('));
}

/** Of what a reader is told to type; `-` and a variable are nobody's file. */
function filesPublishedIn(text: string): string[] {
  const blocks = text.matchAll(/^ *```sh$[^]*?^ *```$/gm);
  const named = Array.from(blocks, ([block]) => [...block.matchAll(/\border-search publish ([\w./][^\s|]*)/g)]).flat();
  return named.map(([, path = '']) => path);
}

describe('the documents', () => {
  for (const file of DOCUMENTS) {
    it(`have links that lead somewhere: ${file}`, () => {
      const links = [...proseOf(file).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)];
      for (const [, link, source] of links) {
        const target = link ?? source ?? '';
        if (/^https?:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const found = path === '' ? file : join(dirname(file), path);
        assert.ok(existsSync(found), target);
        if (anchor !== undefined) assert.ok(anchorsOf(found).has(anchor), target);
      }
    });
  }

  it('name tests and scripts that are there', () => {
    for (const file of DOCUMENTS) {
      const named = readFileSync(file, 'utf8').matchAll(/`((?:test|scripts|deploy|bench|docs)\/[\w./-]+?)`/g);
      for (const [, path = ''] of named) assert.ok(existsSync(path), `${file}: ${path}`);
    }
  });

  it('publish files that are there', () => {
    const published = DOCUMENTS.flatMap((file) => filesPublishedIn(readFileSync(file, 'utf8')));
    assert.ok(published.length > 0);
    for (const path of published) assert.ok(existsSync(path), path);
  });
});
