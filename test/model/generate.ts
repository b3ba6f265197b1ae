/**
 * Random histories. Names are few, so that moves cross, names are taken, and what is removed is put
 * again; a step is chosen by what its line has at that time.
 */
import type { Dice } from './dice.js';
import type { Edit, Resolution, Step } from './history.js';
import { type Place, placesOf } from './truth.js';
import type { World } from './world.js';

const NAMES = ['a', 'b', 'c'];
const STREAMS = ['s', 't'];
const TAKES: readonly Resolution[] = [
  ...(['ours', 'theirs', 'base', 'both', 'mixed'] as const),
  ...(['policy ours', 'policy theirs', 'policy newest'] as const),
];

export class HistoryMaker {
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** How many replicas a history begins with. */
  replicas(): number {
    return this.#dice.chance(0.9) ? 1 : 3 + this.#dice.below(3);
  }

  length(): number {
    return 8 + this.#dice.below(16);
  }

  /** A few entries to begin with, then anything. */
  step(world: World, index: number): Step {
    const dice = this.#dice;
    const line = dice.below(world.lines.length);
    if (index === 0) return { do: 'commit', line: 0, edits: this.#beginning() };
    if (world.lines.length === 1) return { do: 'fork', line };
    const roll = dice.next();
    const edits = this.#edits(world, line);
    if (roll < 0.45) return { do: 'commit', line, edits };
    if (roll < 0.5) return { do: 'late', line, edits, others: this.#edits(world, line) };
    if (roll < 0.9) return this.#merge(world, line);
    if (roll < 0.94) return { do: 'fork', line };
    const back = 1 + dice.below(3);
    if (roll < 0.96) return { do: 'restore', line, back };
    if (roll < 0.97) return { do: 'reset', line, back };
    return { do: 'revert', line, back: back - 1 };
  }

  #merge(world: World, line: number): Step {
    const others = world.lines.map((_, i) => i).filter((i) => i !== line);
    const from = this.#dice.pick(others);
    const back = this.#dice.chance(0.4) ? 1 + this.#dice.below(3) : 0;
    return { do: 'merge', line, from, back, take: this.#dice.pick(TAKES) };
  }

  #key(): string {
    const depth = 1 + Math.floor(this.#dice.next() ** 2 * 3);
    return Array.from({ length: depth }, () => `/${this.#dice.pick(NAMES)}`).join('');
  }

  #beginning(): Edit[] {
    const edits: Edit[] = [];
    for (let i = 0; i < 2 + this.#dice.below(4); i++) edits.push(this.#put());
    return edits;
  }

  #put(): Edit {
    const roll = this.#dice.next();
    return { do: roll < 0.6 ? 'put' : roll < 0.8 ? 'bare' : 'bucket', key: this.#key() };
  }

  #edits(world: World, line: number): Edit[] {
    const dice = this.#dice;
    const head = world.lines[line]?.past.at(-1);
    const keys = [...placesOf(head?.view.top as Place)].map(([key]) => key).slice(1);
    const edits: Edit[] = [];
    for (let i = 0; i < 1 + Math.floor(dice.next() ** 2 * 4); i++) {
      edits.push(...this.#edit(keys));
    }
    return edits;
  }

  #edit(keys: readonly string[]): Edit[] {
    const dice = this.#dice;
    const roll = dice.next();
    if (keys.length === 0 || roll < 0.2) return [this.#put()];
    const key = dice.pick(keys);
    if (roll < 0.35) return [{ do: 'edit', key, stream: dice.pick(STREAMS) }];
    if (roll < 0.4) return [{ do: 'drop', key, stream: dice.pick(STREAMS) }];
    if (roll < 0.55) return [{ do: 'del', key }];
    if (roll < 0.6) return [{ do: 'copy', key, to: this.#key() }];
    if (roll < 0.68) return swap(key, dice.pick(keys));
    const under = dice.chance(0.4) ? dice.pick(keys) : '';
    return [{ do: 'move', key, to: under === '' ? this.#key() : `${under}/${dice.pick(NAMES)}` }];
  }
}

/** Two that change places, or a chain of moves where one lies in the other. */
function swap(one: string, other: string): Edit[] {
  return [
    { do: 'move', key: one, to: '/swap' },
    { do: 'move', key: other, to: one },
    { do: 'move', key: '/swap', to: other },
  ];
}
