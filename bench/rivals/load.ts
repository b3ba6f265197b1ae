/**
 * Finds rivals in bench/rivals/node_modules, which `npm run bench` fills. One that is missing, or
 * whose native part does not load on this machine, is left out with a message.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const rivals = createRequire(new URL('../../../bench/rivals/package.json', import.meta.url));
const said = new Set<string>();

/** The default export of a rival's module, or undefined where it cannot be had. */
export async function loadRival(name: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(rivals.resolve(name)).href)) as {
      default: unknown;
    };
    return module.default;
  } catch (error) {
    leaveOut(
      name,
      error instanceof Error ? (error.message.split('\n')[0] as string) : String(error),
    );
    return undefined;
  }
}

/** Says once why a rival is left out. */
export function leaveOut(name: string, reason: string): void {
  if (said.has(name)) return;
  said.add(name);
  console.error(`rival ${name} is left out: ${reason}`);
}
