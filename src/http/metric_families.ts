/**
 * What `/metrics` tells: every metric with its help text, as a function of status and counters. Names and units
 * follow Prometheus' conventions (base units, `_total` for counts that only grow).
 */
import { formatEndpoint } from "../core/address.ts";
import { formatServiceName } from "../core/service/service.ts";
import type { Status, StatusServer, StatusService } from "../core/status/status.ts";
import type { ObservedServer } from "../core/table/table.ts";
import type { Counters } from "../ports.ts";

/** What the metrics are made of. */
export interface MetricSource {
  readonly status: Status;
  readonly counters: Counters;
}

/** One value with its labels, in the order of the family's label names. */
export type Sample = readonly [labels: readonly string[], value: number];

/** One metric. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly labels: readonly string[];
  /** Told one by one: of a large cluster there are hundreds of thousands. */
  samples(source: MetricSource): Iterable<Sample>;
}

/** Node states, each a series of its own, so that a query needs no number code. */
const NODE_STATES = ["alive", "suspect", "dead", "left"] as const;

/** All metrics, in the order of the output. */
export const metricFamilies: readonly MetricFamily[] = [
  {
    name: "troop_info",
    help: "Always 1; names the cluster, the answering node and its version.",
    type: "gauge",
    labels: ["cluster", "node", "version"],
    samples: ({ status }) => [[[status.cluster, status.node, status.version], 1]],
  },
  ...nodeFamilies(),
  ...vipFamilies(),
  ...serverFamilies(),
  ...counterFamilies(),
  ...tableFamilies(),
];

function nodeFamilies(): MetricFamily[] {
  return [
    {
      name: "troop_node_state",
      help: "1 for the state a node has as this node sees it, else 0.",
      type: "gauge",
      labels: ["node", "state"],
      samples: ({ status }) =>
        status.nodes.flatMap((node) =>
          NODE_STATES.map((state): Sample => [[node.name, state], bit(node.state === state)])
        ),
    },
    {
      name: "troop_node_fit",
      help: "1 when the node could hold a VIP now, else 0.",
      type: "gauge",
      labels: ["node"],
      samples: ({ status }) =>
        status.nodes.map((node) => [
          [node.name],
          bit(node.director && node.state === "alive" && node.unfit === null && !node.leaving),
        ]),
    },
    {
      name: "troop_node_silence_seconds",
      help: "Time since the last pulse of a peer.",
      type: "gauge",
      labels: ["node"],
      samples: ({ status }) =>
        status.nodes.flatMap(({ name, lastHeardMs }): Sample[] =>
          lastHeardMs === null ? [] : [[[name], lastHeardMs / 1_000]]
        ),
    },
  ];
}

function vipFamilies(): MetricFamily[] {
  return [
    {
      name: "troop_vip_holder",
      help: "1 for the node that holds a VIP, as this node sees it; no series when nobody does.",
      type: "gauge",
      labels: ["vip", "node"],
      samples: ({ status }) =>
        status.vips.flatMap(({ address, holder }): Sample[] =>
          holder === null ? [] : [[[address, holder], 1]]
        ),
    },
    {
      name: "troop_vip_held",
      help: "1 when some node holds the VIP, else 0.",
      type: "gauge",
      labels: ["vip"],
      samples: ({ status }) =>
        status.vips.map(({ address, holder }) => [[address], bit(holder !== null)]),
    },
    {
      name: "troop_vip_epoch",
      help: "Epoch of the VIP's latest claim; it grows with every change of hands.",
      type: "gauge",
      labels: ["vip"],
      samples: ({ status }) => status.vips.map(({ address, epoch }) => [[address], epoch]),
    },
  ];
}

function serverFamilies(): MetricFamily[] {
  const perServer = (
    name: string,
    help: string,
    value: (server: StatusServer) => number,
  ): MetricFamily => ({
    name,
    help,
    type: "gauge",
    labels: ["service", "server", "node"],
    *samples({ status }) {
      for (const { name: service, servers } of status.services) {
        for (const server of servers) {
          yield [[service, formatEndpoint(server), server.node], value(server)];
        }
      }
    },
  });
  const perService = (
    name: string,
    help: string,
    value: (service: StatusService) => number,
  ): MetricFamily => ({
    name,
    help,
    type: "gauge",
    labels: ["service"],
    *samples({ status }) {
      for (const service of status.services) yield [[service.name], value(service)];
    },
  });
  return [
    perService(
      "troop_service_servers",
      "Real servers that are candidates for the service.",
      (service) => service.servers.length,
    ),
    perService(
      "troop_service_servers_up",
      "Real servers of the service that are up.",
      (service) => service.servers.filter((server) => server.up).length,
    ),
    perServer("troop_server_up", "1 when the real server is up, else 0.", ({ up }) => bit(up)),
    perServer("troop_server_weight", "Weight of the real server.", ({ weight }) => weight),
  ];
}

type Value = (counters: Counters) => number;
type Values = (counters: Counters) => ReadonlyMap<string, number>;

