/** `regalia volume`: lists, adds, changes, drains and removes the folders that contents are in. */
import path from 'node:path';
import type { Regalia, VolumeChange, VolumeInfo } from '../../index.js';
import { byteCount, count, type Output, shown } from '../output.js';
import { numberOf, oneOf } from '../quantities.js';
import { type Context, defineVerb, type Ended, type OptionSpecs, UsageError } from '../verb.js';

const STATES = ['online', 'read-only'] as const;

const OPTIONS = {
  weight: { argument: 'NUMBER', help: 'its share of new contents; 0 for none' },
  state: { argument: 'STATE', help: 'online, or read-only' },
  lost: { help: 'give up what is only there' },
} as const satisfies OptionSpecs;

/** What an action needs besides the store, and its options, so that nothing given is ignored. */
interface Action {
  readonly needs?: string;
  readonly options: readonly (keyof typeof OPTIONS)[];
  act(store: Regalia, context: VolumeContext, which: string, change: VolumeChange): Ended;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: {
    options: [],
    async act(store, { out }) {
      for (const volume of await store.volumes()) await print(out, volume);
    },
  },
  add: {
    needs: 'FOLDER',
    options: ['weight'],
    async act(store, { out }, folder, { weight }) {
      await store.addVolume(folder, { weight });
      await print(out, await infoOf(store, folder));
    },
  },
  set: {
    needs: 'WHICH',
    options: ['weight', 'state'],
    async act(store, { out }, which, change) {
      const volume = await volumeOf(store, which);
      await store.setVolume(volume, change);
      await print(out, await infoOf(store, volume));
    },
  },
  drain: {
    needs: 'WHICH',
    options: [],
    async act(store, { out, signal, progress }, which) {
      const volume = await volumeOf(store, which);
      const result = await store.drainVolume(volume, {
        signal,
        onProgress: (done) => progress('drain', done.bytes, undefined, 'bytes'),
      });
      const { chunks, shards, bytes, stuck } = result;
      const moved = `${count(chunks)} chunks and ${count(shards)} shards moved elsewhere`;
      const rest = stuck === 0 ? 'it can be removed' : `${count(stuck)} could not be moved`;
      const { id = volume } = (await infoOf(store, volume)) ?? {};
      await out.row({ id, ...result }, `${moved}, ${byteCount(bytes)}: ${rest}`);
      return stuck === 0 ? 0 : 1;
    },
  },
  remove: {
    needs: 'WHICH',
    options: ['lost'],
    async act(store, { out, options, signal }, which) {
      const volume = await volumeOf(store, which);
      const { id = volume, path: at = which } = (await infoOf(store, volume)) ?? {};
      const { lost } = await store.removeVolume(volume, { lost: options.lost === true, signal });
      const rest = lost === 0 ? '' : `; ${count(lost)} chunks are lost`;
      await out.row({ id, path: at, removed: true, lost }, `${shown(at)} is removed${rest}`);
      return lost === 0 ? 0 : 1;
    },
  },
};

type VolumeContext = Context<typeof OPTIONS>;

export const volume = defineVerb({
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
    const { args, options, reading, writing } = context;
    const [, name = 'list', which] = args as [string, string?, string?];
    const { needs, act } = actionOf(name, options, which);
    const state = oneOf('state', STATES, options.state);
    const change = { weight: numberOf('weight', options.weight), state };
    const opened = needs === undefined ? reading : writing;
    return opened((_, store) => act(store, context, which ?? '', change));
  },
});

function actionOf(name: string, options: VolumeContext['options'], which?: string): Action {
  if (!Object.hasOwn(ACTIONS, name)) {
    const all = Object.keys(ACTIONS).join(', ');
    throw new UsageError(`there is no action ${JSON.stringify(name)}: ${all}`);
  }
  const action = ACTIONS[name];
  if (action.needs !== undefined && which === undefined) {
    throw new UsageError(`${action.needs} is missing`);
  }
  if (action.needs === undefined && which !== undefined) {
    throw new UsageError(`${JSON.stringify(which)} is one too many`);
  }
  for (const option of Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]) {
    if (options[option] === undefined || action.options.includes(option)) continue;
    throw new UsageError(`volume ${name} has no option --${option}`);
  }
  if (name === 'set' && options.state === undefined && options.weight === undefined) {
    throw new UsageError('--weight or --state is missing');
  }
  return action;
}

async function print(out: Output, volume: VolumeInfo | undefined): Promise<void> {
  if (volume === undefined) return;
  // Sizes are null where the volume is not here.
  const { bytes = null, freeBytes = null } = volume;
  await out.row({ ...volume, bytes, freeBytes }, volumeLine(volume));
}

/** Digits of a volume's id that are shown. */
export const BRIEF = 8;
const DIGITS = /^[0-9a-f]{4,31}$/;

/** The library's name of a volume that is given by its folder, its id, or the id's first digits. */
async function volumeOf(store: Regalia, which: string): Promise<string> {
  const volumes = await store.volumes();
  const isPath = volumes.some((volume) => volume.path === path.resolve(which));
  if (isPath || !DIGITS.test(which)) return which;
  const found = volumes.filter(({ id }) => id.startsWith(which));
  if (found.length > 1) throw new UsageError(`${which} begins the ids of ${found.length} volumes`);
  return found[0]?.id ?? which;
}

/** The volume at a folder or of an id, as it is now. */
async function infoOf(store: Regalia, which: string): Promise<VolumeInfo | undefined> {
  const at = path.resolve(which);
  return (await store.volumes()).find((volume) => volume.id === which || volume.path === at);
}

/** `0a1b2c3d  online     weight 1     12.3 MiB, 80.1 GiB free  /disks/a` */
function volumeLine({ id, state, weight, bytes, freeBytes, path: at }: VolumeInfo): string {
  const sizes =
    bytes === undefined || freeBytes === undefined
      ? 'not here'
      : `${byteCount(bytes)}, ${byteCount(freeBytes)} free`;
  const facts = `${id.slice(0, BRIEF)}  ${state.padEnd(9)}  weight ${String(weight).padEnd(3)}`;
  return `${facts}  ${sizes.padEnd(26)}  ${shown(at)}`;
}
