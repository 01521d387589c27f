/**
 * The {@link Modules} port: loads kernel modules by modprobe(8).
 */
import { existsSync } from "node:fs";
import type { Modules } from "../../ports.ts";
import { findProgram, runProgram } from "../process/run_program.ts";

/** Time modprobe may take, ms. */
export const MODPROBE_MS_MAX = 10_000;
/** More than modprobe ever prints, bytes. */
const OUTPUT_BYTES_MAX = 65_536;

/** Runs modprobe with these words; rejects when it fails. */
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

async function runModprobe(words: readonly string[]): Promise<void> {
  const path = findProgram("modprobe");
  if (path === null) throw new Error("there is no modprobe");
  const { problem, status, errors } = await runProgram({
    command: [path, ...words],
    limitMs: MODPROBE_MS_MAX,
    outputMax: OUTPUT_BYTES_MAX,
  });
  if (problem !== null || status !== 0) throw new Error(problem ?? errors);
}
