/** Pulses between real sockets on loopback: 127.0.1.0/24 and 127.0.2.0/24 are the two paths. */
import { afterEach, describe, expect, test } from "bun:test";
import { encodePulse, type Pulse } from "../../../src/core/cluster/pulse.ts";
import { NODE_PATHS_MAX, NODES_MAX } from "../../../src/core/limits.ts";
import type { Path } from "../../../src/core/cluster/record.ts";
import { pulseKeys } from "../../../src/shell/pulse/pulse_keys.ts";
import { sealPulse } from "../../../src/shell/pulse/pulse_seal.ts";
import {
  type OpenPulseSocket,
  openPulseSocket,
  type PulseDrop,
  type PulseSocketOptions,
} from "../../../src/shell/pulse/pulse_socket.ts";
import { deriveKey, newToken, singleToken } from "../../../src/shell/files/token.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { refused } from "../../support/refused.ts";

const A = "00000000000000aa";
const B = "00000000000000bb";
const PORT = await freePort();
const token = newToken();
const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

const path = (name: string, address: string, prefixLength = 24): Path => ({
  interface: name,
  address,
  prefixLength,
});
const pathsOfA = [path("eth0", "127.0.1.1"), path("eth1", "127.0.2.1")];
const pathsOfB = [path("eth0", "127.0.1.2"), path("eth1", "127.0.2.2")];

interface Opened {
  readonly socket: OpenPulseSocket;
  readonly heard: { readonly pulse: Pulse; readonly path: string }[];
}

async function open(options: Partial<PulseSocketOptions>): Promise<Opened> {
  const heard: { pulse: Pulse; path: string }[] = [];
  const socket = await openPulseSocket({
    id: B,
    tokens: singleToken(token),
    paths: pathsOfB,
    port: PORT,
    listener: (pulse, path) => void heard.push({ pulse, path }),
    ...options,
  });
  opened.push(socket);
  return { socket, heard };
}

function pulse(fields: Partial<Pulse> = {}): Pulse {
  return {
    from: A,
    to: B,
    boot: 5,
    sequence: 1,
    echo: 0,
    intervalMs: 100,
    leaving: false,
    ask: false,
    starting: false,
    deaf: false,
    witness: "none",
    claims: new Map(),
    ...fields,
  };
}

/** A plain socket at an address of node A, for what no honest node sends. */
async function openRaw(): Promise<(to: string, bytes: Uint8Array) => void> {
  const raw = await Bun.udpSocket({ hostname: "127.0.1.9", port: 0 });
  opened.push(raw);
  return (to, bytes) => void raw.send(bytes, PORT, to);
}

const peerB = { paths: pathsOfB, port: PORT };

