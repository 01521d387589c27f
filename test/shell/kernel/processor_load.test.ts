import { expect, test } from "bun:test";
import { openProcessorLoad } from "../../../src/shell/kernel/processor_load.ts";

/** /proc/stat after so much idle and busy time, in ticks. */
const stat = (idle: number, busy: number) => `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 0\n`;

test("nothing is known before two looks, then what was free between them, smoothed", () => {
  const texts = [stat(0, 0), stat(80, 20), stat(80, 120)];
  const load = openProcessorLoad(() => texts.shift() ?? "");
  expect(load.free()).toBeNull();
  expect(load.free()).toBe(80);
  expect(load.free()).toBe(64);
});

test("a machine that hides its processors tells nothing", () => {
  const load = openProcessorLoad(() => {
    throw new Error("EACCES");
  });
  expect([load.free(), load.free()]).toEqual([null, null]);
});

test("this machine's own can be read", async () => {
  const load = openProcessorLoad();
  load.free();
  await Bun.sleep(50);
  const free = load.free();
  expect(free).toBeGreaterThanOrEqual(0);
  expect(free).toBeLessThanOrEqual(100);
});
