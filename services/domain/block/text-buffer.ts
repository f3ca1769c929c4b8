/** A String column in Native form: each text with its length as a varint before it, one after the other. */
export class TextBuffer {
  private buffer: Uint8Array;
  private used = 0;

  constructor(bytes: number) {
    this.buffer = new Uint8Array(bytes);
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.used);
  }

  clear(): void {
    this.used = 0;
  }

  /** A length below 0 stands for an absent text and is sent as the empty one. */
  append(bytes: Uint8Array, start: number, length: number): void {
    if (this.used + length + 5 > this.buffer.length) this.grow(length + 5);
    let rest = length < 0 ? 0 : length;
    let used = this.used;
    while (rest >= 0x80) {
      this.buffer[used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[used++] = rest;
    for (let i = 0; i < length; i++) this.buffer[used + i] = bytes[start + i] as number;
    this.used = length < 0 ? used : used + length;
  }

  private grow(more: number): void {
    const larger = new Uint8Array(this.buffer.length * 2 + more);
    larger.set(this.buffer.subarray(0, this.used));
    this.buffer = larger;
  }
}
