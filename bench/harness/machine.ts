/**
 * The machine that figures were taken on: without it they mean nothing.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly system: string;
  /** Of the folder that benches write to. */
  readonly filesystem: string;
}

export function machine(folder: string): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() || process.arch,
    cores: cores.length,
    memoryBytes: totalmem(),
    node: process.version,
    system: `${type()} ${release()}`,
    filesystem: filesystemOf(folder),
  };
}

/** The type of the mount with the longest prefix of the folder's path. */
function filesystemOf(folder: string): string {
  let best = { mount: '', kind: 'unknown' };
  try {
    const path = `${realpathSync(folder)}/`;
    for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
      const [, mount = '', kind = ''] = line.split(' ');
      const prefix = mount.endsWith('/') ? mount : `${mount}/`;
      if (path.startsWith(prefix) && mount.length >= best.mount.length) best = { mount, kind };
    }
  } catch {
    // No /proc/mounts: the figure stays unknown.
  }
  return best.kind;
}

export function describeMachine(it: Machine): string {
  const gib = (it.memoryBytes / 2 ** 30).toFixed(1);
  const { cpu, cores, node, system, filesystem } = it;
  return `${cpu}, ${cores} cores, ${gib} GiB, Node ${node}, ${system}, ${filesystem}`;
}
