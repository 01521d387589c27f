/**
 * The sorry page as it is really served: by a process of its own.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:net";
import { SORRY_PAGE_BYTES_MAX, SORRY_TEXT } from "../../../src/core/pool/sorry_page.ts";
import type { SorryPage } from "../../../src/ports.ts";
import { openSorryPage } from "../../../src/shell/process/sorry_page.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const MAIN = join(import.meta.dir, "../../../src/main.ts");
const open: SorryPage[] = [];
afterEach(() => {
  for (const page of open.splice(0)) page.close();
});

function start() {
  const reports: (string | null)[] = [];
  const warnings: string[] = [];
  const page = openSorryPage({
    command: [process.execPath, MAIN, "sorry-page"],
    report: (problem) => reports.push(problem),
    warn: (text) => warnings.push(text),
  });
  open.push(page);
  return {
    page,
    reports,
    warnings,
    served: () => eventually("it is served", () => reports.at(-1) === null),
  };
}

/** The process that listens on a port; null when none does. */
function pidOf(port: number): number | null {
  const { stdout } = Bun.spawnSync(["ss", "-Hltnp", `sport = :${port}`]);
  const pid = /pid=(\d+)/.exec(stdout.toString())?.[1];
  return pid === undefined ? null : Number(pid);
}

describe("the sorry page", () => {
  test("is a 503 that says when to come again, and lets the client go", async () => {
    const port = await freePort();
    const { page, served } = start();
    page.set({ port, page: "auto" });
    await served();
    const response = await fetch(`http://127.0.0.1:${port}/any/page?x=1`);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("30");
    expect(response.headers.get("connection")).toBe("close");
    expect(await response.text()).toBe(`${SORRY_TEXT}\n`);
  });

  test("is another one when that is wanted, on another port", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const { page, served, reports } = start();
    page.set({ port: first, page: "auto" });
    await served();
    reports.length = 0;
    page.set({ port: second, page: "Back at noon." });
    await served();
    expect(await (await fetch(`http://127.0.0.1:${second}/`)).text()).toBe("Back at noon.\n");
    expect(fetch(`http://127.0.0.1:${first}/`)).rejects.toThrow();
  });

  test("is a file as HTML; one that is missing or too large is told, and the standard text serves", async () => {
    const folder = tempFolder();
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "sorry.html");
    const port = await freePort();
    const { page, served, warnings, reports } = start();
    writeFileSync(file, "<h1>Sorry</h1>");
    page.set({ port, page: file });
    await served();
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await response.text()).toBe("<h1>Sorry</h1>");
    expect(warnings).toEqual([]);
    writeFileSync(join(folder, "large.html"), "x".repeat(SORRY_PAGE_BYTES_MAX + 1));
    for (
      const [name, words] of [["large.html", "at most"], ["none.html", "cannot read"]] as const
    ) {
      reports.length = 0;
      page.set({ port, page: join(folder, name) });
      await served();
      expect(warnings.at(-1)).toContain(words);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe(`${SORRY_TEXT}\n`);
    }
  });

  test("a port that is taken is told", async () => {
    const port = await freePort();
    const other = createServer().listen(port, "::");
    try {
      const { page, reports } = start();
      page.set({ port, page: "auto" });
      await eventually("it is told", () => /in use/.test(reports.at(-1) ?? ""));
    } finally {
      other.close();
    }
  });

  test("its process ends when it is wanted no more, and with whoever started it", async () => {
    const port = await freePort();
    const { page, served } = start();
    page.set({ port, page: "auto" });
    await served();
    page.set(null);
    await eventually("it ends", () => pidOf(port) === null);
    const orphan = Bun.spawn([process.execPath, MAIN, "sorry-page"], { stdin: "pipe" });
    orphan.stdin.end();
    expect(await orphan.exited).toBe(0);
  });

  test("is served again after its process died", async () => {
    const port = await freePort();
    const { page, reports, served } = start();
    page.set({ port, page: "auto" });
    await served();
    process.kill(pidOf(port)!, "SIGKILL");
    await eventually("that is told", () => reports.some((text) => text?.includes("ended")));
    await served();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(503);
  });
});
