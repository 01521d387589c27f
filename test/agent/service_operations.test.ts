import { describe, expect, test } from "bun:test";
import { NO_CHECK } from "../../src/core/check.ts";
import { SERVICES_MAX, VIPS_MAX } from "../../src/core/limits.ts";
import { Refusal } from "../../src/core/refusal.ts";
import { type EndpointService, type Service, serviceKey } from "../../src/core/service/service.ts";
import type { TableOperation } from "../../src/core/table/table.ts";
import {
  idOf,
  machine,
  markService,
  serverEntry,
  service,
  VIP,
  vipEntry,
} from "../support/cluster_views.ts";
import { observedRow, ROW } from "../support/table_rows.ts";
import { type Bench, bench, line } from "./operations_bench.ts";
import type { SimStore } from "../sim/sim_store.ts";

const KEY = "tcp/10.0.0.100:80";

describe("addService", () => {
  test("makes every node have it, and says to how many it went", async () => {
    const at = await bench();
    expect(await at.operations.addService(service()))
      .toBe("service 10.0.0.100:80 added, stored on 2 of 2 nodes");
    await at.world.run(1_000);
    for (const { kernel } of at.cluster.nodes) expect([...kernel.rows.keys()]).toEqual([KEY]);
    expect([...at.node.owned]).toEqual([KEY]);
  });

  test("on a node alone says so too", async () => {
    const at = await bench([{}]);
    expect(await at.operations.addService(service({ port: 53, protocol: "udp", check: NO_CHECK })))
      .toBe("service 10.0.0.100:53/udp added, stored on 1 of 1 node");
  });

  test("refuses one that exists", async () => {
    const at = await bench(undefined, [service()]);
    expect(await line(at, () => at.operations.addService(service({ scheduler: "rr" })))).toBe(
      "add service 10.0.0.100:80: it exists already; see it with `troop service list`, " +
        "change it with `troop service set 10.0.0.100:80`",
    );
  });

  test.each([
    ["10.0.0.1", "n1"],
    ["10.0.0.2", "n2"],
  ])("refuses the VIP %s, which is the own address of %s", async (address, name) => {
    const at = await bench();
    expect(await line(at, () => at.operations.addService(service({ address })))).toBe(
      `add service ${address}:80: ${address} is the own address of node ${name}; ` +
        "choose an address that no machine has",
    );
  });

  test("refuses a VIP out of every interface's reach", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.addService(service({ address: "192.0.2.9" })))).toBe(
      "add service 192.0.2.9:80: no interface of n1 has a network that contains 192.0.2.9; " +
        "choose an address inside one of 10.0.0.1/24 (eth0), " +
        "or name an interface with `troop vip add 192.0.2.9 --interface NAME`",
    );
    expect(await line(at, () => at.operations.addService(service({ address: "2001:db8::9" }))))
      .toStartWith("add service [2001:db8::9]:80: no interface of n1 has a network");
  });

  test("refuses what the kernel has no scheduler for, in the kernel's words", async () => {
    const at = await bench();
    const message = 'add virtual service 10.0.0.100:80: ENOENT (kernel has no scheduler "mh")';
    at.node.kernel.table.apply = (operations) =>
      Promise.resolve(
        operations.map((operation) =>
          Object.assign(new Error(message), { operation: operation.kind, code: "ENOENT" })
        ),
      );
    expect(await line(at, () => at.operations.addService(service({ scheduler: "mh" }))))
      .toBe(
        `add service 10.0.0.100:80: ${message}; \`troop doctor\` shows what this machine lacks`,
      );
  });

  test("refuses when the kernel cannot be asked", async () => {
    const at = await bench();
    at.node.kernel.table.get = () => Promise.reject(new Error("get virtual service: EPERM"));
    expect(await line(at, () => at.operations.addService(service()))).toBe(
      "add service 10.0.0.100:80: get virtual service: EPERM; `troop doctor` shows what this machine lacks",
    );
  });

  const foreign: [command: string, service: EndpointService][] = [
    ["ipvsadm -D -t 10.0.0.100:80", service()],
    ["ipvsadm -D -u 10.0.0.100:53", service({ port: 53, protocol: "udp" })],
  ];
  test.each(foreign)(
    "refuses what somebody else gave the kernel, and names %s",
    async (command, item) => {
      const at = await bench();
      const name = command.split(" ")[3];
      const { port, protocol } = item;
      at.node.kernel.rows.set(`${protocol}/${name}`, observedRow({ ...ROW, port, protocol }));
      expect(await line(at, () => at.operations.addService(item))).toBe(
        `add service ${name}${
          protocol === "udp" ? "/udp" : ""
        }: the kernel of n1 has it already, and not from troop; take it out first with \`${command}\``,
      );
    },
  );

  test("takes over a row of an earlier run", async () => {
    const at = await bench();
    at.node.kernel.rows.set(KEY, observedRow(ROW));
    at.node.owned.add(KEY);
    expect(await at.operations.addService(service())).toStartWith("service 10.0.0.100:80 added");
  });

  test("can be asked for again right after the service was removed", async () => {
    const at = await bench();
    for (let turn = 0; turn < 3; turn++) {
      await at.operations.addService(service());
      at.node.agent?.tick();
      await at.operations.removeService(service());
      at.node.agent?.tick();
    }
    await at.world.run(3_000);
    expect(at.node.kernel.rows.size).toBe(0);
    expect(at.node.owned.size).toBe(0);
  });

  test("of a node that is no director does not touch the kernel", async () => {
    const at = await bench([{ director: false }, {}]);
    at.node.kernel.table.get = () => Promise.reject(new Error("asked"));
    at.node.kernel.table.apply = () => Promise.reject(new Error("changed"));
    expect(await at.operations.addService(service())).toStartWith("service 10.0.0.100:80 added");
    await at.world.run(1_000);
    expect(at.node.kernel.rows.size).toBe(0);
  });

  test("leaves nothing behind when the disk refuses", async () => {
    const at = await bench();
    const refusal = new Refusal({ attempted: "write", problem: "disk full", remedy: "make room" });
    at.node.store.edit = () => Promise.reject(refusal);
    expect(await line(at, () => at.operations.addService(service())))
      .toBe("write: disk full; make room");
  });

  test("refuses one VIP more than a cluster takes, and takes one more service on a VIP", async () => {
    const services = Array.from(
      { length: VIPS_MAX },
      (_, index) => service({ address: `10.0.0.${100 + index}` }),
    );
    const at = await bench([{}], services);
    expect(await line(at, () => at.operations.addService(service({ address: "10.0.0.99" })))).toBe(
      "add service 10.0.0.99:80: the cluster would have 57 VIPs, and takes 56; " +
        "use an address that is a VIP already",
    );
    expect(await at.operations.addService(service({ port: 443 }))).toStartWith("service ");
  });
});

