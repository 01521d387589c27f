/**
 * Finds out that another machine has this node's key: who calls it, or is called by it, meets itself. A node also
 * calls itself, when its own address stands in its list; the protector tells these apart.
 */
import type { Endpoint, Ip } from "../../core/address.ts";
import type { InboundDrop } from "./handshake_gate.ts";
import { errorText } from "../log/notices.ts";
import type { TokenProtector } from "./token_protector.ts";

type Drop = (
  reason: InboundDrop,
  detail: { readonly from?: string; readonly problem?: string },
) => void;

/** See the head of this file. */
export interface TwinWatch {
  /** Takes note of calls that failed, and hands them on. */
  watched(drop: Drop): Drop;
  /** Whether a failed call says that the endpoints are this very node. */
  isSelf(error: unknown, endpoints: readonly Endpoint[]): boolean;
}

/** `onTwin` is told the other machine's address. */
export function watchTwins(
  protector: Pick<TokenProtector, "isSelf">,
  onTwin: (address: Ip) => void,
): TwinWatch {
  return {
    watched: (drop) => (reason, detail) => {
      drop(reason, detail);
      const { from, problem } = detail;
      if (from !== undefined && meetsItself(problem) && !protector.isSelf(from)) {
        onTwin(from);
      }
    },
    isSelf(error, endpoints) {
      if (!meetsItself(errorText(error))) return false;
      const others = endpoints.filter(({ address }) => !protector.isSelf(address));
      for (const { address } of others) onTwin(address);
      return others.length === 0;
    },
  };
}

/** What libp2p (3.3) says when the other end has this node's key. */
function meetsItself(problem = ""): boolean {
  return problem.includes("dial self");
}
