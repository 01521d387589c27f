/**
 * Plans that caught a mistake once and would take many seeds to find again: they are played first. Whether they still
 * catch it is seen each time; where they do not, seeds are played as for any other.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../sim/plan.ts";
import type { Mistake } from "./mistake.ts";

/** Where they are, one file for each mistake. */
export const keptFolder = join(import.meta.dir, "plans");

/** Name of the file of a mistake's plan. */
export function keptName({ name }: Pick<Mistake, "name">): string {
  return `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_")}.json`;
}

/** The plan that is kept for a mistake; null when there is none. */
export function keptPlan(mistake: Mistake): Plan | null {
  const { plan } = mistake;
  const path = plan === undefined
    ? join(keptFolder, keptName(mistake))
    : join(import.meta.dir, "../sim/plans", `${plan}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) as Plan : null;
}

/** Keeps a plan for a mistake. */
export function keep(mistake: Mistake, plan: Plan): void {
  mkdirSync(keptFolder, { recursive: true });
  writeFileSync(join(keptFolder, keptName(mistake)), `${JSON.stringify(plan, null, 2)}\n`);
}
