/**
 * The {@link Modules} port: loads kernel modules by modprobe(8).
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import type { Modules } from "../ports.ts";

/** Time modprobe may take, ms. */
const MODPROBE_MS_MAX = 10_000;
/** Where it may be, when the path of a service lacks the system folders. */
const PATH_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin";

/** Runs a program; resolves with what it said on standard error, rejects when it fails. */
export type RunModprobe = (words: readonly string[]) => Promise<void>;

/** Whether the kernel has the module already, loaded or built in (sysfs(5), /sys/module). */
export type HasModule = (name: string) => boolean;

/** Loads modules by `run`, which defaults to the machine's modprobe. An agent without CAP_SYS_MODULE finds them loaded by its unit. */
export function createModules(
  run: RunModprobe = runModprobe,
  has: HasModule = (name) => existsSync(`/sys/module/${name}`),
): Modules {
  return {
    async load(name) {
      if (has(name)) return;
      try {
        await run(["-q", "--", name]);
      } catch (error) {
        throw new Error(
          `load module ${name}: modprobe failed; load it by hand with \`modprobe ${name}\` to see why`,
          { cause: error },
        );
      }
    },
  };
}

function runModprobe(words: readonly string[]): Promise<void> {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${PATH_SYSTEM}` };
  return new Promise((resolve, reject) => {
    execFile("modprobe", [...words], { timeout: MODPROBE_MS_MAX, env }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
