/**
 * What orders about the token work on.
 */
import type { TokenLane } from "./token_lane.ts";

/** The lane, and a source of tokens with their fingerprints. */
export interface TokenTools {
  readonly lane: TokenLane;
  readonly make: () => { readonly token: string; readonly fingerprint: string };
}
