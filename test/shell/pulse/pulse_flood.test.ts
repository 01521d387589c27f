/** Floods of datagrams from strangers: real pulses arrive, this node's own turns come, and the log stays short. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { encodePulse, type Pulse } from "../../../src/core/cluster/pulse.ts";
import type { Path } from "../../../src/core/cluster/record.ts";
import { attachFilter, openLibraries } from "../../../ffi/mod.ts";
import { sealPulse } from "../../../src/shell/pulse/pulse_seal.ts";
import { openPulseSocket, type PulseSocketOptions } from "../../../src/shell/pulse/pulse_socket.ts";
import { deriveKey, newToken, singleToken } from "../../../src/shell/files/token.ts";
import { freePort } from "../../support/free_port.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { tempFolder } from "../../support/temp_folder.ts";

setDefaultTimeout(30_000);

const A = "00000000000000aa";
const B = "00000000000000bb";
const token = newToken();
const port = await freePort();
const FLOOD_MS = 2_000;
const PULSE_MS = 50;
const path = (address: string): Path => ({ interface: "lo", address, prefixLength: 8 });
const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

function pulse(sequence: number): Pulse {
  const flags = {
    leaving: false,
    ask: false,
    starting: false,
    deaf: false,
    witness: "none" as const,
  };
  return {
    from: A,
    to: B,
    boot: 5,
    sequence,
    echo: 1,
    intervalMs: PULSE_MS,
    ...flags,
    claims: new Map(),
  };
}

/** Sends pulses to a node that is flooded with these bytes; what it heard, and its longest time without a turn. */
async function flooded(bytes: Uint8Array, options: Partial<PulseSocketOptions> = {}) {
  let heard = 0;
  let turnMs = performance.now();
  let worstMs = 0;
  const turn = () => {
    worstMs = Math.max(worstMs, performance.now() - turnMs);
    turnMs = performance.now();
  };
  const notices = recordNotices();
  const node = await openPulseSocket({
    id: B,
    tokens: singleToken(token),
    paths: [path("127.0.3.2")],
    port,
    listener: () => void heard++,
    onBusy: turn,
    notices,
    ...options,
  });
  const script = `${import.meta.dir}/pulse_flood_sender.ts`;
  const hex = Buffer.from(bytes).toString("hex");
  const words = ["127.0.3.2", String(port), String(FLOOD_MS), hex];
  const flood = Bun.spawn([process.execPath, script, ...words], { stdout: "pipe" });
  const turns = setInterval(turn, 20);
  const peer = await openPulseSocket({
    id: A,
    tokens: singleToken(token),
    paths: [path("127.0.3.1")],
    port,
    listener() {},
  });
  let sequence = 0;
  const beat = setInterval(() => {
    peer.send(pulse(++sequence), { paths: [path("127.0.3.2")], port });
  }, PULSE_MS);
  closers.push(() => {
    clearInterval(turns);
    clearInterval(beat);
    flood.kill();
    node.close();
    peer.close();
  });
  const sent = Number(await new Response(flood.stdout).text());
  await Bun.sleep(50);
  return { heard, told: sequence, worstMs, sent, dropped: node.counts().dropped, notices };
}

describe("a flood of datagrams", () => {
  test("that are no pulses for this node ends in the kernel", async () => {
    const libraries = await openLibraries({ privateFolder: tempFolder() });
    const filter: PulseSocketOptions["filter"] = (descriptor, shape) =>
      attachFilter(libraries, descriptor, shape);
    const { heard, told, dropped, sent, worstMs } = await flooded(
      crypto.getRandomValues(new Uint8Array(64)),
      { filter },
    );
    expect(sent).toBeGreaterThan(1_000);
    expect(dropped.size).toBe(0);
    expect(heard).toBeGreaterThanOrEqual(told - 2);
    // A busy machine may take its time; the dead time is 400 ms.
    expect(worstMs).toBeLessThan(1_000);
  });

  test("that look like pulses is told once, and keeps no turn away", async () => {
    const forged = sealPulse(deriveKey(newToken(), "pulse"), "127.0.3.2", encodePulse(pulse(1)));
    const { heard, told, dropped, worstMs, notices } = await flooded(forged);
    expect(dropped.get("seal")).toBeGreaterThan(1_000);
    // Four pulses in a row that are lost are death; where the kernel's queue runs over, single ones are.
    expect(heard).toBeGreaterThan(told / 2);
    expect(heard).toBeLessThanOrEqual(told);
    expect(worstMs).toBeLessThan(1_000);
    expect(notices.all.map(({ message }) => message)).toEqual(["drop pulses that arrived"]);
  });
});
