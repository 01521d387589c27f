/**
 * Helpers of the tests that need a kernel of their own: a guest, or a network namespace on a host whose
 * kernel has IPVS. They change addresses and the IPVS table of the namespace they run in.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Libraries, openLibraries } from "../../ffi/mod.ts";

/** Time a test may take: a guest is many times slower than the machine it runs on. */
export const GUEST_TIMEOUT_MS = 120_000;
/** Time between two looks at something that changes by itself, ms. */
const LOOK_MS = 20;

/** The C libraries; nothing is unpacked where the system has libnl. */
export function guestLibraries(): Promise<Libraries> {
  return openLibraries({ privateFolder: join(tmpdir(), `troop-test-${process.pid}`) });
}

/** Runs a shell command and returns what it printed; throws with its complaints when it fails. */
export function run(command: string): string {
  const result = Bun.spawnSync(["sh", "-c", command]);
  const output = result.stdout.toString();
  if (result.success) return output;
  throw new Error(`run "${command}": exit ${result.exitCode}: ${result.stderr.toString()}`);
}

/** Runs a shell command whose failure does not matter: cleaning up what may not be there. */
export function tryRun(command: string): void {
  Bun.spawnSync(["sh", "-c", command]);
}

/** Waits until `look` gives something other than undefined, a bounded time. */
export async function until<Value>(
  what: string,
  look: () => Value | undefined,
  limitMs = 20_000,
): Promise<Value> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    const value = look();
    if (value !== undefined) return value;
    await Bun.sleep(LOOK_MS);
  }
  throw new Error(`wait until ${what}: not within ${limitMs} ms`);
}

/** A veth pair: `inside` here, `outside` in a namespace of its own, both up. */
export interface Wire extends Disposable {
  readonly inside: string;
  readonly outside: string;
  /** Runs a command at the other end. */
  readonly there: (command: string) => string;
  /** Starts a command at the other end. */
  readonly spawnThere: (command: string[]) => Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Removes and makes anew the interface here, which gets another index. */
  readonly renew: () => void;
}

/** Link-layer addresses of both ends of every {@link Wire}. */
export const INSIDE_MAC = "02:00:00:00:00:01";
/** See {@link INSIDE_MAC}. */
export const OUTSIDE_MAC = "02:00:00:00:00:02";

/** Lays a wire named after `name`. */
export function layWire(name: string): Wire {
  const inside = `${name}0`;
  const outside = `${name}1`;
  const space = `troop-${name}`;
  const connect = () => {
    run(`ip link add ${inside} type veth peer name ${outside} netns ${space}
      ip link set ${inside} address ${INSIDE_MAC} up
      ip -n ${space} link set ${outside} address ${OUTSIDE_MAC} up`);
  };
  tryRun(`ip link del ${inside}; ip netns del ${space}`);
  run(`ip netns add ${space}`);
  connect();
  return {
    inside,
    outside,
    there: (command) => run(`ip netns exec ${space} ${command}`),
    spawnThere: (command) =>
      Bun.spawn(["ip", "netns", "exec", space, ...command], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      }),
    renew: () => {
      run(`ip link del ${inside}`);
      connect();
    },
    [Symbol.dispose]: () => tryRun(`ip link del ${inside}; ip netns del ${space}`),
  };
}
