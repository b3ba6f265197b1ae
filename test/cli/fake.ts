/** A verb that does whatever its arguments say, and a command of it that runs as a process. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { VerbTable } from '../../src/cli/command.js';
import { runProcess } from '../../src/cli/process.js';
import { defineVerb, type ExitCode, READ_OPTIONS } from '../../src/cli/verb.js';
import { RegaliaError } from '../../src/ground/errors.js';

const fake = defineVerb({
  name: 'fake',
  summary: 'do what is asked',
  usage: 'STORE DEED [KEY]',
  details: 'Deeds are rows, bytes, wait, fail, file, conflict and bug.',
  options: {
    ...READ_OPTIONS,
    count: { argument: 'NUMBER', short: 'n', help: 'how many rows' },
    loud: { help: 'end with a finding' },
  },
  async run({ args, options, out, signal, progress, input }) {
    const [store, deed, key] = args;
    const count = Number(options.count ?? 1);
    if (deed === 'rows') {
      for (let i = 0; i < count && !signal.aborted; i++) {
        progress('faking', i, count);
        await out.row({ store, key, i, big: 2n ** 60n }, `row ${i}`);
      }
    }
    if (deed === 'echo') for await (const chunk of input) await out.bytes(chunk as Uint8Array);
    if (deed === 'bytes') await out.bytes(new Uint8Array([0xff, 0, 0x0a]));
    if (deed === 'wait') {
      await out.text('waiting\n');
      await out.flush();
      // A timer keeps the process alive, as real work would.
      const timer = setInterval(() => undefined, 1_000);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      clearInterval(timer);
      throw new RegaliaError('REGALIA_ABORTED', 'fake was aborted', { operation: 'fake' });
    }
    if (deed === 'fail') throw new RegaliaError('REGALIA_FULL', 'no \x1b[31mroom', { path: '/x' });
    if (deed === 'conflict') {
      throw new RegaliaError('REGALIA_CONFLICT', '1 conflict', { conflicts: [] });
    }
    if (deed === 'file') readFileSync('/none/x');
    if (deed === 'bug') throw new TypeError('x is not a function');
    const exit: ExitCode = options.loud === true ? 1 : 0;
    return exit;
  },
});

const other = defineVerb({
  name: 'other',
  summary: 'do nothing',
  usage: '[KEY...]',
  options: {},
  run: async () => 0,
});

export const FAKES: VerbTable = { fake: async () => fake, other: async () => other };

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runProcess(FAKES);
