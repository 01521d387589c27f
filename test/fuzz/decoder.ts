/**
 * What is fuzzed: a function that takes bytes or text from outside, with messages that are right to begin with.
 */

/** One decoder. */
export interface Decoder {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Longest input tried, bytes. More than the decoder takes, so that its limit is tried too. */
  readonly bytesMax: number;
  /**
   * Decodes. Gives the result, whatever it is: a value, undefined, words that say what is wrong. Errors of these
   * classes may be thrown; every other one is a finding.
   */
  readonly run: (bytes: Uint8Array) => unknown;
  readonly mayThrow?: readonly (abstract new (...args: never[]) => Error)[];
  /** Longest time for one input, ms; left out: {@link TIME_MS_MAX}. */
  readonly msMax?: number;
}

/** Longest time for one input, ms: a turn of the loop. Judged by the best of some tries: a busy machine is no finding. */
export const TIME_MS_MAX = 40;

/** Text as bytes. */
export function bytesOf(...texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => new TextEncoder().encode(text));
}

/** A decoder of text. Bytes that are no UTF-8 come as U+FFFD. */
export function textDecoder(
  name: string,
  seeds: readonly string[],
  run: (text: string) => unknown,
  limits: Partial<Pick<Decoder, "bytesMax" | "msMax">> = {},
): Decoder {
  return {
    name,
    seeds: bytesOf(...seeds),
    bytesMax: 65_536,
    run: (bytes) => run(new TextDecoder().decode(bytes)),
    ...limits,
  };
}
