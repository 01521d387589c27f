import { describe, expect, test } from "bun:test";
import {
  isExternal,
  keyedService,
  serverEntrySchema,
  serverKey,
  targetText,
} from "../../../src/core/service/server.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import { idOf, machine, markService, serverEntry, service } from "../../support/cluster_views.ts";

describe("serverEntrySchema", () => {
  test("what is not said is as the service says", () => {
    expect(serverEntrySchema.parse({ service: "fwm/7", target: { node: idOf(1) } })).toEqual({
      service: "fwm/7",
      target: { node: idOf(1) },
      weight: null,
      forwarding: null,
      tunnel: null,
      upper: null,
      lower: null,
      off: false,
    });
  });

  const cases: [fields: Record<string, unknown>, accepted: boolean][] = [
    [{}, true],
    [{ target: { address: "2001:db8::1", port: 0 } }, true],
    [{ target: { address: "2001:DB8::1", port: 80 } }, false],
    [{ target: { address: "10.0.0.1" } }, false],
    [{ target: { address: "10.0.0.1", port: 65_536 } }, false],
    [{ target: { node: "n1" } }, false],
    [{ target: { node: idOf(1), address: "10.0.0.1", port: 80 } }, false],
    [{ weight: 65_536 }, false],
    [{ forwarding: "local" }, false],
    [{ tunnel: { kind: "gue", port: 0, checksum: "none" } }, false],
    [{ upper: -1 }, false],
    [{ service: "x".repeat(65) }, false],
    [{ name: "web" }, false],
  ];
  test.each(cases)("%j: %p", (fields, accepted) => {
    expect(serverEntrySchema.safeParse({ ...serverEntry(machine(21)), ...fields }).success)
      .toBe(accepted);
  });
});

test("a key has service and server, whatever both are", () => {
  const items = [service(), service({ address: "2001:db8::1" }), markService()].map(serviceKey);
  const targets = [machine(21), { address: "2001:db8::9", port: 0 }, { node: idOf(1) }];
  const keys = items.flatMap((key) =>
    targets.map((target) => {
      const made = serverKey({ service: key, target });
      expect(keyedService(made)).toBe(key);
      return made;
    })
  );
  expect(new Set(keys).size).toBe(9);
  expect(targets.map(targetText)).toEqual(["10.0.0.21:80", "[2001:db8::9]:0", idOf(1)]);
});

test("isExternal tells machines from members", () => {
  expect(isExternal(serverEntry(machine(21)))).toBe(true);
  expect(isExternal(serverEntry({ node: idOf(1) }))).toBe(false);
});
