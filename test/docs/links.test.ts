/** Every link of the documents leads somewhere, in the checkout and in the package. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bare } from '../bare.js';
import { anchorsOf, deadLinks, linksOf, type Place } from './links.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function documents(): Map<string, string> {
  const within = (folder: string): string[] => {
    return readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}${name}`);
  };
  const paths = [...within(''), ...within('docs/')];
  return new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
}

function packaged(): Set<string> {
  const packing = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = spawnSync(...bare('npm', ...packing), { cwd: ROOT, encoding: 'utf8' });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return new Set(files.map(({ path }) => path));
}

t.test('every link leads to a file that is there, and is packaged where it must be', async (t) => {
  const all = documents();
  for (const path of ['README.md', 'ARCHITECTURE.md', 'FORMAT.md', 'docs/guide.md']) {
    t.ok(all.has(path), path);
  }
  const place = {
    documents: all,
    exists: (path: string) => existsSync(join(ROOT, path)),
    packaged: packaged(),
  };
  t.ok(place.packaged.has('docs/guide.md'), 'the guide is packaged');
  t.strictSame(deadLinks(place), []);
});

t.test('a link that leads nowhere is found', async (t) => {
  const texts = {
    'README.md':
      '# One\n[a](docs/a.md) [b](docs/b.md)\n[c](#one) [d](#two) [e](docs/a.md#three)\n' +
      '[f](docs/a.md#the-first-one) [g](CONTRIBUTING.md) [h](https://example.com/none) `[i](j)`\n' +
      '```\n[k](l)\n# Two\n```\n[m](../out.md) [n](src) [o]\n\n[o]: none.md\n',
    'docs/a.md': '## The `first` one!\n[up](../README.md#one) [beside](a.md) [code](../src)\n',
    'CONTRIBUTING.md': '[tests](test)\n',
  };
  const place: Place = {
    documents: new Map(Object.entries(texts)),
    exists: (path) => [...Object.keys(texts), 'src', 'test'].includes(path),
    packaged: new Set(['README.md', 'docs/a.md', 'src/index.ts']),
  };
  t.strictSame(deadLinks(place), [
    'README.md: docs/b.md: there is no such file',
    'README.md: #two: there is no such heading',
    'README.md: docs/a.md#three: there is no such heading',
    'README.md: CONTRIBUTING.md: it is not packaged, though the document is',
    'README.md: ../out.md: it leads out of the checkout',
    'README.md: none.md: there is no such file',
  ]);
});

t.test('links and anchors are read as readers of Markdown do', async (t) => {
  t.strictSame(linksOf('[a\nb](c.md "title") ![d](<e.png>)'), ['c.md', 'e.png']);
  const headings = '# A, b & `c_d`\n## Same\n## Same\n### [Link](x.md) #\n';
  t.strictSame([...anchorsOf(headings)], ['a-b--c_d', 'same', 'same-1', 'link']);
});
