/** The Sysctl port over a folder that looks like /proc/sys. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSysctl } from "../../../src/shell/kernel/sysctl.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "troop-sysctl-"));
  for (const name of ["all", "eth0.100"]) {
    mkdirSync(join(root, "net/ipv4/conf", name), { recursive: true });
    writeFileSync(join(root, "net/ipv4/conf", name, "arp_ignore"), "0\n");
  }
  writeFileSync(join(root, "net/ipv4/sync_threshold"), "3\t50\n");
});
afterAll(() => rmSync(root, { recursive: true }));

test("read gives the value without its line break, and null for a switch the kernel does not have", () => {
  const sysctl = createSysctl(root);
  expect(sysctl.read("net.ipv4.conf.all.arp_ignore")).toBe("0");
  expect(sysctl.read("net.ipv4.sync_threshold")).toBe("3\t50");
  expect(sysctl.read("net.ipv4.vs.backup_only")).toBeNull();
  expect(sysctl.read("net.ipv4.sync_threshold.more")).toBeNull();
});

test("write sets a value, of an interface with a dot in its name too", () => {
  const sysctl = createSysctl(root);
  sysctl.write("net.ipv4.conf.eth0/100.arp_ignore", "1");
  expect(sysctl.read("net.ipv4.conf.eth0/100.arp_ignore")).toBe("1");
  expect(readFileSync(join(root, "net/ipv4/conf/all/arp_ignore"), "utf8")).toBe("0\n");
});

test("write to a switch that is not there names it and makes no file", () => {
  const sysctl = createSysctl(root);
  expect(() => sysctl.write("net.ipv4.vs.backup_only", "1")).toThrow(
    'set sysctl net.ipv4.vs.backup_only to "1": ENOENT',
  );
  expect(existsSync(join(root, "net/ipv4/vs"))).toBe(false);
  expect(() => sysctl.write("net.ipv4.nosuch", "1")).toThrow("ENOENT");
  expect(existsSync(join(root, "net/ipv4/nosuch"))).toBe(false);
});

const bad = ["", ".", "net..ipv4", "net.//.ipv4", "net./.ipv4", ".net"];
for (const name of bad) {
  test(`read and write refuse the name "${name}", which could lead out of the folder`, () => {
    const sysctl = createSysctl(root);
    expect(() => sysctl.read(name)).toThrow("EINVAL");
    expect(() => sysctl.write(name, "1")).toThrow("EINVAL");
  });
}

test("read finds a switch of the real kernel", () => {
  expect(createSysctl().read("kernel.ostype")).toBe("Linux");
});
