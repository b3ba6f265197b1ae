/**
 * Histories as text, for readers, and back: what is printed for a finding can be kept as a test.
 *
 *     3 replicas                       of lines A, B, C; without it one store, and A
 *     A: put /a/f, move /b to /c       a transaction
 *     A: put /a after put /b           one that another was committed before
 *     D = A                            a fork
 *     A <- D, policy newest            a merge, and what resolves its conflicts
 *     A <- D~2, ours                   of what D was two commits ago
 *     A revert 0                       and restore, reset: to, or of, so many commits ago
 */
import assert from 'node:assert/strict';
import type { Edit, History, Resolution, Step } from './history.js';

export function textOf({ replicas, steps }: History): string {
  let count = replicas;
  const lines = steps.map((step) => {
    return step.do === 'fork' ? `${nameOf(count++)} = ${nameOf(step.line)}` : stepText(step);
  });
  return [...(replicas === 1 ? [] : [`${replicas} replicas`]), ...lines].join('\n');
}

function stepText(step: Exclude<Step, { do: 'fork' }>): string {
  const line = nameOf(step.line);
  if (step.do === 'commit') return `${line}: ${editsText(step.edits)}`;
  if (step.do === 'late')
    return `${line}: ${editsText(step.edits)} after ${editsText(step.others)}`;
  if (step.do !== 'merge') return `${line} ${step.do} ${step.back}`;
  const then = step.back === 0 ? '' : `~${step.back}`;
  return `${line} <- ${nameOf(step.from)}${then}, ${step.take}`;
}

function editsText(edits: readonly Edit[]): string {
  return edits.map(editText).join(', ');
}

function editText(edit: Edit): string {
  const rest = 'to' in edit ? ` to ${edit.to}` : 'stream' in edit ? ` ${edit.stream}` : '';
  return `${edit.do} ${edit.key}${rest}`;
}

export function historyOf(text: string): History {
  const lines = text.split('\n').map((line) => line.trim());
  const [first = ''] = lines;
  const count = /^(\d+) replicas$/.exec(first)?.[1];
  const steps = lines.slice(count === undefined ? 0 : 1).filter((line) => line !== '');
  return { replicas: Number(count ?? 1), steps: steps.map(stepOf) };
}

function stepOf(text: string): Step {
  const line = lineOf(text);
  const [, edits, others] = /^\w: ?(.*?)(?: ?after (.*))?$/.exec(text) ?? [];
  if (edits !== undefined && others !== undefined) {
    return { do: 'late', line, edits: editsOf(edits), others: editsOf(others) };
  }
  if (edits !== undefined) return { do: 'commit', line, edits: editsOf(edits) };
  const [, source] = /^\w = (\w)$/.exec(text) ?? [];
  if (source !== undefined) return { do: 'fork', line: lineOf(source) };
  const [, from, then, take] = /^\w <- (\w)(?:~(\d+))?, (.*)$/.exec(text) ?? [];
  if (from !== undefined) {
    const back = Number(then ?? 0);
    return { do: 'merge', line, from: lineOf(from), back, take: take as Resolution };
  }
  const [, kind, back] = /^\w (revert|restore|reset) (\d+)$/.exec(text) ?? [];
  assert.ok(kind !== undefined, `a step: ${text}`);
  return { do: kind as 'revert', line, back: Number(back) };
}

function editsOf(text: string): Edit[] {
  return text === '' ? [] : text.split(', ').map(editOf);
}

function editOf(text: string): Edit {
  const [kind, key, third, to] = text.split(' ') as [string, string, string?, string?];
  if (to !== undefined) return { do: kind as 'move', key, to };
  if (third !== undefined) return { do: kind as 'edit', key, stream: third };
  return { do: kind as 'put', key };
}

function nameOf(line: number): string {
  return String.fromCharCode(65 + line);
}

function lineOf(text: string): number {
  return text.charCodeAt(0) - 65;
}
