import type { Caller } from "./caller.ts";

/** Whose key is it? */
export interface Authentication {
  /**
   * What is remembered, without asking anybody: the key's owner when it was last looked up, null for a key that there is
   * not, undefined if only a look-up can tell.
   */
  remembered(key: string): Caller | null | undefined;
  /** The key's owner, at most a few seconds old; null if there is none. */
  lookUp(key: string): Promise<Caller | null>;
}
