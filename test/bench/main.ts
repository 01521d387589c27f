/**
 * The bench: runs in the lab, prints its progress and a table, and writes all figures as JSON into
 * `.cache/bench.json`. `main.ts PART...` measures only subjects and events whose slug is named, and puts them beside
 * what the file has of others. What needs a guest with a quick processor is measured only when it is named.
 *
 * Nothing here passes or fails by time: figures of one run in one machine compare, others do not.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { repository } from "../lab/boot.ts";
import { measureCheckedTakeovers, measureCheckLoads } from "./check_load.ts";
import { measureRemovals } from "./check_removal.ts";
import { type BenchEvent, events, measure, measureConnections } from "./events.ts";
import { keepalivedSubject } from "./keepalived.ts";
import { ldirectordSubject } from "./ldirectord.ts";
import { type BenchResults, formatResults } from "./report.ts";
import type { Subject } from "./subject.ts";
import { measureTables } from "./table_load.ts";
import { measureTakeovers } from "./takeover.ts";
import { troopSubject } from "./troop.ts";
import { measureWeights } from "./weight_change.ts";

const keepalived = keepalivedSubject("keepalived, defaults", "keepalived");
const keepalivedFast = keepalivedSubject("keepalived, VRRPv3 100 ms", "keepalived_fast");
/** What is measured, in the order it is printed. ldirectord has no part in takeovers. */
const plan: readonly (readonly [BenchEvent, readonly Subject[]])[] = [
  [events.cut, [keepalived, keepalivedFast, troopSubject]],
  [events.kill, [keepalived, keepalivedFast, troopSubject]],
  [events.terminate, [keepalived, troopSubject]],
  [events.move, [troopSubject]],
  [events.webServer, [keepalived, ldirectordSubject, troopSubject]],
];

const wanted = process.argv.slice(2);
const isWanted = (...slugs: string[]) =>
  wanted.length === 0 || slugs.some((slug) => wanted.includes(slug));
const isNamed = (...slugs: string[]) => slugs.some((slug) => wanted.includes(slug));
const startedMs = performance.now();
const failures: string[] = [];
const results = {
  machine: `${process.env["TROOP_LAB"] === "uml" ? "User-Mode Linux" : "namespaces"} ${release()}`,
  events: [],
  connections: [],
  tables: [],
  takeovers: [],
  weights: [],
  removals: [],
  checkLoads: [],
  checkTakeovers: [],
} as { -readonly [Key in keyof BenchResults]: BenchResults[Key] };

for (const [event, subjects] of plan) {
  for (const subject of subjects.filter(({ slug }) => isWanted(slug, event.slug))) {
    const result = await attempt(`${event.name}: ${subject.name}`, () => measure(subject, event));
    if (result) results.events = [...results.events, result];
  }
}
for (const subject of [keepalived, troopSubject].filter(() => isWanted("connections"))) {
  const result = await attempt(
    `open connections: ${subject.name}`,
    () => measureConnections(subject),
  );
  if (result) results.connections = [...results.connections, result];
}
if (isWanted("tables")) {
  results.tables = await attempt("large table", measureTables) ?? [];
}
for (const subject of [keepalived, keepalivedFast, troopSubject]) {
  if (!isWanted("takeovers", `takeovers-${subject.slug}`)) continue;
  for (const isLarge of [false, true]) {
    const what = `takeovers ${isLarge ? "with the large table" : "with a small table"}`;
    const result = await attempt(
      `${what}: ${subject.name}`,
      () => measureTakeovers(subject, isLarge),
    );
    if (result) results.takeovers = [...results.takeovers, result];
  }
}
if (isWanted("weights")) {
  results.weights = await attempt("one weight in the large table", measureWeights) ?? [];
}
if (isWanted("check-removals")) results.removals = await measureRemovals(attempt);
if (isNamed("check-load")) {
  results.checkLoads = await attempt("1,000 checks per second", measureCheckLoads) ?? [];
}
for (const isLoaded of isNamed("check-takeovers") ? [false, true] : []) {
  const what = `takeovers with${isLoaded ? "" : "out"} checks on both directors`;
  const result = await attempt(what, () => measureCheckedTakeovers(isLoaded));
  if (result) results.checkTakeovers = [...results.checkTakeovers, result];
}
keep();
process.stdout.write(`\n${formatResults(results)}`);
for (const failure of failures) process.stdout.write(`\nnot measured: ${failure}\n`);
process.exit(failures.length > 0 ? 1 : 0);

/** Writes what was measured into the file, beside what it has of other parts. */
function keep(): void {
  const file = join(repository, ".cache/bench.json");
  const before = wanted.length > 0 && existsSync(file)
    ? JSON.parse(readFileSync(file, "utf8"))
    : {};
  const measured = Object.entries(results).filter(([part, rows]) =>
    rows.length > 0 || !(part in before)
  );
  const all = { ...before, ...Object.fromEntries(measured) };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}

/** One measurement. A subject that fails leaves a gap in the table, and the run fails at its end. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stdout.write(`${String(seconds).padStart(4)} s  measuring ${what}\n`);
  try {
    return await work();
  } catch (error) {
    failures.push(`${what}: ${(error as Error).message}`);
    process.stdout.write(`        failed: ${(error as Error).message}\n`);
    return undefined;
  }
}
