/**
 * WebAssembly out of base64, instantiated at once, without files, imports or promises.
 *
 * A module has one memory of a fixed size, so a view of it stays valid. Its functions are
 * synchronous and are called from one thread: the memory is scratch that holds nothing between two
 * calls, tables apart. Where the runtime has no WebAssembly (`--jitless`), the processor lacks what
 * the module needs, or the process has not the ten gigabytes of address space that a memory takes,
 * there is none: callers have a plain twin.
 */

interface Runtime {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

/** What every module exports beside its functions. */
export interface ModuleExports {
  readonly memory: { readonly buffer: ArrayBuffer };
}

/** The module's exports, or undefined where it cannot run here. */
export function instantiate<E extends ModuleExports>(base64: string): E | undefined {
  const runtime = (globalThis as { WebAssembly?: Runtime }).WebAssembly;
  const bytes = Buffer.from(base64, 'base64');
  if (runtime === undefined || !runtime.validate(bytes)) return undefined;
  try {
    return new runtime.Instance(new runtime.Module(bytes)).exports as E;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}
