/** A failure whose message says what the person in front of the machine can do; shown without a stack. */
export class LocalFailure extends Error {
  override readonly name = "LocalFailure";
}
