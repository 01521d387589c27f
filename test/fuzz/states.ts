/**
 * Files of a node's state, as a torn disk or a later version may leave them: each is read as at a start, with every other
 * one missing.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOT_MAX } from "../../src/core/limits.ts";
import { Refusal } from "../../src/core/refusal.ts";
import { openAgentMemory } from "../../src/shell/files/agent_memory.ts";
import { IDENTITY_FILE, openIdentity, takeBoot } from "../../src/shell/files/identity.ts";
import type { StateFolder } from "../../src/shell/files/state_folder.ts";
import { openTokenStore } from "../../src/shell/files/token_store.ts";
import { openPeersFile } from "../../src/shell/gossip/peers_file.ts";
import { NO_NOTICES } from "../../src/shell/log/notices.ts";
import { sampleRecord } from "../support/sample_record.ts";
import { bytesOf, type Decoder } from "./decoder.ts";
import { memoryFolder } from "./memory_folder.ts";

const token = `troop1-${"ab".repeat(32)}`;

function file(
  name: string,
  contents: readonly unknown[],
  open: (folder: StateFolder) => unknown,
): Decoder {
  return {
    name: `state/${name}`,
    seeds: bytesOf(...contents.map((content) => `${JSON.stringify(content)}\n`)),
    bytesMax: 65_536,
    run: (bytes) => open(memoryFolder(new Map([[name, bytes]]))),
    // A later version's file is refused, and left as it is.
    mayThrow: [Refusal],
  };
}

function memory(folder: StateFolder): unknown {
  const found = openAgentMemory(folder, NO_NOTICES);
  const { claims, epochs, records, vips, owned, savedSwitches } = found;
  return [[...claims()], [...epochs()], records(), vips(), [...owned.keys()], savedSwitches];
}

const BOOT_FILE = "boot";
const WALL_MS = 1_700_000_000_000;
/** INT_MAX / HZ at the lowest HZ there is, 100: beyond it the kernel refuses (ip_vs_set_timeout in ip_vs_ctl.c). */
const KERNEL_TIMEOUT_S_MAX = 21_474_836;
const KEY = /^troop-identity-1 [0-9a-f]{64}\n$/;
const NUMBER = /^(\d{1,16})\n$/;

const epochs = { "192.0.2.240": 3, "2001:db8::1": 0x7fff_ffff };
const vip = "192.0.2.240";
const key = `tcp/${vip}:80`;
const peer = { id: "00000000000000aa", addresses: ["192.0.2.1"], port: 6940 };
const rotation = { serial: 1, target: "0123456789abcdef", from: "0123456789abcdee", graceS: 60 };
const replaced = [{ fingerprint: rotation.from, pulse: "cd".repeat(32) }];
const tokens = { sends: token, accepts: [token, `troop1-${"ef".repeat(32)}`], rotation, replaced };

/** Timeouts that are taken must be such as a kernel can be told: they are put back by a node that leaves. */
function timeouts(folder: StateFolder): unknown {
  const saved = openAgentMemory(folder, NO_NOTICES).savedTimeouts.get();
  if (saved !== null && Object.values(saved).some((seconds) => seconds > KERNEL_TIMEOUT_S_MAX)) {
    throw new Error(`takes for timeouts what no kernel has: ${JSON.stringify(saved)}`);
  }
  return saved;
}

/** Only what is a key to its end is taken for one; of everything else a new key is made, and kept. */
async function identity(bytes: Uint8Array): Promise<unknown> {
  // Who may read the file is asked of the disk.
  const path = mkdtempSync(join(tmpdir(), "troop-fuzz-"));
  try {
    writeFileSync(join(path, IDENTITY_FILE), bytes, { mode: 0o600 });
    const files = new Map([[IDENTITY_FILE, bytes]]);
    const folder = memoryFolder(files, path);
    const first = await openIdentity(folder, { wallMs: () => WALL_MS });
    const lost = folder.wasLost(IDENTITY_FILE);
    if (lost === KEY.test(Buffer.from(bytes).toString("latin1"))) {
      throw new Error(lost ? "sets a good key aside" : "takes for a key what is none");
    }
    const second = await openIdentity(memoryFolder(files, path), { wallMs: () => WALL_MS });
    if (second.id !== first.id) throw new Error("is another node after the next start");
    if (second.boot <= first.boot) throw new Error("does not count its starts");
    return lost;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Only a whole number is counted on from, and the next start has a higher one while there is any. */
function boot(bytes: Uint8Array): unknown {
  const files = new Map([[BOOT_FILE, bytes]]);
  const folder = memoryFolder(files);
  const last = Number(NUMBER.exec(Buffer.from(bytes).toString("latin1"))?.[1] ?? Infinity);
  const first = takeBoot(folder, WALL_MS, NO_NOTICES);
  const lost = folder.wasLost(BOOT_FILE);
  if (lost !== (last >= BOOT_MAX)) {
    throw new Error(lost ? "sets a good number aside" : "takes for a number what is none");
  }
  if (first !== (lost ? WALL_MS : Math.max(last + 1, WALL_MS))) throw new Error(`takes ${first}`);
  const second = takeBoot(memoryFolder(files), WALL_MS, NO_NOTICES);
  if (second <= first && first < BOOT_MAX) throw new Error("does not count its starts");
  return [lost, first];
}

/** See the head of this file. */
export const stateDecoders: readonly Decoder[] = [
  file("claims.json", [{ format: 1, held: epochs, seen: epochs }, epochs, { format: 2 }], memory),
  file("records.json", [{ format: 1, records: [sampleRecord()] }, [sampleRecord()]], memory),
  file("rows.json", [{ format: 1, rows: [key] }, [key]], memory),
  file(
    "switches.json",
    [{ format: 1, switches: { "net.ipv4.vs.conntrack": "0" } }, { "net.ipv4.ip_forward": "0" }],
    memory,
  ),
  file(
    "timeouts.json",
    [900, KERNEL_TIMEOUT_S_MAX, 2 ** 32 + 1].map((tcpS) => ({
      format: 1,
      timeouts: { tcpS, tcpFinS: 120, udpS: 300 },
    })),
    timeouts,
  ),
  file("vips.json", [{ format: 1, vips: [vip] }, [vip]], memory),
  file("peers.json", [{ format: 1, peers: [peer] }], (folder) => openPeersFile(folder).known()),
  file("tokens.json", [{ format: 1, ...tokens }, { format: 2 }], (folder) => {
    const options = { configured: token, writeConfigured() {}, notices: NO_NOTICES };
    const store = openTokenStore(folder, options);
    return store.facts();
  }),
  {
    name: `state/${IDENTITY_FILE}`,
    seeds: bytesOf(`troop-identity-1 ${"07".repeat(32)}\n`, "troop-identity-2 x\n"),
    bytesMax: 4_096,
    run: identity,
    // It waits for a disk.
    msMax: 500,
    // A later version's file is refused, and left as it is.
    mayThrow: [Refusal],
  },
  {
    name: `state/${BOOT_FILE}`,
    seeds: bytesOf(`${WALL_MS}\n`, `${WALL_MS + 7}\n`, `${BOOT_MAX - 1}\n`),
    bytesMax: 4_096,
    run: boot,
  },
];
