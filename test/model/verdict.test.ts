/** Shows that the model finds what is planted: each kind of fault in a small merge's result. */
import t from 'tap';
import { type View, viewOf } from './facts.js';
import { Graph } from './graph.js';
import { Meetings } from './meeting.js';
import { makeBucket, newPlace, putStream } from './truth.js';
import { doubled, type Named, Verdict } from './verdict.js';

/** 'KEY=TOKEN' each: an identity, `i`, or the contents of a stream, `s`; `b` makes a bucket. */
function state(...entries: string[]): View {
  const top = newPlace();
  for (const [key, token] of entries.map((entry) => entry.split('=') as [string, string])) {
    if (token.startsWith('b')) makeBucket(top, key, token);
    else putStream(top, key, token.startsWith('i') ? 'id' : 's', token);
  }
  return viewOf(top);
}

interface Planted {
  readonly base: View;
  readonly ours: View;
  readonly theirs: View;
}

function verdictOf({ base, ours, theirs }: Planted): Verdict {
  const graph = new Graph();
  graph.learn('base', [], base);
  const sides = [graph.learn('ours', ['base'], ours), graph.learn('theirs', ['base'], theirs)];
  return new Verdict(new Meetings(graph).of(sides[0] as never, sides[1] as never));
}

const nobody: Named = () => false;

function kindsOf(planted: Planted, result: View, named = nobody): string[] {
  const faults = [...verdictOf(planted).ofResult(result, named)];
  return [...new Set(faults.map((fault) => fault.slice(0, fault.indexOf(':'))))];
}

const base = state('/d=i1', '/d/f=i2', '/d/f=s3', '/g=i4');
/** Ours moved the directory, theirs edited within it and put an entry. */
const moved = {
  base,
  ours: state('/e=i1', '/e/f=i2', '/e/f=s3', '/g=i4'),
  theirs: state('/d=i1', '/d/f=i2', '/d/f=s5', '/d/h=i6', '/g=i4'),
};
const right = state('/e=i1', '/e/f=i2', '/e/f=s5', '/e/h=i6', '/g=i4');

t.test('what both sides did, together, is right', async (t) => {
  t.ok(verdictOf(moved).isExact);
  t.strictSame(kindsOf(moved, right), []);
  t.strictSame([...verdictOf(moved).ofSilence(right)], []);
});

t.test('planted results are found', async (t) => {
  const plants: readonly [kind: string, result: View][] = [
    ['lost', state('/e=i1', '/e/f=i2', '/e/f=s5', '/g=i4')],
    ['lost', state('/e=i1', '/e/f=i2', '/e/f=s3', '/e/h=i6', '/g=i4')],
    ['wrong', state('/d=i1', '/d/f=i2', '/d/f=s5', '/d/h=i6', '/g=i4')],
    ['wrong', state('/e=i1', '/e/f=i2', '/e/f=s5', '/d/h=i6', '/g=i4')],
  ];
  for (const [kind, result] of plants) {
    const kinds = kindsOf(moved, result);
    t.ok(kinds.includes(kind), kind, { kinds });
  }
});

t.test('a removal that is undone is found, of an entry, a stream and a bucket', async (t) => {
  const kept = state('/a=i1', '/a=s2', '/m=b3');
  const both = { base: kept, theirs: kept };
  t.strictSame(kindsOf({ ...both, ours: state('/m=b3') }, kept), ['undone', 'wrong']);
  t.strictSame(kindsOf({ ...both, ours: state('/a=i1', '/m=b3') }, kept), ['undone', 'wrong']);
  t.strictSame(kindsOf({ ...both, ours: state('/a=i1', '/a=s2') }, kept), ['undone', 'wrong']);
});

t.test('what is at two keys is found, but for copies in different buckets', async (t) => {
  const found = (copies: readonly string[], ...streams: string[]): number => {
    return [...doubled(state(...streams), new Set(copies))].length;
  };
  t.equal(found([], '/m=b1', '/n=b1'), 1);
  t.equal(found([], '/a=i1', '/n=i1'), 1);
  t.equal(found([], '/m=b1', '/m/a=i2', '/a=i2'), 1);
  t.equal(found(['i2'], '/m=b1', '/m/a=i2', '/a=i2'), 0);
  t.equal(found(['i2'], '/m=b1', '/m/a=i2', '/m/c=i2'), 1);
});

t.test('silence where the sides contradict each other is found', async (t) => {
  const one = state('/d=i1', '/d/f=i2', '/g=i4');
  const contradictions: readonly Planted[] = [
    {
      base: one,
      ours: state('/e=i1', '/e/f=i2', '/g=i4'),
      theirs: state('/h=i1', '/h/f=i2', '/g=i4'),
    },
    { base: one, ours: state('/g=i4'), theirs: state('/d=i1', '/d/f=i2', '/d/n=i5', '/g=i4') },
    { base: one, ours: state('/g=i4'), theirs: state('/d=i1', '/g=i4', '/k=i2') },
    {
      base: one,
      ours: state('/d=i1', '/d/f=i2', '/k=i4'),
      theirs: state('/d=i1', '/g=i4', '/k=i2'),
    },
    {
      base: one,
      ours: state('/g=i4', '/g/d=i1', '/g/d/f=i2'),
      theirs: state('/d=i1', '/d/f=i2', '/d/g=i4'),
    },
    {
      base: one,
      ours: state('/d=i1', '/d/f=i2', '/g=i4', '/g=s6'),
      theirs: state('/d=i1', '/d/f=i2'),
    },
  ];
  for (const planted of contradictions) {
    const verdict = verdictOf(planted);
    t.not([...verdict.ofSilence(planted.ours)].length, 0);
    t.strictSame([...verdict.ofConflicts()], [], 'a conflict is no fault');
  }
});

t.test('a conflict where nothing is contradicted is found', async (t) => {
  t.not([...verdictOf(moved).ofConflicts()].length, 0);
});

t.test('what a conflict names may be lost, and nothing else', async (t) => {
  const result = state('/e=i1', '/e/f=i2', '/e/f=s3', '/e/h=i6', '/g=i4');
  t.strictSame(
    kindsOf(moved, result, (slot) => slot === 'i2#s'),
    [],
  );
  t.ok(kindsOf(moved, result, (slot) => slot === 'i6').includes('lost'));
});
