/**
 * The documentation, as tests read it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The repository. */
export const top = resolve(import.meta.dir, "../..");

/** Paths of all pages from the top. */
export const pages: readonly string[] = [
  "README.md",
  ...readdirSync(join(top, "docs")).filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** A page, whole. */
export function pageText(page: string): string {
  return readFileSync(join(top, page), "utf8");
}
