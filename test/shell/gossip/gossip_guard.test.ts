/** What a peer sends too much of, before gossipsub looks at it; and who may shake hands. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { generateKeyPair } from "@libp2p/crypto/keys";
import type { PeerId } from "@libp2p/interface";
import { createLibp2p } from "libp2p";
import {
  createQuarantine,
  guardGossip,
  QUARANTINE_MS,
} from "../../../src/shell/gossip/gossip_guard.ts";
import {
  MEMBER_HANDSHAKES_MAX,
  STRANGER_HANDSHAKES_MAX,
} from "../../../src/shell/gossip/handshake_gate.ts";
import { nodeOptions, toMultiaddr } from "../../../src/shell/gossip/libp2p_node.ts";
import { createPeerBudgets, PEER_BUDGETS } from "../../../src/shell/gossip/peer_budgets.ts";
import { newToken, singleToken } from "../../../src/shell/files/token.ts";
import { tokenProtector } from "../../../src/shell/gossip/token_protector.ts";
import { longestAllowed, startBeat, startLoneBeat } from "../../support/pulse_beat.ts";
import { eventually } from "../../support/eventually.ts";
import {
  startNode,
  stopNodes,
  TEST_TOKEN,
  type TestNode,
  type TestNodeOptions,
  wanted,
} from "./gossip_cluster.ts";

setDefaultTimeout(40_000);
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await stopNodes();
});

const peer = (name: string) => ({ toString: () => name }) as PeerId;

describe("guardGossip", () => {
  test("hands on what is within the budget, and tells of every call that is not", async () => {
    const handled: string[] = [];
    const excess: string[] = [];
    const pubsub = {
      handleReceivedRpc: (from: PeerId) => Promise.resolve(void handled.push(from.toString())),
    };
    const budgets = createPeerBudgets({ now: () => 0 });
    guardGossip(pubsub, { budgets, onExcess: (from) => void excess.push(from.toString()) });
    const call = pubsub.handleReceivedRpc as (from: PeerId, rpc: object) => Promise<void>;
    const messages = Array.from({ length: 100 }, () => ({ data: new Uint8Array(10) }));
    for (let count = 0; count < 20; count++) await call(peer("loud"), { messages });
    await call(peer("large"), {
      messages: [{ data: new Uint8Array(PEER_BUDGETS.bytes.burst + 1) }],
    });
    await call(peer("quiet"), { messages, control: {} });
    expect(handled.filter((from) => from === "loud")).toHaveLength(10);
    expect(excess.filter((from) => from === "loud")).toHaveLength(10);
    expect(excess.filter((from) => from === "large")).toHaveLength(1);
    expect(handled).toContain("quiet");
  });

  test("says so when the library takes calls in another way", () => {
    expect(() => guardGossip({}, { budgets: createPeerBudgets(), onExcess() {} })).toThrow(
      "in another way now",
    );
  });

  test("keeps a peer away for a while", () => {
    let now = 0;
    const quarantine = createQuarantine(() => now);
    quarantine.add("a");
    expect([quarantine.has("a"), quarantine.has("b")]).toEqual([true, false]);
    now = QUARANTINE_MS;
    expect(quarantine.has("a")).toBe(false);
  });
});

/** Three nodes that know each other. */
async function startThree(
  limits: NonNullable<TestNodeOptions["limits"]>,
  others: typeof limits = {},
): Promise<[TestNode, TestNode, TestNode]> {
  const nodes = [
    await startNode({ limits }),
    await startNode(),
    await startNode({ limits: others }),
  ] as const;
  for (const node of nodes) node.gossip.wantPeers(nodes.map(wanted));
  await eventually("all connected", () => nodes.every((n) => n.gossip.connected().length === 2));
  return [...nodes];
}

