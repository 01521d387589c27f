/** What `troop run` says on a machine without libnl, IPVS or privileges. The ports themselves: test/kernel. */
import { describe, expect, test } from "bun:test";
import { KernelRequestError, LibraryError, openLibraries } from "../../../ffi/mod.ts";
import {
  refuseMissingIpvs,
  refuseMissingLibraries,
  refuseMissingPrivileges,
} from "../../../src/shell/kernel/kernel.ts";
import { refused } from "../../support/refused.ts";
import { tempFolder } from "../../support/temp_folder.ts";

/** A kernel that has IPVS after so many attempts to load it. */
function kernelWithIpvs(loadsNeeded: number, code = "ENOENT") {
  let loads = 0;
  const info = () => {
    if (loads >= loadsNeeded) return { version: "1.2.1", connectionTableSize: 4_096 };
    throw new KernelRequestError({
      operation: "get IPVS version",
      code,
      detail: "kernel has no IPVS: load it with `modprobe ip_vs`",
    });
  };
  const load = () => void loads++;
  return {
    table: { info } as unknown as Parameters<typeof refuseMissingIpvs>[0],
    load,
    loads: () => loads,
  };
}

describe("refuseMissingIpvs", () => {
  test("loads nothing when IPVS is there", () => {
    const kernel = kernelWithIpvs(0);
    refuseMissingIpvs(kernel.table, kernel.load);
    expect(kernel.loads()).toBe(0);
  });

  test("is content when loading the module brings it", () => {
    const kernel = kernelWithIpvs(1);
    refuseMissingIpvs(kernel.table, kernel.load);
    expect(kernel.loads()).toBe(1);
  });

  test("names the module once, and the way out, when it stays away", () => {
    const kernel = kernelWithIpvs(2);
    expect(() => refuseMissingIpvs(kernel.table, kernel.load)).toThrow(
      "start the agent: this kernel has no IPVS; load it with `modprobe ip_vs`, " +
        "or run this node with `director: false`; `troop doctor` shows more",
    );
  });

  test("tells another error as it is", () => {
    const kernel = kernelWithIpvs(2, "EPERM");
    expect(() => refuseMissingIpvs(kernel.table, kernel.load)).toThrow(
      /^start the agent: get IPVS version: EPERM .*; run this node with `director: false`;/,
    );
  });
});

describe("refuseMissingPrivileges", () => {
  test.each([
    ["0000000000000000", "CAP_NET_ADMIN and CAP_NET_RAW"],
    ["0000000000001000", "CAP_NET_RAW"],
    ["0000000000002000", "CAP_NET_ADMIN"],
  ])("with %s names what is missing", (effective, missing) => {
    const status = `Name:\ttroop\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`;
    expect(() => refuseMissingPrivileges(status)).toThrow(
      `start the agent: this process lacks ${missing}; ` +
        "run it as root, or with the capabilities of dist/troop.service",
    );
  });

  test.each(["0000000000003000", "000001ffffffffff"])("is content with %s", (effective) => {
    refuseMissingPrivileges(`CapEff:\t${effective}\n`);
  });
});

describe("refuseMissingLibraries", () => {
  test("names what is missing on a machine without libnl, and the command that mends it, once", async () => {
    const open = () =>
      openLibraries({ privateFolder: tempFolder(), findSystemFile: () => undefined });
    // Only the compiled program has a copy inside.
    const { message, cause } = await refused(refuseMissingLibraries(open));
    expect(message).toBe(
      "start the agent: open libnl-3.so.200 and libnl-genl-3.so.200: not on this machine; " +
        "install them with `apt-get install libnl-3-200 libnl-genl-3-200`",
    );
    expect(cause).toBeInstanceOf(LibraryError);
  });

  test("leaves other errors as they are: they are faults", async () => {
    const fault = new TypeError("open is not a function");
    const found = await refuseMissingLibraries(() => Promise.reject(fault)).catch((error) => error);
    expect(found).toBe(fault);
  });
});