describe("openPulseSocket", () => {
  test("a pulse arrives once on every path, under the receiver's name of it", async () => {
    const a = await open({ id: A, paths: pathsOfA });
    const b = await open({});
    const claims = new Map([["192.0.2.240", { epoch: 7, yielding: true }]]);
    a.socket.send(pulse({ claims, ask: true }), peerB);
    await eventually("two pulses", () => b.heard.length === 2);
    expect(b.heard.map((one) => one.path).sort()).toEqual(["eth0", "eth1"]);
    expect(b.heard[0]?.pulse).toEqual(pulse({ claims, ask: true }));
    expect(a.socket.counts().sent).toBe(2);
    expect(b.socket.counts().received).toBe(2);
  });

  test("the paths are really two: without one, pulses still come by the other", async () => {
    const a = await open({ id: A, paths: pathsOfA });
    const b = await open({ paths: pathsOfB.slice(1) });
    a.socket.send(pulse(), peerB);
    await eventually("a pulse", () => b.heard.length === 1);
    expect(b.heard[0]?.path).toBe("eth1");
  });

  const bad: { name: string; reason: PulseDrop; datagram: () => Uint8Array }[] = [
    { name: "an empty datagram", reason: "seal", datagram: () => new Uint8Array(0) },
    { name: "random bytes", reason: "seal", datagram: () => new Uint8Array(64).fill(3) },
    {
      name: "a pulse with another token",
      reason: "seal",
      datagram: () => sealPulse(deriveKey(newToken(), "pulse"), "127.0.1.2", encodePulse(pulse())),
    },
    {
      name: "a pulse recorded on the other path",
      reason: "seal",
      datagram: () => sealPulse(deriveKey(token, "pulse"), "127.0.2.2", encodePulse(pulse())),
    },
    {
      name: "an authentic datagram that is no pulse",
      reason: "malformed",
      datagram: () => sealPulse(deriveKey(token, "pulse"), "127.0.1.2", new Uint8Array(48)),
    },
    {
      name: "a datagram larger than any pulse",
      reason: "malformed",
      datagram: () => new Uint8Array(4_000),
    },
    {
      name: "a pulse for another receiver",
      reason: "stranger",
      datagram: () =>
        sealPulse(deriveKey(token, "pulse"), "127.0.1.2", encodePulse(pulse({ to: A }))),
    },
    {
      name: "a pulse in the receiver's own name",
      reason: "stranger",
      datagram: () =>
        sealPulse(deriveKey(token, "pulse"), "127.0.1.2", encodePulse(pulse({ from: B }))),
    },
  ];
  for (const { name, reason, datagram } of bad) {
    test(`${name} is dropped and counted as ${reason}`, async () => {
      const b = await open({});
      (await openRaw())("127.0.1.2", datagram());
      await eventually("a drop", () => b.socket.counts().dropped.size > 0);
      expect([...b.socket.counts().dropped]).toEqual([[reason, 1]]);
      expect(b.heard).toEqual([]);
    });
  }

  test("a replayed pulse is dropped, a flood of them makes one line in the log", async () => {
    const notices = recordNotices();
    const b = await open({ notices });
    const send = await openRaw();
    const sealed = sealPulse(deriveKey(token, "pulse"), "127.0.1.2", encodePulse(pulse()));
    for (let round = 0; round < 20; round++) send("127.0.1.2", sealed);
    await eventually("drops", () => b.socket.counts().dropped.get("replay") === 19);
    expect(b.heard).toHaveLength(1);
    expect(notices.messages("warn")).toHaveLength(1);
  });

  test("a member that pulses in another's name is not believed, and told of once a second", async () => {
    const [keysOfA, keysOfB, keysOfC] = [1, 2, 3].map((n) => pulseKeys(new Uint8Array(32).fill(n)));
    const told: string[] = [];
    const known = new Map([[A, keysOfA!.publicKey]]);
    const b = await open({
      keys: keysOfB!,
      keyOf: (from) => known.get(from),
      onForged: (named, { address }) => void told.push(`${named} ${address}`),
    });
    const knowsB = { ...peerB, pulseKey: keysOfB!.publicKey };
    const paths = [path("eth0", "127.0.1.1")];
    const a = await open({ id: A, paths, keys: keysOfA! });
    a.socket.send(pulse(), knowsB);
    await eventually("the true one", () => b.heard.length === 1);

    const elsewhere = [path("eth0", "127.0.1.3")];
    const c = await open({ id: "00000000000000cc", paths: elsewhere, keys: keysOfC! });
    // In A's name: with the token alone, and with the third node's own key.
    const lie = { leaving: true, boot: 9_000 };
    c.socket.send(pulse({ ...lie, sequence: 2 }), peerB);
    c.socket.send(pulse({ ...lie, sequence: 3 }), knowsB);
    await eventually("both dropped", () => b.socket.counts().dropped.get("forged") === 2);
    expect(told).toEqual([`${A} 127.0.1.3`]);

    a.socket.send(pulse({ sequence: 2 }), knowsB);
    await eventually("the next true one", () => b.heard.length === 2);
    expect(b.heard.every((one) => !one.pulse.leaving)).toBe(true);
  });

  test("a pulse with the pair's seal cannot be used on the other path", async () => {
    const [keysOfA, keysOfB] = [1, 2].map((n) => pulseKeys(new Uint8Array(32).fill(n)));
    const b = await open({ keys: keysOfB!, keyOf: () => keysOfA!.publicKey });
    const inner = sealPulse(
      keysOfA!.sharedWith(keysOfB!.publicKey)!,
      "127.0.2.2",
      encodePulse(pulse()),
    );
    const send = await openRaw();
    // Whoever has the token can put a fresh outer seal on it.
    send("127.0.1.2", sealPulse(deriveKey(token, "pulse"), "127.0.1.2", inner));
    await eventually("a drop", () => b.socket.counts().dropped.get("forged") === 1);
    send("127.0.2.2", sealPulse(deriveKey(token, "pulse"), "127.0.2.2", inner));
    await eventually("a pulse", () => b.heard.length === 1);
  });

  test("versions with and without such keys hear each other", async () => {
    const [keysOfA, keysOfB] = [1, 2].map((n) => pulseKeys(new Uint8Array(32).fill(n)));
    const old = await open({ id: A, paths: pathsOfA });
    const young = await open({ keys: keysOfB!, keyOf: () => null });
    old.socket.send(pulse(), peerB);
    await eventually("the old one's", () => young.heard.length === 2);
    young.socket.send(pulse({ from: B, to: A }), {
      paths: pathsOfA,
      port: PORT,
      pulseKey: keysOfA!.publicKey,
    });
    await eventually("the young one's", () => old.heard.length === 2);
  });

  test("of nodes nobody knows nothing is remembered: any name could be in such a pulse", async () => {
    const known = new Set([A]);
    const b = await open({ keyOf: (from) => known.has(from) ? null : undefined });
    const send = await openRaw();
    const seal = (one: Pulse) =>
      sealPulse(deriveKey(token, "pulse"), "127.0.1.2", encodePulse(one));
    send("127.0.1.2", seal(pulse()));
    await eventually("a member's", () => b.heard.length === 1);
    const names = NODES_MAX * NODE_PATHS_MAX + 10;
    for (let name = 1; name <= names; name++) {
      send("127.0.1.2", seal(pulse({ from: name.toString(16).padStart(16, "9") })));
      if (name % 50 === 0) await Bun.sleep(1);
    }
    await eventually("most of them", () => b.heard.length > names / 2);
    send("127.0.1.2", seal(pulse()));
    await eventually("a repetition", () => b.socket.counts().dropped.get("replay") === 1);
  });

  test("what the kernel will not send is counted by error, neither thrown nor logged each time", async () => {
    const notices = recordNotices();
    const a = await open({ id: A, paths: [path("eth0", "127.0.1.1")], notices });
    // From a loopback source the kernel refuses to send to the outside (EINVAL), as it would for a lost route.
    const far = { paths: [path("eth0", "203.0.113.1")], port: PORT };
    for (let sequence = 1; sequence <= 20; sequence++) a.socket.send(pulse({ sequence }), far);
    expect([...a.socket.counts().sendErrors.values()]).toEqual([20]);
    expect(a.socket.counts().sent).toBe(0);
    expect(notices.messages("warn")).toHaveLength(1);
  });

  test("a peer that is down (ICMP port unreachable) does not stop the sender", async () => {
    const a = await open({ id: A, paths: pathsOfA });
    a.socket.send(pulse(), peerB);
    await eventually("an error", () => a.socket.counts().sendErrors.size > 0);
    const b = await open({});
    a.socket.send(pulse({ sequence: 2 }), peerB);
    await eventually("a pulse", () => b.heard.length === 2);
  });

  test("a port in use is refused with the port in the words, and nothing stays bound", async () => {
    const taken = await Bun.udpSocket({ hostname: "127.0.2.2", port: PORT });
    opened.push(taken);
    const refusal = await refused(open({}));
    expect(refusal.problem).toBe(`port ${PORT} is in use by another program`);
    taken.close();
    await open({});
  });

  test("a primary address that this machine lacks is refused", async () => {
    const refusal = await refused(open({ paths: [path("eth0", "192.0.2.77")] }));
    expect(refusal.problem).toContain("192.0.2.77");
  });

  test("a further path that is missing is said and the rest works", async () => {
    const notices = recordNotices();
    const a = await open({ id: A, paths: pathsOfA });
    const b = await open({ paths: [pathsOfB[0]!, path("eth1", "192.0.2.77")], notices });
    a.socket.send(pulse(), peerB);
    await eventually("a pulse", () => b.heard.length === 1);
    expect(notices.messages("warn")).toHaveLength(1);
  });

  test("send after close is silent", async () => {
    const a = await open({ id: A, paths: pathsOfA });
    a.socket.close();
    a.socket.send(pulse(), peerB);
    expect(a.socket.counts().sent).toBe(0);
  });
});
