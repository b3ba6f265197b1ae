/**
 * `regalia/testing`: what one needs to write another engine, and to see that it does what is asked
 * of one. Exports only.
 */

export {
  type ConformanceCase,
  type ConformanceOptions,
  engineConformance,
  type OpenEngine,
  rowsInRange,
} from './engine/conformance.js';
export {
  type Batch,
  BYTE_TABLES,
  type ByteTable,
  DURABILITIES,
  type Durability,
  type Engine,
  type EngineStats,
  INTEGER_TABLES,
  type IntegerTable,
  type Reads,
  type Row,
  type RowKey,
  type RowRange,
  type Table,
  type WriteOptions,
} from './engine/engine.js';
export { openMemory } from './engine/memory.js';
