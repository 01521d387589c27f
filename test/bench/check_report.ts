/**
 * The bench's results about health checks, as tables.
 */
import type { CheckedTakeovers, CheckLoadMeasurement } from "./check_load.ts";
import { inSeconds, type RemovalMeasurement } from "./check_removal.ts";
import { checkSubjects } from "./check_subjects.ts";
import { section } from "./columns.ts";

/** What is measured about checks. */
export interface CheckResults {
  readonly removals: readonly RemovalMeasurement[];
  readonly checkLoads: readonly CheckLoadMeasurement[];
  readonly checkTakeovers: readonly CheckedTakeovers[];
}

/** What a reader must know of the tables. */
const REMOVAL_NOTES =
  `  Median of three faults (the longest of them in brackets), from the fault until the kernel gives the server nothing,
  and from the order that repairs it, nginx's start included, until it gets something. Everybody asks every second, gives
  up after one, and believes the first failure and the first success; ldirectord waits its second after each round of
  checks. The servers have no agent of troop, except for "member": there the agent watches the listening sockets.
  A connect check sees nothing of a program that hangs: the kernel accepts for it.`;
const LOAD_NOTES =
  `  One processor carries all machines, clients and servers of the lab, two agents at 1,000 checks per second each among
  them. In User-Mode Linux it is a slow one: here the guest's clock runs a sixteenth as fast while it works, elsewhere a
  quarter. Rows compare with each other, and with nothing else. "carried" is counted at the servers.`;

/** The blocks of all tables. */
export function checkBlocks({ removals, checkLoads, checkTakeovers }: CheckResults): string[] {
  return [
    ...removalSection(removals),
    ...section(
      "Checks on one node: 200 servers, half of them tcp and half http, every 200 ms",
      ["asked for", "carried", "processor share of the agent", "longest delay of its event loop"],
      checkLoads.map((row) => [
        `${row.wanted} /s`,
        `${Math.round(row.perSecond)} /s`,
        `${(100 * row.processorShare).toFixed(1)} %`,
        `${Math.round(row.loopDelayMs)} ms`,
      ]),
    ),
    ...section(
      "Holder cut off the network while both directors check the same 200 servers: median of all rounds",
      ["asked of each", "carried, both", "no reply", "failed", "of", "no reply in each round"],
      checkTakeovers.map((row) => [
        `${row.wanted} /s`,
        `${Math.round(row.perSecond)} /s`,
        `${(row.silenceMs / 1_000).toFixed(2)} s`,
        String(row.failed),
        String(row.requests),
        row.silencesMs.map((ms) => (ms / 1_000).toFixed(2)).join(", "),
      ]),
      LOAD_NOTES,
    ),
  ];
}

/** One line for each fault of each kind, two columns for each subject. */
function removalSection(removals: readonly RemovalMeasurement[]): string[] {
  const places = new Map(removals.map((row) => [`${row.kind} ${row.fault}`, row]));
  const rows = [...places.values()].map(({ kind, fault }) => [
    kind,
    fault,
    ...checkSubjects.flatMap(({ name }) => {
      const found = removals.find((row) =>
        row.kind === kind && row.fault === fault && row.subject === name
      );
      if (found === undefined) return ["-", "-"];
      if (found.removalsMs.length === 0) return ["not noticed", "-"];
      return [inSeconds(found.removalsMs), inSeconds(found.returnsMs)];
    }),
  ]);
  const columns = checkSubjects.flatMap(({ name }) => [`${name}: out`, "back"]);
  return section(
    "A server fails and is repaired: s until it is out of the kernel's table, and s until it is back",
    ["check", "fault", ...columns],
    rows,
    REMOVAL_NOTES,
  );
}
