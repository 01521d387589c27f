/** Pulses while the token changes, on loopback. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Caution } from "../../../src/core/cluster/caution.ts";
import { type Pulse } from "../../../src/core/cluster/pulse.ts";
import type { Path } from "../../../src/core/cluster/record.ts";
import { openPulseSocket } from "../../../src/shell/pulse/pulse_socket.ts";
import {
  newToken,
  type TokenKeys,
  tokenKeys,
  type TokenRing,
} from "../../../src/shell/files/token.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";

const A = "00000000000000aa";
const B = "00000000000000bb";
const OLD = tokenKeys(newToken());
const NEW = tokenKeys(newToken());
const PORT = await freePort();
const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

function ring(
  sends: TokenKeys,
  accepts: readonly TokenKeys[],
  replaced: TokenKeys[] = [],
): TokenRing {
  return { sends: () => sends, accepts: () => accepts, replaced: () => replaced };
}

const pathOf = (address: string): [Path] => [{ interface: "eth0", address, prefixLength: 24 }];
const peerB = { paths: pathOf("127.0.1.2"), port: PORT };

async function open(id: string, address: string, tokens: TokenRing) {
  const heard: { pulse: Pulse; source: string }[] = [];
  const cautions: Caution[] = [];
  const socket = await openPulseSocket({
    id,
    tokens,
    paths: pathOf(address),
    port: PORT,
    listener: (pulse, _path, source) => void heard.push({ pulse, source: source.address }),
    onCaution: (caution) => void cautions.push(caution),
  });
  opened.push(socket);
  return { socket, heard, cautions };
}

function pulse(sequence = 1): Pulse {
  return {
    from: A,
    to: B,
    boot: 5,
    sequence,
    echo: 0,
    intervalMs: 100,
    leaving: false,
    ask: false,
    starting: false,
    deaf: false,
    witness: "none",
    claims: new Map(),
  };
}

describe("pulses", () => {
  for (const sends of [OLD, NEW]) {
    test(`with the ${sends === OLD ? "old" : "new"} token are heard by who accepts both`, async () => {
      const a = await open(A, "127.0.1.1", ring(sends, [sends]));
      const b = await open(B, "127.0.1.2", ring(NEW, [NEW, OLD]));
      a.socket.send(pulse(), peerB);
      await eventually("a pulse", () => b.heard.length === 1);
      expect(b.heard[0]!.source).toBe("127.0.1.1");
    });
  }

  test("with a replaced token are not heard; their sender is told, now and then", async () => {
    const a = await open(A, "127.0.1.1", ring(OLD, [OLD]));
    const b = await open(B, "127.0.1.2", ring(NEW, [NEW], [OLD]));
    for (let sequence = 1; sequence <= 20; sequence++) a.socket.send(pulse(sequence), peerB);
    await eventually("a caution", () => a.cautions.length > 0);
    await eventually("all pulses", () => b.socket.counts().dropped.get("expired") === 20);
    expect(a.cautions[0]).toMatchObject({ kind: "expired", to: A, echo: 5, address: "127.0.1.2" });
    expect(a.cautions.length).toBeLessThan(20);
    expect(b.heard).toEqual([]);
  });

  test("with a token nobody knows get no answer", async () => {
    const a = await open(A, "127.0.1.1", ring(tokenKeys(newToken()), [OLD]));
    const b = await open(B, "127.0.1.2", ring(NEW, [NEW], [OLD]));
    a.socket.send(pulse(), peerB);
    await eventually("a drop", () => b.socket.counts().dropped.get("seal") === 1);
    expect(b.socket.counts().sent).toBe(0);
    await Bun.sleep(50);
    expect(a.cautions).toEqual([]);
  });

  test("beside them, a caution reaches only the node it is for", async () => {
    const a = await open(A, "127.0.1.1", ring(OLD, [OLD]));
    const b = await open(B, "127.0.1.2", ring(OLD, [OLD]));
    const caution: Caution = {
      kind: "twin",
      to: A,
      echo: 5,
      boot: 4,
      address: "127.0.1.9",
      port: 1,
    };
    b.socket.caution({ ...caution, to: B }, "127.0.1.1", PORT);
    b.socket.caution(caution, "127.0.1.1", PORT);
    await eventually("the caution", () => a.cautions.length === 1);
    expect(a.cautions).toEqual([caution]);
    expect(a.socket.counts().dropped.get("stranger")).toBe(1);
  });
});
