/** Examination of a data file before LMDB maps it. */
import type { EnvironmentOptions } from './lmdb-environment.js';

export function preflight(_path: string, _options: EnvironmentOptions): void {}
