/**
 * The {@link Sysctl} port over /proc/sys (proc(5)).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KernelRequestError } from "../../../ffi/mod.ts";
import type { Sysctl } from "../../ports.ts";

/** Where the kernel shows its switches. */
const ROOT = "/proc/sys";
/** Codes by which the kernel says that it does not have a switch; ENOTDIR when a part of the name is a switch itself. */
const ABSENT = new Set(["ENOENT", "ENOTDIR"]);

/** Switches below `root`. Those of `net.` belong to the network namespace this process is in. */
export function createSysctl(root: string = ROOT): Sysctl {
  return {
    read(name) {
      try {
        return readFileSync(switchPath(root, name), "utf8").trimEnd();
      } catch (error) {
        if (ABSENT.has(codeOf(error))) return null;
        throw failure(`read sysctl ${name}`, error);
      }
    },
    write(name, value) {
      try {
        // "r+": a switch the kernel does not have must not become a file, wherever `root` points.
        writeFileSync(switchPath(root, name), value, { flag: "r+" });
      } catch (error) {
        throw failure(`set sysctl ${name} to "${value}"`, error);
      }
    },
  };
}

/**
 * The file of a switch: dots become slashes and slashes dots (sysctl(8)), so that an interface `eth0.100` is
 * written `eth0/100`.
 */
function switchPath(root: string, name: string): string {
  const parts = name.split(".").map((part) => part.replaceAll("/", "."));
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new KernelRequestError({ operation: `find sysctl "${name}"`, code: "EINVAL" });
  }
  return join(root, ...parts);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "EIO";
}

function failure(operation: string, error: unknown): KernelRequestError {
  if (error instanceof KernelRequestError) return error;
  return new KernelRequestError({ operation, code: codeOf(error) }, { cause: error });
}
