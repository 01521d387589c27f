/**
 * What the documentation says can be followed, and holds: its links lead somewhere, and the bounds it promises are those
 * the simulator holds every run to.
 */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import * as bounds from "./sim/bounds.ts";
import { pages, pageText, top } from "./support/pages.ts";

/** The names by which headings of a page are linked to: small letters, blanks as dashes, no punctuation. */
function anchorsOf(page: string): string[] {
  return [...pageText(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replace(/[^a-z0-9 -]/g, "").replaceAll(" ", "-")
  );
}

/** Links of a page to places of this repository that are not there. */
function deadLinks(page: string): string[] {
  const links = [...pageText(page).matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => !/^https?:/.test(link)).filter((link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    return !existsSync(join(top, target)) ||
      (anchor !== undefined && !anchorsOf(target).includes(anchor));
  });
}

test.each(pages)("every link of %s leads somewhere", (page) => {
  expect(deadLinks(page)).toEqual([]);
});

/** A time as the documentation writes it. */
function written(ms: number): string {
  return ms < 500 ? `${ms} ms` : `${ms / 1_000} s`;
}

/** What must be written somewhere, whatever the lines it is broken into. */
const promises = [
  `both answer for a VIP | ${written(bounds.TWO_ANSWERS_MS)} (a lease and an announcement)`,
  `; ${written(bounds.TWO_AGENTS_MS)} while both agents run |`,
  `whose agent does not run | ${written(bounds.ALONE_MS)}, the lease |`,
  `each connected part that has a fit director has one holder | after ${
    written(bounds.ONE_HOLDER_MS)
  } |`,
  `a server that works is in the holder's pool | after ${written(bounds.IN_POOL_MS)} |`,
  `find out about | ${
    written(bounds.DIED_MS)
  } while both agents run and have heard each other for ${written(bounds.HEARD_MS)}; ${
    written(bounds.OUT_OF_POOL_MS)
  } |`,
  `holder loses power and all else is well | ${written(bounds.CRASH_MS)} |`,
  `a new holder send elsewhere | ${written(bounds.LEARNT_MS)} |`,
  `acknowledged edit that some disk has | after ${written(bounds.CONVERGED_MS)} |`,
  `for each thing that begins or ends | ${bounds.TAKEOVERS_PER_FAULT} |`,
  `never, but for ${written(bounds.TWO_AGENTS_MS)} after two holders begin to hear each other`,
  `from an agent that stands still, for ${written(bounds.LOSSY_CIRCLE_MS)} where datagrams get`,
  `goes there, within ${written(bounds.CUT_PUBLIC_MS)}:`,
  `is let go within ${written(bounds.CUT_OFF_MS)}: this node is cut off`,
  `itself included, lets go within ${written(bounds.NO_MAJORITY_MS)},`,
  `an unplanned takeover takes up to ${written(bounds.MAJORITY_MS)} `,
];

test.each(promises)("it is promised: %s", (promise) => {
  const text = pages.map(pageText).join("\n").replace(/\s+/g, " ");
  expect(text).toContain(promise);
});
