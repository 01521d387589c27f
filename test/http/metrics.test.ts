/** The metrics as Prometheus reads them. */
import { describe, expect, test } from "bun:test";
import { NO_CHECK } from "../../src/core/check.ts";
import { serviceSchema } from "../../src/core/service/service.ts";
import { metricFamilies, type MetricSource } from "../../src/http/metric_families.ts";
import { metricsText } from "../../src/http/metrics.ts";
import { fakeNode, FakeOperations } from "./fake_operations.ts";

interface Parsed {
  readonly help: Map<string, string>;
  readonly type: Map<string, string>;
  /** Value by name and labels, `name{a="b"}`. */
  readonly values: Map<string, number>;
}

/** Reads the exposition format strictly (Prometheus docs, "Exposition formats", text format 0.0.4). */
function parse(text: string): Parsed {
  const parsed: Parsed = { help: new Map(), type: new Map(), values: new Map() };
  expect(text).toEndWith("\n");
  for (const line of text.trimEnd().split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment) {
      const map = comment[1] === "HELP" ? parsed.help : parsed.type;
      expect(map.has(comment[2]!)).toBe(false);
      map.set(comment[2]!, comment[3]!);
      continue;
    }
    const sample =
      /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$/.exec(
        line,
      );
    expect(sample, `a sample: ${line}`).not.toBeNull();
    const key = `${sample![1]}${sample![2] ?? ""}`;
    expect(parsed.type.has(sample![1]!), `TYPE before ${key}`).toBe(true);
    expect(parsed.values.has(key), `once: ${key}`).toBe(false);
    parsed.values.set(key, Number(sample![3]));
  }
  return parsed;
}

async function source(): Promise<MetricSource> {
  const operations = new FakeOperations();
  operations.nodes.push(fakeNode("n3", "192.0.2.13", { state: "dead", unfit: "no carrier" }));
  operations.down.set("192.0.2.100:80 n3", "dead");
  await operations.addService(
    serviceSchema.parse({
      address: "192.0.2.100",
      port: 80,
      protocol: "tcp",
      scheduler: "wlc",
      forwarding: "dr",
      check: NO_CHECK,
    }),
  );
  return { status: await operations.status(), counters: operations.counters() };
}

