import { describe, expect, test } from "bun:test";
import {
  desiredDaemons,
  desiredTimeouts,
  isSameDaemon,
  syncIdOf,
} from "../../../src/core/desired/desired_daemons.ts";
import { SYNC_LENGTH_SHORT } from "../../../src/core/document/settings.ts";
import type { State } from "../../../src/core/state.ts";
import type { SyncDaemon } from "../../../src/core/table/table.ts";
import {
  holding,
  machine,
  type ModelNode,
  modelNode,
  serverEntry,
  service,
  type Shared,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

const OTHER = "10.0.0.101";
const HELD = { holds: holding(1) };

function stateOf(
  fields: Partial<ModelNode>,
  vips: readonly string[] = [VIP],
  shared: Omit<Shared, "services"> = {},
): State {
  const services = vips.map((address) => service({ address }));
  return viewOf([modelNode(1, fields), modelNode(2)], 1, { ...shared, services });
}

const daemon: SyncDaemon = {
  interface: "eth0",
  syncId: syncIdOf("test"),
  group: "224.0.0.81",
  port: 8_848,
  ttl: 1,
  maxLength: null,
};

describe("desiredDaemons", () => {
  const cases: [
    what: string,
    fields: Partial<ModelNode>,
    vips: string[],
    master: boolean,
    backup: boolean,
  ][] = [
    ["a holder of every VIP sends", HELD, [VIP], true, false],
    ["a standby receives", {}, [VIP], false, true],
    ["a holder of one of two does both", HELD, [VIP, OTHER], true, true],
    ["a node that has let go receives", { holds: holding(1, "lingering") }, [VIP], false, true],
    ["a node without VIPs does nothing", {}, [], false, false],
    ["a node that is no director does nothing", { director: false }, [VIP], false, false],
  ];
  test.each(cases)("%s", (_what, fields, vips, master, backup) => {
    expect(desiredDaemons(stateOf(fields, vips))).toEqual({
      master: master ? daemon : null,
      backup: backup ? daemon : null,
    });
  });

  test("take the interface that is configured for them", () => {
    const state = stateOf({});
    const self = { ...state.self, syncInterface: "eth1" };
    expect(desiredDaemons({ ...state, self }).backup?.interface).toBe("eth1");
  });

  test("are as operators set them", () => {
    const settings = {
      "sync-id": "77",
      "sync-group": "ff02::81",
      "sync-port": "9000",
      "sync-ttl": "3",
      "sync-max-length": "1400",
    } as const;
    const wanted = { syncId: 77, group: "ff02::81", port: 9_000, ttl: 3, interface: "eth0" };
    expect(desiredDaemons(stateOf(HELD, [VIP, OTHER], { settings }))).toEqual({
      master: { ...wanted, maxLength: 1_400 },
      // A backup takes all lengths.
      backup: { ...wanted, maxLength: null },
    });
  });

  test("tell of each connection at once when a server has no agent, unless an operator says otherwise", () => {
    const servers = [serverEntry(machine(21))];
    const length = (settings: Shared["settings"] & object) =>
      desiredDaemons(stateOf(HELD, [VIP], { servers, settings })).master?.maxLength;
    expect(length({})).toBe(SYNC_LENGTH_SHORT);
    expect(length({ "sync-max-length": "kernel" })).toBeNull();
    expect(length({ "sync-max-length": "500" })).toBe(500);
  });
});

describe("isSameDaemon", () => {
  test("knows none, and every difference", () => {
    expect(isSameDaemon(null, null)).toBe(true);
    expect(isSameDaemon(daemon, null)).toBe(false);
    expect(isSameDaemon(null, daemon)).toBe(false);
    expect(isSameDaemon({ ...daemon }, daemon)).toBe(true);
    const others: Partial<SyncDaemon>[] = [
      { interface: "eth1" },
      { syncId: 78 },
      { group: "224.0.0.82" },
      { port: 8_849 },
      { ttl: 2 },
    ];
    for (const other of others) expect(isSameDaemon({ ...daemon, ...other }, daemon)).toBe(false);
  });

  test("takes the kernel's length where none is wanted, and only then", () => {
    const present = { ...daemon, maxLength: 1_472 };
    expect(isSameDaemon(present, daemon)).toBe(true);
    expect(isSameDaemon(present, { ...daemon, maxLength: 64 })).toBe(false);
    expect(isSameDaemon(present, { ...daemon, maxLength: 1_472 })).toBe(true);
  });
});

describe("desiredTimeouts", () => {
  test("are nobody's wish while no operator set one", () => {
    expect(desiredTimeouts(stateOf(HELD))).toBeNull();
    expect(desiredTimeouts(stateOf(HELD, [VIP], { settings: { "tcp-timeout": "kernel" } })))
      .toBeNull();
  });

  test("leave those alone that nobody set", () => {
    const set = (settings: Shared["settings"] & object, fields: Partial<ModelNode> = {}) =>
      desiredTimeouts(stateOf(fields, [VIP], { settings }));
    expect(set({ "tcp-timeout": "600" })).toEqual({ tcpS: 600, tcpFinS: 0, udpS: 0 });
    expect(set({ "tcpfin-timeout": "30", "udp-timeout": "40" }))
      .toEqual({ tcpS: 0, tcpFinS: 30, udpS: 40 });
    expect(set({ "tcp-timeout": "600" }, { director: false })).toBeNull();
  });
});

test("syncIdOf is never 0, which would accept everything, and tells clusters apart", () => {
  const ids = Array.from({ length: 2_000 }, (_, index) => syncIdOf(`cluster-${index}`));
  expect(Math.min(...ids)).toBe(1);
  expect(Math.max(...ids)).toBe(255);
  expect(new Set(ids).size).toBe(255);
});
