/**
 * Differences have an inverse: rows are one simultaneous change. What was moved or removed is taken
 * out by keys of the first state, put in by keys of the second, then streams change. So the rows
 * from a to b, done to a, give b: for any two states, both ways, within any key.
 */

import { join } from 'node:path';
import t from 'tap';
import type { DiffOptions, DiffRow } from '../../src/index.js';
import { regalia, scratch } from '../cli/regalia.js';
import { bytes } from '../store/setup.js';
import { applied, spelled, within } from './applied.js';
import { type Branch, world } from './branch.js';

function rowsOf({ bucket }: Branch, from: string, to: string, options?: DiffOptions): DiffRow[] {
  return [...bucket.diff(from, to, options)];
}

/** Rows as lines, as 'moved /b from /a'. */
function linesOf(branch: Branch, from: string, to: string, options?: DiffOptions): string[] {
  return rowsOf(branch, from, to, options).map(({ kind, key, stream, from }) => {
    const more = [stream, from === undefined ? undefined : `from ${from}`];
    return [kind, key, ...more.filter((part) => part !== undefined)].join(' ');
  });
}

t.test('what was moved and then removed is removed', async (t) => {
  const { main } = await world((main) => main.put('/a/x'));
  const before = main.head;
  await main.move('/a', '/b');
  await main.del('/b');
  t.strictSame(linesOf(main, before, main.head), ['removed /a']);
  t.strictSame(linesOf(main, main.head, before), ['added /a']);
});

t.test('a move across the border of a key is a removal or an addition', async (t) => {
  const { main } = await world((main) => main.putEach('/a/x', '/c/y'));
  const before = main.head;
  await main.move('/a', '/b');
  const lines = (key: string): string[] => linesOf(main, before, main.head, { key });
  t.strictSame(lines('/'), ['moved /b from /a']);
  t.strictSame([lines('/a'), lines('/b'), lines('/c')], [['removed /a'], ['added /b'], []]);
  const back = (key: string): string[] => linesOf(main, main.head, before, { key });
  t.strictSame(back('/'), ['moved /a from /b']);
  t.strictSame([back('/a'), back('/b'), back('/c')], [['added /a'], ['removed /b'], []]);
});

t.test('a move within a key is a move, with what changed below it', async (t) => {
  const { main } = await world((main) => main.putEach('/d/a/x', '/d/a/y', '/d/a/w'));
  const before = main.head;
  await main.transact((tx) => {
    tx.move('/d/a', '/d/b');
    tx.del('/d/b/x');
    tx.move('/d/b/y', '/y');
    tx.put('/d/b/w', 's', bytes('edited'));
    tx.put('/d/b/new', 's', bytes('new'));
  });
  const lines = (key: string): string[] => linesOf(main, before, main.head, { key }).sort();
  t.strictSame(lines('/'), [
    'added /d/b/new',
    'changed /d/b/w s',
    'moved /d/b from /d/a',
    'moved /y from /d/a/y',
    'removed /d/a/x',
  ]);
  t.strictSame(lines('/d'), [
    'added /d/b/new',
    'changed /d/b/w s',
    'moved /d/b from /d/a',
    'removed /d/a/x',
    'removed /d/a/y',
  ]);
  t.strictSame(lines('/d/b'), ['added /d/b']);
  t.strictSame(lines('/y'), ['added /y']);
});

t.test('what two branches moved apart is moved from one to the other', async (t) => {
  const { A, B } = await world((main) => main.putEach('/a/x', '/b', '/c'));
  await A.move('/a', '/p');
  await A.move('/c', '/d');
  await B.move('/b', '/q');
  await B.put('/a/x', 'edited');
  await B.move('/c', '/d');
  t.strictSame(linesOf(A, A.head, B.head), [
    'moved /a from /p',
    'changed /a/x s',
    'moved /q from /b',
  ]);
  t.strictSame(linesOf(A, B.head, A.head), [
    'moved /b from /q',
    'moved /p from /a',
    'changed /p/x s',
  ]);
  await A.merge(B);
  t.strictSame(linesOf(A, B.head, A.head), ['moved /p from /a']);
});

t.test('what stays while that which holds it moves has a row', async (t) => {
  const { main } = await world((main) => main.putEach('/d/x', '/d/y', '/e/z'));
  const before = main.head;
  await main.transact((tx) => {
    tx.move('/d/x', '/x');
    tx.move('/d', '/was');
    tx.move('/e', '/d');
    tx.move('/x', '/d/x');
  });
  t.strictSame(linesOf(main, before, main.head), [
    'moved /d from /e',
    'moved /d/x from /d/x',
    'moved /was from /d',
  ]);
});

t.test('directories that only moved things come from or go to have no rows', async (t) => {
  const { main } = await world((main) => main.putEach('/d/f', '/e/f', '/e/g'));
  const before = main.head;
  await main.move('/d/f', '/n/f');
  await main.transact((tx) => {
    tx.move('/e/f', '/o/f');
    tx.del('/e/g');
    tx.put('/o/new', 's', bytes('new'));
  });
  t.strictSame(linesOf(main, before, main.head), [
    'removed /e',
    'moved /n/f from /d/f',
    'added /o',
    'moved /o/f from /e/f',
  ]);
  t.strictSame(linesOf(main, before, main.head, { deep: true }), [
    'removed /e/g s',
    'moved /n/f from /d/f',
    'moved /o/f from /e/f',
    'added /o/new s',
  ]);
});