describe("metricsText", () => {
  test("has help and type for every family, and values for all of them", async () => {
    const { help, type, values } = parse(await metricsText(await source()));
    for (const family of metricFamilies) {
      expect(help.get(family.name)).toBe(family.help);
      expect(type.get(family.name)).toBe(family.type);
      const names = [...values.keys()].filter((key) => key.split("{")[0] === family.name);
      expect(names, family.name).not.toBeEmpty();
    }
    expect(type.size).toBe(metricFamilies.length);
  });

  test.each([
    ['troop_info{cluster="troop",node="n1",version="0.1.0"}', 1],
    ['troop_node_state{node="n2",state="alive"}', 1],
    ['troop_node_state{node="n2",state="dead"}', 0],
    ['troop_node_state{node="n3",state="dead"}', 1],
    ['troop_node_fit{node="n1"}', 1],
    ['troop_node_fit{node="n3"}', 0],
    ['troop_node_silence_seconds{node="n2"}', 0.085],
    ['troop_vip_holder{vip="192.0.2.100",node="n1"}', 1],
    ['troop_vip_held{vip="192.0.2.100"}', 1],
    ['troop_vip_epoch{vip="192.0.2.100"}', 1],
    ['troop_service_servers{service="192.0.2.100:80"}', 3],
    ['troop_service_servers_up{service="192.0.2.100:80"}', 2],
    ['troop_server_up{service="192.0.2.100:80",server="192.0.2.12:80",node="n2"}', 1],
    ['troop_server_up{service="192.0.2.100:80",server="192.0.2.13:80",node="n3"}', 0],
    ['troop_server_weight{service="192.0.2.100:80",server="192.0.2.13:80",node="n3"}', 0],
    ["troop_takeovers_total", 3],
    ["troop_releases_total", 2],
    ["troop_pulses_sent_total", 1000],
    ["troop_pulses_received_total", 999],
    ['troop_pulses_dropped_total{reason="seal"}', 4],
    ['troop_gossip_dropped_total{reason="handshake"}', 3],
    ['troop_gossip_dropped_total{reason="over budget: records"}', 5],
    ['troop_document_dropped_total{reason="malformed"}', 2],
    ['troop_pulse_gap_max_seconds{node="n2"}', 0.13],
    ["troop_loop_delay_seconds", 0.0015],
    ["troop_loop_delay_max_seconds", 0.012],
    ["troop_table_changes_total", 7],
    ['troop_kernel_errors_total{operation="add address"}', 2],
    ['troop_check_up{service="192.0.2.100:80",server="192.0.2.11:80"}', 1],
    ['troop_check_duration_seconds{service="192.0.2.100:80",server="192.0.2.11:80"}', 0.003],
    ['troop_ipvs_active_connections{service="192.0.2.100:80",server="192.0.2.11:80"}', 12],
    ['troop_ipvs_inactive_connections{service="192.0.2.100:80",server="192.0.2.11:80"}', 345],
    ['troop_ipvs_connections_total{service="192.0.2.100:80",server="192.0.2.11:80"}', 6789],
    ['troop_ipvs_in_packets_total{service="192.0.2.100:80",server="192.0.2.11:80"}', 11],
    ['troop_ipvs_out_packets_total{service="192.0.2.100:80",server="192.0.2.11:80"}', 22],
    ['troop_ipvs_in_bytes_total{service="192.0.2.100:80",server="192.0.2.11:80"}', 33],
    ['troop_ipvs_out_bytes_total{service="192.0.2.100:80",server="192.0.2.11:80"}', 44],
  ])("%s is %p", async (key, value) => {
    expect(parse(await metricsText(await source())).values.get(key)).toBe(value);
  });

  test("names services as commands do, and machines without an agent by no node", async () => {
    const operations = new FakeOperations();
    const mark = { protocol: "fwm", family: 4, mark: 7 } as const;
    await operations.addService(serviceSchema.parse({
      ...mark,
      vips: ["192.0.2.100"],
      scheduler: "wlc",
      forwarding: "dr",
      check: NO_CHECK,
    }));
    await operations.addServer(mark, { address: "192.0.2.21", port: null }, {});
    const { status, counters } = {
      status: await operations.status(),
      counters: operations.counters(),
    };
    const { values } = parse(await metricsText({ status, counters }));
    expect(values.get('troop_service_servers{service="fwmark:7"}')).toBe(3);
    expect(values.get('troop_server_up{service="fwmark:7",server="192.0.2.21:0",node=""}')).toBe(1);
    expect(values.get('troop_ipvs_weight{service="fwmark:7",server="192.0.2.11:0"}')).toBe(1);
  });

  test("escapes what a peer may have put into a name", async () => {
    const { status, counters } = await source();
    const odd = 'a"b\\c\nd';
    const text = await metricsText({ status: { ...status, node: odd }, counters });
    expect([...parse(text).values.keys()]).toContain(
      'troop_info{cluster="troop",node="a\\"b\\\\c\\nd",version="0.1.0"}',
    );
  });

  test("has no holder series for a VIP nobody holds", async () => {
    const { status, counters } = await source();
    const vips = status.vips.map((vip) => ({ ...vip, holder: null }));
    const { values } = parse(await metricsText({ status: { ...status, vips }, counters }));
    expect(values.get('troop_vip_held{vip="192.0.2.100"}')).toBe(0);
    expect([...values.keys()].filter((key) => key.startsWith("troop_vip_holder"))).toEqual([]);
  });

  test("writes a table of many chunks whole, with one head, and lets the loop run in between", async () => {
    const { status, counters } = await source();
    const [row] = counters.table;
    const table = Array.from({ length: 700 }, (_, index) => ({ ...row!, port: index + 1 }));
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const text = await metricsText({ status, counters: { ...counters, table } });
    running = false;
    const { values } = parse(text);
    const weights = [...values.keys()].filter((key) => key.startsWith("troop_ipvs_weight"));
    expect(weights).toHaveLength(700 * row!.servers.length);
    expect(turns).toBeGreaterThan(metricFamilies.length + 8);
  });
});
