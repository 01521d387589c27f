/**
 * What a node decides about one VIP, and what it decides by.
 */
import type { Ip } from "../address.ts";
import type { NodeId } from "../document/document.ts";
import type { Member } from "./member.ts";

/** What to do about one VIP now. `reason` is for people, logs and tests. */
export type Decision =
  | { readonly act: "hold"; readonly reason: string; readonly successor: NodeId | null }
  | { readonly act: "release"; readonly reason: string }
  | { readonly act: "claim"; readonly reason: string; readonly epoch: number }
  /** Is invited to claim, and makes its table ready first. */
  | { readonly act: "prepare"; readonly reason: string }
  /** Would claim, but the LAN has to be asked first. */
  | { readonly act: "ask"; readonly reason: string }
  /** `awaits`: who is to take a VIP that nobody holds, though this node could. */
  | { readonly act: "wait"; readonly reason: string; readonly awaits?: NodeId };

/** What a decision about one VIP goes by. */
export interface Context {
  readonly members: readonly Member[];
  readonly incumbent: Member | undefined;
  readonly target: NodeId | null;
  readonly vip: Ip;
  readonly now: number;
}
