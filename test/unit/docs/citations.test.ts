import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';

const SOURCES = globSync(['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts']).sort();

/** The numbers of a document's sections, each with its text. */
function sectionsOf(file: string): ReadonlyMap<string, string> {
  const [, ...sections] = readFileSync(file, 'utf8').split(/^## /m);
  return new Map(
    sections.flatMap((text) => {
      const number = /^(\d+)\. /.exec(text)?.[1];
      return number === undefined ? [] : [[number, text] as const];
    }),
  );
}

interface Citation {
  readonly document: string;
  readonly section: string;
  /** Words of the section, where it names any. */
  readonly quoted: string | undefined;
}

/** A comment may be broken anywhere. */
function citationsIn(source: string): Citation[] {
  const text = source.replace(/\n\s*(?:\*|\/\/) ?/g, ' ');
  const found = text.matchAll(/\b(contract|design) \(?(§\d+(?: and §\d+)*)(?:,? "([^"\n]+)")?/gi);
  return Array.from(found).flatMap(([, document = '', sections = '', quoted]) =>
    (sections.match(/\d+/g) ?? []).map((section) => ({ document: document.toLowerCase(), section, quoted })),
  );
}

describe('what the code cites', () => {
  const documents = new Map(['contract', 'design'].map((name) => [name, sectionsOf(`docs/${name}.md`)]));

  it('are sections of the contract and the design that are there', () => {
    const citations = SOURCES.flatMap((file) =>
      citationsIn(readFileSync(file, 'utf8')).map((citation) => ({ file, ...citation })),
    );
    assert.ok(citations.length > 60, `only ${citations.length} citations were found`);
    for (const { file, document, section, quoted = '' } of citations) {
      const text = documents.get(document)?.get(section);
      assert.ok(text !== undefined, `${file}: ${document} §${section}`);
      assert.ok(text.includes(quoted), `${file}: ${document} §${section} has no "${quoted}"`);
    }
  });

  it('is a model that is there', () => {
    for (const file of SOURCES) {
      const named = readFileSync(file, 'utf8').matchAll(/`([\w/]*\bmodel\.py)`/g);
      for (const [, path = ''] of named) assert.ok(existsSync(path), `${file}: ${path}`);
    }
  });
});
