/**
 * What the agent remembers over a restart beside document and peers: which rows of the kernel's table
 * are its own, what switches and timeouts were before it changed them, and which VIPs it held with which epoch.
 *
 * Rows, switches and timeouts are on disk before the kernel is touched, because they tell whose leftovers are whose.
 * Claims are written behind: without them a leftover VIP is only swept instead of adopted.
 */
import { z } from "zod";
import type { Ip } from "../../core/address.ts";
import { keyAddress, type ServiceKey } from "../../core/service/service_name.ts";
import type { AgentMemory, OwnedRows, SavedSwitches, SavedTimeouts } from "../../ports.ts";
import { recordSchema } from "../../core/cluster/record.ts";
import { EPOCH_MAX, NODES_MAX, SERVICES_MAX, VIPS_MAX } from "../../core/limits.ts";
import { errorText, type Notices } from "../log/notices.ts";
import { openPeersFile, PEERS_FILE } from "../gossip/peers_file.ts";
import type { StateFolder } from "./state_folder.ts";
import { readStateJson } from "./state_json.ts";

/** Switches troop ever changes on one machine: a few for IPVS, two for every interface. */
const SWITCHES_MAX = 1_000;

/** Longest timeout any kernel takes, s: INT_MAX / HZ at the lowest HZ, 100 (ip_vs_set_timeout in ip_vs_ctl.c). */
const TIMEOUT_S_MAX = 21_474_836;

const epochsSchema = z.record(z.string(), z.int().min(0).max(EPOCH_MAX))
  .refine((all) => Object.keys(all).length <= VIPS_MAX, "has too many VIPs");

const switchesFile = {
  name: "switches.json",
  schema: z.object({
    switches: z.record(z.string(), z.string()).refine(
      (all) => Object.keys(all).length <= SWITCHES_MAX,
      "has too many switches",
    ),
  }),
  bare: (switches: unknown) => ({ switches }),
};
const timeoutS = z.int().min(0).max(TIMEOUT_S_MAX);
const timeoutsFile = {
  name: "timeouts.json",
  schema: z.object({
    timeouts: z.object({ tcpS: timeoutS, tcpFinS: timeoutS, udpS: timeoutS }).nullable(),
  }),
};
const rowsFile = {
  name: "rows.json",
  schema: z.object({ rows: z.array(z.string()).max(2 * SERVICES_MAX) }),
  bare: (rows: unknown) => ({ rows }),
};
const recordsFile = {
  name: "records.json",
  schema: z.object({ records: z.array(recordSchema).max(NODES_MAX) }),
  bare: (records: unknown) => ({ records }),
};
const vipsFile = {
  name: "vips.json",
  schema: z.object({ vips: z.array(z.string()).max(VIPS_MAX) }),
  bare: (vips: unknown) => ({ vips }),
};
const claimsFile = {
  name: "claims.json",
  schema: z.object({
    /** Epochs of the VIPs this node held. */
    held: epochsSchema,
    /** The highest epoch seen of each VIP. */
    seen: epochsSchema.default({}),
    /** Whether epochs of earlier runs were lost. */
    lost: z.boolean().default(false),
  }),
  bare: (held: unknown) => ({ held }),
};

/**
 * Opens the memory in the state folder; damaged parts are set aside and empty. Throws a Refusal when a newer version
 * wrote a file in a format this one does not know.
 */
export function openAgentMemory(folder: StateFolder, notices: Notices): AgentMemory {
  const claims = readStateJson(folder, claimsFile);
  const records = readStateJson(folder, recordsFile);
  const vips = readStateJson(folder, vipsFile);
  const peers = openPeersFile(folder, notices);
  const saveClaims = writeBehind(folder, notices);
  const saveRecords = writeBehind(folder, notices);
  const saveVips = writeBehind(folder, notices);
  const owned = openRows(folder);
  const claimsLost = folder.wasLost(claimsFile.name) || claims.content?.lost === true;
  const encodeClaims = (held: ReadonlyMap<Ip, number>, seen: ReadonlyMap<Ip, number>) =>
    claims.encode({
      held: Object.fromEntries(held),
      seen: Object.fromEntries(seen),
      lost: claimsLost,
    });
  // What comes after another start has to know it too.
  if (folder.wasLost(claimsFile.name)) {
    saveClaims(claimsFile.name, encodeClaims(new Map(), new Map()));
  }
  const held = new Map(Object.entries(claims.content?.held ?? {}));
  const seen = new Map(Object.entries(claims.content?.seen ?? {}));
  return {
    savedSwitches: openSwitches(folder),
    savedTimeouts: openTimeouts(folder),
    owned,
    claims: () => held,
    epochs: () => seen,
    claimsLost,
    peersLost: folder.wasLost(PEERS_FILE),
    knownPeers: peers.known,
    rememberPeers: peers.remember,
    records: () => records.content?.records ?? [],
    saveRecords: (next) => saveRecords(recordsFile.name, records.encode({ records: [...next] })),
    vips: () => vips.content?.vips ?? addressesOf(owned.keys()),
    saveVips: (next) => saveVips(vipsFile.name, vips.encode({ vips: [...next] })),
    saveClaims: (next, epochs) => saveClaims(claimsFile.name, encodeClaims(next, epochs)),
  };
}