describe("removeService", () => {
  test("makes every node forget it", async () => {
    const at = await bench(undefined, [service()]);
    expect(await at.operations.removeService(service())).toBe(
      "service 10.0.0.100:80 removed, stored on 2 of 2 nodes",
    );
    await at.world.run(1_500);
    for (const { kernel } of at.cluster.nodes) {
      expect(kernel.rows.size).toBe(0);
      expect(kernel.accepts(VIP)).toBe(false);
    }
  });

  test("refuses one that is unknown", async () => {
    const at = await bench(undefined, [service()]);
    const name = { address: VIP, port: 80, protocol: "udp" } as const;
    expect(await line(at, () => at.operations.removeService(name))).toBe(
      "remove service 10.0.0.100:80/udp: there is no such service; see them with `troop service list`",
    );
  });
});

/** Lets the kernel refuse a kind of operation. */
function refuseKind(at: Bench, kind: TableOperation["kind"], message: string): void {
  const { apply } = at.node.kernel.table;
  at.node.kernel.table.apply = (operations) =>
    operations.some((operation) => operation.kind === kind)
      ? Promise.resolve(
        operations.map(() =>
          Object.assign(new Error(message), { operation: kind, code: "EINVAL" })
        ),
      )
      : apply(operations);
}

describe("addService of a mark", () => {
  test("makes every director have its row and its rules", async () => {
    const at = await bench();
    expect(await at.operations.addService(markService()))
      .toBe("service fwmark:7 added, stored on 2 of 2 nodes");
    await at.world.run(1_000);
    for (const { kernel } of at.cluster.nodes) {
      expect([...kernel.rows.keys()]).toEqual(["fwm/7"]);
      expect(kernel.markRules).toMatchObject([{ address: VIP, mark: 7, firstPort: 80 }]);
    }
  });

  test("refuses ports that another service has", async () => {
    const at = await bench(undefined, [service()]);
    expect(await line(at, () => at.operations.addService(markService()))).toBe(
      `add service fwmark:7: ${VIP} tcp/80 belongs to ${VIP}:80 already, ` +
        "and a packet can have one service only; " +
        "`troop service list` and `troop vip list` show what is there",
    );
  });

  test("refuses VIPs that two nodes could hold", async () => {
    const at = await bench();
    const item = markService({ vips: [VIP, "10.0.0.101"] });
    expect(await line(at, () => at.operations.addService(item))).toStartWith(
      `add service fwmark:7: ${VIP} and 10.0.0.101 are not in one group, so two nodes could hold them; `,
    );
  });

  test("refuses where nothing can mark, unless somebody else does", async () => {
    const at = await bench();
    at.marks.backend = () => Promise.resolve({ problem: "no nft", remedy: "install nftables" });
    expect(await line(at, () => at.operations.addService(markService()))).toBe(
      "add service fwmark:7: troop cannot mark packets here: no nft; " +
        "install nftables, or leave --ports out and make the rules yourself",
    );
    expect(await at.operations.addService(markService({ ports: [] }))).toStartWith("service ");
  });

  test.each([[4, VIP, "-f 7"], [6, "2001:db8::9", "-f 7 -6"]] as const)(
    "names the row of somebody else as ipvsadm does, IPv%d",
    async (family, vip, flags) => {
      const at = await bench();
      const { scheduler, flags: schedulerFlags, onePacket, persistence } = ROW;
      const settings = { scheduler, flags: schedulerFlags, onePacket, persistence };
      const item = markService({ family, vips: [vip], ports: [] });
      const row = { protocol: "fwm", family, mark: 7, ...settings, servers: [] } as const;
      at.node.kernel.rows.set(serviceKey(item), observedRow(row));
      const own = { address: "2001:db8::1", prefixLength: 64, interface: "eth0" };
      at.node.kernel.addressPort.put({ ...own, validSeconds: null });
      await at.world.run(500);
      expect(await line(at, () => at.operations.addService(item)))
        .toEndWith(`take it out first with \`ipvsadm -D ${flags}\``);
    },
  );
});

