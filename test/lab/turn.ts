/**
 * One run of the lab at a time on this machine: two would share the cores, and each would measure the
 * other. Who comes second waits, and says so.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** How long somebody else's run may take, ms: the whole of the tests, and some. */
const WAIT_LIMIT_MS = 30 * 60_000;
const LOOK_EVERY_MS = 500;

/** Waits until no other process has its turn, and takes it. It ends with this process, or when disposed of. */
export async function takeTurn(file: string): Promise<Disposable> {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = performance.now() + WAIT_LIMIT_MS;
  let told = false;
  while (!tryToTake(file)) {
    const other = ownerOf(file);
    if (other === null) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) process.stderr.write(`lab: process ${other} is using it; waiting\n`);
    told = true;
    if (performance.now() > deadline) throw new Error(`use lab: process ${other} does not end`);
    await Bun.sleep(LOOK_EVERY_MS);
  }
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  return {
    [Symbol.dispose]() {
      process.off("exit", release);
      release();
    },
  };
}

function tryToTake(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

/** The process whose turn it is; null when it has died without giving the turn back. */
function ownerOf(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    // An empty file is being written this moment.
    if (pid === 0) return 0;
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}
