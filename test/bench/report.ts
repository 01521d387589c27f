/**
 * The bench's results: as a table for people, whose columns line up, and as JSON for machines.
 */
import { checkBlocks, type CheckResults } from "./check_report.ts";
import { section } from "./columns.ts";
import type { ConnectionMeasurement, Measurement } from "./events.ts";
import type { TableMeasurement } from "./table_load.ts";
import type { TakeoverMeasurement } from "./takeover.ts";
import type { WeightMeasurement } from "./weight_change.ts";

/** Everything one run of the bench measured. */
export interface BenchResults extends CheckResults {
  /** Kernel and kind of lab: figures of two machines do not compare. */
  readonly machine: string;
  readonly events: readonly Measurement[];
  readonly connections: readonly ConnectionMeasurement[];
  readonly tables: readonly TableMeasurement[];
  readonly takeovers: readonly TakeoverMeasurement[];
  readonly weights: readonly WeightMeasurement[];
}

/** What a reader must know to compare: also in the peers' files. */
const NOTES =
  `  keepalived as in test/bench/peers: delay_loop 1, else its defaults; its sync daemon follows VRRP, and
  net.ipv4.vs.backup_only=1 keeps two directors that are real servers from balancing packets twice.
  "no reply" is the longest time in which no answer arrived; 20 to 200 ms of it are the lab's own.`;

/** All tables with their headings, ready to print. */
export function formatResults(results: BenchResults): string {
  const blocks = [
    ...section(
      `Requests through an event: one every 20 ms, each gives up after 1 s, scheduler rr (${results.machine})`,
      ["event", "subject", "no reply", "failed", "of", "slowest", "holders after"],
      results.events.map((row) => [
        row.event,
        row.subject,
        `${(row.silenceMs / 1000).toFixed(2)} s`,
        String(row.failed),
        String(row.requests),
        `${Math.round(row.maxMs)} ms`,
        holders(row),
      ]),
      NOTES,
    ),
    ...section(
      "Open connections through a holder that is cut off, to the real server that survives",
      ["subject", "opened", "go on"],
      results.connections.map((row) => [row.subject, String(row.opened), String(row.alive)]),
    ),
    ...section(
      "1,000 services with 10 real servers each, into the kernel",
      ["subject", "time", "rows in the kernel"],
      results.tables.map((row) => [
        row.subject,
        `${(row.ms / 1000).toFixed(2)} s`,
        String(row.rows),
      ]),
    ),
    ...section(
      "Holder cut off the network, with this many virtual services in the table: median of all rounds",
      ["subject", "services", "no reply", "failed", "of", "no reply in each round"],
      results.takeovers.map((row) => [
        row.subject,
        String(row.services),
        `${(row.silenceMs / 1000).toFixed(2)} s`,
        String(row.failed),
        String(row.requests),
        row.silencesMs.map((ms) => (ms / 1000).toFixed(2)).join(", "),
      ]),
    ),
    ...section(
      "One weight in a table of 1,000 services with 10 real servers each, until the kernel has it",
      ["subject", "median", "slowest", "longest delay of its event loop"],
      results.weights.map((row) => [
        row.subject,
        `${Math.round(row.ms)} ms`,
        `${Math.round(row.maxMs)} ms`,
        row.loopDelayMs === null ? "-" : `${Math.round(row.loopDelayMs)} ms`,
      ]),
    ),
    ...checkBlocks(results),
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** A node that was cut off keeps the VIP where nobody reaches it: that is not a second holder. */
function holders(row: Measurement): string {
  return row.reachableHolders === row.holdersAfter
    ? String(row.holdersAfter)
    : `${row.reachableHolders} (+${row.holdersAfter - row.reachableHolders} cut off)`;
}
