import { describe, expect, test } from "bun:test";
import { settingEntrySchema } from "../../../src/core/document/document.ts";
import {
  isSettingName,
  settingNames,
  settingNumber,
  settingSpecs,
  settingText,
  syncGroupOf,
} from "../../../src/core/document/settings.ts";

const timeout = {
  good: ["1", "900", "2147483", "kernel"],
  bad: ["0", "2147484", "-1", "1.5", "1e3", "auto", "", "15m", " 1"],
};
const values: Record<(typeof settingNames)[number], { good: string[]; bad: string[] }> = {
  "quorum": { good: ["majority", "off"], bad: ["on", "2", ""] },
  "tcp-timeout": timeout,
  "tcpfin-timeout": timeout,
  "udp-timeout": timeout,
  "sync-id": { good: ["1", "255", "auto"], bad: ["0", "256", "kernel", "x"] },
  "sync-group": {
    good: ["224.0.0.81", "239.255.255.255", "224.0.0.0", "ff02::81", "ff00::"],
    bad: ["223.255.255.255", "240.0.0.0", "192.0.2.1", "fe80::1", "2001:db8::1", "x", ""],
  },
  "sync-port": { good: ["1", "8848", "65535"], bad: ["0", "65536", "auto"] },
  "sync-ttl": { good: ["1", "255"], bad: ["0", "256"] },
  "sync-max-length": {
    good: ["64", "1500", "65507", "auto", "kernel"],
    bad: ["63", "65508", "off"],
  },
  "sync-refresh-period": { good: ["1", "10", "600"], bad: ["0", "601", "auto"] },
  "expire-nodest-conn": { good: ["on", "off"], bad: ["auto", "1", "ON", ""] },
  "expire-quiescent-template": { good: ["on", "off"], bad: ["auto", "1", "yes"] },
  "conn-reuse-mode": { good: ["0", "1", "2", "3"], bad: ["4", "-1", "on"] },
  "fallback": {
    good: ["none", "sorry", "192.0.2.9,dr", "192.0.2.9:8080,nat", "[2001:db8::9]:80,gue:6080,csum"],
    bad: ["", "x", "sorry,nat", "192.0.2.9,ftp", "192.0.2.9:99999,nat"],
  },
  "sorry-page": {
    good: ["auto", "Back soon.", "/etc/troop/sorry.html"],
    bad: ["", " x", "a\nb", "x".repeat(257)],
  },
  "flap-damping": { good: ["on", "off"], bad: ["", "1"] },
  "sorry-port": { good: ["1", "6942", "65535"], bad: ["0", "65536", "auto"] },
  "sloppy-tcp": { good: ["auto", "on", "off"], bad: ["1", "kernel"] },
};

describe.each(settingNames)("%s", (name) => {
  const spec = settingSpecs[name];
  test("takes what is good as it is", () => {
    for (const text of values[name].good) expect([text, spec.read(text)]).toEqual([text, text]);
  });

  test("refuses what is bad", () => {
    for (const text of values[name].bad) expect([text, spec.read(text)]).toEqual([text, undefined]);
  });

  test("takes its standard, and says what it takes and is for", () => {
    expect(spec.read(spec.standard)).toBe(spec.standard);
    expect(spec.takes).not.toBe("");
    expect(spec.about).not.toBe("");
    expect(settingEntrySchema.safeParse({ value: spec.standard }).success).toBe(true);
    expect(settingText(new Map(), name)).toBe(spec.standard);
    expect(isSettingName(name)).toBe(true);
  });
});

test("values are written in one way", () => {
  expect(settingSpecs["tcp-timeout"].read("0900")).toBe("900");
  expect(settingSpecs["sync-group"].read("FF02:0::81")).toBe("ff02::81");
});

test("names that are none are none, whatever objects have", () => {
  for (const name of ["tcp", "", "toString", "__proto__", "constructor"]) {
    expect(isSettingName(name)).toBe(false);
  }
});

test("numbers are numbers, and words none", () => {
  const entries = new Map([["tcp-timeout", "600"], ["sync-group", "ff02::81"]] as const);
  expect(settingNumber(entries, "tcp-timeout")).toBe(600);
  expect(settingNumber(entries, "udp-timeout")).toBeNull();
  expect(settingNumber(entries, "sync-id")).toBeNull();
  expect(settingNumber(entries, "sync-port")).toBe(8_848);
  expect(syncGroupOf(entries)).toBe("ff02::81");
  expect(syncGroupOf(new Map())).toBe("224.0.0.81");
});
