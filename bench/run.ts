/**
 * `npm run bench`: runs the benches of this folder, each in a process of its own, and prints the
 * machine and a table.
 *
 *     npm run bench -- [--list] [--only NAME]… [--scale F] [--seed N] [--folder DIR] [--json FILE]
 *                      [--document FILE] [--results DIR] [--no-install]
 *
 * Rivals are installed into bench/rivals/node_modules when they are missing; those that cannot be
 * are left out. A bench that fails is reported and the others go on; the exit code is then 1. A
 * missed target is a finding, not a failure. `--document FILE` puts the figures between the marks
 * of a document, as those of README.md. `--results DIR` keeps a file `NAME.json` a bench: its rows,
 * the machine, the load, the command; and what the bench itself draws.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Row } from './harness/bench.js';
import { inChild } from './harness/child.js';
import { keepIn, loadBench, type Settings } from './harness/context.js';
import { describeMachine, machine } from './harness/machine.js';
import { withFigures } from './harness/markdown.js';
import { type ReportRow, reportRow, table } from './harness/report.js';

const sources = new URL('../../bench/', import.meta.url);

const { values: options } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string' },
    json: { type: 'string' },
    document: { type: 'string' },
    results: { type: 'string' },
    'no-install': { type: 'boolean', default: false },
  },
});

/**
 * The compiled module of each bench: found by source, so that what a deleted source left behind is
 * not run.
 */
async function benches(): Promise<{ module: string; name: string; question: string }[]> {
  const names = readdirSync(sources).filter((name) => name.endsWith('.ts') && name !== 'run.ts');
  const found = [];
  for (const name of names.sort()) {
    const module = new URL(name.replace(/\.ts$/, '.js'), import.meta.url).href;
    const bench = await loadBench(module);
    found.push({ module, name: bench.name, question: bench.question });
  }
  return found;
}

function installRivals(): void {
  const folder = new URL('rivals/', sources);
  if (options['no-install'] || existsSync(new URL('node_modules/', folder))) return;
  console.error('installing rivals into bench/rivals …');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: fileURLToPath(folder),
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) console.error('rivals could not be installed: rows go without them');
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  console.error(`--${name} must be a positive number, not ${text}`);
  return process.exit(2);
}

async function main(): Promise<void> {
  const all = await benches();
  const unknown = options.only.filter((name) => !all.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`no bench named ${unknown.join(', ')}; --list shows all`);
    process.exit(2);
  }
  const chosen = all.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  if (options.list) {
    for (const { name, question } of chosen) console.log(`${name.padEnd(16)} ${question}`);
    return;
  }
  installRivals();
  const scale = positive('scale', options.scale);
  const seed = positive('seed', options.seed);
  const described = describeMachine(machine(options.folder ?? tmpdir()));
  console.log(described);
  console.log(`scale ${scale}, seed ${seed}\n`);
  const taken = `${described}; scale ${scale}, seed ${seed}`;
  const { folder: below, results } = options;
  const rows: ReportRow[] = [];
  for (const { module, name, question } of chosen) {
    console.error(`${name}: ${question}`);
    const own = await measured(name, { module, scale, seed, below, machine: taken, results });
    if (results !== undefined && own.length > 0) keepRows(results, name, taken, own);
    rows.push(...own);
  }
  console.log(table(rows));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
  if (options.document !== undefined) {
    const document = readFileSync(options.document, 'utf8');
    writeFileSync(options.document, withFigures(document, rows, `${taken}; ${load()}`));
  }
}

/**
 * What else the machine was doing belongs to a figure: a load of its cores' number is another's
 * work.
 */
function load(): string {
  return `load ${loadavg()[1]?.toFixed(1)}`;
}

/** One bench's figures as a file that says how they were made. */
function keepRows(folder: string, name: string, taken: string, rows: readonly ReportRow[]): void {
  const { scale, seed } = options;
  const how = `--scale ${scale} --seed ${seed} --results ${folder}`;
  const command = `npm run bench -- --only ${name} ${how}`;
  const kept = { bench: name, command, taken: `${taken}; ${load()}`, rows };
  keepIn(folder, `${name}.json`, `${JSON.stringify(kept, null, 2)}\n`);
}

async function measured(name: string, settings: Settings): Promise<ReportRow[]> {
  try {
    const context = new URL('harness/context.js', import.meta.url).href;
    const { result } = await inChild<Row[]>(context, 'runBench', settings);
    return result.map((row) => reportRow(name, row));
  } catch (error) {
    console.error(`${name} failed: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
    return [];
  }
}

await main();
