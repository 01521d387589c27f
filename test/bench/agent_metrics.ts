/**
 * What an agent of troop costs, and what it tells about itself.
 */
import { readFileSync } from "node:fs";
import type { Host } from "../lab/host.ts";

/** The agent tells the longest delay of its present and its last minute (src/loop_delay.ts): by then it has forgotten its start, ms. */
export const FORGET_MS = 125_000;
/** Unit of the times in /proc/PID/stat, ms: USER_HZ is 100 on every Linux of today (proc(5)). */
const TICK_MS = 10;

/** The longest delay of the event loop of the agent on a machine, ms. */
export async function loopDelayMs(host: Host): Promise<number> {
  const text = await host.run("curl", "--silent", "http://127.0.0.1:6941/metrics");
  const found = /^troop_loop_delay_max_seconds (\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`read metrics of ${host.name}: no loop delay in them`);
  return Number(found) * 1_000;
}

/** Processor time that a process has used, with all its threads, ms. */
export function processorMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name may have spaces: fields are counted from its closing bracket. 14 is utime, 15 stime (proc(5)).
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
