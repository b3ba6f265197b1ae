/**
 * Links of documents: each relative one leads to a file of the checkout, each anchor to a heading,
 * and what a packaged document links to is packaged as well.
 */
import { posix } from 'node:path';

/** What documents may link to. */
export interface Place {
  /** The documents by path, as text. */
  readonly documents: ReadonlyMap<string, string>;
  /** Whether the checkout has this file or folder. */
  readonly exists: (path: string) => boolean;
  /** The files of the package. */
  readonly packaged: ReadonlySet<string>;
}

/** What is wrong with the links of all documents, a line each. */
export function deadLinks(place: Place): string[] {
  return [...place.documents].flatMap(([path, text]) =>
    linksOf(text).flatMap((link) => {
      const fault = faultOf(place, path, link);
      return fault === undefined ? [] : [`${path}: ${link}: ${fault}`];
    }),
  );
}

function faultOf(place: Place, from: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [file = '', anchor] = decodeURI(link).split('#');
  const target = file === '' ? from : posix.join(posix.dirname(from), file);
  if (target.startsWith('..') || file.startsWith('/')) return 'it leads out of the checkout';
  if (!place.exists(target)) return 'there is no such file';
  const isLost = place.packaged.has(from) && !isPackaged(place, target);
  if (isLost) return 'it is not packaged, though the document is';
  if (anchor === undefined) return undefined;
  const document = place.documents.get(target);
  if (document === undefined) return 'an anchor, but no document';
  return anchorsOf(document).has(anchor) ? undefined : 'there is no such heading';
}

/** A folder is where any file of it is. */
function isPackaged({ packaged }: Place, target: string): boolean {
  const folder = `${target.replace(/\/$/, '')}/`;
  return packaged.has(target) || [...packaged].some((path) => path.startsWith(folder));
}

/** The targets of links and images, and of references. */
export function linksOf(document: string): string[] {
  const text = withoutBlocks(document).replaceAll(/`[^`]*`/g, '');
  const inline = text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g);
  const references = text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm);
  return [...inline, ...references].map(([, target]) => target as string);
}

function withoutBlocks(document: string): string {
  return document.replaceAll(/^(```+|~~~+)[\s\S]*?^\1$/gm, '');
}

/** The anchors of headings, as GitHub makes them. */
export function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutBlocks(document).matchAll(/^#{1,6} +(.*?)[ #]*$/gm)) {
    const words = (heading as string)
      .toLowerCase()
      .replaceAll(/\]\([^)]*\)/g, '')
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = words;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${words}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}
