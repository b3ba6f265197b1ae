/**
 * `regalia volume`: the folders in which contents lie: listed, added, changed, drained and removed.
 */
import type { Regalia } from '../../index.js';
import { numberOf, reading, writing } from '../open.js';
import { type Output, shown } from '../output.js';
import { byteCount } from '../progress.js';
import { count } from '../show.js';
import { type Context, defineVerb, type ExitCode, type OptionSpecs, UsageError } from '../verb.js';
import { infoOf, volumeLine, volumeOf, volumeRow } from '../volumes.js';

const STATES = ['online', 'read-only'] as const;

const OPTIONS = {
  weight: { type: 'string', placeholder: 'NUMBER', help: 'its share of new contents: 0 for none' },
  state: { type: 'string', placeholder: 'STATE', help: 'online, or read-only' },
  lost: { type: 'boolean', help: 'give up what lies on it, and nowhere else' },
} as const satisfies OptionSpecs;

/** What each action takes besides the store, so that nothing given is ignored. */
const ACTIONS = {
  list: { wants: undefined, takes: [] },
  add: { wants: 'FOLDER', takes: ['weight'] },
  set: { wants: 'WHICH', takes: ['weight', 'state'] },
  drain: { wants: 'WHICH', takes: [] },
  remove: { wants: 'WHICH', takes: ['lost'] },
} as const satisfies Record<string, { wants: string | undefined; takes: (keyof typeof OPTIONS)[] }>;

type Action = keyof typeof ACTIONS;
type VolumeContext = Context<typeof OPTIONS>;

export default defineVerb({
  name: 'volume',
  summary: 'list the volumes that contents lie in; add, set, drain or remove one',
  usage: 'STORE [ACTION] [FOLDER]',
  details: `
regalia volume STORE [list]
regalia volume STORE add FOLDER [--weight NUMBER]
regalia volume STORE set WHICH [--weight NUMBER] [--state online|read-only]
regalia volume STORE drain WHICH
regalia volume STORE remove WHICH [--lost]

A volume is a folder, ideally on a disk of its own. WHICH is its folder, its id, or the
first digits of that. \`add\` with the folder of a volume that was moved tells the store where
it is now. \`drain\` moves all that lies on a volume to the others; then it can be removed.
One that is gone is removed with --lost: what lay nowhere else can't be read any more.
The exit code is 1 where something could not go, or is lost.`,
  options: OPTIONS,
  async run(context) {
    const [folder, action = 'list', which] = context.args as [string, string?, string?];
    checkAction(action, which, context.options);
    if (which === undefined) {
      return reading(folder, {}, async (_, store) => {
        for (const volume of await store.volumes()) {
          await context.out.row(volumeRow(volume), volumeLine(volume));
        }
        return 0;
      });
    }
    const change = { add, set, drain, remove }[action as Exclude<Action, 'list'>];
    const weight = numberOf('weight', context.options.weight);
    return writing(folder, {}, (_, store) => change(store, which, context, weight));
  },
});

function checkAction(
  action: string,
  which: string | undefined,
  options: VolumeContext['options'],
): asserts action is Action {
  if (!Object.hasOwn(ACTIONS, action)) {
    const all = Object.keys(ACTIONS).join(', ');
    throw new UsageError(`there is no action ${JSON.stringify(action)}: ${all}`);
  }
  const { wants, takes } = ACTIONS[action as Action];
  if (wants !== undefined && which === undefined) throw new UsageError(`${wants} is missing`);
  if (wants === undefined && which !== undefined) {
    throw new UsageError(`${JSON.stringify(which)} is one too many`);
  }
  for (const name of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]) {
    if (options[name] === undefined || (takes as readonly string[]).includes(name)) continue;
    throw new UsageError(`volume ${action} takes no --${name}`);
  }
  const { state, weight } = options;
  if (action === 'set' && state === undefined && weight === undefined) {
    throw new UsageError('--weight or --state is missing');
  }
  stateOf(state);
}

function stateOf(state: string | undefined): (typeof STATES)[number] | undefined {
  const found = STATES.find((one) => one === state);
  if (found !== undefined || state === undefined) return found;
  throw new UsageError(`--state is ${STATES.join(' or ')}, not ${JSON.stringify(state)}`);
}

type Change = (
  store: Regalia,
  which: string,
  context: VolumeContext,
  weight: number | undefined,
) => Promise<ExitCode>;

const add: Change = async (store, folder, { out }, weight) => {
  await store.addVolume(folder, weight === undefined ? {} : { weight });
  return tell(out, store, folder);
};

const set: Change = async (store, which, { out, options }, weight) => {
  const volume = await volumeOf(store, which);
  const state = stateOf(options.state);
  await store.setVolume(volume, {
    ...(weight !== undefined && { weight }),
    ...(state !== undefined && { state }),
  });
  return tell(out, store, volume);
};

const drain: Change = async (store, which, { out, signal, progress }) => {
  const volume = await volumeOf(store, which);
  const line = progress('drain');
  const result = await store.drainVolume(volume, {
    signal,
    onProgress: ({ bytes }) => line.update(bytes, undefined, 'bytes'),
  });
  line.end();
  const { chunks, shards, bytes, stuck } = result;
  const moved = `${count(chunks)} chunks and ${count(shards)} shards went elsewhere`;
  const rest = stuck === 0 ? 'it can be removed' : `${count(stuck)} could not go`;
  const { id = volume } = (await infoOf(store, volume)) ?? {};
  await out.row({ id, ...result }, `${moved}, ${byteCount(bytes)}: ${rest}`);
  return stuck === 0 ? 0 : 1;
};

const remove: Change = async (store, which, { out, options, signal }) => {
  const volume = await volumeOf(store, which);
  const { id = volume, path = which } = (await infoOf(store, volume)) ?? {};
  const { lost } = await store.removeVolume(volume, { lost: options.lost === true, signal });
  const rest = lost === 0 ? '' : `; ${count(lost)} chunks are lost`;
  await out.row({ id, path, removed: true, lost }, `${shown(path)} is removed${rest}`);
  return lost === 0 ? 0 : 1;
};

async function tell(out: Output, store: Regalia, which: string): Promise<ExitCode> {
  const volume = await infoOf(store, which);
  if (volume !== undefined) await out.row(volumeRow(volume), volumeLine(volume));
  return 0;
}
