/**
 * The Table port over the real kernel, for the tests of one file: every test begins and ends with an empty table.
 */
import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { type Ipvs, openIpvs } from "../../ffi/mod.ts";
import type { Table } from "../../src/ports.ts";
import { createKernelTable } from "../../src/shell/kernel/kernel_table.ts";
import { guestLibraries, run, tryRun } from "./guest.ts";

/** What the tests use; there from the first test on. */
export interface GuestTable {
  readonly table: Table;
  readonly ipvs: Ipvs;
}

/** Opens the kernel's table for all tests of the file that calls this, after loading `modules`. */
export function useGuestTable(modules = "ip_vs"): GuestTable {
  const opened: { ipvs?: Ipvs; daemons?: Ipvs; table?: Table } = {};
  beforeAll(async () => {
    tryRun(`modprobe -a ${modules}`);
    const libraries = await guestLibraries();
    opened.ipvs = openIpvs(libraries);
    opened.daemons = openIpvs(libraries);
    opened.table = createKernelTable({
      table: opened.ipvs,
      daemons: opened.daemons,
      now: () => performance.now(),
    });
  });
  beforeEach(() => void run("ipvsadm -C"));
  afterEach(() => {
    opened.table?.stopDaemon("master");
    opened.table?.stopDaemon("backup");
    run("ipvsadm -C");
  });
  afterAll(() => {
    opened.ipvs?.close();
    opened.daemons?.close();
  });
  return {
    get table() {
      return present(opened.table);
    },
    get ipvs() {
      return present(opened.ipvs);
    },
  };
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("use guest table: no test has begun");
  return value;
}