describe("a member that sends too much", () => {
  test("of records is dropped and named, and the others are heard", async () => {
    const [victim, flooder, other] = await startThree({ records: { burst: 10, perSecond: 1 } });
    flooder.publish({ name: "loud" });
    await eventually("the first record", () => victim.records.has(flooder.identity.id));
    for (let count = 0; count < 60; count++) flooder.publish({ name: "loud" });
    const over = () => victim.gossip.dropped().get("over budget: records") ?? 0;
    await eventually("records dropped", () => over() > 0);
    const record = other.publish({ name: "quiet" });
    await eventually(
      "the other's record",
      () => victim.records.get(other.identity.id)?.sequence === record.sequence,
    );
    const told = victim.notices.messages("warn").filter((line) => line.includes("too much"));
    expect(told).toEqual([
      "loud sends too much (records): what is over its budget is dropped; look at the agent there",
    ]);
    expect([...victim.warnings.values()]).toEqual(told);
  });

  test("and goes on is cut off, while the other one stays, and pulses come on their beat", async () => {
    // The other one passes on of a member's records what is within its budget.
    const [victim, flooder, other] = await startThree({
      messages: { burst: 40, perSecond: 1 },
      patience: { burst: 10, perSecond: 0 },
    }, { records: { burst: 5, perSecond: 1 } });
    const beat = await startBeat();
    const endLone = await startLoneBeat();
    const isThere = (node: TestNode) => victim.gossip.connected().includes(node.identity.id);
    // No faster than a busy machine signs them: what waits in line is not sent.
    const flood = setInterval(() => flooder.publish({ name: "loud" }), 20);
    try {
      await eventually("the cut", () => !isThere(flooder));
      // It calls again and again, and is kept away.
      await Bun.sleep(1_500);
      expect(isThere(flooder)).toBe(false);
    } finally {
      clearInterval(flood);
      beat.stop();
    }
    expect(isThere(other)).toBe(true);
    // All of them, and the flood itself, share this process.
    expect(beat.take().at(-1)).toBeLessThan(longestAllowed(await endLone()));
  });

  test("of synchronizations gets no more of them, and another does", async () => {
    const synchronizations = { burst: 20, perSecond: 0 };
    const [victim, flooder, other] = await startThree({ synchronizations });
    victim.gossip.documents.attach({
      update() {},
      async serve(frames) {
        await frames.write(Uint8Array.of(1));
        await frames.close();
      },
    });
    const ask = async (node: TestNode) => {
      const frames = await node.gossip.documents.open(victim.identity.id);
      const answered = await frames.read().then(() => true, () => false);
      await frames.close();
      return answered;
    };
    const answers: boolean[] = [];
    for (let count = 0; count < 40; count++) answers.push(await ask(flooder).catch(() => false));
    expect(answers.filter((answer) => answer)).toHaveLength(20);
    expect(await ask(other)).toBe(true);
    expect(victim.gossip.dropped().get("over budget: synchronizations")).toBeGreaterThan(0);
    // A thousand more, many at a time: a few are open at a time, the others are refused.
    for (let round = 0; round < 10; round++) {
      const all = Array.from({ length: 100 }, () => ask(flooder).catch(() => false));
      expect(await Promise.all(all)).not.toContain(true);
    }
    expect(await ask(other)).toBe(true);
  });
});

/** Opens a connection and says nothing, or this. */
function connect(node: TestNode, words?: Uint8Array): Socket {
  const socket = createConnection({ host: "127.0.0.1", port: node.endpoint.port });
  sockets.add(socket);
  socket.on("error", () => {});
  if (words !== undefined) socket.on("connect", () => void socket.write(words));
  return socket;
}

/** Connections of this process that are still open. */
const open = (all: readonly Socket[]) =>
  all.filter((socket) => socket.readyState === "open").length;

describe("strangers at the gossip port", () => {
  test("who connect and dawdle have few places, and members come in beside them", async () => {
    const node = await startNode();
    const strangers = Array.from({ length: 300 }, () => connect(node));
    // Those that have a place time out, and others may come in their place.
    await eventually("most are turned away", () => (node.gossip.dropped().get("crowd") ?? 0) > 200);
    await eventually("the rest", () => open(strangers) <= STRANGER_HANDSHAKES_MAX);
    // The other one is behind the same address; now it is a member's.
    const member = await startNode();
    node.gossip.wantPeers([wanted(member)]);
    member.gossip.wantPeers([wanted(node)]);
    await eventually("the member", () => node.gossip.connected().length === 1);
    expect(MEMBER_HANDSHAKES_MAX).toBeGreaterThan(STRANGER_HANDSHAKES_MAX);
    const lines = node.notices.all.filter(({ message }) => message === "drop gossip");
    expect(lines.length).toBeLessThanOrEqual(2);
  });

  test("who say garbage are cut off and learn a nonce, nothing else", async () => {
    const node = await startNode();
    const words = [
      new Uint8Array(24),
      crypto.getRandomValues(new Uint8Array(2_000)),
      Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      Buffer.from("\x13/multistream/1.0.0\n"),
      Buffer.concat([
        crypto.getRandomValues(new Uint8Array(24)),
        new Uint8Array(60_000).fill(0xff),
      ]),
    ];
    await Promise.all(words.map(async (word) => {
      let heard = 0;
      const socket = connect(node, word);
      socket.on("data", (bytes: Buffer) => void (heard += bytes.length));
      await eventually("the end", () => socket.readyState !== "open" && !socket.connecting);
      // A nonce, and under the wrong key some dozens of bytes of a handshake nobody can read.
      expect(heard).toBeLessThan(200);
    }));
    expect(node.gossip.dropped().get("handshake")).toBe(words.length);
    expect(node.events).toEqual([]);
    expect(node.gossip.connected()).toEqual([]);
  });

  test("with libp2p, without a key or with another one, get no connection", async () => {
    const node = await startNode();
    const privateKey = await generateKeyPair("Ed25519");
    const token = newToken();
    const protector = tokenProtector({ tokens: singleToken(token), timeoutMs: 5_000 });
    const base = { protector, version: "0", privateKey, listen: [] };
    const { connectionProtector: _none, ...open } = nodeOptions(base);
    for (const options of [nodeOptions(base), open]) {
      const stranger = await createLibp2p(options);
      await stranger.start();
      const dialled = stranger.dial(toMultiaddr(node.endpoint), {
        signal: AbortSignal.timeout(6_000),
      });
      await expect(dialled).rejects.toThrow();
      await stranger.stop();
    }
    expect(node.events).toEqual([]);
    await eventually("both counted", () => node.gossip.dropped().get("handshake") === 2);
    expect(TEST_TOKEN).not.toBe(token);
  });
});
