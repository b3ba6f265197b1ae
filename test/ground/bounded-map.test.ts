/** A bounded map against a list of pairs. */
import fc from 'fast-check';
import t from 'tap';
import { BoundedMap } from '../../src/ground/bounded-map.js';

const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

/** The oldest comes first. */
class Model {
  pairs: [number, number][] = [];
  readonly evicted: [number, number][] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: number): number | undefined {
    return this.pairs.find(([one]) => one === key)?.[1];
  }

  use(key: number): number | undefined {
    const found = this.pairs.find(([one]) => one === key);
    if (found !== undefined) this.pairs = [...this.pairs.filter((one) => one !== found), found];
    return found?.[1];
  }

  set(key: number, value: number): void {
    if (this.get(key) === value) return;
    this.delete(key);
    this.pairs.push([key, value]);
    if (this.pairs.length > this.#most) this.evicted.push(this.pairs.shift() as [number, number]);
  }

  delete(key: number): void {
    const found = this.pairs.find(([one]) => one === key);
    if (found === undefined) return;
    this.pairs = this.pairs.filter((one) => one !== found);
    this.evicted.push(found);
  }
}

const call = fc.tuple(fc.constantFrom('get', 'use', 'set', 'delete'), fc.nat(7), fc.nat(3));

t.test('a bounded map does what a list of pairs does', async (t) => {
  const property = fc.property(fc.integer({ min: 1, max: 5 }), fc.array(call), (most, calls) => {
    const evicted: [number, number][] = [];
    const onEvict = (value: number, key: number) => evicted.push([key, value]);
    const map = new BoundedMap<number, number>(most, onEvict);
    const model = new Model(most);
    for (const [name, key, value] of calls) {
      if (name === 'get' && map.get(key) !== model.get(key)) return false;
      if (name === 'use' && map.use(key) !== model.use(key)) return false;
      if (name === 'set') [map, model].map((each) => each.set(key, value));
      if (name === 'delete') [map, model].map((each) => each.delete(key));
      const now = [...map.keys()].map((one) => [one, map.get(one)]);
      if (JSON.stringify([now, evicted]) !== JSON.stringify([model.pairs, model.evicted])) {
        return false;
      }
      if (map.size > most) return false;
    }
    map.clear();
    return map.size === 0 && evicted.length === model.evicted.length + model.pairs.length;
  });
  fc.assert(property, { numRuns: 500, seed });
  t.pass();
});
