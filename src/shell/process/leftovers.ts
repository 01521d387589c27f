/**
 * Ends what a program leaves behind: its process group, and processes that left the group (`setsid`, double
 * fork) but still carry its mark in their environment.
 */
import { readdirSync, readFileSync } from "node:fs";

/** The variable that marks a program and all its descendants; its value is different for every run. */
export const RUN_MARK = "TROOP_RUN";
/** Processes looked at before the event loop goes on: each is one short file, together about 1 ms. */
const PROCESSES_AT_ONCE = 32;

/** Signals a process group. Says nothing of one that is gone. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // All gone, or no longer ours to signal.
  }
}

/** Kills every process whose environment has this {@link RUN_MARK} (proc(5), environ). */
export async function killMarked(mark: string): Promise<void> {
  const entry = `${RUN_MARK}=${mark}\0`;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  for (const [index, pid] of pids.entries()) {
    if (index % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) await Bun.sleep(0);
    if (pid !== process.pid && environmentOf(pid).includes(entry)) killOne(pid);
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    // Gone, or another user's: not started by a program of ours.
    return "";
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone.
  }
}
