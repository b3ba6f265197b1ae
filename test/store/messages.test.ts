/** Messages of the library: they say what is wrong, with which value, and what is expected. */
import t from 'tap';
import { Regalia } from '../../src/index.js';

function messageOf(call: () => unknown): string {
  try {
    call();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

t.test('an option is refused with its choices', async (t) => {
  const durability = 'fast' as 'sync';
  await t.rejects(Regalia.memory({ durability }), {
    code: 'REGALIA_OPTION',
    message: `durability must be 'sync', 'group' or 'none', not "fast"`,
  });
});

t.test('contents of another kind are refused with the encoding of the stream', async (t) => {
  await using store = await Regalia.memory({ streams: { title: { encoding: 'utf8' } } });
  using tx = store.begin();
  const put = (stream: string, data: unknown) =>
    messageOf(() => tx.put('/a', stream, data as Uint8Array));
  t.match(
    put('note', 'text'),
    /note must be a Uint8Array \(its encoding is bytes\), not a string$/,
  );
  t.match(put('note', null), /not null$/);
  t.match(put('note', []), /not an Array$/);
  t.match(
    put('title', 7),
    /title.*a string or a Uint8Array \(its encoding is utf8\), not a number$/,
  );
});

t.test('a name of a branch or tag is refused with what it must not have', async (t) => {
  await using store = await Regalia.memory();
  const at = (name: string) => messageOf(() => store.snapshot(name));
  t.equal(at('main~1'), 'name must be a branch or tag name without the character ~, not main~1');
  for (const [name, fault] of [
    ['', 'of 1 to 255 bytes, not one of 0 characters'],
    ['x'.repeat(300), 'of 1 to 255 bytes, not one of 300 characters'],
    ['a b', 'without spaces, not a b'],
    ['-x', "that doesn't begin with -, as an option does, not -x"],
    ['a..b', 'without two dots in a row, not a..b'],
    ['@', 'other than @, not @'],
    ['a//b', 'without an empty part, not a//b'],
    ['a/.b', 'no part of which begins or ends with a dot, or ends with .lock, not a/.b'],
  ] as const) {
    await t.rejects(store.tags.set(name), {
      message: `name must be a branch or tag name ${fault}`,
    });
  }
});