function plain(name: string, help: string, value: Value): MetricFamily {
  return {
    name,
    help,
    type: name.endsWith("_total") ? "counter" : "gauge",
    labels: [],
    samples: ({ counters }) => [[[], value(counters)]],
  };
}

function byKey(
  { name, help, label }: { name: string; help: string; label: string },
  values: Values,
): MetricFamily {
  return {
    name,
    help,
    type: name.endsWith("_total") ? "counter" : "gauge",
    labels: [label],
    samples: ({ counters }) => [...values(counters)].map(([key, value]): Sample => [[key], value]),
  };
}

function counterFamilies(): MetricFamily[] {
  return [
    plain("troop_takeovers_total", "VIPs this node took.", (all) => all.takeovers),
    plain("troop_releases_total", "VIPs this node let go of.", (all) => all.releases),
    plain("troop_pulses_sent_total", "Pulses sent.", (all) => all.pulsesSent),
    plain("troop_pulses_received_total", "Authentic pulses received.", (all) => all.pulsesReceived),
    byKey({
      name: "troop_pulses_dropped_total",
      help: "Datagrams that were no pulse of this cluster, by reason.",
      label: "reason",
    }, (all) => all.pulsesDropped),
    byKey({
      name: "troop_gossip_dropped_total",
      help: "Connections and messages of gossip that came to nothing, by reason.",
      label: "reason",
    }, (all) => all.gossipDropped),
    byKey({
      name: "troop_document_dropped_total",
      help: "Parts of the cluster document from peers that were left out, by reason.",
      label: "reason",
    }, (all) => all.documentDropped),
    byKey({
      name: "troop_pulse_gap_max_seconds",
      help: "Longest gap between two pulses of a peer.",
      label: "node",
    }, (all) => new Map([...all.pulseGapMaxMs].map(([node, ms]) => [node, ms / 1_000]))),
    plain(
      "troop_loop_delay_seconds",
      "How late the event loop was when last measured.",
      (all) => all.loopDelayMs / 1_000,
    ),
    plain(
      "troop_loop_delay_max_seconds",
      "How late the event loop was at worst in the last minute.",
      (all) => all.loopDelayMaxMs / 1_000,
    ),
    plain(
      "troop_table_changes_total",
      "Changes of its IPVS table this node has asked the kernel for.",
      (all) => all.tableChanges,
    ),
    byKey({
      name: "troop_kernel_errors_total",
      help: "Kernel requests that failed, by operation.",
      label: "operation",
    }, (all) => all.kernelErrors),
    perCheck("troop_check_up", "1 when this node's check holds, else 0.", ({ up }) => bit(up)),
    perCheck(
      "troop_check_duration_seconds",
      "How long this node's last check of a real server took.",
      ({ tookMs }) => tookMs / 1_000,
    ),
  ];
}

function perCheck(
  name: string,
  help: string,
  value: (check: Counters["checks"][number]) => number,
): MetricFamily {
  return {
    name,
    help,
    type: "gauge",
    labels: ["service", "server"],
    *samples({ counters }) {
      for (const check of counters.checks) yield [[check.service, check.server], value(check)];
    },
  };
}

function tableFamilies(): MetricFamily[] {
  const perServer = (
    name: string,
    help: string,
    value: (server: ObservedServer) => number,
  ): MetricFamily => ({
    name,
    help,
    type: name.endsWith("_total") ? "counter" : "gauge",
    labels: ["service", "server"],
    *samples({ counters }) {
      for (const row of counters.table) {
        const service = formatServiceName(row);
        for (const server of row.servers) yield [[service, formatEndpoint(server)], value(server)];
      }
    },
  });
  return [
    perServer("troop_ipvs_weight", "Weight in the kernel's table.", (server) => server.weight),
    perServer(
      "troop_ipvs_active_connections",
      "Active connections in the kernel's table.",
      ({ counters }) => counters.activeConnections,
    ),
    perServer(
      "troop_ipvs_inactive_connections",
      "Inactive connections in the kernel's table.",
      ({ counters }) => counters.inactiveConnections,
    ),
    perServer(
      "troop_ipvs_connections_total",
      "Connections the kernel has scheduled to a real server.",
      ({ counters }) => counters.connections,
    ),
    perServer(
      "troop_ipvs_in_packets_total",
      "Packets towards a real server.",
      ({ counters }) => counters.inPackets,
    ),
    perServer(
      "troop_ipvs_out_packets_total",
      "Packets back from a real server; none are seen with direct routing.",
      ({ counters }) => counters.outPackets,
    ),
    perServer(
      "troop_ipvs_in_bytes_total",
      "Bytes towards a real server.",
      ({ counters }) => counters.inBytes,
    ),
    perServer(
      "troop_ipvs_out_bytes_total",
      "Bytes back from a real server; none are seen with direct routing.",
      ({ counters }) => counters.outBytes,
    ),
  ];
}

function bit(value: boolean): number {
  return value ? 1 : 0;
}
