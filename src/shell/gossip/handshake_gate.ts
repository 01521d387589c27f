/**
 * Keeps strangers who connect and then dawdle from taking the places of members: so many handshakes at once from one
 * address, so many from all strangers together, and room of its own for addresses of members.
 */
import type { CreateListenerOptions, MultiaddrConnection, Transport } from "@libp2p/interface";
import { getNetConfig } from "@libp2p/utils";
import { errorText } from "../log/notices.ts";

/** Why a connection came to nothing. `crowd`: too many handshakes at once; `handshake`: it failed, or took too long. */
export type InboundDrop = "crowd" | "handshake";

/** Handshakes at once from an address nobody knows: a machine that joins needs one. */
export const STRANGER_HANDSHAKES_MAX = 8;
/** Handshakes at once from all addresses nobody knows. */
export const STRANGERS_HANDSHAKES_MAX = 32;
/** Handshakes at once from the address of a member: the rest of a cluster may be behind it (containers, NAT). */
export const MEMBER_HANDSHAKES_MAX = 64;
/** Handshakes at once from all members: they may all come at once after a power cut. */
export const MEMBERS_HANDSHAKES_MAX = 224;

/** See {@link handshakeGate}. */
export interface HandshakeGateOptions {
  readonly drop: (reason: InboundDrop, detail: object) => void;
  /** Whether a member has the address. */
  readonly isMember: (address: string) => boolean;
}

type Upgrader = CreateListenerOptions["upgrader"];

/** Puts the gate in front of whatever the transport will listen on. */
export function handshakeGate(transport: Transport, options: HandshakeGateOptions): Transport {
  const pending = new Map<string, number>();
  const createListener = transport.createListener.bind(transport);
  transport.createListener = (given) =>
    createListener({ ...given, upgrader: gated(given.upgrader, { options, pending }) });
  return transport;
}

interface Gate {
  readonly options: HandshakeGateOptions;
  /** Handshakes by address. */
  readonly pending: Map<string, number>;
}

function gated(upgrader: Upgrader, gate: Gate): Upgrader {
  return new Proxy(upgrader, {
    get(target, name) {
      if (name !== "upgradeInbound") return Reflect.get(target, name, target) as unknown;
      const upgrade = target.upgradeInbound.bind(target);
      return (connection: MultiaddrConnection, opts: Parameters<typeof upgrade>[1]) =>
        enter(gate, connection, () => upgrade(connection, opts));
    },
  });
}

async function enter(
  { options, pending }: Gate,
  { remoteAddr }: MultiaddrConnection,
  upgrade: () => Promise<unknown>,
): Promise<void> {
  const { host } = getNetConfig(remoteAddr);
  if (!hasRoom({ options, pending }, host)) {
    options.drop("crowd", { from: host });
    throw new Error("too many handshakes at once");
  }
  pending.set(host, (pending.get(host) ?? 0) + 1);
  try {
    await upgrade();
  } catch (error) {
    options.drop("handshake", { from: host, problem: errorText(error) });
    throw error;
  } finally {
    const left = (pending.get(host) ?? 1) - 1;
    if (left > 0) pending.set(host, left);
    else pending.delete(host);
  }
}

function hasRoom({ options, pending }: Gate, host: string): boolean {
  const member = options.isMember(host);
  let alike = 0;
  for (const [other, count] of pending) if (options.isMember(other) === member) alike += count;
  const own = pending.get(host) ?? 0;
  return member
    ? own < MEMBER_HANDSHAKES_MAX && alike < MEMBERS_HANDSHAKES_MAX
    : own < STRANGER_HANDSHAKES_MAX && alike < STRANGERS_HANDSHAKES_MAX;
}
