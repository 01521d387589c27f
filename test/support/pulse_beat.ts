/**
 * Pulses between two real sockets of this process, on their beat, to see whether something else delays them.
 */
import type { Path } from "../../src/core/cluster/record.ts";
import { newToken, singleToken } from "../../src/shell/files/token.ts";
import { openPulseSocket } from "../../src/shell/pulse/pulse_socket.ts";
import { freePort } from "./free_port.ts";

/** The beat, ms. */
export const BEAT_MS = 100;

const [A, B] = ["00000000000000aa", "00000000000000bb"] as const;

/** Pulses that go on. */
export interface PulseBeat {
  /** Times between two arrivals so far, and since the last one, ms; the longest last. Begins anew. */
  take(): number[];
  stop(): void;
}

/** Starts them. */
export async function startBeat(): Promise<PulseBeat> {
  const common = { tokens: singleToken(newToken()), port: await freePort() };
  const path = (address: string): Path => ({ interface: "lo", address, prefixLength: 8 });
  let gaps: number[] = [];
  let lastMs = performance.now();
  const receiver = await openPulseSocket({
    ...common,
    id: B,
    paths: [path("127.0.4.2")],
    listener() {
      const nowMs = performance.now();
      gaps.push(nowMs - lastMs);
      lastMs = nowMs;
    },
  });
  const sender = await openPulseSocket({
    ...common,
    id: A,
    paths: [path("127.0.4.1")],
    listener() {},
  });
  let sequence = 0;
  const beat = setInterval(() => {
    sender.send({
      ...{ from: A, to: B, boot: 5, sequence: ++sequence, echo: 1, intervalMs: BEAT_MS },
      ...{ leaving: false, ask: false, starting: false, deaf: false, witness: "none" },
      claims: new Map(),
    }, { paths: [path("127.0.4.2")], port: common.port });
  }, BEAT_MS);
  return {
    take() {
      const taken = [...gaps, performance.now() - lastMs];
      gaps = [];
      return taken.sort((a, b) => a - b);
    },
    stop() {
      clearInterval(beat);
      sender.close();
      receiver.close();
    },
  };
}

/**
 * The longest gap that is allowed, ms, where the same pulses in a process that does nothing else had this one: less
 * than the four beats that are death, and what the machine itself may delay.
 */
export function longestAllowed(loneMs: number): number {
  return 3 * BEAT_MS + 2 * Math.max(0, loneMs - BEAT_MS);
}

/** Starts the same pulses in a process of their own; what it answers ends them, and gives their longest gap, ms. */
export async function startLoneBeat(): Promise<() => Promise<number>> {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/lone_beat.ts`], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await lines.read();
  return async () => {
    child.stdin.end();
    return Number((await lines.read()).value ?? NaN);
  };
}
