/**
 * The libp2p node under gossip and under `troop join`: TCP, a private network keyed by the cluster token,
 * Noise, yamux, with the settings this runtime and small clusters need.
 */
import { identify } from "@libp2p/identify";
import type { ConnectionProtector, PeerId, PrivateKey } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { asCrypto, defaultCrypto } from "@libp2p/noise/crypto";
import { yamux } from "@libp2p/yamux";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { Libp2pOptions } from "libp2p";
import { type Endpoint, ipFamily } from "../../core/address.ts";
import { NODES_MAX } from "../../core/limits.ts";
import {
  type HandshakeGateOptions,
  MEMBERS_HANDSHAKES_MAX,
  STRANGERS_HANDSHAKES_MAX,
} from "./handshake_gate.ts";
import { tcpTransport } from "./tcp_transport.ts";

/** Connections one node keeps: one per peer, and as many again for simultaneous dials. */
const CONNECTIONS_MAX = 2 * NODES_MAX;
/** New inbound connections per second from one address: a whole cluster may sit behind one (containers, NAT). */
const INBOUND_PER_SECOND_MAX = 64;
/** Inbound connections in the middle of their handshake; who may have how many of them is the gate's business. */
const INBOUND_PENDING_MAX = STRANGERS_HANDSHAKES_MAX + MEMBERS_HANDSHAKES_MAX;
/** A handshake takes a few round trips; who needs longer has the wrong token or no business here. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/**
 * Time to agree on a stream's protocol, ms. Gossipsub opens its streams one after the other: one peer that
 * hangs while it connects keeps all others waiting for so long.
 */
const NEGOTIATION_TIMEOUT_MS = 3_000;
/** Time for one address of a peer, so that a dead path does not use up the whole attempt. */
const ADDRESS_DIAL_TIMEOUT_MS = 2_000;
/** Time for all addresses of a peer. */
export const DIAL_TIMEOUT_MS = 6_000;
/**
 * Time between pings, ms. They only find connections that died without a word; dead nodes are found by
 * pulses long before. Shorter costs idle CPU for every peer.
 */
export const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS_MIN = 2_000;
const PING_TIMEOUT_MS_MAX = 5_000;

/** What a node is made of. */
export interface NodeOptions {
  /** Lets in who has the token; see token_protector.ts. */
  readonly protector: ConnectionProtector;
  readonly privateKey: PrivateKey;
  /** Where to listen; nowhere makes a node that only dials. */
  readonly listen: readonly Endpoint[];
  /** Version of the program, told to peers. */
  readonly version: string;
  /** Who may shake hands; left out: nobody listens. */
  readonly inbound?: HandshakeGateOptions;
  /** Peers that are to have no connection now. */
  readonly isUnwelcome?: (peer: PeerId) => boolean;
}

/** Options for `createLibp2p`, without services other than identify. The node is not started. */
export function nodeOptions(options: NodeOptions): Libp2pOptions & { start: false } {
  const { isUnwelcome = () => false } = options;
  return {
    start: false,
    privateKey: options.privateKey,
    nodeInfo: { name: "troop", version: options.version, userAgent: `troop/${options.version}` },
    addresses: { listen: options.listen.map((endpoint) => toMultiaddr(endpoint).toString()) },
    transports: [tcpTransport(options.inbound)],
    connectionGater: {
      denyDialPeer: isUnwelcome,
      denyInboundEncryptedConnection: isUnwelcome,
      denyOutboundEncryptedConnection: isUnwelcome,
    },
    connectionProtector: () => options.protector,
    // Bun's node:crypto has no chacha20-poly1305, which Noise takes for frames of 1,200 bytes and more: such
    // a frame would drop the connection. The WebAssembly implementation serves every size.
    connectionEncrypters: [
      noise({
        crypto: {
          ...defaultCrypto,
          chaCha20Poly1305Encrypt: asCrypto.chaCha20Poly1305Encrypt,
          chaCha20Poly1305Decrypt: asCrypto.chaCha20Poly1305Decrypt,
        },
      }),
    ],
    // The connection monitor pings already.
    streamMuxers: [yamux({ enableKeepAlive: false })],
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND_MAX,
      maxIncomingPendingConnections: INBOUND_PENDING_MAX,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      // Redialling is the dialler's business, with its own back-off.
      reconnectRetries: 0,
    },
    connectionMonitor: {
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: { minTimeout: PING_TIMEOUT_MS_MIN, maxTimeout: PING_TIMEOUT_MS_MAX },
    },
    services: { identify: identify() },
  };
}

/** An endpoint as libp2p names it. */
export function toMultiaddr({ address, port }: Endpoint): Multiaddr {
  return multiaddr(`/ip${ipFamily(address)}/${address}/tcp/${port}`);
}
