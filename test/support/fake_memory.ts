/**
 * What an agent keeps over a restart, without a disk, and a log a test can read.
 */
import type { Logger } from "../../src/agent/logger.ts";
import type { Ip } from "../../src/core/address.ts";
import type { NodeRecord } from "../../src/core/cluster/record.ts";
import type { TableTimeouts } from "../../src/core/table/table.ts";
import type { OwnedRows, PeerContact, SavedSwitches, SavedTimeouts } from "../../src/ports.ts";

/** Switches remembered in memory. */
export function memorySwitches(saved: Map<string, string> = new Map()): SavedSwitches {
  return {
    has: (name) => saved.has(name),
    save(values) {
      for (const [name, value] of values) if (!saved.has(name)) saved.set(name, value);
      return Promise.resolve();
    },
    entries: () => [...saved],
    clear() {
      saved.clear();
      return Promise.resolve();
    },
  };
}

/** Timeouts remembered in memory. */
export function memoryTimeouts(): SavedTimeouts {
  let saved: TableTimeouts | null = null;
  return {
    get: () => saved,
    set(timeouts) {
      saved = timeouts;
      return Promise.resolve();
    },
  };
}

/** Rows remembered in memory. */
export function memoryRows(keys: readonly string[] = []): OwnedRows {
  const rows = new Set(keys);
  return {
    has: (key) => rows.has(key),
    add: (more) => {
      more.forEach((key) => rows.add(key));
      return Promise.resolve();
    },
    delete: (gone) => {
      gone.forEach((key) => rows.delete(key));
      return Promise.resolve();
    },
    keys: () => [...rows],
  };
}

/** All that an agent remembers. */
export function fakeMemory() {
  let claims: ReadonlyMap<Ip, number> = new Map();
  let epochs: ReadonlyMap<Ip, number> = new Map();
  let peers: readonly PeerContact[] = [];
  let records: readonly NodeRecord[] = [];
  let vips: readonly Ip[] = [];
  return {
    savedSwitches: memorySwitches(),
    savedTimeouts: memoryTimeouts(),
    owned: memoryRows(),
    claims: () => claims,
    epochs: () => epochs,
    claimsLost: false,
    peersLost: false,
    saveClaims(held: ReadonlyMap<Ip, number>, seen: ReadonlyMap<Ip, number>) {
      claims = held;
      epochs = new Map(seen);
    },
    knownPeers: () => peers,
    rememberPeers(contacts: readonly PeerContact[]) {
      peers = contacts;
    },
    records: () => records,
    saveRecords(last: readonly NodeRecord[]) {
      records = last;
    },
    vips: () => vips,
    saveVips(last: readonly Ip[]) {
      vips = last;
    },
  };
}

/** A log that keeps its lines, as `error: text`. */
export interface KeptLog extends Logger {
  /** Lines since the last call. */
  readonly lines: () => string[];
}

/** Makes an empty log. */
export function keptLog(): KeptLog {
  let kept: string[] = [];
  const at = (level: string) => (_fields: object, text: string) =>
    void kept.push(`${level}: ${text}`);
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    lines() {
      const lines = kept;
      kept = [];
      return lines;
    },
  };
}
