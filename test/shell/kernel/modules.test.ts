import { describe, expect, test } from "bun:test";
import { createModules } from "../../../src/shell/kernel/modules.ts";

describe("load", () => {
  test("asks modprobe for what is not there, by name alone", async () => {
    const calls: (readonly string[])[] = [];
    const modules = createModules((words) => {
      calls.push(words);
      return Promise.resolve();
    }, () => false);
    await modules.load("ip_vs_ftp");
    expect(calls).toEqual([["-q", "--", "ip_vs_ftp"]]);
  });

  test("leaves alone what is there", async () => {
    const modules = createModules(() => Promise.reject(new Error("asked")), () => true);
    await modules.load("ip_vs_ftp");
  });

  test("says in one line what to do when modprobe fails", async () => {
    const modules = createModules(() => Promise.reject(new Error("exit 1")), () => false);
    const refusal = await modules.load("ip_vs_ftp").catch((error: Error) => error.message);
    expect(refusal).toContain("load module ip_vs_ftp");
    expect(refusal).toContain("`modprobe ip_vs_ftp`");
    expect(refusal).not.toContain("\n");
  });
});
