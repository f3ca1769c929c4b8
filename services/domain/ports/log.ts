type Write = (fields: object, message: string) => void;

/** What the house may do with a log: fields first, then a sentence that stays the same from call to call. */
export interface Log {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  child(fields: object): Log;
}