describe("addService, once more,", () => {
  test("refuses the address of a real server", async () => {
    const entry = serverEntry(machine(21));
    const at = await bench(undefined, [service()], [{ kind: "putServer", server: entry }]);
    expect(await line(at, () => at.operations.addService(service({ address: "10.0.0.21" })))).toBe(
      "add service 10.0.0.21:80: 10.0.0.21 is the address of a real server; " +
        "choose an address that no machine has",
    );
  });

  test("takes a VIP out of reach whose interface was named", async () => {
    const vip = vipEntry({ address: "192.0.2.9", interface: "eth0" });
    const at = await bench(undefined, [], [{ kind: "putVip", vip }]);
    expect(await at.operations.addService(service({ address: "192.0.2.9" })))
      .toStartWith("service ");
  });

  test("refuses one service more than a cluster takes", async () => {
    const at = await bench([{}]);
    const { agent } = at.node;
    if (agent === null) throw new Error("n1 does not run");
    const services = new Map<string, Service>();
    for (let port = 1; port <= SERVICES_MAX; port++) services.set(`${port}`, service({ port }));
    agent.state.document = { ...agent.state.document, services };
    expect(await line(at, () => at.operations.addService(service()))).toBe(
      "add service 10.0.0.100:80: the cluster has 4096 services already, the most it takes; " +
        "remove some first",
    );
  });
});

