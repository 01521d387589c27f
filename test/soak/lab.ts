/**
 * `./task soak --lab [MINUTES]`: an hour, or so many minutes of the guest's clock, of a real cluster of three under
 * load, with an edit every ten seconds and an agent that ends and starts again every two minutes. Prints the memory
 * of every agent as it goes; agent n1 is never restarted, and ends with 1 if its memory still grows in the second half.
 */
import { readFileSync } from "node:fs";
import { Lab } from "../lab/lab.ts";
import { Load } from "../lab/load.ts";
import { startService, VIP } from "../lab/scenario.ts";
import { awaitAllAlive, type TroopNode } from "../lab/troop.ts";

const MINUTES = Number(process.argv[2] ?? 60);
const STEP_MS = 10_000;
const STEPS_PER_MINUTE = 60_000 / STEP_MS;
/** Samples that are printed. */
const SAMPLES = 12;
/** Growth of the second half that counts as none: the allocator's steps, and buffers of the load's moment. */
const GROWTH_MAX = 1.1;

await using lab = await Lab.create("soak", [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
]);
const { client, nodes } = await startService(lab, { nodes: ["n1", "n2", "n3"] });
const load = await Load.start(client, { address: VIP, everyMs: 100 });
const samples: number[] = [];
const steps = Math.round(MINUTES * STEPS_PER_MINUTE);
for (let step = 1; step <= steps; step++) {
  await Bun.sleep(STEP_MS);
  await churn(step);
  if (step % Math.max(1, Math.round(steps / SAMPLES)) === 0) sample(step);
}
const { requests, failed } = await load.stop();
process.stdout.write(`${requests} requests, ${failed} failed\n`);
const middle = samples[Math.floor(samples.length / 2)] ?? 0;
const last = samples.at(-1) ?? 0;
// What could not be read is no number, and proves nothing.
const grows = !(last <= middle * GROWTH_MAX);
process.stdout.write(
  grows
    ? `THE MEMORY OF n1 GROWS: ${middle} MB in the middle, ${last} MB at the end\n`
    : `memory of n1 is flat: ${middle} MB in the middle, ${last} MB at the end\n`,
);
process.exitCode = grows ? 1 : 0;

/** An edit at every step; a restart every two minutes, of n2 and n3 in turn. */
async function churn(step: number): Promise<void> {
  const port = 1_000 + step % 1_000;
  await nodes[0]!.troop("service", "add", `${VIP}:${port}`, "--check", "none");
  await nodes[1]!.troop("service", "remove", `${VIP}:${port}`);
  const everySteps = 2 * STEPS_PER_MINUTE;
  if (step % everySteps !== 0) return;
  const node = nodes[1 + (step / everySteps) % 2]!;
  await node.agent.end("SIGTERM");
  await node.run();
  await awaitAllAlive(nodes);
}

function sample(step: number): void {
  const memory = nodes.map((node) => memoryMb(node));
  samples.push(memory[0]!);
  const minutes = (step / STEPS_PER_MINUTE).toFixed(1).padStart(5);
  const words = nodes.map(({ name }, index) => `${name} ${memory[index]} MB`).join(", ");
  process.stdout.write(`${minutes} min: ${words}\n`);
}

/** Resident memory that is not a file's (proc(5), RssAnon), MB. */
function memoryMb(node: TroopNode): number {
  const status = readFileSync(`/proc/${node.agent.pid}/status`, "utf8");
  return Math.round(Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 102.4) / 10;
}
