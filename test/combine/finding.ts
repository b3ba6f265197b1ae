/** Something that the store does and must not. Its kind is the first word of its text. */
export class Finding extends Error {
  readonly kind: string;
  /** The states that it was found in, a line each. */
  states = '';

  constructor(text: string) {
    super(text);
    this.name = 'Finding';
    this.kind = text.slice(0, text.indexOf(':'));
  }
}

/** Throws the first of some faults. */
export function raise(faults: Iterable<string>, where = 'merge'): void {
  for (const fault of faults) throw new Finding(`${fault} (${where})`);
}
