/** Sync daemons and timeouts of the Table port, over a table in a map. */
import { describe, expect, test } from "bun:test";
import type { SyncDaemon } from "../../../src/core/table/table.ts";
import { createKernelTable } from "../../../src/shell/kernel/kernel_table.ts";
import { PLAIN_SERVER as server, WEB as service } from "../../support/table_rows.ts";
import { createFakeIpvs } from "./fake_ipvs.ts";

function open() {
  const ipvs = createFakeIpvs();
  const table = createKernelTable({ table: ipvs, daemons: ipvs, now: () => performance.now() });
  return { ipvs, table };
}

const daemon: SyncDaemon = {
  interface: "eth0",
  syncId: 42,
  group: "224.0.0.99",
  port: 8_849,
  ttl: 2,
  maxLength: null,
};

test("daemons are told by role, with the length the kernel chose, and stopping twice is done", () => {
  const { table } = open();
  table.startDaemon("master", daemon);
  table.startDaemon("backup", { ...daemon, group: "ff02::81", maxLength: 1_000 });
  expect(table.daemons()).toEqual({
    master: { ...daemon, maxLength: 1_472 },
    backup: { ...daemon, group: "ff02::81", maxLength: 1_000 },
  });
  table.stopDaemon("backup");
  table.stopDaemon("backup");
  table.stopDaemon("master");
  expect(table.daemons()).toEqual({ master: null, backup: null });
});

test("a daemon of a kernel that tells no group, port and hops has those it cannot but have", () => {
  const { ipvs } = open();
  const silent = { maxLength: 0, group: new Uint8Array(0), port: 0, ttl: 0 };
  const daemons = {
    ...ipvs,
    daemons: () => [{ role: "master" as const, interface: "eth0", syncId: 42, ...silent }],
  };
  const table = createKernelTable({ table: ipvs, daemons, now: () => performance.now() });
  expect(table.daemons().master).toEqual({
    interface: "eth0",
    syncId: 42,
    group: "224.0.0.81",
    port: 8_848,
    ttl: 1,
    maxLength: null,
  });
});

test("timeouts are told and set; 0 leaves one as it is", () => {
  const { table } = open();
  expect(table.timeouts()).toEqual({ tcpS: 900, tcpFinS: 120, udpS: 300 });
  table.setTimeouts({ tcpS: 0, tcpFinS: 30, udpS: 0 });
  expect(table.timeouts()).toEqual({ tcpS: 900, tcpFinS: 30, udpS: 300 });
  table.setTimeouts({ tcpS: 901, tcpFinS: 0, udpS: 301 });
  expect(table.timeouts()).toEqual({ tcpS: 901, tcpFinS: 30, udpS: 301 });
});

describe("a sync daemon and a server of the other family exclude each other", () => {
  const tunnelled = {
    ...server,
    address: "2001:db8::1",
    forwarding: "tunnel",
    tunnel: { kind: "ipip", port: 0, checksum: "none" },
  } as const;

  test("the server is refused with the reason and what to do", async () => {
    const { table } = open();
    table.startDaemon("master", daemon);
    const [, outcome] = await table.apply([
      { kind: "addService", service },
      { kind: "addServer", service, server: tunnelled },
    ]);
    expect(outcome?.message).toBe(
      "add real server [2001:db8::1]:80 of 192.0.2.10:80: EINVAL (a sync daemon and a server of the other address family exclude each other in the kernel: use a server of the service's family, or run no sync daemon)",
    );
  });

  test("the daemon is refused with the reason", async () => {
    const { table } = open();
    const outcomes = await table.apply([
      { kind: "addService", service },
      { kind: "addServer", service, server: tunnelled },
    ]);
    expect(outcomes).toEqual([null, null]);
    expect(() => table.startDaemon("master", daemon)).toThrow(
      "a sync daemon and a server of the other address family exclude each other in the kernel",
    );
  });
});