t.test('moves in buckets, out of them and of them are found by their own histories', async (t) => {
  const { main } = await world(async (main) => {
    await main.makeBucket('/m');
    await main.putEach('/m/f', '/m/g', '/x');
  });
  const before = main.head;
  await main.within('/m').move('/f', '/h');
  t.strictSame(linesOf(main, before, main.head), ['moved /m/h from /m/f']);
  await main.move('/m/h', '/h');
  await main.move('/x', '/m/x');
  await main.within('/m').move('/x', '/y');
  const rows = ['moved /h from /m/f', 'moved /m/y from /x'];
  t.strictSame(linesOf(main, before, main.head), rows);
  await main.move('/m', '/n/m');
  t.strictSame(linesOf(main, before, main.head), [
    'moved /h from /m/f',
    'moved /n/m from /m',
    'moved /n/m/y from /x',
  ]);
  t.strictSame(linesOf(main, before, main.head, { key: '/m' }), ['removed /m']);
});

t.test('a bucket is one entry, though no history says so', async (t) => {
  const { main, A } = await world(async (main) => {
    await main.makeBucket('/m');
    await main.putEach('/m/f', '/d/x');
  });
  const before = main.head;
  await main.move('/m', '/d/n');
  await A.del('/m');
  await A.bucket.restore(main.head, '/d/n');
  t.strictSame(linesOf(A, before, A.head), ['moved /d/n from /m']);
  t.strictSame(linesOf(A, A.head, before), ['moved /m from /d/n']);
});

t.test('the command ends with 1 where a move and a removal left nothing', async (t) => {
  const store = join(scratch(t), 'store');
  const run = async (args: readonly string[], input = ''): Promise<number> => {
    return (await regalia(args, input)).exit;
  };
  await run(['init', store]);
  await run(['put', store, '/a/x', 's'], 'x');
  await run(['tag', store, 'v0']);
  await run(['mv', store, '/a', '/b']);
  await run(['rm', store, '/b']);
  const { exit, out } = await regalia(['diff', store, 'v0', 'main']);
  t.equal(exit, 1);
  t.match(out, /\/a/);
  await run(['put', store, '/c', 's'], 'c');
  await run(['tag', store, 'v1']);
  await run(['mv', store, '/c', '/d']);
  t.match(await regalia(['diff', store, 'v1', 'main']), { exit: 1, out: '> /c -> /d\n' });
  t.equal(await run(['diff', store, 'main', 'main']), 0);
});

/** States one after the other, and two beside them. */
async function statesOf(): Promise<{ main: Branch; states: Map<string, string> }> {
  const { main, A } = await world(async (main) => {
    await main.makeBucket('/m');
    await main.putEach('/a/x', '/a/y', '/b', '/c/d/e', '/c/d/f', '/m/f', '/m/g/h');
  });
  const states = new Map([['start', main.head]]);
  const next = async (name: string, body: Parameters<Branch['transact']>[0]): Promise<void> => {
    states.set(name, await main.transact(body));
  };
  await next('moved', (tx) => tx.move('/a', '/n'));
  await next('edited', (tx) => tx.put('/n/x', 's', bytes('edited')));
  await next('nested', (tx) => {
    tx.move('/c/d/e', '/e');
    tx.move('/c', '/n/c');
    tx.put('/n/c/d/new', 's', bytes('new'));
  });
  await next('swapped', (tx) => {
    tx.move('/b', '/t');
    tx.move('/e', '/b');
    tx.move('/t', '/e');
  });
  await next('renewed', (tx) => {
    tx.put('/a/x', 's', bytes('another'));
    tx.del('/n/c/d/f');
  });
  await next('bucket moved', (tx) => {
    tx.move('/m', '/n/m');
    tx.put('/n/m/f', 's', bytes('edited'));
    tx.del('/e');
  });
  await next('out of it', (tx) => tx.move('/n/m/g', '/g'));
  await next('turned', (tx) => {
    tx.move('/n', '/was');
    tx.move('/a', '/n');
    tx.move('/was', '/n/was');
  });
  await next('removed', (tx) => tx.del('/n'));
  await A.move('/c/d', '/a/d');
  states.set('beside', await A.put('/b', 'of A'));
  states.set('merged', (await A.merge(states.get('edited') ?? '')).commit.commit);
  return { main, states };
}

t.test('rows from a to b, done to a, give b, within any key', async (t) => {
  const { main, states } = await statesOf();
  const keys = ['/', '/a', '/b', '/c', '/c/d', '/e', '/g', '/m', '/m/g', '/n', '/n/c', '/n/was'];
  const wrong: string[] = [];
  let count = 0;
  for (const [one, from] of states) {
    for (const [other, to] of states) {
      for (const key of keys) {
        const [a, b] = [within(main.contents(from), key), within(main.contents(to), key)];
        const found = applied(rowsOf(main, from, to, { key }), a, b);
        count++;
        if (spelled(found) !== spelled(b)) {
          wrong.push(`${one} to ${other} in ${key}: ${spelled(found)}, not ${spelled(b)}`);
        }
      }
    }
  }
  t.comment(`${count} differences`);
  t.strictSame(wrong.slice(0, 10), []);
});

t.test('no row where nothing differs, and rows have no more than they say', async (t) => {
  const { main, states } = await statesOf();
  for (const [name, at] of states) t.strictSame(rowsOf(main, at, at), [], name);
  for (const from of states.values()) {
    for (const row of rowsOf(main, from, main.head)) {
      if (row.kind === 'moved') t.ok(row.from !== undefined && row.stream === undefined);
      else t.equal(row.from, undefined);
    }
  }
});
