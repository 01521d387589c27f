/**
 * Connections that end because the tokens differ, in words: a member that does not take this node's token, or a
 * machine without the cluster's. Either side is told as much as it knows already, and nothing about the other.
 */
import { multiaddr } from "@multiformats/multiaddr";
import { formatEndpoint, parseIp } from "../../core/address.ts";
import { createDropCounter, DROP_NOTICE_INTERVAL_MS } from "../log/drop_counter.ts";
import type { Notices } from "../log/notices.ts";
import type { ProtectorOptions } from "./token_protector.ts";

/** How long a first failed try is remembered, ms: a member that was just being stopped closes connections too. */
const SUSPICION_MS = 20_000;
/** Addresses remembered. */
const ADDRESSES_MAX = 64;

/** See {@link watchStrangers}. */
export interface StrangerOptions {
  readonly notices: Notices;
  /** Warns people for as long as it goes on. */
  readonly warn: (key: string, text: string) => void;
  readonly now?: () => number;
}

/** Takes note of connections that ended before they began. */
export interface Strangers {
  readonly note: NonNullable<ProtectorOptions["onStranger"]>;
}

/** See the head of this file. */
export function watchStrangers(
  { notices, warn, now = () => performance.now() }: StrangerOptions,
): Strangers {
  const suspects = new Map<string, number>();
  const logged = new Map<string, number>();
  const drops = createDropCounter<"token">({
    notices,
    what:
      "connections without this cluster's token; if that machine is to be a member, give it the token of `troop token`",
  });
  return {
    note({ remote, outbound, problem }) {
      const place = placeOf(remote);
      if (!outbound) {
        if (problem === "token") drops.drop("token", { from: place });
        return;
      }
      const before = suspects.get(place) ?? -Infinity;
      suspects.delete(place);
      suspects.set(place, now());
      if (suspects.size > ADDRESSES_MAX) forgetFirst(suspects);
      // What it sent is certain; that it only closed is certain when it does so again.
      if (problem === "closed" && now() - before > SUSPICION_MS) return;
      const text =
        `${place} does not take this node's token: it is of another cluster, mistyped, or has expired; compare it with \`troop token\` there`;
      if (now() - (logged.get(place) ?? -Infinity) >= DROP_NOTICE_INTERVAL_MS) {
        logged.set(place, now());
        if (logged.size > ADDRESSES_MAX) forgetFirst(logged);
        notices.warn({ peer: place }, text);
      }
      warn(`token ${place}`, text);
    },
  };
}

function forgetFirst(suspects: Map<string, number>): void {
  for (const key of suspects.keys()) {
    suspects.delete(key);
    return;
  }
}

/** `192.0.2.12:6940` of `/ip4/192.0.2.12/tcp/6940`. */
function placeOf(remote: string): string {
  const parts = multiaddr(remote).getComponents();
  const address = parseIp(parts[0]?.value ?? "");
  const port = Number(parts[1]?.value ?? 0);
  return address === undefined ? remote : formatEndpoint({ address, port });
}
