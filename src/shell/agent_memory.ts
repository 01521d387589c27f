/**
 * What the agent remembers over a restart beside document and peers: which rows of the kernel's table
 * are its own, what switches were before it changed them, and which VIPs it held with which epoch.
 *
 * Rows and switches are on disk before the kernel is touched, because they tell whose leftovers are whose.
 * Claims are written behind: without them a leftover VIP is only swept instead of adopted.
 */
import { z } from "zod";
import type { Ip } from "../core/address.ts";
import { keyAddress, type ServiceKey } from "../core/service_name.ts";
import type { AgentMemory, OwnedRows, SavedSwitches } from "../ports.ts";
import { recordSchema } from "../core/record.ts";
import { EPOCH_MAX, NODES_MAX, SERVICES_MAX, VIPS_MAX } from "../core/limits.ts";
import { errorText, type Notices } from "./notices.ts";
import { openPeersFile } from "./peers_file.ts";
import type { StateFolder } from "./state_folder.ts";

/** Switches troop ever changes on one machine: a few for IPVS, two for every interface. */
const SWITCHES_MAX = 1_000;

const switchesSchema = z.record(z.string(), z.string()).refine((all) =>
  Object.keys(all).length <= SWITCHES_MAX
);
const rowsSchema = z.array(z.string()).max(2 * SERVICES_MAX);
const recordsSchema = z.array(recordSchema).max(NODES_MAX);
const vipsSchema = z.array(z.string()).max(VIPS_MAX);
const claimsSchema = z.record(z.string(), z.int().min(0).max(EPOCH_MAX))
  .refine((all) => Object.keys(all).length <= VIPS_MAX);

/** Opens the memory in the state folder; damaged parts are set aside and empty. */
export function openAgentMemory(folder: StateFolder, notices: Notices): AgentMemory {
  const claims = new Map(Object.entries(readJson(folder, "claims.json", claimsSchema) ?? {}));
  const peers = openPeersFile(folder, notices);
  const saveClaims = writeBehind(folder, notices);
  const saveRecords = writeBehind(folder, notices);
  const saveVips = writeBehind(folder, notices);
  const owned = openRows(folder);
  return {
    savedSwitches: openSwitches(folder),
    owned,
    claims: () => claims,
    knownPeers: peers.known,
    rememberPeers: peers.remember,
    records: () => readJson(folder, "records.json", recordsSchema) ?? [],
    saveRecords: (records) => saveRecords("records.json", jsonBytes(records)),
    vips: () => readJson(folder, "vips.json", vipsSchema) ?? addressesOf(owned.keys()),
    saveVips: (vips) => saveVips("vips.json", jsonBytes(vips)),
    saveClaims: (held) => saveClaims("claims.json", jsonBytes(Object.fromEntries(held))),
  };
}

/** Before VIPs were remembered by themselves, the rows told them. */
function addressesOf(keys: readonly ServiceKey[]): Ip[] {
  return keys.flatMap((key) => keyAddress(key) ?? []);
}

function openSwitches(folder: StateFolder): SavedSwitches {
  const switches = new Map(Object.entries(readJson(folder, "switches.json", switchesSchema) ?? {}));
  const write = () => folder.writeNow("switches.json", jsonBytes(Object.fromEntries(switches)));
  return {
    save(name, value) {
      if (switches.has(name)) return;
      switches.set(name, value);
      try {
        write();
      } catch (error) {
        // Not remembered: the next attempt has to get it onto the disk.
        switches.delete(name);
        throw error;
      }
    },
    entries: () => [...switches],
    clear() {
      switches.clear();
      write();
    },
  };
}

/** Written away from the event loop: a busy disk must not delay a pulse. */
function openRows(folder: StateFolder): OwnedRows {
  const rows = new Set(readJson(folder, "rows.json", rowsSchema) ?? []);
  let dirty = false;
  let last: Promise<void> = Promise.resolve();
  async function write(): Promise<void> {
    if (!dirty) return;
    dirty = false;
    try {
      await folder.write("rows.json", jsonBytes([...rows]));
    } catch (error) {
      dirty = true;
      throw error;
    }
  }
  /** Writes take turns, and everybody waits for one that has what he brought. */
  function save(): Promise<void> {
    const mine = last.then(write);
    last = mine.catch(() => {});
    return mine;
  }
  return {
    has: (key) => rows.has(key),
    add(keys) {
      const before = rows.size;
      for (const key of keys) rows.add(key);
      dirty ||= rows.size !== before;
      return save();
    },
    delete(keys) {
      const before = rows.size;
      for (const key of keys) rows.delete(key);
      dirty ||= rows.size !== before;
      return save();
    },
    keys: () => [...rows],
  };
}

function readJson<T>(folder: StateFolder, name: string, schema: z.ZodType<T>): T | undefined {
  const bytes = folder.read(name);
  if (bytes === null) return undefined;
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0]?.message : undefined;
    folder.setAside(name, issue ?? errorText(error));
    return undefined;
  }
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
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
