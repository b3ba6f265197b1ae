/** Errors: what the operating system throws under our codes, evidence, and types by code. */
import t from 'tap';
import * as errors from '../../src/ground/errors.js';

const errno = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

t.test('what the system throws has a code, and its name as evidence', async (t) => {
  const codes: Record<string, string> = {
    ENOENT: 'REGALIA_NOT_FOUND',
    EACCES: 'REGALIA_PERMISSION',
    EPERM: 'REGALIA_PERMISSION',
    EROFS: 'REGALIA_PERMISSION',
    EEXIST: 'REGALIA_EXISTS',
    ENOTEMPTY: 'REGALIA_EXISTS',
    ENOSPC: 'REGALIA_FULL',
    EDQUOT: 'REGALIA_FULL',
    EIO: 'REGALIA_IO',
    EMFILE: 'REGALIA_IO',
    ENOKEY: 'REGALIA_IO',
    'a name that nobody knows': 'REGALIA_IO',
  };
  for (const [name, code] of Object.entries(codes)) {
    const cause = errno(name);
    const made = errors.ioError(cause, '/a/b', 'write');
    t.equal(made.code, code, name);
    t.match(made, { cause, data: { errno: name }, outcome: 'none' });
    t.match(made.message, '/a/b', 'the message names the file');
  }
  const ours = errors.closed('store');
  t.equal(errors.ioError(ours, '/a', 'read'), ours, 'an error of ours stays as it is');
  t.match(errors.ioError('a string', '/a', 'read'), { code: 'REGALIA_IO', data: { path: '/a' } });
  const facts = { outcome: 'unknown', retryable: true } as const;
  t.match(errors.ioError(errno('EIO'), '/a', 'flush', facts), facts);
});

t.test('the name of an error is read from errors of the system alone', async (t) => {
  t.equal(errors.errnoOf(errno('ENOSPC')), 'ENOSPC');
  for (const other of [undefined, null, 'ENOSPC', new Error('x'), { code: 28 }]) {
    t.equal(errors.errnoOf(other), undefined);
  }
});

t.test('a code narrows the evidence', async (t) => {
  const made: unknown = errors.malformed('a row', 3, 'a byte', 'the end');
  if (!(made instanceof errors.RegaliaError)) throw new Error('it is one');
  if (made.code !== 'REGALIA_FORMAT') throw new Error('of that code');
  // Compiled only because `data` is typed by the code.
  const at: number = made.data.at;
  t.equal(at, 3);
  t.equal(made.name, 'RegaliaError');
  t.ok(errors.isRegaliaError(made, 'REGALIA_FORMAT'));
  t.notOk(errors.isRegaliaError(made, 'REGALIA_IO'));
  t.notOk(errors.isRegaliaError(new Error('x')));
});

t.test('makers say what is wrong, with which value', async (t) => {
  t.equal(
    errors.badOption('limit', 'a whole number', '1.5').message,
    'limit must be a whole number, not 1.5',
  );
  t.equal(
    errors.notFound('branch', 'x', 'fork it first').message,
    'there is no branch x: fork it first',
  );
  t.equal(
    errors.unknownVersion('a pack', 1, 9).message,
    'a pack has version 9, and this release knows 1',
  );
  t.match(errors.corrupt('a row', '1', '2', { key: '/a', repairable: true }), {
    data: { what: 'a row', expected: '1', actual: '2', key: '/a', repairable: true },
  });
  t.strictSame(errors.corrupt('a row', '1', '2').data, {
    what: 'a row',
    expected: '1',
    actual: '2',
  });
  t.match(errors.missing('chunk', 'sha256:00', 'volume 2').message, /volume 2/);
  t.match(errors.asAborted(Object.assign(new Error('x'), { name: 'AbortError' }), 'a read'), {
    code: 'REGALIA_ABORTED',
  });
  const other = new TypeError('x');
  t.equal(errors.asAborted(other, 'a read'), other);
});

t.test('what fails with a code has an answer, and a bug of ours is thrown on', async (t) => {
  t.equal(
    errors.attempt(() => 1),
    1,
  );
  t.equal(
    errors.attempt(() => {
      throw errors.closed('store');
    }),
    undefined,
  );
  t.throws(() =>
    errors.attempt(() => {
      throw new TypeError('x');
    }),
  );
});

t.test('a pack, a stamp, a signature and a lock say what they refuse', async (t) => {
  const pack = errors.badPack('frame', 9, 'a known type', '7', { retryable: true });
  t.strictSame(pack.data, { what: 'frame', at: 9, expected: 'a known type', actual: '7' });
  t.ok(pack.retryable);
  t.strictSame(errors.badStamp('the stamp', 'at or above 1', '0').data, {
    expected: 'at or above 1',
    actual: '0',
  });
  t.match(errors.badSignature('sha256:00', 'ab').data, { commit: 'sha256:00', actor: 'ab' });
  t.equal(errors.locked('/a', 'is open').message, '/a is open');
});
