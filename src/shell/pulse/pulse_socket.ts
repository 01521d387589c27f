/**
 * Sends and receives pulses: one UDP socket bound to each own path address, so every heartbeat path has a
 * source of its own.
 *
 * Bun.udpSocket rather than node:dgram: in this runtime it takes about a quarter less CPU and time per
 * datagram, because node:dgram is a layer on top of it.
 */
import { type Endpoint, formatEndpoint, type Ip, parseIp } from "../../core/address.ts";
import { type Caution, decodeCaution, encodeCaution } from "../../core/cluster/caution.ts";
import type { NodeId } from "../../core/document/document.ts";
import type { DatagramShape } from "../../../ffi/mod.ts";
import {
  decodePulse,
  encodePulse,
  looksLikePulse,
  type Pulse,
  pulseEnd,
} from "../../core/cluster/pulse.ts";
import type { NodeRecord, Path } from "../../core/cluster/record.ts";
import type { CautionListener, PulseListener, PulseSocket } from "../../ports.ts";
import { createDropCounter, type DropCounter } from "../log/drop_counter.ts";
import { errorCode, errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import { bindRefusal } from "../gossip/port_refusal.ts";
import type { PulseKeys } from "./pulse_keys.ts";
import { pulseWays } from "./pulse_paths.ts";
import {
  DATAGRAM_BYTES_MAX,
  datagramShape,
  hasSeal,
  sealPulse,
  unsealWithAny,
} from "./pulse_seal.ts";
import { createReplayGuard, type ReplayGuard } from "./replay_guard.ts";
import type { TokenRing } from "../files/token.ts";

/**
 * Why a datagram is dropped. `stranger`: not for this node, or from itself; `expired`: sealed with a token that was
 * replaced; `forged`: by a member, and not by the one it names.
 */
export type PulseDrop = "seal" | "malformed" | "replay" | "stranger" | "expired" | "forged";

/** How to open the sockets. */
export interface PulseSocketOptions {
  /** This node. */
  readonly id: NodeId;
  readonly tokens: TokenRing;
  /** Own paths, the primary one first. */
  readonly paths: readonly Path[];
  /** UDP port, the same on every path. */
  readonly port: number;
  readonly listener: PulseListener;
  /** This node's keys; left out: any member is believed to be whom it names. */
  readonly keys?: PulseKeys;
  /** The public key a node has told; null when it has told none, undefined when the node is not known. */
  readonly keyOf?: (from: NodeId) => string | null | undefined;
  /** Told of a pulse that is not by the member it names, at most once a second. */
  readonly onForged?: (named: NodeId, source: Endpoint) => void;
  readonly onCaution?: CautionListener;
  /** Has the kernel drop what cannot be for this node, before it costs anything. Throws when the kernel will not. */
  readonly filter?: (descriptor: number, shape: DatagramShape) => void;
  /**
   * Called now and then while datagrams come without a pause: as long as they do, the runtime looks at nothing else,
   * timers included.
   */
  readonly onBusy?: () => void;
  readonly notices?: Notices;
}

/** Numbers since opening. */
export interface PulseCounts {
  /** Datagrams handed to the kernel. */
  readonly sent: number;
  /** Authentic pulses given to the listener. */
  readonly received: number;
  readonly dropped: ReadonlyMap<PulseDrop, number>;
  /** Datagrams the kernel refused, by error code: ENETUNREACH, EPERM. */
  readonly sendErrors: ReadonlyMap<string, number>;
}

/** The open sockets. */
export interface OpenPulseSocket extends PulseSocket {
  caution(caution: Caution, to: Ip, port: number): void;
  counts(): PulseCounts;
}

/** Time between attempts to bind an address that was not there, ms: it comes with its cable or its DHCP lease. */
const REBIND_INTERVAL_MS = 1_000;
/** Least time between two answers to bearers of a replaced token, ms: a flood of their pulses is no flood of answers. */
const EXPIRED_ANSWER_MS = 200;
/** Least time between two words about forged pulses, ms: they may come in floods. */
const FORGED_TOLD_MS = 1_000;

/** Datagrams between two looks at the time: some 100 µs of work. */
const BUSY_DATAGRAMS = 16;

type Socket = Bun.udp.Socket<"uint8array">;

interface Sockets {
  readonly options: PulseSocketOptions;
  readonly open: Map<string, Socket>;
  readonly drops: DropCounter<PulseDrop>;
  readonly sendErrors: DropCounter<string>;
  readonly guard: ReplayGuard;
  readonly counts: { sent: number; received: number };
  /** Datagrams of all kinds. */
  arrived: number;
  closed: boolean;
  expiredAnswerMs: number;
  forgedToldMs: number;
}

/**
 * Opens a socket on every path. A path whose address is not there yet is tried again every second, except
 * for the primary one: that and a port in use reject with a Refusal.
 */
export async function openPulseSocket(options: PulseSocketOptions): Promise<OpenPulseSocket> {
  const notices = options.notices ?? NO_NOTICES;
  const sockets: Sockets = {
    options,
    open: new Map(),
    drops: createDropCounter({ notices, what: "pulses that arrived" }),
    sendErrors: createDropCounter({ notices, what: "pulses the kernel would not send" }),
    guard: createReplayGuard(),
    counts: { sent: 0, received: 0 },
    arrived: 0,
    closed: false,
    expiredAnswerMs: -Infinity,
    forgedToldMs: -Infinity,
  };
  try {
    await bindAll(sockets);
  } catch (error) {
    closeAll(sockets);
    throw error;
  }
  const rebind = setInterval(() => void bindMissing(sockets), REBIND_INTERVAL_MS);
  return {
    send: (pulse, peer) => sendPulse(sockets, pulse, peer),
    caution: (caution, to, port) => {
      const { pulse: key } = options.tokens.sends();
      // By the first path on which the kernel takes it.
      const ways = [...sockets.open.values()];
      ways.some((socket) => sendCaution(sockets, { socket, key, caution, to, port }));
    },
    counts: () => ({
      ...sockets.counts,
      dropped: sockets.drops.counts(),
      sendErrors: sockets.sendErrors.counts(),
    }),
    close() {
      clearInterval(rebind);
      closeAll(sockets);
    },
  };
}

async function bindAll(sockets: Sockets): Promise<void> {
  for (const [index, path] of sockets.options.paths.entries()) {
    try {
      await bindPath(sockets, path);
    } catch (error) {
      if (index === 0 || errorCode(error) !== "EADDRNOTAVAIL") {
        throw bindRefusal({ address: path.address, port: sockets.options.port }, error);
      }
      sockets.options.notices?.warn(
        { path: path.interface, address: path.address },
        "no pulses on this path until its address is there",
      );
    }
  }
}

async function bindMissing(sockets: Sockets): Promise<void> {
  for (const path of sockets.options.paths) {
    if (sockets.closed || sockets.open.has(path.address)) continue;
    try {
      await bindPath(sockets, path);
      sockets.options.notices?.info(
        { path: path.interface, address: path.address },
        "pulses go over this path now",
      );
    } catch (error) {
      sockets.sendErrors.drop(errorCode(error) || "bind", { problem: errorText(error) });
    }
  }
}

async function bindPath(sockets: Sockets, path: Path): Promise<void> {
  const socket = await Bun.udpSocket({
    hostname: path.address,
    port: sockets.options.port,
    binaryType: "uint8array",
    socket: {
      data: (socket, datagram, port, address) =>
        receive(
          sockets,
          { path, socket, from: { address: parseIp(address) ?? "", port } },
          datagram,
        ),
      // An ICMP answer to an earlier datagram (a peer that is down): the missing pulses say it better.
      error: (_socket, error) => sockets.sendErrors.drop(errorCode(error) || "unknown"),
    },
  });
  if (sockets.closed) return socket.close();
  filterDatagrams(sockets, socket);
  sockets.open.set(path.address, socket);
}

/** Where the kernel will not, every datagram is looked at here: that only costs more. */
function filterDatagrams({ options }: Sockets, socket: Socket): void {
  // Bun 1.4 has it, and its types do not.
  const { fd } = socket as { fd?: number };
  if (options.filter === undefined || fd === undefined) return;
  try {
    options.filter(fd, datagramShape(options.id));
  } catch (error) {
    options.notices?.warn({ problem: errorText(error) }, "floods are not held back in the kernel");
  }
}

/** Where a datagram arrived, and whence. */
interface Arrival {
  readonly path: Path;
  readonly socket: Socket;
  readonly from: Endpoint;
}

function receive(sockets: Sockets, arrival: Arrival, datagram: Uint8Array): void {
  if (++sockets.arrived % BUSY_DATAGRAMS === 0) sockets.options.onBusy?.();
  const read = readDatagram(sockets, arrival, datagram);
  if (read === null) return;
  const { path, from } = arrival;
  if (typeof read === "string") {
    return sockets.drops.drop(read, { path: path.interface, from: from.address });
  }
  sockets.counts.received++;
  sockets.options.listener(read, path.interface, from);
}

/** The pulse, or why it is dropped; null when it was a caution, which is told elsewhere. */
function readDatagram(
  sockets: Sockets,
  arrival: Arrival,
  datagram: Uint8Array,
): Pulse | PulseDrop | null {
  if (datagram.length > DATAGRAM_BYTES_MAX) return "malformed";
  const { id, tokens } = sockets.options;
  const { address } = arrival.path;
  const unsealed = unsealWithAny(tokens.accepts(), address, datagram);
  if (unsealed === undefined) return readExpired(sockets, arrival, datagram);
  const caution = decodeCaution(unsealed.pulse);
  if (caution !== undefined) {
    if (caution.to !== id) return "stranger";
    sockets.options.onCaution?.(caution, arrival.from);
    return null;
  }
  const pulse = decodePulse(unsealed.pulse);
  if (pulse === undefined) return "malformed";
  if (pulse.to !== id || pulse.from === id) return "stranger";
  const told = sockets.options.keyOf === undefined ? null : sockets.options.keyOf(pulse.from);
  // Nobody believes it yet, whatever it says, and it is not worth remembering: any name could be in it.
  if (told === undefined) return pulse;
  if (told !== null && isForged(sockets.options, { pulse, told, address, bytes: unsealed.pulse })) {
    return tellForged(sockets, pulse.from, arrival.from);
  }
  return sockets.guard.accept(pulse, address) ? pulse : "replay";
}

/** Whether the pulse lacks the seal of the node it names, which that node puts on all it sends here. */
function isForged(
  { keys }: PulseSocketOptions,
  { pulse, told, address, bytes }: {
    readonly pulse: Pulse;
    readonly told: string;
    readonly address: Ip;
    readonly bytes: Uint8Array;
  },
): boolean {
  if (keys === undefined) return false;
  const key = keys.sharedWith(told);
  return key === undefined || !hasSeal(key, address, { bytes, end: pulseEnd(pulse) });
}

function tellForged(sockets: Sockets, named: NodeId, source: Endpoint): PulseDrop {
  const nowMs = performance.now();
  if (nowMs - sockets.forgedToldMs >= FORGED_TOLD_MS) {
    sockets.forgedToldMs = nowMs;
    sockets.options.onForged?.(named, source);
  }
  return "forged";
}

/** Whoever bears a replaced token was a member once: it is told why nobody hears it, now and then. */
function readExpired(sockets: Sockets, arrival: Arrival, datagram: Uint8Array): PulseDrop {
  const replaced = sockets.options.tokens.replaced();
  if (replaced.length === 0 || !looksLikePulse(datagram)) return "seal";
  const unsealed = unsealWithAny(replaced, arrival.path.address, datagram);
  const pulse = unsealed === undefined ? undefined : decodePulse(unsealed.pulse);
  if (unsealed === undefined || pulse === undefined) return "seal";
  const nowMs = performance.now();
  if (nowMs - sockets.expiredAnswerMs < EXPIRED_ANSWER_MS) return "expired";
  sockets.expiredAnswerMs = nowMs;
  sendCaution(sockets, {
    socket: arrival.socket,
    key: unsealed.keys.pulse,
    caution: {
      kind: "expired",
      to: pulse.from,
      echo: pulse.boot,
      boot: 0,
      address: arrival.path.address,
      port: sockets.options.port,
    },
    to: arrival.from.address,
    port: arrival.from.port,
  });
  return "expired";
}

interface SentCaution {
  readonly socket: Socket;
  readonly key: Uint8Array;
  readonly caution: Caution;
  readonly to: Ip;
  readonly port: number;
}

/** Whether the kernel took it. Losing one is normal: there will be another. */
function sendCaution(sockets: Sockets, { socket, key, caution, to, port }: SentCaution): boolean {
  try {
    return socket.send(sealPulse(key, to, encodeCaution(caution)), port, to);
  } catch (error) {
    sockets.sendErrors.drop(errorCode(error) || "unknown");
    return false;
  }
}

function sendPulse(
  sockets: Sockets,
  pulse: Pulse,
  peer: Pick<NodeRecord, "paths" | "port" | "pulseKey">,
): void {
  const { keys, tokens } = sockets.options;
  const bytes = encodePulse(pulse);
  const key = tokens.sends().pulse;
  const shared = peer.pulseKey === undefined ? undefined : keys?.sharedWith(peer.pulseKey);
  for (const { from, to } of pulseWays(sockets.options.paths, peer.paths)) {
    const socket = sockets.open.get(from.address);
    if (socket === undefined) continue;
    try {
      const said = shared === undefined ? bytes : sealPulse(shared, to, bytes);
      if (socket.send(sealPulse(key, to, said), peer.port, to)) sockets.counts.sent++;
      else sockets.sendErrors.drop("EAGAIN");
    } catch (error) {
      // ENETUNREACH, EPERM from a packet filter, ENOBUFS: a lost pulse like any other.
      const peerText = formatEndpoint({ address: to, port: peer.port });
      sockets.sendErrors.drop(errorCode(error) || "unknown", { peer: peerText });
    }
  }
}

function closeAll(sockets: Sockets): void {
  sockets.closed = true;
  for (const socket of sockets.open.values()) socket.close();
  sockets.open.clear();
}
