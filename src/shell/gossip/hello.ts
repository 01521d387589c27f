/**
 * Asks a running member about its cluster, for `troop join`: one connection with a key of its own that is
 * forgotten afterwards.
 */
import { connect } from "node:net";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { createLibp2p } from "libp2p";
import { type Endpoint, formatEndpoint, ipFamily } from "../../core/address.ts";
import { Refusal } from "../../core/refusal.ts";
import { createFrames } from "./frames.ts";
import { HELLO_PROTOCOL } from "./gossip_topics.ts";
import { decodeHello, HELLO_LIMITS, type HelloAnswer } from "./hello_answer.ts";
import { HANDSHAKE_TIMEOUT_MS, nodeOptions, toMultiaddr } from "./libp2p_node.ts";
import { errorCode, errorText } from "../log/notices.ts";
import { singleToken } from "../files/token.ts";
import { NONCE_BYTES, tokenProtector } from "./token_protector.ts";

/** Whom to ask, and with what. */
export interface AskOptions extends Endpoint {
  readonly token: string;
  readonly version: string;
  /** Time for everything, ms. */
  readonly timeoutMs?: number;
}

/** Time for the whole question by default, ms: people wait for it. */
const ASK_TIMEOUT_MS = 5_000;
/** Time in which a member shows itself on a plain connection, ms: it speaks first. */
const SHOW_TIMEOUT_MS = 2_000;
/**
 * A refusal takes one round trip, ms. Bun reports it too when the kernel has asked the LAN for the address
 * in vain (EHOSTUNREACH), which takes a second and more.
 */
const REFUSED_MS_MAX = 700;
/** Port 9, discard: named to the kernel, nothing is sent to it. */
const DISCARD_PORT = 9;

/**
 * The member's answer. Rejects with a Refusal that tells apart: nobody there, somebody who is not troop, a
 * member with another token, a member that does not answer.
 */
export async function askHello(options: AskOptions): Promise<HelloAnswer> {
  const signal = AbortSignal.timeout(options.timeoutMs ?? ASK_TIMEOUT_MS);
  const privateKey = await generateKeyPair("Ed25519");
  const tokens = singleToken(options.token);
  const protector = tokenProtector({ tokens, timeoutMs: HANDSHAKE_TIMEOUT_MS });
  const node = await createLibp2p({
    ...nodeOptions({ ...options, protector, privateKey, listen: [] }),
  });
  await node.start();
  try {
    let stream;
    try {
      const connection = await node.dial(toMultiaddr(options), { signal });
      stream = await connection.newStream(HELLO_PROTOCOL, { signal });
    } catch (error) {
      if ((error as Error).name === "UnsupportedProtocolError") {
        throw refuse(options, {
          problem:
            `the member runs a version that does not understand version ${options.version} here`,
          remedy: "install the member's version (`troop version` there) on this machine",
        }, error);
      }
      throw await explainFailure(options, error);
    }
    const frames = createFrames(stream, HELLO_LIMITS);
    const answer = decodeHello(await frames.read());
    if (answer !== undefined) return answer;
    throw refuse(options, {
      problem: "the member's answer cannot be understood",
      remedy: "run the same version of troop on both machines",
    });
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refuse(options, {
      problem: `the member did not answer: ${errorText(error)}`,
      remedy: "look at its log, or ask another member",
    }, error);
  } finally {
    await node.stop();
  }
}

/** Looks at the port with a plain connection, which fails in more telling ways. */
async function explainFailure(options: AskOptions, error: unknown): Promise<Refusal> {
  const sight = await look(options);
  if (sight === "member") {
    return refuse(options, {
      problem:
        "a member answers there, but it has another token (this one is of another cluster, mistyped, or has expired)",
      remedy: "copy the token from `troop token` on that member",
    }, error);
  }
  if (sight === "other") {
    return refuse(options, {
      problem: "something answers there, but it is not troop",
      remedy:
        `check the address and the port (the member's \`port\` in troop.yaml, here ${options.port})`,
    }, error);
  }
  return refuse(options, {
    problem: `cannot be reached: ${sight}`,
    remedy: "check that `troop run` runs there, the address, and the firewalls between",
  }, error);
}

/** What is behind an endpoint: a member, another program, or in words why nobody was reached. */
function look({ address, port }: Endpoint): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: address, port });
  const startMs = performance.now();
  let connected = false;
  let received = Buffer.alloc(0);
  const timer = setTimeout(
    () => resolve(connected ? "other" : "no answer in time"),
    SHOW_TIMEOUT_MS,
  );
  socket.once("connect", () => connected = true);
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    if (received.length >= NONCE_BYTES) resolve(isNonce(received) ? "member" : "other");
  });
  socket.on("error", (error) => {
    if (connected) resolve("other");
    else void reachProblem(address, error, performance.now() - startMs).then(resolve);
  });
  socket.once("end", () => resolve("other"));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

/** A nonce comes alone and has bytes that no greeting in text has. */
function isNonce(bytes: Uint8Array): boolean {
  return bytes.length === NONCE_BYTES && bytes.some((byte) => byte >= 0x7f || byte < 0x09);
}

async function reachProblem(address: string, error: Error, afterMs: number): Promise<string> {
  if (!await hasRoute(address)) return "no route to that address";
  if (errorCode(error) !== "ECONNREFUSED") return errorText(error);
  return afterMs < REFUSED_MS_MAX ? "connection refused" : "no machine answers at that address";
}

/**
 * Whether the kernel knows a way to an address. Asked through a datagram socket that sends nothing, because
 * Bun reports every TCP connection that fails at once as refused, a missing route too.
 */
async function hasRoute(hostname: string): Promise<boolean> {
  try {
    const any = ipFamily(hostname) === 4 ? "0.0.0.0" : "::";
    const socket = await Bun.udpSocket({
      hostname: any,
      connect: { hostname, port: DISCARD_PORT },
      socket: {},
    });
    socket.close();
    return true;
  } catch (error) {
    return !["ENETUNREACH", "EHOSTUNREACH", "EINVAL"].includes(errorCode(error));
  }
}

function refuse(
  endpoint: Endpoint,
  text: { readonly problem: string; readonly remedy: string },
  cause?: unknown,
): Refusal {
  return new Refusal({ attempted: `ask ${formatEndpoint(endpoint)} to join`, ...text }, { cause });
}