describe("setService", () => {
  test("changes every node's row in place", async () => {
    const at = await bench(undefined, [service()]);
    expect(await at.operations.setService(service(), { scheduler: "rr", weight: 5 }))
      .toBe("service 10.0.0.100:80 changed, stored on 2 of 2 nodes");
    await at.world.run(1_000);
    for (const { kernel } of at.cluster.nodes) {
      expect(kernel.rows.get(KEY)?.scheduler).toBe("rr");
      expect(kernel.rows.get(KEY)?.servers.map(({ weight }) => weight)).toEqual([5, 5]);
    }
  });

  test("refuses one that is unknown", async () => {
    const at = await bench();
    expect(await line(at, () => at.operations.setService(service(), { weight: 2 }))).toBe(
      "change service 10.0.0.100:80: there is no such service; " +
        "see them with `troop service list`",
    );
  });

  test("refuses what does not go together", async () => {
    const at = await bench(undefined, [service()]);
    expect(await line(at, () => at.operations.setService(service(), { onePacket: true }))).toBe(
      "change service 10.0.0.100:80: one-packet scheduling is for UDP and mark services; " +
        "see `troop service set --help` for what goes together",
    );
  });

  test("refuses what its servers cannot do", async () => {
    const nat = service({ forwarding: "nat" });
    const entry = serverEntry(machine(21, 8_080));
    const at = await bench(undefined, [nat], [{ kind: "putServer", server: entry }]);
    expect(await line(at, () => at.operations.setService(nat, { forwarding: "dr" })))
      .toStartWith("change service 10.0.0.100:80: server 10.0.0.21:8080: direct routing cannot");
  });

  test("refuses what the kernel refuses, in its words, with the row as it was", async () => {
    const at = await bench(undefined, [service()]);
    refuseKind(at, "editService", 'kernel has no scheduler "mh"');
    expect(await line(at, () => at.operations.setService(service(), { scheduler: "mh" }))).toBe(
      'change service 10.0.0.100:80: kernel has no scheduler "mh"; ' +
        "`troop doctor` shows what this machine lacks",
    );
  });

  test("puts the row back when the disk refuses", async () => {
    const at = await bench(undefined, [service()]);
    const refusal = new Refusal({ attempted: "write", problem: "disk full", remedy: "make room" });
    at.node.store.edit = () => Promise.reject(refusal);
    expect(await line(at, () => at.operations.setService(service(), { scheduler: "rr" })))
      .toBe("write: disk full; make room");
  });

  test("refuses a VIP more that cannot be one", async () => {
    const edits = [VIP, "10.0.0.1"].map((address) =>
      ({ kind: "putVip", vip: vipEntry({ address, group: "web" }) }) as const
    );
    const at = await bench(undefined, [markService()], edits);
    const vips = [VIP, "10.0.0.1"];
    expect(await line(at, () => at.operations.setService(markService(), { vips }))).toBe(
      "change service fwmark:7: 10.0.0.1 is the own address of node n1; " +
        "choose an address that no machine has",
    );
  });
});

test("removeService forgets what was said of its servers", async () => {
  const edits = [serverEntry(machine(21)), serverEntry({ node: idOf(2) })]
    .map((server) => ({ kind: "putServer", server }) as const);
  const at = await bench(undefined, [service()], edits);
  await at.operations.removeService(service());
  await at.world.run(1_000);
  for (const { store } of at.cluster.nodes) {
    const parts = [...(store as SimStore).entries].filter(([, { value }]) => value !== null);
    expect(parts.map(([key]) => key)).toEqual(["history 1-n1"]);
  }
});
