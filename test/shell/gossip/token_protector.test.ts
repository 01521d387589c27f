/** Connections under several tokens, between real nodes on loopback. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { preSharedKey } from "@libp2p/pnet";
import { createLibp2p } from "libp2p";
import { nodeOptions, toMultiaddr } from "../../../src/shell/gossip/libp2p_node.ts";
import {
  newToken,
  singleToken,
  type TokenKeys,
  tokenKeys,
  type TokenRing,
} from "../../../src/shell/files/token.ts";
import { tokenProtector } from "../../../src/shell/gossip/token_protector.ts";
import { eventually } from "../../support/eventually.ts";
import { startNode, stopNodes, wanted } from "./gossip_cluster.ts";

// Real sockets take their time on a machine that does other things too.
setDefaultTimeout(30_000);
afterEach(stopNodes);

const OLD = tokenKeys(newToken());
const NEW = tokenKeys(newToken());

/** A ring a test can turn. */
function turningRing(sends: TokenKeys, accepts: readonly TokenKeys[]) {
  const at = { sends, accepts };
  const ring: TokenRing = { sends: () => at.sends, accepts: () => at.accepts, replaced: () => [] };
  return { at, ring };
}

type Problem = { remote: string; outbound: boolean; problem: string };

describe("tokenProtector", () => {
  const pairs: { name: string; a: TokenRing; b: TokenRing }[] = [
    {
      name: "one still sends with the old one",
      a: turningRing(OLD, [OLD, NEW]).ring,
      b: turningRing(NEW, [NEW, OLD]).ring,
    },
    {
      name: "one knows the new one only",
      a: turningRing(NEW, [NEW, OLD]).ring,
      b: singleToken(NEW.token),
    },
  ];
  for (const { name, a: ringA, b: ringB } of pairs) {
    test(`joins two nodes of which ${name}`, async () => {
      const a = await startNode({ tokens: ringA });
      const b = await startNode({ tokens: ringB, seeds: [a.endpoint] });
      await eventually("a sees b", () => a.gossip.connected().includes(b.identity.id));
      b.publish();
      await eventually("b's record", () => a.records.has(b.identity.id));
    });
  }

  test("keeps apart nodes without a token in common, and tells both", async () => {
    const told: Problem[] = [];
    const a = await startNode({
      tokens: singleToken(OLD.token),
      onStranger: (at) => void told.push(at),
    });
    const mine: Problem[] = [];
    await startNode({
      tokens: singleToken(NEW.token),
      seeds: [a.endpoint],
      onStranger: (at) => void mine.push(at),
    });
    await eventually("both are told", () => told.length > 0 && mine.length > 0);
    expect(told[0]).toMatchObject({ outbound: false, problem: "token" });
    expect(mine[0]).toMatchObject({ outbound: true, problem: "closed" });
    expect(a.events).toEqual([]);
  });

  test("tells a stranger nothing but its nonce", async () => {
    const a = await startNode({ tokens: singleToken(OLD.token) });
    for (const bytes of [new Uint8Array(24), new Uint8Array(4_000).fill(0x16)]) {
      let received = 0;
      const ended = Promise.withResolvers<void>();
      const socket = connect(a.endpoint.port, a.endpoint.address);
      socket.on("data", (data) => void (received += data.length));
      socket.on("error", () => {});
      socket.on("close", () => ended.resolve());
      socket.write(bytes);
      setTimeout(() => socket.destroy(), 1_000);
      await ended.promise;
      expect(received).toBe(24);
    }
  });

  test("finds the connections a refused token let in, and only those", async () => {
    const { at, ring } = turningRing(OLD, [OLD, NEW]);
    const a = await startNode({ tokens: ring });
    const old = await startNode({ tokens: singleToken(OLD.token), seeds: [a.endpoint] });
    await eventually("the old one", () => a.gossip.connected().includes(old.identity.id));
    at.sends = NEW;
    const fresh = await startNode({ tokens: singleToken(NEW.token), seeds: [a.endpoint] });
    await eventually("the new one", () => a.gossip.connected().includes(fresh.identity.id));
    a.gossip.closeExpired(10);
    expect(a.events.some((event) => event.startsWith("disconnected"))).toBe(false);
    at.accepts = [NEW];
    a.gossip.closeExpired(10);
    await eventually("the old one goes", () => !a.gossip.connected().includes(old.identity.id));
    a.gossip.wantPeers([wanted(old), wanted(fresh)]);
    await Bun.sleep(1_500);
    expect(a.gossip.connected()).toEqual([fresh.identity.id]);
  });

  test("speaks with the protector of the library, which earlier versions use", async () => {
    const a = await startNode({ tokens: singleToken(OLD.token) });
    const hex = Buffer.from(OLD.gossip).toString("hex");
    const psk = new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${hex}\n`);
    const privateKey = await generateKeyPair("Ed25519");
    const protector = tokenProtector({ tokens: singleToken(OLD.token), timeoutMs: 5_000 });
    const earlier = await createLibp2p({
      ...nodeOptions({ protector, privateKey, listen: [], version: "0.1.0" }),
      connectionProtector: preSharedKey({ psk }),
    });
    await earlier.start();
    try {
      const connection = await earlier.dial(toMultiaddr(a.endpoint));
      expect(connection.status).toBe("open");
    } finally {
      await earlier.stop();
    }
  });
});
