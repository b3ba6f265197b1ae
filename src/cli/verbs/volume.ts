/** `regalia volume`: lists, adds, changes, drains and removes the folders that contents are in. */
import type { Regalia } from '../../index.js';
import { reading, writing } from '../open.js';
import { byteCount, type Output, shown } from '../output.js';
import { numberOf, oneOf } from '../quantities.js';
import { count, infoOf, volumeLine, volumeOf, volumeRow } from '../show.js';
import { type Context, defineVerb, type ExitCode, type OptionSpecs, UsageError } from '../verb.js';

const STATES = ['online', 'read-only'] as const;

const OPTIONS = {
  weight: { type: 'string', placeholder: 'NUMBER', help: 'its share of new contents; 0 for none' },
  state: { type: 'string', placeholder: 'STATE', help: 'online, or read-only' },
  lost: { type: 'boolean', help: 'give up what is only there' },
} as const satisfies OptionSpecs;

/** What each action needs besides the store, and its options, so that nothing given is ignored. */
const ACTIONS = {
  list: { needs: undefined, options: [] },
  add: { needs: 'FOLDER', options: ['weight'] },
  set: { needs: 'WHICH', options: ['weight', 'state'] },
  drain: { needs: 'WHICH', options: [] },
  remove: { needs: 'WHICH', options: ['lost'] },
} as const satisfies Record<
  string,
  { needs: string | undefined; options: (keyof typeof OPTIONS)[] }
>;

type Action = keyof typeof ACTIONS;
type VolumeContext = Context<typeof OPTIONS>;

export default defineVerb({
  name: 'volume',
  summary: 'list the volumes that contents are on; add, set, drain or remove one',
  usage: 'STORE [ACTION] [FOLDER]',
  details: `
regalia volume STORE [list]
regalia volume STORE add FOLDER [--weight NUMBER]
regalia volume STORE set WHICH [--weight NUMBER] [--state online|read-only]
regalia volume STORE drain WHICH
regalia volume STORE remove WHICH [--lost]

A volume is a folder, ideally on a disk of its own. WHICH is its folder, its id, or the first
digits of the id. After a volume was moved, \`add\` its new folder. \`drain\` moves everything on a
volume to the others; then it can be removed. To remove one that is gone, use --lost: what was only
there can no longer be read. The exit code is 1 where something could not be moved, or is lost.`,
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
  const { needs, options: allowed } = ACTIONS[action as Action];
  if (needs !== undefined && which === undefined) throw new UsageError(`${needs} is missing`);
  if (needs === undefined && which !== undefined) {
    throw new UsageError(`${JSON.stringify(which)} is one too many`);
  }
  for (const name of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]) {
    if (options[name] === undefined || (allowed as readonly string[]).includes(name)) continue;
    throw new UsageError(`volume ${action} has no option --${name}`);
  }
  const { state, weight } = options;
  if (action === 'set' && state === undefined && weight === undefined) {
    throw new UsageError('--weight or --state is missing');
  }
  oneOf('state', STATES, state);
}

type Change = (
  store: Regalia,
  which: string,
  context: VolumeContext,
  weight: number | undefined,
) => Promise<ExitCode>;

const add: Change = async (store, folder, { out }, weight) => {
  await store.addVolume(folder, weight === undefined ? {} : { weight });
  return print(out, store, folder);
};

const set: Change = async (store, which, { out, options }, weight) => {
  const volume = await volumeOf(store, which);
  const state = oneOf('state', STATES, options.state);
  await store.setVolume(volume, {
    ...(weight !== undefined && { weight }),
    ...(state !== undefined && { state }),
  });
  return print(out, store, volume);
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
  const moved = `${count(chunks)} chunks and ${count(shards)} shards moved elsewhere`;
  const rest = stuck === 0 ? 'it can be removed' : `${count(stuck)} could not be moved`;
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

async function print(out: Output, store: Regalia, which: string): Promise<ExitCode> {
  const volume = await infoOf(store, which);
  if (volume !== undefined) await out.row(volumeRow(volume), volumeLine(volume));
  return 0;
}
