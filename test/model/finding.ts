/** Something that the store does and must not. Its kind is the first word of its text. */
export class Finding extends Error {
  readonly kind: string;
  /** The states that it was found in, a line each. */
  states = '';

  constructor(text: string, options?: ErrorOptions) {
    super(text, options);
    this.name = 'Finding';
    this.kind = text.slice(0, text.indexOf(':'));
  }

  /** What the store threw where it should not. */
  static of(error: unknown): Finding {
    return new Finding(`threw: ${error}`, { cause: error });
  }
}

/** Throws the first of some faults. */
export function raise(faults: Iterable<string>, where = 'merge'): void {
  for (const fault of faults) throw new Finding(`${fault} (${where})`);
}