/** Before VIPs were remembered by themselves, the rows told them. */
function addressesOf(keys: readonly ServiceKey[]): Ip[] {
  return keys.flatMap((key) => keyAddress(key) ?? []);
}

function openSwitches(folder: StateFolder): SavedSwitches {
  const file = readStateJson(folder, switchesFile);
  const stored = new Map(Object.entries(file.content?.switches ?? {}));
  const noted = new Map(stored);
  const write = storing(
    folder,
    switchesFile.name,
    () => file.encode({ switches: Object.fromEntries(noted) }),
  );
  return {
    has: (name) => stored.has(name),
    async save(values) {
      const before = noted.size;
      for (const [name, value] of values) if (!noted.has(name)) noted.set(name, value);
      await write(noted.size !== before);
      for (const [name, value] of values) stored.set(name, noted.get(name) ?? value);
    },
    entries: () => [...stored],
    clear() {
      stored.clear();
      noted.clear();
      return write(true);
    },
  };
}

function openTimeouts(folder: StateFolder): SavedTimeouts {
  const file = readStateJson(folder, timeoutsFile);
  let stored = file.content?.timeouts ?? null;
  let next = stored;
  const write = storing(folder, timeoutsFile.name, () => file.encode({ timeouts: next }));
  return {
    get: () => stored,
    async set(timeouts) {
      next = timeouts;
      await write(true);
      stored = timeouts;
    },
  };
}

function openRows(folder: StateFolder): OwnedRows {
  const file = readStateJson(folder, rowsFile);
  const rows = new Set(file.content?.rows ?? []);
  const write = storing(folder, rowsFile.name, () => file.encode({ rows: [...rows] }));
  return {
    has: (key) => rows.has(key),
    add(keys) {
      const before = rows.size;
      for (const key of keys) rows.add(key);
      return write(rows.size !== before);
    },
    delete(keys) {
      const before = rows.size;
      for (const key of keys) rows.delete(key);
      return write(rows.size !== before);
    },
    keys: () => [...rows],
  };
}

/**
 * Writes a file away from the event loop: a busy disk must not delay a pulse. Writes take turns, and everybody waits for
 * one that has what he brought; what the disk refused is brought again with the next call.
 */
function storing(
  folder: StateFolder,
  name: string,
  encode: () => Uint8Array,
): (changed: boolean) => Promise<void> {
  let dirty = false;
  let last: Promise<void> = Promise.resolve();
  async function write(): Promise<void> {
    if (!dirty) return;
    dirty = false;
    try {
      await folder.write(name, encode());
    } catch (error) {
      dirty = true;
      throw error;
    }
  }
  return (changed) => {
    dirty ||= changed;
    const mine = last.then(write);
    last = mine.catch(() => {});
    return mine;
  };
}

/** Writes the newest content of one file without stopping the event loop; writes never overlap. */
function writeBehind(
  folder: StateFolder,
  notices: Notices,
): (name: string, bytes: Uint8Array) => void {
  let waiting: Uint8Array | null = null;
  let writing = false;
  async function drain(name: string): Promise<void> {
    writing = true;
    while (waiting !== null) {
      const bytes = waiting;
      waiting = null;
      await folder.write(name, bytes).catch((error) =>
        notices.warn({ problem: errorText(error) }, `cannot write ${name}`)
      );
    }
    writing = false;
  }
  return (name, bytes) => {
    waiting = bytes;
    if (!writing) void drain(name);
  };
}
